//! Reading again with recovered keys: what is believed of what the server shows, and what is refused.

use super::desk::{DAY_MS, World, now_ms};
use super::recovery_scene::Scene;
use crate::{
    session::{Accents, AlarmKind, Error, RecoveredFileFault, Session, UnreadableCause},
    vault::rows::DeviceRow,
};
use alcove_charter::{oids::Usage, sha256};
use alcove_e2ee::{
    keys::{EpochKey, RecordPlace, Salt},
    records::{AuthorPoint, Draft, Note, Payload, Subject, seal, signed_content},
};
use alcove_proto::{
    ids::{Digest, Epoch, EpochId, GroupId, Head, Position, RecordId},
    log::{entry_digest, first_head, next_head},
    names::Identity,
    v1::{self, EntryKind, LogEntry, SubjectKind},
};
use alcove_sealing::recovered_keys;
use prost::Message;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};

const CASE: GroupId = GroupId([0x5a; 16]);

/// Somebody who writes in the case, certified by Harborlight.
struct Writer {
    identity: Identity,
    leaf: u32,
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    last: Option<AuthorPoint>,
    records: u8,
}

impl Writer {
    fn new(world: &World, seed: u8) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let identity = world.harborlight.identity(seed, 1);
        let (from_ms, to_ms) = (now_ms() - DAY_MS, now_ms() + DAY_MS);
        let point = key.public_key().as_ref();
        let name = identity.to_string();
        let certificate = world.harborlight.certify(point, &name, Usage::MlsSigning, from_ms, to_ms);
        Self { identity, leaf: u32::from(seed), key, certificate, last: None, records: 0 }
    }
}

fn epoch_key(epoch: u64) -> EpochKey {
    EpochKey::from_bytes([epoch as u8 + 1; 32])
}

fn epoch_id(epoch: u64) -> EpochId {
    EpochId([epoch as u8 + 0x80; 32])
}

/// A log as the server has it.
struct Log {
    charter_hash: Digest,
    entries: Vec<LogEntry>,
}

impl Log {
    fn new(scene: &Scene) -> Self {
        Self { charter_hash: Digest(sha256(&[&scene.world.charter.charter])), entries: Vec::new() }
    }

    fn push(&mut self, kind: EntryKind, epoch: u64, author: &Writer, body: Vec<u8>) {
        self.entries.push(LogEntry {
            position: self.entries.len() as u64 + 1,
            kind: kind.into(),
            epoch,
            author: author.identity.to_string(),
            received_at_ms: now_ms(),
            body: body.into(),
        });
    }

    fn commit(&mut self, epoch: u64, author: &Writer) {
        self.push(EntryKind::Commit, epoch, author, b"a commit".to_vec());
    }

    fn write(&mut self, epoch: u64, author: &mut Writer, payload: &Payload) {
        author.records += 1;
        let draft = Draft {
            place: RecordPlace {
                group: CASE,
                epoch_id: epoch_id(epoch),
                leaf: author.leaf,
                record: RecordId([author.leaf as u8 * 16 + author.records; 16]),
            },
            epoch: Epoch(epoch),
            certificate_hash: Digest(sha256(&[&author.certificate])),
            charter_hash: self.charter_hash,
            time_ms: now_ms(),
            after: author.last,
            seen_position: Position(0),
            seen_head: Head([0; 32]),
            payload,
        };
        let random = SystemRandom::new();
        let sealed = seal(&epoch_key(epoch), &draft, Salt::draw(&random).unwrap(), |body| {
            author.key.sign(&random, &signed_content(body)).map(|signature| signature.as_ref().to_vec())
        });
        let sealed = sealed.unwrap_or_else(|_| panic!("it seals"));
        author.last = Some(sealed.point);
        self.push(EntryKind::Record, epoch, author, sealed.bytes);
    }

    fn note(&mut self, epoch: u64, author: &mut Writer, text: &str) {
        self.write(
            epoch,
            author,
            &Payload::Note(Note { text: text.into(), corrects: None, grantable: false }),
        );
    }

    fn head(&self, position: u64) -> Head {
        let before = self.entries.iter().take(position as usize);
        before.fold(first_head(sha256, &CASE), |head, entry| {
            next_head(sha256, &head, &entry_digest(sha256, &CASE, entry))
        })
    }

