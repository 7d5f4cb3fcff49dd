//! The forms of all rows, frozen below tests/vectors/stored/vault: as they are before they are sealed, and where they lie.
//!
//! Of each row there is one value here, a literal with every field in it, so that a new field does not compile until it
//! has a form. A number is that of its field and bytes repeat it, so that two fields that change places are seen as well.
//! Those of what is in most vaults from the first hour are in `first.rs`. The keys are as
//! [`Room`](super::Room) describes them: that the session makes them like this is tested where it does. The state of MLS is
//! its library's, and no form of ours; a draft is text.

mod escrow;
mod first;
mod group;
mod incoming;
mod known;
mod ledger;
mod let_go;
mod outgoing;
mod own;
mod rejoin;
mod request;
mod restored;

use super::{Row, *};
use crate::vault::{passphrase::VaultKey, seal::RoomKeys};
use alcove_proto::ids::{BlobId, GroupId, Position, RecordId, WelcomeId};
use alcove_tests::stored::{self, Form, Forms};
use std::path::Path;

/// The group in all keys.
pub(crate) const GROUP: GroupId = GroupId([0xa1; 16]);
/// The record in all keys; so are the others.
pub(crate) const RECORD: RecordId = RecordId([0xa2; 16]);
pub(crate) const BLOB: BlobId = BlobId([0xa3; 16]);
pub(crate) const WELCOME: WelcomeId = WelcomeId([0xa4; 16]);
/// What else has 16 bytes: an access entry, an attempt.
pub(crate) const OTHER_ID: [u8; 16] = [0xa5; 16];
pub(crate) const CERTIFICATE: [u8; 32] = [0xa6; 32];
/// An epoch, a position or another number; the bytes show their order.
pub(crate) const NUMBER: u64 = 0x0102_0304_0506_0708;
/// The first chunk of a block.
pub(crate) const CHUNK: u32 = 0x0102_0304;
/// A key that came in the place of another one.
pub(crate) const NEW_KEY: [u8; 65] = [4; 65];
/// What a draft is named by.
pub(crate) const NAMED: [u8; 8] = [0xa7; 8];
/// A file that is sent.
pub(crate) const PATH: &str = "papers/statement.odt";
pub(crate) const AGENCY: &str = "harborlight.northmark.example";
pub(crate) const PERSON: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27";
pub(crate) const DEVICE: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
pub(crate) const OTHER_DEVICE: &str = "spiffe://elmgate.northmark.example/staff/opqrstuvwxyzab27/device/2";

fn forms() -> Vec<Form> {
    [
        first::forms(),
        escrow::forms(),
        group::forms(),
        incoming::forms(),
        known::forms(),
        ledger::forms(),
        let_go::forms(),
        outgoing::forms(),
        own::forms(),
        rejoin::forms(),
        request::forms(),
        restored::forms(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A row of a room.
fn row<R: Row + PartialEq + 'static>(key: &[u8], row: R) -> Form {
    let bytes = row.encode().to_vec();
    let reads = move |bytes: &[u8]| R::decode(bytes).is_some_and(|read| read == row);
    Form::message::<R>(bytes, reads).at("room", R::ROOM as u8, key)
}

/// A row whose key hides `name`, in a vault with a certain key.
fn row_of<R: Row + PartialEq + 'static>(name: &str, value: R) -> Form {
    row(&tag::<R>(name), value).by_tag_of(name)
}

/// A message within rows.
fn part<M: Message + Default + PartialEq + 'static>(message: M) -> Form {
    let bytes = message.encode_to_vec();
    Form::message::<M>(bytes, move |bytes| M::decode(bytes).is_ok_and(|read| read == message))
}

fn tag<R: Row>(name: &str) -> [u8; 16] {
    RoomKeys::new(&VaultKey(Zeroizing::new([1; 32]))).name_tag(R::ROOM, name.as_bytes())
}

/// The key of what belongs to the group and `behind`.
fn in_group(behind: &[u8]) -> Vec<u8> {
    [GROUP.as_bytes(), behind].concat()
}

/// The key of what belongs to the group and an epoch, a position or a number.
fn numbered() -> Vec<u8> {
    in_group(&NUMBER.to_be_bytes())
}

fn id(tag: u8) -> Vec<u8> {
    vec![tag; 16]
}

fn hash(tag: u8) -> Vec<u8> {
    vec![tag; 32]
}

fn point(tag: u8) -> Vec<u8> {
    vec![tag; 65]
}

/// Bytes of another length: certificates, keys and messages, of which nothing here looks into any.
fn opaque(tag: u8) -> Vec<u8> {
    vec![tag; 4]
}

#[test]
fn every_stored_form_is_as_its_file_says_and_is_read_as_what_it_was() {
    stored::check("vault", &forms());
}

#[test]
fn every_row_and_every_field_has_a_stored_form() {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vault/rows");
    let declared = stored::declared(&[&rows]);
    assert!(declared.iter().any(|row| row.name == "PendingRow"), "what is generated is read");
    let mut forms = forms();
    assert_eq!(stored::unfrozen(&declared, &forms), Vec::<String>::new());
    for room in Room::ALL {
        assert!(forms.iter().any(|form| form.number() == Some(*room as u8)), "{}", room.name());
    }
    // The control.
    forms.remove(0);
    assert_eq!(stored::unfrozen(&declared, &forms).len(), 1);
}

#[test]
fn a_row_that_is_not_as_its_stored_form_says_is_seen() {
    let mut forms = forms();
    let at = forms.iter().position(|form| form.number() == Some(Room::LetGo as u8)).unwrap();
    let bent = LetGoRow { epoch: 2, ..let_go::let_go() };
    forms[at] = row(&let_go::key(), bent);
    let faults = Forms::of("vault").faults(&forms);
    assert_eq!(faults.len(), 2, "it differs, and the file is read as another value: {faults:?}");
}

#[test]
fn an_entry_lies_where_its_stored_form_says() {
    let key = crate::vault::EntryKey { group: GROUP, position: Position(NUMBER), record: RECORD };
    assert_eq!(key.place().to_vec(), Forms::of("vault").key("entry"));
}
