//! Groups, their logs, members and observer checkpoints, in domain types.

use super::{audit::By, error::Answer};
use alcove_proto::{
    ids::{BlobId, Digest, Epoch, GroupId, Head, Position, RecordId},
    names::Identity,
    v1::LogEntry,
};
use bytes::Bytes;
use std::sync::Arc;

/// A group to create. Its creator is the caller, at leaf 0.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Its id.
    pub group: GroupId,
    /// SHA-256 of what it is created from: tells a repeated call from another group of the same id.
    pub creation_digest: Digest,
    /// The observer's state of epoch 0.
    pub snapshot: Vec<u8>,
}

/// What came of creating a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It exists from now on.
    Created(GroupHead),
    /// The same call had created it; the head is today's.
    Replayed(GroupHead),
    /// The id is taken.
    Exists,
}

/// Where a group stands, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupHead {
    /// The epoch in force.
    pub epoch: Epoch,
    /// The last position of its log; 0 for an empty log.
    pub position: Position,
    /// The head after it.
    pub head: Head,
}

/// A sealed record to append.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The group.
    pub group: GroupId,
    /// The epoch its author sealed it under; must be in force.
    pub epoch: Epoch,
    /// Its id; taken once in its group.
    pub record: RecordId,
    /// Opaque, at most [`alcove_proto::limits::RECORD_BYTES_MAX`].
    pub body: Bytes,
    /// Finished blobs of its author in this group, which can be read from now on by whoever may read the record;
    /// at most [`alcove_proto::limits::RECORD_BLOBS_MAX`].
    pub blobs: Vec<BlobId>,
}

/// What came of appending a record.
#[derive(Debug, Clone)]
pub enum AppendOutcome {
    /// It is on disk.
    Appended(Appended),
    /// The same author had appended the same bytes under this id.
    Replayed(Replayed),
    /// Another epoch is in force.
    StaleEpoch {
        /// That one.
        current: Epoch,
    },
    /// The id is taken by other bytes.
    IdReused,
}

/// An entry that has just become durable.
#[derive(Debug, Clone)]
pub struct Appended {
    /// As every reader will see it.
    pub entry: LogEntry,
    /// Its digest.
    pub digest: Digest,
    /// The head after it.
    pub head: Head,
    /// The flush that made it durable; shared by all entries of the group it took.
    pub flush: Arc<Flush>,
}

/// All that one flush added to one group's log: sign its end once, and every waiter has its receipt.
///
/// A store need not gather entries: a flush that added a single one is as good, and costs a signature for each.
#[derive(Debug, PartialEq, Eq)]
pub struct Flush {
    /// The group.
    pub group: GroupId,
    /// The position of the first entry it added.
    pub first: Position,
    /// The newest durable position.
    pub position: Position,
    /// The head there.
    pub head: Head,
    /// The digests of `first..=position`.
    pub digests: Vec<Digest>,
}

impl Flush {
    /// The digests after `position` up to the flush's end: a receipt's link. `position` is one of the
    /// flush's own; for any other the answer is empty.
    pub fn link_after(&self, position: Position) -> &[Digest] {
        position
            .0
            .checked_sub(self.first.0)
            .and_then(|offset| usize::try_from(offset).ok())
            .and_then(|offset| self.digests.get(offset + 1..))
            .unwrap_or(&[])
    }
}

/// An entry that had become durable earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Where it stands.
    pub position: Position,
    /// The head after it.
    pub head: Head,
    /// When it was taken, milliseconds since 1970.
    pub received_at_ms: i64,
}

