//! The forms of all rows, frozen below tests/vectors/stored/store: the value of each kind of row and the key it lies under.
//!
//! Of each row there is one value here, a literal with every field in it, so that a new field does not compile until it
//! has a form. A number is that of its field and bytes repeat it, so that two fields that change places are seen as well.
//! Of a kind of row there is one key, whose parts are told apart by their bytes.

mod escrow_rows;
mod rows;

use super::{
    blobs::uploads::{blob_key, chunk_key, chunk_parts, tombstone_key, upload_key, usage_key},
    desk::{
        escrow_keys::{certificate_key, count_key, entry_of, grants_prefix},
        events::{Lane, desk_key},
        ledger,
        places::{Place, invitation_key},
        recoveries::attempt_key,
        trust::charter_key,
    },
    engine::{
        keys::{Key, Kind, entry_key, group_key, membership_key},
        open::FORMAT,
        rows::{PositionRow, Row, UsageRow},
    },
    log::{
        access::{access_key, of_key},
        directory::one_time_prefix,
        welcomes::{content, welcome_key},
    },
};
use alcove_proto::{
    ids::{AccessId, AttemptId, BlobId, Digest, Epoch, GroupId, Position, WelcomeId},
    names::{Identity, TrustDomain},
};
use alcove_tests::stored::{self, Form, Forms};
use prost::Message;
use std::path::Path;

const GROUP: GroupId = GroupId([0xa1; 16]);
const WELCOME: WelcomeId = WelcomeId([0xa2; 16]);
const ACCESS: AccessId = AccessId([0xa3; 16]);
const BLOB: BlobId = BlobId([0xa4; 16]);
const ATTEMPT: AttemptId = AttemptId([0xa5; 16]);
const DIGEST: Digest = Digest([0xa6; 32]);
/// A position, an epoch or another number; the bytes show their order.
const NUMBER: u64 = 0x0102_0304_0506_0708;
const POSITION: Position = Position(NUMBER);
const EPOCH: Epoch = Epoch(NUMBER);
/// A leaf, or a chunk.
const INDEX: u32 = 0x090a_0b0c;
const PART: u16 = 0x0d0e;
const DEVICE: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
const OTHER_DEVICE: &str = "spiffe://elmgate.northmark.example/staff/opqrstuvwxyzab27/device/2";

/// Makes the forms of the kinds that are named, which the compiler demands to be all.
macro_rules! of_each_kind {
    ($($kind:ident => $form:expr,)*) => {
        fn of_each_kind() -> Vec<Form> {
            let form = |kind: Kind| match kind { $(Kind::$kind => $form,)* };
            let kinds = [$(Kind::$kind,)*];
            kinds.into_iter().map(|kind| form(kind).called(&format!("{kind:?}"))).collect()
        }
    };
}

of_each_kind! {
    Format => bytes(Kind::Format.key().build(), &FORMAT.to_be_bytes()),
    Group => row(group_key(&GROUP), rows::group()),
    Entry => row(entry_key(&GROUP, POSITION), rows::entry()),
    EntryPart => part_of(Kind::EntryPart.key().group(&GROUP).position(POSITION).build()),
    IdBlock => row(Kind::IdBlock.key().group(&GROUP).number(NUMBER).build(), rows::id_block()),
    CommitIndex => row(Kind::CommitIndex.key().group(&GROUP).epoch(EPOCH).build(), PositionRow { position: 1 }),
    Leaf => row(Kind::Leaf.key().group(&GROUP).index(INDEX).build(), rows::member()),
    Membership => row(membership_key(&device(), &GROUP), rows::membership()),
    Checkpoint => row(Kind::Checkpoint.key().group(&GROUP).build(), rows::checkpoint()),
    CheckpointPart => part_of(Kind::CheckpointPart.key().group(&GROUP).epoch(EPOCH).build()),
    Stay => row(stay_key(), PositionRow { position: 1 }),
    GroupInfo => row(Kind::GroupInfo.key().group(&GROUP).build(), rows::group_info()),
    Welcome => row(welcome_key(&device(), &WELCOME), rows::welcome()),
    WelcomeContent => row(content(Kind::WelcomeContent, &GROUP, POSITION), rows::welcome_content()),
    WelcomePart => part_of(content(Kind::WelcomePart, &GROUP, POSITION)),
    TreePart => part_of(content(Kind::TreePart, &GROUP, POSITION)),
    OneTime => row([one_time_prefix(&device()).as_slice(), DIGEST.as_bytes()].concat(), rows::key_package()),
    Claimed => row(Kind::Claimed.key().identity(&device()).digest(&DIGEST).build(), rows::claimed()),
    LastResort => row(Kind::LastResort.key().identity(&device()).build(), rows::key_package()),
    Card => row(Kind::Card.key().identity(&device()).build(), rows::card()),
    Access => row(access_key(&GROUP, &ACCESS), rows::access()),
    AccessOf => row(of_key(&GROUP, &device(), &ACCESS), UsageRow::default()),
    Blob => row(blob_key(&BLOB), rows::blob()),
    Chunk => row(chunk_key(&BLOB, INDEX), rows::chunk()),
    ChunkPart => part_of(chunk_parts(&BLOB, INDEX)),
    Tombstone => row(tombstone_key(&BLOB), UsageRow::default()),
    Usage => row(usage_key(&device()), UsageRow { bytes: 1 }),
    Upload => row(upload_key(&device(), &BLOB), rows::upload()),
    Audit => row(Kind::Audit.key().number(NUMBER).build(), rows::audit()),
    Charter => row(charter_key(), rows::charter()),
    Crl => row(Kind::Crl.key().text(agency().as_str()).build(), rows::crl()),
    Invitation => row(invitation_key(&device()), rows::invitation()),
    Request => row(Place::Renewal.request_key(&device()), rows::request()),
    Answer => row(Place::Invitation.answer_key(&device()), rows::answer()),
    Desk => row(desk_key(&agency()), rows::desk()),
    DeskEvent => row(Lane::Strangers.key(&agency(), NUMBER), rows::desk_event()),
    LedgerEnd => row(ledger::end_key(&agency()), rows::ledger_end()),
    LedgerEntry => row(ledger::entry_key(&agency(), NUMBER), rows::ledger_entry()),
    Escrow => row(entry_of(&agency(), &GROUP, EPOCH, &DIGEST, &device()), escrow_rows::escrow()),
    EscrowedGrant => row(escrowed_grant_key(), escrow_rows::escrowed_grant()),
    EscrowCertificate => row(certificate_key(&agency(), &GROUP, &DIGEST), escrow_rows::certificate()),
    EscrowCount => row(count_key(&agency(), &GROUP), escrow_rows::escrow_count()),
    Attempt => row(attempt_key(&agency(), &ATTEMPT), escrow_rows::attempt()),
}

