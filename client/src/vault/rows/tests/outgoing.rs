//! Forms of the rows of what this device writes.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&numbered(), outbox()),
        part(SealingRow { epoch: 1, hash: hash(2) }),
        part(grant_plan()),
        row(&in_group(RECORD.as_bytes()), ReceiptRow { receipt: opaque(1) }),
        row(&upload_key(), upload()).by_tag_of(PATH),
        row(&chunk_digests_key(), ChunkDigestsRow { digests: hash(1) }),
        row(&fetch_key(), FetchRow { folder: opaque(1), words: PATH.to_owned(), begun_at_ms: 3 })
            .by_tag_of(PATH),
    ]
}

/// No row has both a payload and a plan; each of them is one of the ways a row may be.
fn outbox() -> OutboxRow {
    OutboxRow {
        record_id: id(1),
        written_at_ms: 2,
        grant: Some(grant_plan()),
        sealed: opaque(7),
        sealed_epoch: 8,
        sequence: 9,
        hash: hash(10),
        position: 11,
        received_at_ms: 12,
        never_sent: true,
        refused: 14,
        sealings: vec![SealingRow { epoch: 1, hash: hash(2) }],
        kind: 120,
        payload: opaque(121),
        basis: 122,
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

fn fetch_key() -> Vec<u8> {
    [&tag::<FetchRow>(PATH)[..], &NAMED].concat()
}

fn chunk_digests_key() -> Vec<u8> {
    [BLOB.as_bytes(), &u64::from(CHUNK).to_be_bytes()[..]].concat()
}
