//! Writing and reading notes; what is wrong with single records stands in tests/vectors.

use super::*;
use crate::{
    documents::Shape,
    keys::{Commitment, ContentKey, EpochKey, Salt},
    padding::padded_length,
    records::scene::{CHARTER, EPOCH, GROUP, Key, Writer, epoch_key, note, open},
};
use alcove_proto::{
    ids::{BlobId, Digest, Epoch, GroupId, Position, RecordId},
    limits::{CHUNK_TAG_BYTES, NOTE_TEXT_BYTES_MAX, RECORD_BYTES_MAX, RECORD_PADDING_FLOOR_BYTES},
    v1::{self, SubjectKind},
};
use proptest::prelude::*;
use prost::Message;

fn read_text(bytes: &[u8], writer: &Writer) -> String {
    match open(bytes, writer).unwrap_or_else(|error| panic!("{error}")).payload {
        Payload::Note(note) => note.text.clone(),
        _ => panic!("no note"),
    }
}

#[test]
fn what_alice_wrote_bob_reads_and_every_claim_came_along() {
    let mut alice = Writer::new("harborlight", 3);
    let first = alice.write_note("A bed is free from Friday.", false);
    let correction = Payload::Note(Note {
        text: "From Saturday.".into(),
        corrects: Some(RecordId([1; 16])),
        grantable: true,
    });
    let second = alice.write(&correction);

    let opened = open(&second.bytes, &alice).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.author, alice.identity);
    assert_eq!((opened.sequence, opened.previous), (2, Some(first.point.hash)));
    assert_eq!(opened.hash, second.point.hash);
    assert_eq!(opened.seen_position, Position(3));
    assert!(opened.payload.grantable());
    let Payload::Note(note) = opened.payload else { panic!("no note") };
    assert_eq!((note.text.as_str(), note.corrects), ("From Saturday.", Some(RecordId([1; 16]))));
}

#[test]
fn sealing_again_gives_other_bytes_that_read_the_same() {
    let mut alice = Writer::new("harborlight", 3);
    let text = note("the same words", false);
    let once = alice.try_write(&text, None).ok().map(|sealed| sealed.bytes).unwrap();
    let twice = alice.try_write(&text, None).ok().map(|sealed| sealed.bytes).unwrap();
    assert_ne!(once, twice);
    assert_eq!(read_text(&once, &alice), read_text(&twice, &alice));
}

#[test]
fn sealed_lengths_are_padme_lengths_only() {
    let mut alice = Writer::new("harborlight", 3);
    let mut lengths = std::collections::BTreeSet::new();
    for bytes in (1..2000).step_by(7) {
        let sealed = alice.write_note(&"x".repeat(bytes), false);
        let ciphertext = v1::SealedRecord::decode(&sealed.bytes[..]).unwrap().ciphertext.len();
        let padded = (ciphertext - CHUNK_TAG_BYTES) as u64;
        assert_eq!(padded_length(padded, RECORD_PADDING_FLOOR_BYTES as u64), padded);
        lengths.insert(padded);
    }
    assert!(lengths.len() < 60, "{} lengths for 286 texts", lengths.len());
}

#[test]
fn the_text_is_nowhere_in_the_sealed_bytes() {
    let mut alice = Writer::new("harborlight", 3);
    let sealed = alice.write_note("CANARY-7f3a", false).bytes;
    let found = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"CANARY-7f3a");
    assert!(!found(&sealed));
    let opened = open(&sealed, &alice).unwrap_or_else(|error| panic!("{error}"));
    assert!(found(&opened.signed), "the search finds it where it is");
}

#[test]
fn the_longest_note_fits_a_record_and_a_longer_one_is_refused() {
    let mut alice = Writer::new("harborlight", 3);
    let longest = "ü".repeat(NOTE_TEXT_BYTES_MAX / 2);
    let sealed = alice.write_note(&longest, false);
    assert!(sealed.bytes.len() <= RECORD_BYTES_MAX);
    assert_eq!(read_text(&sealed.bytes, &alice), longest);

    let error = alice.try_write(&note(&format!("{longest}x"), false), None).err();
    let too_long = PayloadError::TooLong { field: TextField::NoteText, bytes: NOTE_TEXT_BYTES_MAX + 1 };
    assert_eq!(error, Some(SealError::Payload(too_long)));
}

#[test]
fn a_record_over_the_limit_is_refused_before_it_is_parsed() {
    let bytes = vec![0; RECORD_BYTES_MAX + 1];
    assert_eq!(
        SealedRecord::parse(&bytes).err(),
        Some(RecordError::TooLarge { bytes: RECORD_BYTES_MAX + 1 })
    );
}

