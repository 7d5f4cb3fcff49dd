//! The form of the row of what was let go of.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![row(&key(), let_go())]
}

pub(super) fn let_go() -> LetGoRow {
    LetGoRow { epoch: 1, hash: hash(2), let_go_at_ms: 3 }
}

/// By half of the hash.
pub(super) fn key() -> Vec<u8> {
    in_group(&hash(2)[..16])
}
