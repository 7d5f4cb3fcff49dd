//! Records: frozen encodings, and every way one can be wrong.

use crate::{bytes, check, fixed, number, spec::hex, text};
use alcove_charter::P256Point;
use alcove_e2ee::{
    keys::{EpochKey, RecordKey, RecordPlace, Salt},
    records::{
        Author, AuthorPoint, Draft, Expected, KeySource, Kinds, OpenedRecord, Payload, RecordError,
        SealedRecord, seal,
    },
};
use alcove_proto::{
    ids::{Digest, Epoch, EpochId, GroupId, Head, Position, RecordId},
    names::Identity,
};
use serde_json::Value;

#[path = "records/recipes.rs"]
mod recipes;

const AUTHOR: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
const SOMEBODY_ELSE: &str = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1";

#[test]
fn every_stored_record_opens_or_is_refused_as_its_file_says() {
    check("records", &recipes::made(), judge);
}

#[test]
fn sealing_the_frozen_drafts_gives_the_frozen_bytes() {
    let mut sealed_again = 0;
    for (name, vector) in crate::stored("records") {
        let Value::Object(draft) = &vector["draft"] else { continue };
        assert!(!draft.is_empty());
        assert_eq!(hex(&seal_again(&vector)), text(&vector, "record"), "{name}");
        sealed_again += 1;
    }
    assert!(sealed_again >= 4, "only {sealed_again} vectors have a draft");
}

#[test]
fn what_breaks_the_rules_of_its_kind_is_there_as_it_was_signed() {
    let stored = crate::stored("records").into_iter().find(|(name, _)| name.contains("note_not_utf8"));
    let opened = open(&stored.unwrap().1).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(opened.payload, Payload::Malformed(_)));
    assert_eq!((opened.kind, opened.content.as_slice()), (1, &[0x0a, 0x02, 0xc3, 0x28][..]));
}

/// Opens the vector's record with what the vector says its reader knows.
pub(crate) fn open(vector: &Value) -> Result<OpenedRecord, RecordError> {
    let reader = &vector["reader"];
    let appended_by: Identity = text(reader, "appended_by").parse().unwrap();
    let author = Author::in_roster(
        text(reader, "author").parse().unwrap(),
        number(reader, "leaf") as u32,
        Digest(fixed(reader, "certificate_hash")),
        P256Point::parse(&bytes(reader, "public_key")).unwrap(),
    );
    let expected = Expected {
        group: GroupId(fixed(reader, "group")),
        epoch: Epoch(number(reader, "epoch")),
        epoch_id: reader.get("epoch_id").map(|_| EpochId(fixed(reader, "epoch_id"))),
        charter_hash: charter_hash(reader),
        appended_by: &appended_by,
        kinds: Kinds::all(),
    };
    let record = SealedRecord::parse(&bytes(vector, "record"))?;
    if reader.get("epoch_key").is_some() {
        let key = EpochKey::from_bytes(fixed(reader, "epoch_key"));
        record.open(&KeySource::Epoch(&key), &expected, &author)
    } else {
        let key = RecordKey::from_bytes(fixed(reader, "record_key"));
        record.open(&KeySource::Record(&key), &expected, &author)
    }
}

/// The charter of the reader's group: the recipes' own unless the vector names another.
fn charter_hash(reader: &Value) -> Digest {
    reader.get("charter_hash").map_or(Digest([0x07; 32]), |_| Digest(fixed(reader, "charter_hash")))
}

fn judge(vector: &Value) -> String {
    match open(vector) {
        Ok(opened) => {
            let kind = match &opened.payload {
                Payload::Malformed(error) => return format!("{:?}", RecordError::Payload(*error)),
                Payload::Note(_) => "note",
                Payload::Document(_) => "document",
                Payload::Grant(_) => "grant",
                Payload::Subject(_) => "subject",
                Payload::Introduction(_) => "introduction",
                Payload::Leave(_) => "leave",
                Payload::Unknown(_) => "unknown kind",
            };
            format!("opens as {kind}")
        }
        Err(error) => format!("{error:?}"),
    }
}

fn seal_again(vector: &Value) -> Vec<u8> {
    let (draft, reader) = (&vector["draft"], &vector["reader"]);
    let kind = number(draft, "kind") as i32;
    let sequence = number(draft, "sequence");
    let payload = Payload::parse(Kinds::all(), kind, 0, &bytes(draft, "payload")).unwrap();
    let draft_to_seal = Draft {
        place: RecordPlace {
            group: GroupId(fixed(reader, "group")),
            epoch_id: EpochId(fixed(reader, "epoch_id")),
            leaf: number(reader, "leaf") as u32,
            record: RecordId(fixed(draft, "record_id")),
        },
        epoch: Epoch(number(reader, "epoch")),
        certificate_hash: Digest(fixed(reader, "certificate_hash")),
        charter_hash: Digest(fixed(draft, "charter_hash")),
        time_ms: number(draft, "time_ms") as i64,
        after: (sequence > 1)
            .then(|| AuthorPoint { sequence: sequence - 1, hash: Digest(fixed(draft, "previous")) }),
        seen_position: Position(number(draft, "seen_position")),
        seen_head: Head(fixed(draft, "seen_head")),
        payload: &payload,
    };
    let epoch_key = EpochKey::from_bytes(fixed(reader, "epoch_key"));
    // ECDSA draws a number for every signature, so the frozen one is handed back.
    let sign = |_body: &[u8]| Ok::<_, ()>(bytes(draft, "signature"));
    let sealed = seal(&epoch_key, &draft_to_seal, Salt(fixed(draft, "salt")), sign).unwrap();
    assert_eq!(sealed.point.sequence, sequence);
    sealed.bytes
}