#[test]
fn nobody_can_write_what_nobody_could_read() {
    let mut alice = Writer::new("harborlight", 3);
    let missing = |field| SealError::Payload(PayloadError::Missing { field });
    assert_eq!(alice.try_write(&note("", false), None).err(), Some(missing(TextField::NoteText)));
    let untitled = Payload::Subject(Subject { kind: SubjectKind::Case, title: String::new() });
    assert_eq!(alice.try_write(&untitled, None).err(), Some(missing(TextField::Title)));
    let unspecified = Payload::Subject(Subject { kind: SubjectKind::Unspecified, title: "x".into() });
    let wrong_kind = SealError::Payload(PayloadError::SubjectKind { kind: 0 });
    assert_eq!(alice.try_write(&unspecified, None).err(), Some(wrong_kind));
    for chain in [vec![], vec![Vec::new()], vec![vec![1]; 5]] {
        let introduction = Payload::Introduction(Introduction { chain });
        let wrong = SealError::Payload(PayloadError::IntroductionChain);
        assert_eq!(alice.try_write(&introduction, None).err(), Some(wrong));
    }
    let newer = Payload::Unknown(Unknown { kind: 77, basis: 0 });
    let unknown = SealError::Payload(PayloadError::Kind { kind: 77 });
    assert_eq!(alice.try_write(&newer, None).err(), Some(unknown));
    let named = Payload::Document(manifest("n".repeat(256)));
    let long = SealError::Payload(PayloadError::TooLong { field: TextField::DocumentName, bytes: 256 });
    assert_eq!(alice.try_write(&named, None).err(), Some(long));
}

#[test]
fn a_failing_signer_is_reported_and_nothing_is_sealed() {
    let payload = note("text", false);
    let draft = Draft {
        place: crate::keys::RecordPlace {
            group: crate::records::scene::GROUP,
            epoch_id: crate::records::scene::EPOCH_ID,
            leaf: 0,
            record: RecordId([0; 16]),
        },
        epoch: crate::records::scene::EPOCH,
        certificate_hash: Digest([0; 32]),
        charter_hash: crate::records::scene::CHARTER,
        time_ms: 0,
        after: None,
        seen_position: Position(0),
        seen_head: alcove_proto::ids::Head([0; 32]),
        payload: &payload,
    };
    let sealed = seal(&crate::records::scene::epoch_key(), &draft, Salt([0; 32]), |_| Err("no key"));
    assert_eq!(sealed.err(), Some(SealError::Sign("no key")));
}

#[test]
fn a_manifest_comes_back_with_its_keys_and_its_untouched_name() {
    let mut alice = Writer::new("harborlight", 3);
    let sealed = alice.write(&Payload::Document(manifest("..\\inv\u{202E}fdp.exe".into())));
    let opened = open(&sealed.bytes, &alice).unwrap_or_else(|error| panic!("{error}"));
    let Payload::Document(read) = opened.payload else { panic!("no document") };
    assert_eq!(read.name, "..\\inv\u{202E}fdp.exe");
    assert_eq!(read.content_key.as_bytes(), &[6; 32]);
    assert_eq!((read.shape.size(), read.shape.chunk_count()), (5 << 30, 5120));
    assert_eq!(read.blob_position, Position(12));
}

fn manifest(name: String) -> DocumentManifest {
    DocumentManifest {
        blob: BlobId([5; 16]),
        content_key: ContentKey::from_bytes([6; 32]),
        salt: Salt([7; 32]),
        commitment: Commitment([8; 32]),
        shape: Shape::of(5 << 30).unwrap(),
        sha256: Digest([9; 32]),
        name,
        name_bytes: Vec::new(),
        media_type: "video/mp4".into(),
        grantable: false,
        blob_position: Position(12),
    }
}

mod order {
    use super::*;

    /// Alice's first three records, opened.
    fn three() -> (Writer, Vec<OpenedRecord>) {
        let mut alice = Writer::new("harborlight", 3);
        let records = ["one", "two", "three"].map(|text| alice.write_note(text, false));
        let opened = records.map(|sealed| open(&sealed.bytes, &alice).unwrap_or_else(|e| panic!("{e}")));
        (alice, opened.into())
    }

    fn after(last: &OpenedRecord, next: &OpenedRecord) -> Result<AuthorPoint, AuthorFault> {
        let last = AuthorPoint { sequence: last.sequence, hash: last.hash };
        AuthorPoint::after(Some(last), AuthorStart::FromTheFirst, next)
    }

    #[test]
    fn records_in_order_are_followed_to_the_last() {
        let (_, records) = three();
        let last = records.iter().fold(None, |last, record| {
            Some(AuthorPoint::after(last, AuthorStart::FromTheFirst, record).unwrap())
        });
        assert_eq!(last, Some(AuthorPoint { sequence: 3, hash: records[2].hash }));
    }

    #[test]
    fn a_record_left_out_is_a_gap() {
        let (_, records) = three();
        assert_eq!(after(&records[0], &records[2]), Err(AuthorFault::Gap { expected: 2, found: 3 }));
        let first = AuthorPoint::after(None, AuthorStart::FromTheFirst, &records[1]);
        assert_eq!(first, Err(AuthorFault::Gap { expected: 1, found: 2 }));
    }

