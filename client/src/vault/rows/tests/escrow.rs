//! Forms of the rows of escrow.

use super::*;
use alcove_charter::sha256;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row(&numbered(), EscrowDueRow {}),
        row(&in_group(&CERTIFICATE), EscrowCertificateRow { given: true }),
        row(&in_group(&OTHER_ID), EscrowGrantRow { positions: vec![1, 300], due: true }),
        row(&[], EscrowStateRow { recovery_key_hash: hash(1), asked_at_ms: 2 }),
        row(&OTHER_ID, attempt()),
        row(&recovered(&hash(1), &hash(2)), RecoveredEpochRow { epoch_id: hash(1), key: hash(2) }),
        row(&recovered(&hash(1), &hash(2)), RecoveredRecordRow { hash: hash(1), key: hash(2) }),
        row(GROUP.as_bytes(), recovered_group()),
    ]
}

/// Two keys for one thing lie beside each other.
fn recovered(named: &[u8], key: &[u8]) -> Vec<u8> {
    [numbered().as_slice(), &sha256(&[b"alcove recovered key place\0", named, key])].concat()
}

fn attempt() -> AttemptRow {
    AttemptRow {
        identity: DEVICE.to_owned(),
        request_words: "six words".to_owned(),
        state: 3,
        announced_at_ms: 4,
        open_from_ms: 5,
        since_ms: 6,
        objected_by: OTHER_DEVICE.to_owned(),
        forged: true,
    }
}

fn recovered_group() -> RecoveredGroupRow {
    RecoveredGroupRow {
        position: 1,
        head: hash(2),
        done: true,
        poisoned: vec![4, 400],
        items: 5,
        unreadable: 6,
    }
}