/// A commit the observer has judged, to be taken if its epoch is still in force.
#[derive(Debug, Clone)]
pub struct NewCommit {
    /// The group.
    pub group: GroupId,
    /// The epoch it was made in.
    pub epoch: Epoch,
    /// Opaque MLS bytes, at most [`alcove_proto::limits::COMMIT_BYTES_MAX`].
    pub body: Bytes,
    /// Who is a member after it.
    pub members: MembersAfter,
    /// The welcome, if anybody joins by one.
    pub welcome: Option<NewWelcome>,
    /// The observer's state after it, when it is time for a checkpoint; replaces the earlier one.
    pub snapshot: Option<Vec<u8>>,
    /// The GroupInfo of the epoch it opens, for a member that comes back; takes the place of the earlier epoch's. Empty when
    /// its author handed in none: then there is none. At most [`alcove_proto::limits::COMMIT_GROUP_INFO_BYTES_MAX`].
    pub group_info: Bytes,
}

/// The membership a commit leaves behind.
#[derive(Debug, Clone)]
pub enum MembersAfter {
    /// Nobody came, went or moved to another leaf.
    Unchanged,
    /// These and no others. Whoever is missing loses membership, access entries and waiting welcomes.
    Are(Vec<MemberAfter>),
}

/// One member after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAfter {
    /// Its leaf; each stands for one member.
    pub leaf: u32,
    /// Its device; has one leaf.
    pub identity: Identity,
    /// True when it begins anew here: its join position becomes the commit's. Otherwise it keeps the
    /// one it has, also when it moves to another leaf.
    pub joins_now: bool,
}

/// A welcome with what goes with it.
#[derive(Debug, Clone)]
pub struct NewWelcome {
    /// MLS bytes without the tree, at most [`alcove_proto::limits::WELCOME_BYTES_MAX`].
    pub welcome: Bytes,
    /// The ratchet tree after the commit, at most [`alcove_proto::limits::TREE_BYTES_MAX`].
    pub tree: Bytes,
    /// Who joins by it.
    pub joiners: Vec<Joiner>,
    /// The position the welcome pins: the last one its committer had seen.
    pub pinned: Position,
}

/// One joiner of a welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joiner {
    /// The device; a member after the commit.
    pub identity: Identity,
    /// Reference of the key package used (RFC 9420 section 5.2).
    pub key_package_ref: Vec<u8>,
}

/// What came of a commit.
#[derive(Debug, Clone)]
pub enum CommitOutcome {
    /// It is in force.
    Committed(Appended),
    /// The same author had made the same commit in that epoch.
    Replayed(Replayed),
    /// Another commit closed that epoch.
    Superseded(LogEntry),
    /// The group has not reached that epoch.
    StaleEpoch {
        /// The one in force.
        current: Epoch,
    },
    /// The welcome pins a position too far back to be linked to the commit.
    HeadTooOld {
        /// Positions it may be back.
        limit: u64,
    },
}

/// Part of a log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    /// The group.
    pub group: GroupId,
    /// Entries after this position.
    pub after: Position,
    /// Up to this position; nothing means to the end.
    pub through: Option<Position>,
    /// At most this many.
    pub entries_max: usize,
    /// At most this many bytes of bodies, unless one entry alone is larger.
    pub bytes_max: usize,
}

/// Part of a log.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// In order, without gaps.
    pub entries: Vec<LogEntry>,
    /// The head after the last of them; none for an empty page.
    pub last_head: Option<Head>,
    /// Whether the query would have more on its next page.
    pub more: bool,
    /// Where the whole log stood when the page was read; nothing for an unknown group.
    pub group_head: Option<GroupHead>,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its leaf.
    pub leaf: u32,
    /// Its device.
    pub identity: Identity,
    /// The position of the commit it joined by; it reads from there on.
    pub joined: Position,
}

/// One group a device belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// The device's leaf.
    pub leaf: u32,
    /// Its join position.
    pub joined: Position,
}

/// The observer's state at one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The epoch it is in.
    pub epoch: Epoch,
    /// The position of the commit that opened it; 0 for epoch 0.
    pub position: Position,
    /// Opaque.
    pub snapshot: Vec<u8>,
}

