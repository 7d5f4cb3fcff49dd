//! Access entries, in domain types: positions before its join position that a member may read.

use alcove_proto::{
    ids::{AccessId, GroupId, Position},
    names::Identity,
};

/// Positions from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRange {
    /// Not after `last`.
    pub first: Position,
    /// Included.
    pub last: Position,
}

impl PositionRange {
    /// Whether `position` is in it.
    pub fn contains(&self, position: Position) -> bool {
        self.first <= position && position <= self.last
    }
}

/// An access entry to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccess {
    /// The group.
    pub group: GroupId,
    /// Its id; taken once in its group, also after its end.
    pub access: AccessId,
    /// The device it is opened to.
    pub grantee: Identity,
    /// What is opened, at most [`alcove_proto::limits::ACCESS_RANGES_MAX`].
    pub ranges: Vec<PositionRange>,
    /// Its end, milliseconds since 1970.
    pub not_after_ms: Option<i64>,
}

/// What came of opening access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAccessOutcome {
    /// It is open.
    Opened,
    /// The same caller had opened the same.
    Replayed,
    /// The id is taken by another entry, or by one that has ended.
    IdReused,
}

/// An open access entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// Its id.
    pub access: AccessId,
    /// Who opened it.
    pub opener: Identity,
    /// Whom it is opened to.
    pub grantee: Identity,
    /// What it opens.
    pub ranges: Vec<PositionRange>,
    /// Its end, milliseconds since 1970.
    pub not_after_ms: Option<i64>,
}
