//! Forms of the rows of what came.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&in_group(RECORD.as_bytes()), grant_inbox()),
        part(granted_key()),
        row(&in_group(RECORD.as_bytes()), AccessRow { access_id: id(1), grantee: DEVICE.to_owned() }),
        // In a table of its own.
        part(entry()).at("room", Room::Entry as u8, &entry_key()),
    ]
}

fn grant_inbox() -> GrantInboxRow {
    GrantInboxRow {
        granter: DEVICE.to_owned(),
        records: vec![granted_key()],
        not_after_ms: 3,
        access_id: id(4),
    }
}

fn granted_key() -> GrantedKeyRow {
    GrantedKeyRow { position: 1, hash: hash(2), key: hash(3), certificate_hash: hash(4) }
}

fn entry() -> EntryRow {
    EntryRow {
        author: DEVICE.to_owned(),
        written_at_ms: 3,
        received_at_ms: 4,
        hash: hash(5),
        certificate_hash: hash(6),
        key: hash(7),
        granted: true,
        unreadable: 11,
        head: hash(12),
        kind: 120,
        basis: 121,
        payload: opaque(122),
        unknown_basis: Some(123),
        recovered: true,
    }
}

fn entry_key() -> Vec<u8> {
    [numbered().as_slice(), RECORD.as_bytes()].concat()
}
