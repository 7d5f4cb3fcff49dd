//! Where a roll-over stands, and what keeps it from its end.

use crate::ledger::entries::IssuedEntry;
use std::fmt;

/// Where a roll-over stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollState {
    /// None is under way.
    Steady,
    /// There is a next CA, and the old one signs.
    Begun,
    /// The new CA signs, and the old key has not been wiped.
    Switched,
}

impl fmt::Display for RollState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Steady => "not under way",
            Self::Begun => "begun",
            Self::Switched => "switched",
        })
    }
}

/// A living certificate by a CA that is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldCertificate {
    /// It, as the ledger has it.
    pub issued: IssuedEntry,
    /// Whether the new CA has made one of the same kind for the same name since: the holder has it, or will collect it.
    pub replaced: bool,
}