fn forms() -> Vec<Form> {
    let mut forms = of_each_kind();
    forms.extend([
        part(rows::chunk_file()),
        part(rows::act()),
        bytes(entry_key(&GROUP, POSITION), &[]).called("Entry laid ahead"),
    ]);
    forms
}

/// A row.
fn row<R: Row + PartialEq + 'static>(key: Key, row: R) -> Form {
    let value = row.to_value();
    let form = Form::message::<R>(value, move |value| R::from_value(value).is_ok_and(|read| read == row));
    form.behind(1).at("kind", key[0], &key)
}

/// A message within rows.
fn part<M: Message + Default + PartialEq + 'static>(message: M) -> Form {
    let bytes = message.encode_to_vec();
    Form::message::<M>(bytes, move |bytes| M::decode(bytes).is_ok_and(|read| read == message))
}

/// A value that is no row.
fn bytes(key: Key, value: &[u8]) -> Form {
    Form::opaque("bytes", value.to_vec()).at("kind", key[0], &key)
}

/// One part of what is too long for one value.
fn part_of(mut key: Key) -> Form {
    key.extend(PART.to_be_bytes());
    bytes(key, &[1, 2, 3])
}

fn stay_key() -> Key {
    Kind::Stay.key().identity(&device()).group(&GROUP).position(POSITION).build()
}

fn escrowed_grant_key() -> Key {
    [grants_prefix(&agency(), &GROUP, &device()).as_slice(), ACCESS.as_bytes()].concat()
}

fn device() -> Identity {
    DEVICE.parse().unwrap()
}

fn agency() -> TrustDomain {
    device().person.trust_domain
}

/// Eight bytes in place of what nothing here looks into.
fn opaque(tag: u8) -> Vec<u8> {
    vec![tag; 8]
}

fn id(tag: u8) -> Vec<u8> {
    vec![tag; 16]
}

fn hash(tag: u8) -> Vec<u8> {
    vec![tag; 32]
}

#[test]
fn every_stored_form_is_as_its_file_says_and_is_read_as_what_it_was() {
    stored::check("store", &forms());
}

#[test]
fn every_row_and_every_field_has_a_stored_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let declared = stored::declared(&[&folder]);
    assert!(declared.iter().any(|row| row.name == "DeskRow"), "what is generated is read");
    let mut forms = forms();
    assert_eq!(stored::unfrozen(&declared, &forms), Vec::<String>::new());
    // The control: the row of an act is in no other form.
    forms.retain(|form| form.number().is_some());
    assert!(stored::unfrozen(&declared, &forms).iter().any(|line| line.starts_with("ActRow")));
}

#[test]
fn a_row_that_is_not_as_its_stored_form_says_is_seen() {
    let mut forms = forms();
    let at = forms.iter().position(|form| form.number() == Some(Kind::Usage as u8)).unwrap();
    forms[at] = row(usage_key(&device()), UsageRow { bytes: 2 });
    let faults = Forms::of("store").faults(&forms);
    assert_eq!(faults.len(), 2, "it differs, and the file is read as another value: {faults:?}");
}
