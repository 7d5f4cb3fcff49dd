//! The form of the row that says that this vault was put back.

use super::*;

pub(super) fn forms() -> Vec<Form> {
    vec![row(&[], RestoredRow { noticed: 1, noticed_at_ms: 2, made_at_ms: 95 })]
}