    /// A page that shows these positions; `end`: it is the last of its run.
    fn page(&self, scene: &Scene, (first, last): (u64, u64), end: bool, more: bool) -> v1::ReadLogResponse {
        v1::ReadLogResponse {
            entries: self.entries[first as usize - 1..last as usize].to_vec(),
            signed_head: end.then(|| scene.door.sign_head(&CASE, Position(last), &self.head(last))),
            more,
            link: vec![self.head(first - 1).to_vec()],
        }
    }
}

/// Rosa's new device, a case she was in, and what two officers gave back.
struct Lost {
    scene: Scene,
    log: Log,
    keys: Vec<v1::RecoveredEpochKey>,
    certificates: Vec<Vec<u8>>,
}

fn recovered(epoch: u64, key: &EpochKey) -> v1::RecoveredEpochKey {
    v1::RecoveredEpochKey {
        group_id: CASE.to_vec(),
        epoch,
        epoch_id: epoch_id(epoch).to_vec(),
        key: key.as_bytes().to_vec(),
    }
}

impl Lost {
    /// Positions 1 and 2 are from before Rosa came; 3 to 6 and 9 she read; 7 and 8 she did not.
    fn new() -> Self {
        let scene = Scene::new(World::new());
        let (mut noor, mut rosa) = (Writer::new(&scene.world, 2), Writer::new(&scene.world, 3));
        let mut log = Log::new(&scene);
        log.note(0, &mut noor, "before she came");
        log.commit(0, &noor);
        let title = Payload::Subject(Subject { kind: SubjectKind::Case, title: "QUIET-MAPLE-07".into() });
        log.write(1, &mut noor, &title);
        log.note(1, &mut noor, "A bed is free from Friday.");
        log.note(1, &mut rosa, "Interpreter booked.");
        log.commit(1, &noor);
        log.note(2, &mut noor, "without her");
        log.commit(2, &noor);
        log.note(3, &mut rosa, "Back again.");
        let mut certificates = vec![noor.certificate, rosa.certificate];
        certificates.sort();
        let keys = vec![recovered(1, &epoch_key(1)), recovered(3, &epoch_key(3))];
        Self { scene, log, keys, certificates }
    }

    /// The server opens it in three pages and two runs.
    fn serve(&self) {
        let pages = [
            (0, self.log.page(&self.scene, (3, 4), false, true)),
            (4, self.log.page(&self.scene, (5, 6), true, true)),
            (6, self.log.page(&self.scene, (9, 9), true, false)),
        ];
        let mut seen = self.scene.door.seen();
        seen.pages.extend(pages.map(|(after, page)| ((CASE.to_vec(), after), page)));
    }

    /// The file for this device.
    fn file(&self) -> v1::RecoveredKeys {
        let device: DeviceRow = self.scene.read(|act| act.expect(&[]));
        let plaintext = v1::RecoveredEpochKeys {
            keys: self.keys.clone(),
            grants: Vec::new(),
            certificates: self.certificates.clone(),
        }
        .encode_to_vec();
        let identity = self.scene.rosa().to_string();
        let recipient = HpkePublicKey(device.sealing_public_key.clone());
        let (encapsulated, ciphertext) = DH_KEM_P256_HKDF_SHA256_AES_256
            .seal(recovered_keys::INFO, identity.as_bytes(), &plaintext, &recipient)
            .unwrap();
        v1::RecoveredKeys { format: 1, identity, encapsulated_key: encapsulated.0, ciphertext }
    }

    /// Takes the file in and reads what the server opens.
    fn import(&self) -> Session {
        let session = self.scene.session();
        session.import_recovered(&self.file().encode_to_vec()).unwrap();
        self.scene.sync(&session);
        session
    }
}

fn texts(session: &Session) -> Vec<String> {
    session.notes(&CASE, None).unwrap().into_iter().map(|note| note.text).collect()
}

