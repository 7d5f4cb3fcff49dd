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
    MembersChanged {
        /// The group.
        group: GroupId,
    },
    /// A welcome waits for a device.
    WelcomeWaiting {
        /// Which.
        identity: Identity,
    },
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
    #[error("a stored {what} does not parse")]
    Row {
        /// Of which kind.
        what: &'static str,
    },
    /// An entry is missing.
    #[error("group {group}: no entry at position {position}")]
    EntryMissing {
        /// Where.
        group: GroupId,
        /// At which position.
        position: Position,
    },
    /// An entry does not hash to the head stored with it.
    #[error("group {group}: the chain breaks at position {position}")]
    ChainBroken {
        /// Where.
        group: GroupId,
        /// At which position.
        position: Position,
    },
    /// A record id or commit does not lead to its entry.
    #[error("group {group}: an index does not lead to position {position}")]
    IndexMismatch {
        /// Where.
        group: GroupId,
        /// At which position.
        position: Position,
    },
    /// The two lists of members contradict each other.
    #[error("group {group}: the two lists of members differ")]
    MembersMismatch {
        /// Which.
        group: GroupId,
    },
    /// The observer's state is missing.
    #[error("group {group}: no checkpoint")]
    CheckpointMissing {
        /// Which.
        group: GroupId,
    },
    /// A chunk that was acknowledged is missing or has another length.
    #[error("blob {blob}: chunk {index} is missing or has another length")]
    ChunkMissing {
        /// Which blob.
        blob: BlobId,
        /// Which chunk.
        index: u32,
    },
    /// A chunk has other bytes than were acknowledged.
    #[error("blob {blob}: chunk {index} has other bytes than were acknowledged")]
    ChunkDamaged {
        /// Which blob.
        blob: BlobId,
        /// Which chunk.
        index: u32,
    },
    /// The list of uploads that no record names contradicts the blob.
    #[error("blob {blob}: the list of uploads contradicts it")]
    UploadMismatch {
        /// Which.
        blob: BlobId,
    },
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
    #[error("group {group}: the welcome of position {position} is incomplete")]
    WelcomeBroken {
        /// Which group.
        group: GroupId,
        /// The position of its commit.
        position: Position,
    },
    /// A one-time key package waits and has been handed out.
    #[error("{identity}: a key package that was handed out waits again")]
    KeyPackageTwice {
        /// Whose.
        identity: String,
    },
    /// A request waits that no invitation names, or it is not the one that was taken.
    #[error("{identity}: a request waits on no invitation")]
    RequestAlone {
        /// Whose.
        identity: String,
    },
    /// An agency's events are not those that count as kept.
    #[error("{trust_domain}: the events of the desk are not those that are counted")]
    EventsMismatch {
        /// Whose.
        trust_domain: String,
    },
    /// The renewals of an agency that wait are not as many as are counted.
    #[error("{trust_domain}: the renewals that wait are not as many as are counted")]
    RenewalsMismatch {
        /// Whose.
        trust_domain: String,
    },
    /// The certificates beside an agency's escrow are not those that are counted.
    #[error("{trust_domain}: the certificates beside its escrow are not those that are counted")]
    CertificatesMismatch {
        /// Whose.
        trust_domain: String,
    },
    /// A published ledger is no chain from its first entry to its end.
    #[error("{trust_domain}: its ledger breaks after entry {after}")]
    LedgerBroken {
        /// Whose.
        trust_domain: String,
        /// The last entry that is in order.
        after: u64,
    },
    /// The audit trail has a gap.
    #[error("the audit trail has no entry {sequence}")]
    AuditGap {
        /// The first number that is missing.
        sequence: u64,
    },
    /// The engine has made side files, which it never syncs.
    #[error("{count} side files lie in {path}")]
    SideFiles {
        /// Where.
        path: PathBuf,
        /// How many.
        count: usize,
    },
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