    #[test]
    fn whoever_joined_later_starts_anywhere_and_follows_from_there() {
        let (_, records) = three();
        let joined = AuthorPoint::after(None, AuthorStart::FromAnywhere, &records[1]).unwrap();
        assert!(AuthorPoint::after(Some(joined), AuthorStart::FromAnywhere, &records[2]).is_ok());
        let back = AuthorPoint::after(Some(joined), AuthorStart::FromAnywhere, &records[0]);
        assert_eq!(back, Err(AuthorFault::Replay { found: 1 }));
    }

    #[test]
    fn a_record_that_comes_again_is_a_replay() {
        let (_, records) = three();
        assert_eq!(after(&records[1], &records[1]), Err(AuthorFault::Replay { found: 2 }));
        assert_eq!(after(&records[2], &records[0]), Err(AuthorFault::Replay { found: 1 }));
    }

    #[test]
    fn two_histories_of_one_author_are_a_fork() {
        let (mut alice, records) = three();
        let first = AuthorPoint { sequence: 1, hash: records[0].hash };
        let other_second = alice.try_write(&note("two, otherwise", false), Some(first)).ok().unwrap();
        let other_second = open(&other_second.bytes, &alice).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(after(&records[1], &other_second), Err(AuthorFault::Fork { found: 2 }));
        assert_eq!(after(&other_second, &records[2]), Err(AuthorFault::Fork { found: 3 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_note_comes_back_as_it_was_written(text in "(?s).{1,2000}", grantable: bool) {
        let mut alice = Writer::new("harborlight", 3);
        let sealed = alice.write_note(&text, grantable);
        prop_assert_eq!(read_text(&sealed.bytes, &alice), text);
    }

    #[test]
    fn no_single_changed_byte_opens(at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut alice = Writer::new("harborlight", 3);
        let mut bytes = alice.write_note("text", false).bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(open(&bytes, &alice).is_err());
    }

    #[test]
    fn no_bytes_whatever_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let alice = Writer::new("harborlight", 3);
        prop_assert!(open(&bytes, &alice).is_err());
    }
}

#[test]
fn of_two_keys_of_one_epoch_only_the_true_one_is_committed_to() {
    let mut alice = Writer::new("elmgate", 4);
    let bytes = alice.write_note("who sealed what", false).bytes;
    let (truth, falsehood) = (epoch_key(), EpochKey::from_bytes([4; 32]));
    let sealed = || SealedRecord::parse(&bytes).unwrap();
    assert!(sealed().commits_to(&KeySource::Epoch(&truth)));
    assert!(!sealed().commits_to(&KeySource::Epoch(&falsehood)));
    let header = *sealed().header();
    let own = truth.record_key(&header.place, &header.salt);
    assert!(sealed().commits_to(&KeySource::Record(&own)));
    let opened = sealed().unseal_in(GROUP, EPOCH, &KeySource::Epoch(&falsehood));
    assert_eq!(opened.err(), Some(RecordError::WrongCommitment));
}

#[test]
fn what_is_unsealed_names_its_author_and_is_believed_only_with_that_authors_key() {
    let (mut alice, bob) = (Writer::new("elmgate", 4), Writer::new("elmgate", 5));
    let bytes = alice.write_note("read again", false).bytes;
    let unsealed = || {
        let sealed = SealedRecord::parse(&bytes).unwrap();
        sealed
            .unseal_in(GROUP, EPOCH, &KeySource::Epoch(&epoch_key()))
            .unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(unsealed().certificate_hash().unwrap(), Digest([4; 32]));
    assert_eq!(unsealed().charter_hash().unwrap(), CHARTER);
    let opened = unsealed().verify(Kinds::all(), &CHARTER, &alice.identity, &alice.author()).unwrap();
    assert!(matches!(opened.payload, Payload::Note(note) if note.text == "read again"));
    let refused = |charter: &Digest, appended_by, author: &Author| {
        unsealed().verify(Kinds::all(), charter, appended_by, author).err()
    };
    assert_eq!(refused(&Digest([8; 32]), &alice.identity, &alice.author()), Some(RecordError::OtherCharter));
    assert_eq!(refused(&CHARTER, &alice.identity, &bob.author()), Some(RecordError::OtherAuthor));
    // The right certificate's hash over a key that is not the author's.
    let forged = Author::in_roster(alice.identity.clone(), 4, Digest([4; 32]), Key::new().public());
    assert_eq!(refused(&CHARTER, &alice.identity, &forged), Some(RecordError::BadSignature));

    let elsewhere = SealedRecord::parse(&bytes).unwrap();
    let refused = elsewhere.unseal_in(GroupId([7; 16]), EPOCH, &KeySource::Epoch(&epoch_key()));
    assert_eq!(refused.err(), Some(RecordError::OtherGroup));
    let other_epoch = SealedRecord::parse(&bytes).unwrap();
    let refused = other_epoch.unseal_in(GROUP, Epoch(8), &KeySource::Epoch(&epoch_key()));
    assert_eq!(refused.err(), Some(RecordError::OtherEpoch));
}
