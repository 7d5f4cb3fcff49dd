//! Hints, health and the integrity check, in domain types.

use super::error::Answer;
use alcove_proto::{
    ids::{BlobId, GroupId, Position},
    names::Identity,
};
use std::path::PathBuf;
use tokio::sync::broadcast;

/// Something became durable. Lossy: a slow receiver misses some and reads by its cursor again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A group's log reached this position.
    GroupAdvanced {
        /// The group.
        group: GroupId,
        /// Its newest position.
        position: Position,
    },
    /// Members came or went.
    MembersChanged(GroupId),
    /// A welcome waits for a device.
    WelcomeWaiting(Identity),
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether any write of ordinary size would be taken now, a chunk included.
    pub writable: bool,
    /// Bytes free on the disk.
    pub available_bytes: u64,
    /// Bytes that stay in reserve.
    pub floor_bytes: u64,
    /// Bytes of the database itself, chunk files not counted.
    pub database_bytes: u64,
    /// Side files the engine has made, which it never syncs. Always 0, or something is wrong.
    pub side_files: usize,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Rows that were copied: all there are.
    pub rows: u64,
    /// Bytes of the database before, chunk files not counted.
    pub before_bytes: u64,
    /// Bytes of the database after.
    pub after_bytes: u64,
}

/// What the integrity check went through and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Groups whose chain was recomputed.
    pub groups: u64,
    /// Log entries.
    pub entries: u64,
    /// Blobs and uploads.
    pub blobs: u64,
    /// Chunks.
    pub chunks: u64,
    /// Everything that is not as it should be, at most [`PROBLEMS_MAX`]. Empty on a whole store.
    pub problems: Vec<Problem>,
}

/// Problems one report lists.
pub const PROBLEMS_MAX: usize = 1000;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A row does not parse.
    #[error("a stored {0} does not parse")]
    Row(&'static str),
    /// An entry is missing.
    #[error("group {0}: no entry at position {1}")]
    EntryMissing(GroupId, Position),
    /// An entry does not hash to the head stored with it.
    #[error("group {0}: the chain breaks at position {1}")]
    ChainBroken(GroupId, Position),
    /// A record id or commit does not lead to its entry.
    #[error("group {0}: an index does not lead to position {1}")]
    IndexMismatch(GroupId, Position),
    /// The two lists of members contradict each other.
    #[error("group {0}: the two lists of members differ")]
    MembersMismatch(GroupId),
    /// The observer's state is missing.
    #[error("group {0}: no checkpoint")]
    CheckpointMissing(GroupId),
    /// A chunk that was acknowledged is missing or has another length.
    #[error("blob {0}: chunk {1} is missing or has another length")]
    ChunkMissing(BlobId, u32),
    /// A chunk has other bytes than were acknowledged.
    #[error("blob {0}: chunk {1} has other bytes than were acknowledged")]
    ChunkDamaged(BlobId, u32),
    /// The list of uploads that no record names contradicts the blob.
    #[error("blob {0}: the list of uploads contradicts it")]
    UploadMismatch(BlobId),
    /// What counts against a device's quota is not what it has here.
    #[error("{identity}: {counted} bytes of blobs, and {stored} count against its quota")]
    UsageMismatch {
        /// Whose.
        identity: String,
        /// Bytes of its blobs and uploads.
        counted: u64,
        /// Bytes that count.
        stored: u64,
    },
    /// The end of a log is gone: the audit trail knows of an entry behind it.
    #[error("group {group}: the log ends at {last}, and the audit trail knows position {known}")]
    TailLost {
        /// Which group.
        group: GroupId,
        /// Its newest position.
        last: Position,
        /// The highest position in the trail.
        known: Position,
    },
    /// A waiting welcome, or what its joiners share, is incomplete or counted wrongly.
    #[error("group {0}: the welcome of position {1} is incomplete")]
    WelcomeBroken(GroupId, Position),
    /// A one-time key package waits and has been handed out.
    #[error("{0}: a key package that was handed out waits again")]
    KeyPackageTwice(String),
    /// A request waits that no invitation names, or it is not the one that was taken.
    #[error("{0}: a request waits on no invitation")]
    RequestAlone(String),
    /// An agency's events are not those that count as kept.
    #[error("{0}: the events of the desk are not those that are counted")]
    EventsMismatch(String),
    /// The renewals of an agency that wait are not as many as are counted.
    #[error("{0}: the renewals that wait are not as many as are counted")]
    RenewalsMismatch(String),
    /// The certificates beside an agency's escrow are not those that are counted.
    #[error("{0}: the certificates beside its escrow are not those that are counted")]
    CertificatesMismatch(String),
    /// A published ledger is no chain from its first entry to its end.
    #[error("{0}: its ledger breaks after entry {1}")]
    LedgerBroken(String, u64),
    /// The audit trail has a gap.
    #[error("the audit trail has no entry {0}")]
    AuditGap(u64),
    /// The engine has made side files, which it never syncs.
    #[error("{count} side files lie in {path}", count = .1, path = .0.display())]
    SideFiles(PathBuf, usize),
}

/// The store as a whole: how it is, and that something in it changed.
pub trait Operation: Send + Sync + 'static {
    /// Hints that something became durable, each after the answer to whoever did it. A hint may be lost: the cursor
    /// read is the truth.
    fn hints(&self) -> broadcast::Receiver<Hint>;

    /// Recomputes every chain, reads every chunk, and compares what is kept twice. Reads all there is: minutes
    /// on a large store.
    fn check(&self) -> impl Answer<CheckReport>;

    /// Whether writes can be taken now, and what is left of the disk.
    fn health(&self) -> impl Answer<Health>;
}
