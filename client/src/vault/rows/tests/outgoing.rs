//! Forms of the rows of what this device writes.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&numbered(), outbox()),
        part(SealingRow { epoch: 1, hash: hash(2) }),
        part(note()),
        part(document()),
        part(grant_plan()),
        part(subject()),
        row(&in_group(RECORD.as_bytes()), ReceiptRow { receipt: opaque(1) }),
        row(&upload_key(), upload()).by_tag_of(PATH),
        row(&chunk_digests_key(), ChunkDigestsRow { digests: hash(1) }),
    ]
}

/// No row has all of these set; each of them is one of the ways a row may be.
fn outbox() -> OutboxRow {
    OutboxRow {
        record_id: id(1),
        written_at_ms: 2,
        note: Some(note()),
        document: Some(document()),
        grant: Some(grant_plan()),
        subject: Some(subject()),
        sealed: opaque(7),
        sealed_epoch: 8,
        sequence: 9,
        hash: hash(10),
        position: 11,
        received_at_ms: 12,
        never_sent: true,
        refused: 14,
        introduction: true,
        sealings: vec![SealingRow { epoch: 1, hash: hash(2) }],
        leave: true,
    }
}

pub(super) fn note() -> NoteRow {
    NoteRow { text: "A bed is free from Friday.".to_owned(), corrects: id(2), grantable: true }
}

pub(super) fn document() -> DocumentRow {
    DocumentRow {
        blob_id: id(1),
        content_key: hash(2),
        salt: hash(3),
        commitment: hash(4),
        size: 5,
        sha256: hash(6),
        name: "statement.odt".to_owned(),
        media_type: "application/vnd.oasis.opendocument.text".to_owned(),
        grantable: true,
        blob_position: 10,
    }
}

fn grant_plan() -> GrantPlanRow {
    GrantPlanRow {
        grantee: DEVICE.to_owned(),
        access_id: id(2),
        positions: vec![3, 300],
        not_after_ms: 4,
        opened: true,
    }
}

fn subject() -> SubjectRow {
    SubjectRow { kind: 1, title: "Family R.".to_owned() }
}

fn upload() -> UploadRow {
    UploadRow {
        blob_id: id(1),
        content_key: hash(2),
        salt: hash(3),
        size: 4,
        begun_at_ms: 5,
        abandoned: true,
    }
}

/// By the file first, so that it is found before anybody says for which group.
fn upload_key() -> Vec<u8> {
    [&tag::<UploadRow>(PATH)[..], GROUP.as_bytes()].concat()
}

fn chunk_digests_key() -> Vec<u8> {
    [BLOB.as_bytes(), &u64::from(CHUNK).to_be_bytes()[..]].concat()
}
