//! Words for the ends of a case: two members read them to each other, and know whether the server shows both the same one.
//!
//! The newest head differs between honest people, who are never equally far. The head at the commit that opened the epoch
//! does not: whoever is in that epoch has processed this very commit. PROTOCOL.md section 9, step 6.

use super::{Error, Session, restored, state::load_row};
use crate::vault::{Act, Direction, VaultError};
use alcove_charter::{epoch_words, sha256};
use alcove_proto::{
    ids::{GroupId, Head, Position, RecordId},
    log::first_head,
};
use std::ops::ControlFlow;

/// What a member compares with another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Only members of one epoch read out the same words.
    pub epoch: u64,
    /// Six of them.
    pub words: String,
    /// What is here is known to be old: the vault was put back from a copy.
    pub is_old: bool,
}

impl Session {
    /// The words of the epoch in force here. Local.
    ///
    /// Errors: [`Error::NoSuchCase`], [`Error::CaseRecovered`], [`Error::CaseClosed`].
    pub fn comparison(&self, case: &GroupId) -> Result<Comparison, Error> {
        self.vault.read(|act| {
            let row = load_row(act, case)?;
            if row.recovered {
                return Err(Error::CaseRecovered);
            }
            if row.closed {
                return Err(Error::CaseClosed);
            }
            let head = opened_at(act, case)?;
            Ok(Comparison {
                epoch: row.epoch,
                words: epoch_words(case, &head),
                is_old: restored::is_known_to_be_old(act, &self.identity, &row)?,
            })
        })
    }
}

/// The head at the last commit that was processed here; that of the empty log when there was none.
fn opened_at(act: &Act<'_>, case: &GroupId) -> Result<Head, Error> {
    let mut found = None;
    let all = (Position(0), Position(u64::MAX));
    act.entries(case, all, Direction::Backward, &mut |key, row| {
        // A commit carries no record id, as what did not open does not.
        let is_commit = key.record == RecordId([0; 16]) && row.unreadable == 0;
        if is_commit {
            found = Some(row.head.clone());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    match found {
        Some(head) => Ok(Head::try_from(head.as_slice()).map_err(|_| VaultError::damaged("a log entry"))?),
        None => Ok(first_head(sha256, case)),
    }
}
