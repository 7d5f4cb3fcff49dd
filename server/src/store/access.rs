//! Access entries, in domain types: positions before its join position that a member may read.

use super::{audit::By, error::Answer};
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

    /// The same positions in order, where ranges that overlap or touch are one.
    pub(crate) fn merged(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_by_key(|range| range.first);
        let mut merged: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.first <= last.last.next() => last.last = last.last.max(range.last),
                _ => merged.push(range),
            }
        }
        merged
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

/// What of a log is open to whom, beside what everybody reads from their join position on.
pub trait Access: Send + Sync + 'static {
    /// Opens log positions to a grantee. Both the caller and the grantee are members.
    ///
    /// Errors: [`super::error::StoreError::NotFound`], [`super::error::StoreError::NotMember`], [`super::error::StoreError::TooMany`]
    /// ranges or open entries of the group.
    fn open_access(&self, access: NewAccess, by: By) -> impl Answer<OpenAccessOutcome>;

    /// Ends an access entry; who may is the caller's to judge. Answers whether it was open.
    fn end_access(&self, group: GroupId, access: AccessId, by: By) -> impl Answer<bool>;

    /// One open access entry.
    fn access_entry(&self, group: GroupId, access: AccessId) -> impl Answer<Option<AccessEntry>>;

    /// The access entries open to `grantee` in a group. Their end in time is the caller's to judge.
    fn access_of(&self, group: GroupId, grantee: Identity) -> impl Answer<Vec<AccessEntry>>;
}
