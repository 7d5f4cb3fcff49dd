//! Forms of the rows of the own agency's ledger.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![row(&[], ledger_head()), part(unlisted()), row(&ledger_entry_key(), ledger_entry())]
}

fn ledger_head() -> LedgerHeadRow {
    LedgerHeadRow { count: 1, head: hash(2), time_ms: 3, charter_version: 4, unlisted: vec![unlisted()] }
}

fn unlisted() -> UnlistedRow {
    UnlistedRow { certificate: hash(1), identity: DEVICE.to_owned(), since_ms: 3 }
}

fn ledger_entry() -> LedgerEntryRow {
    LedgerEntryRow {
        number: 1,
        issued_at_ms: 2,
        kind: 3,
        identity: DEVICE.to_owned(),
        serial: opaque(5),
        key_hash: hash(6),
        not_after_ms: 7,
        revoked_at_ms: Some(8),
        reason: 9,
        own_key: 10,
    }
}

/// One in the own name.
fn ledger_entry_key() -> Vec<u8> {
    [&[1, 4][..], &opaque(5), &NUMBER.to_be_bytes()].concat()
}