#[test]
fn whoever_lost_everything_reads_what_she_could_read_and_nothing_else() {
    let lost = Lost::new();
    lost.serve();
    let session = lost.import();
    assert_eq!(texts(&session), ["A bed is free from Friday.", "Interpreter booked.", "Back again."]);
    let case = session.conversation(&CASE).unwrap();
    assert_eq!(case.title.as_deref(), Some("QUIET-MAPLE-07"));
    assert!(case.recovered && case.alarms.is_empty());
    assert_eq!(
        (case.items, session.search(&CASE, "interpreter", Accents::Count).unwrap().notes.len()),
        (3, 1)
    );
    let read = &session.recovered().unwrap()[0];
    assert!(read.done && !read.member && read.poisoned.is_empty());
    assert_eq!((read.items, read.unreadable), (3, 0));
    assert!(session.members(&CASE).unwrap().is_empty());
    assert!(lost.scene.block_on(session.doctor()).is_ok());

    let written = lost.scene.block_on(session.add_note(&CASE, "to nobody", false));
    assert!(matches!(written, Err(Error::CaseRecovered)));
    // The same file again, and another sync: nothing twice.
    session.import_recovered(&lost.file().encode_to_vec()).unwrap();
    lost.scene.sync(&session);
    assert_eq!((texts(&session).len(), session.conversation(&CASE).unwrap().items), (3, 3));
}

#[test]
fn a_reading_that_was_cut_goes_on_at_the_next_sync() {
    let lost = Lost::new();
    lost.serve();
    let rest = lost.scene.door.seen().pages.remove(&(CASE.to_vec(), 4)).unwrap();
    let session = lost.import();
    assert_eq!(texts(&session), ["A bed is free from Friday."]);
    assert!(!session.recovered().unwrap()[0].done);
    lost.scene.door.seen().pages.insert((CASE.to_vec(), 4), rest);
    drop(session);
    let session = lost.scene.session();
    lost.scene.sync(&session);
    assert_eq!(texts(&session).len(), 3);
    assert!(session.recovered().unwrap()[0].done);
}

#[test]
fn nothing_is_read_before_the_server_opens_it_and_that_is_no_failure() {
    let lost = Lost::new();
    let session = lost.import();
    assert!(texts(&session).is_empty());
    assert!(session.status().unwrap().alarms.is_empty());
    lost.serve();
    lost.scene.sync(&session);
    assert_eq!(texts(&session).len(), 3);
}

#[test]
fn of_two_keys_of_one_epoch_the_true_one_is_found_and_the_epoch_is_named() {
    let mut lost = Lost::new();
    // Sorted by key: the false one stands first once and last once.
    lost.keys = vec![
        recovered(1, &EpochKey::from_bytes([0; 32])),
        recovered(1, &epoch_key(1)),
        recovered(3, &epoch_key(3)),
        recovered(3, &EpochKey::from_bytes([0xff; 32])),
    ];
    lost.serve();
    let session = lost.import();
    assert_eq!(texts(&session).len(), 3);
    assert_eq!(session.recovered().unwrap()[0].poisoned, [1, 3]);
    assert!(session.conversation(&CASE).unwrap().alarms.is_empty(), "it stops nothing");
}

#[test]
fn a_record_is_shown_only_under_a_true_key_and_a_believed_author() {
    let mut lost = Lost::new();
    lost.keys[1] = recovered(3, &EpochKey::from_bytes([0xff; 32]));
    lost.serve();
    let session = lost.import();
    let causes = |session: &Session| -> Vec<UnreadableCause> {
        session.unreadable(&CASE).unwrap().iter().map(|item| item.cause).collect()
    };
    assert_eq!(texts(&session).len(), 2);
    assert_eq!(causes(&session), [UnreadableCause::KeyNotRecovered]);

    let mut lost = Lost::new();
    lost.certificates.clear();
    lost.serve();
    let session = lost.import();
    assert!(texts(&session).is_empty(), "nobody vouches for what was signed");
    assert_eq!(causes(&session), [UnreadableCause::DoesNotVerify; 4]);

    // A certificate for that name that no agency of the charter gave.
    let mut lost = Lost::new();
    let foreign = World::new();
    lost.certificates = vec![Writer::new(&foreign, 2).certificate];
    let session = lost.scene.session();
    let imported = session.import_recovered(&lost.file().encode_to_vec()).unwrap();
    assert_eq!((imported.certificates_refused, imported.epochs, imported.cases), (1, 2, 1));
}