/// Groups: their epochs, members and observer states change by commits alone.
pub trait Groups: Send + Sync + 'static {
    /// Creates a group at epoch 0 with the caller as its only member.
    ///
    /// Repeated by the same caller with the same digest it answers [`CreateOutcome::Replayed`].
    fn create_group(&self, group: NewGroup, by: By) -> impl Answer<CreateOutcome>;

    /// Takes a commit if its epoch is still the one in force: log entry, members, welcomes, tree and checkpoint in
    /// one act.
    ///
    /// Errors: as for [`Log::append_record`]; [`super::error::StoreError::TooLarge`] names the limit that broke.
    fn commit(&self, commit: NewCommit, by: By) -> impl Answer<CommitOutcome>;

    /// The epoch in force, and the newest durable position and head. Nothing for an unknown group.
    fn group_head(&self, group: GroupId) -> impl Answer<Option<GroupHead>>;

    /// The newest observer state kept; replay [`Log::read_commits`] from its epoch on.
    fn checkpoint(&self, group: GroupId) -> impl Answer<Option<Checkpoint>>;

    /// The epoch in force, and the GroupInfo that was handed in with the commit that opened it, empty when none was; nothing
    /// for an unknown group.
    fn group_info(&self, group: GroupId) -> impl Answer<Option<(Epoch, Bytes)>>;
}

/// The logs of groups: what is appended stays, and is read in order.
pub trait Log: Send + Sync + 'static {
    /// Appends one sealed record under the epoch in force, and makes the blobs it names readable by it.
    ///
    /// Errors: [`super::error::StoreError::NotFound`] unknown group, or a blob that is no finished one of the caller's in
    /// it, [`super::error::StoreError::NotMember`] the caller has no leaf, [`super::error::StoreError::TooMany`] blobs,
    /// [`super::error::StoreError::TooLarge`] over [`alcove_proto::limits::RECORD_BYTES_MAX`].
    fn append_record(&self, record: NewRecord, by: By) -> impl Answer<AppendOutcome>;

    /// One page of a log, in order. An unknown group has an empty page at position 0.
    fn read_log(&self, query: LogQuery) -> impl Answer<LogPage>;

    /// The commits made in epoch `from` and later, in order, as many as fit `bytes_max` (one at least).
    fn read_commits(&self, group: GroupId, from: Epoch, bytes_max: usize) -> impl Answer<Vec<LogEntry>>;

    /// The head after `position`; nothing for an unknown group or a position it has not reached.
    fn head_at(&self, group: GroupId, position: Position) -> impl Answer<Option<Head>>;

    /// Entry digests of `first..=last`, both durable.
    ///
    /// Errors: [`super::error::StoreError::NotFound`] when the log does not reach that far; [`super::error::StoreError::TooMany`]
    /// over [`alcove_proto::limits::LINK_DIGESTS_MAX`].
    fn entry_digests(&self, group: GroupId, first: Position, last: Position) -> impl Answer<Vec<Digest>>;
}

/// Who is in which group, and since when.
pub trait Members: Send + Sync + 'static {
    /// The members of a group by leaf. Empty for an unknown group.
    fn members(&self, group: GroupId) -> impl Answer<Vec<Member>>;

    /// Whether `identity` is a member, with its leaf and join position.
    fn member(&self, group: GroupId, identity: Identity) -> impl Answer<Option<Member>>;

    /// The groups `identity` is a member of, by group id, after `after`, at most `max`.
    fn memberships(
        &self,
        identity: Identity,
        after: Option<GroupId>,
        max: usize,
    ) -> impl Answer<Vec<Membership>>;

    /// The position of the commit that ended the stay of `identity` in which `after` lies: a device that was
    /// removed, also one that has come back since, is led to that commit and no further.
    ///
    /// Nothing when `after` lies in no stay that is over.
    fn end_of_stay(
        &self,
        group: GroupId,
        identity: Identity,
        after: Position,
    ) -> impl Answer<Option<Position>>;
}