/// Has the server show a case with one thing changed; the alarm that it comes to.
fn shown_with(change: impl FnOnce(&Lost, &mut v1::ReadLogResponse), after: u64) -> (Vec<AlarmKind>, usize) {
    let lost = Lost::new();
    lost.serve();
    let mut page = lost.scene.door.seen().pages[&(CASE.to_vec(), after)].clone();
    change(&lost, &mut page);
    lost.scene.door.seen().pages.insert((CASE.to_vec(), after), page);
    let session = lost.import();
    let alarms = session.status().unwrap().alarms.iter().map(|alarm| alarm.kind).collect();
    (alarms, texts(&session).len())
}

#[test]
fn a_server_that_leaves_out_alters_or_does_not_sign_is_named_and_the_page_is_not_believed() {
    assert_eq!(shown_with(|_, _| {}, 4), (vec![], 3), "the control");
    let left_out = shown_with(|_, page| drop(page.entries.remove(0)), 4);
    assert_eq!(left_out, (vec![AlarmKind::Gap], 1), "between two pages of a run");
    let left_out = shown_with(|_, page| page.entries.truncate(1), 4);
    assert_eq!(left_out, (vec![AlarmKind::Gap], 1), "before the signed end");
    let altered = shown_with(|_, page| page.entries[0].received_at_ms += 1, 4);
    assert_eq!(altered, (vec![AlarmKind::HeadMismatch], 1));
    let unsigned = shown_with(|_, page| page.signed_head = None, 6);
    assert_eq!(unsigned, (vec![AlarmKind::BadSignature], 2), "the end of everything is signed");
    let forged = shown_with(|_, page| page.signed_head.as_mut().unwrap().signature[10] ^= 1, 4);
    assert_eq!(forged, (vec![AlarmKind::BadSignature], 1));
    let other_start = shown_with(|_, page| page.link[0][0] ^= 1, 4);
    assert_eq!(other_start, (vec![AlarmKind::HeadMismatch], 1), "in the middle of a run");
    let other_start = shown_with(|_, page| page.link[0][0] ^= 1, 6);
    assert_eq!(other_start, (vec![AlarmKind::HeadMismatch], 2), "at the beginning of one");
    let no_start = shown_with(|_, page| page.link.clear(), 0);
    assert_eq!(no_start, (vec![AlarmKind::BadSignature], 0));
    let backwards = shown_with(|lost, page| *page = lost.log.page(&lost.scene, (3, 4), true, false), 6);
    assert_eq!(backwards, (vec![AlarmKind::Rollback], 2));
    let jump = shown_with(
        |lost, page| {
            // As if a run had ended: its end was never signed.
            *page = lost.log.page(&lost.scene, (9, 9), true, false);
        },
        4,
    );
    assert_eq!(jump, (vec![AlarmKind::Gap], 1));
}

#[test]
fn a_file_for_another_device_or_key_is_refused_and_changes_nothing() {
    let lost = Lost::new();
    let session = lost.scene.session();
    let refused = |change: &dyn Fn(&mut v1::RecoveredKeys)| {
        let mut file = lost.file();
        change(&mut file);
        match session.import_recovered(&file.encode_to_vec()) {
            Err(Error::RecoveredFile(fault)) => fault,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was taken"),
        }
    };
    let other = lost.scene.world.harborlight.identity(1, 2).to_string();
    assert_eq!(
        refused(&|file| file.identity = other.clone()),
        RecoveredFileFault::OtherDevice { identity: other.clone() }
    );
    assert_eq!(refused(&|file| file.format = 2), RecoveredFileFault::Format { found: 2 });
    assert_eq!(refused(&|file| file.ciphertext[0] ^= 1), RecoveredFileFault::DoesNotOpen);
    assert!(session.recovered().unwrap().is_empty() && session.conversations(true).unwrap().is_empty());
    let none = session.import_recovered(b"no such file");
    assert!(matches!(none, Err(Error::RecoveredFile(RecoveredFileFault::NotSuchAFile))));
    session.import_recovered(&lost.file().encode_to_vec()).unwrap();
    assert_eq!(session.recovered().unwrap().len(), 1, "the control");
}
