//! What can go wrong in the store, as facts.

use std::path::PathBuf;

/// The result of a verb.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What a verb returns: its result, once it is there.
pub trait Answer<T>: Future<Output = Result<T>> + Send {}

impl<T, F: Future<Output = Result<T>> + Send> Answer<T> for F {}

/// Refuses more than `limit` bytes. Errors: [`StoreError::TooLarge`].
pub(crate) fn bytes_at_most(what: &'static str, bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit { Err(StoreError::TooLarge { what, limit }) } else { Ok(()) }
}

/// Refuses more than `limit` of something. Errors: [`StoreError::TooMany`].
pub(crate) fn count_at_most(what: &'static str, count: usize, limit: usize) -> Result<()> {
    if count > limit { Err(StoreError::TooMany { what, limit }) } else { Ok(()) }
}

/// Why a verb wrote or found nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such group or upload, or not the caller's.
    #[error("there is no such thing here")]
    NotFound,
    /// The caller, or whom the act names, has no leaf in the group.
    #[error("not a member of the group")]
    NotMember,
    /// The id is taken by something else.
    #[error("the id is taken")]
    IdReused,
    /// Bytes over a limit.
    #[error("more than {limit} bytes of {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// In bytes.
        limit: usize,
    },
    /// A number over a limit.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// The members named after a commit are not possible: a leaf or an identity stands there twice, or
    /// there is none at all.
    #[error("the members after the commit contradict each other")]
    MembersInconsistent,
    /// Chunk count, total length, index or chunk length do not fit each other.
    #[error("the chunk does not fit the shape of its blob")]
    BlobShape,
    /// The caller's quota does not hold the upload. Nothing was reserved.
    #[error("{used} bytes used and {asked} asked of {limit}")]
    QuotaExceeded {
        /// Bytes the identity may have.
        limit: u64,
        /// Bytes it has.
        used: u64,
        /// Bytes it asked for on top.
        asked: u64,
    },
    /// The disk is full but for the reserve the store needs to stay whole. Nothing was written.
    #[error("{available} bytes are free on the disk, and {floor} stay in reserve")]
    StorageFull {
        /// Bytes free.
        available: u64,
        /// Bytes kept in reserve.
        floor: u64,
    },
    /// The queue of writes stayed full for this long. Nothing was written.
    #[error("the store took no write for {waited_ms} ms")]
    Busy {
        /// Milliseconds waited.
        waited_ms: u64,
    },
    /// The system has no descriptor, memory or thread left for it. Nothing was written, and in a moment it may be otherwise.
    #[error("{act} failed for want of something of the system's: {source}")]
    Short {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store is closing or its writer is gone; whether the act was done is unknown.
    #[error("the store is closed")]
    Stopped,
    /// What is on disk does not make sense. Names the place, never content.
    #[error("stored {what} does not make sense")]
    Damaged {
        /// Which kind of row or file.
        what: &'static str,
    },
    /// Another program, or a newer Alcove, wrote this.
    #[error("the data folder has format {found}, and this program knows {known}")]
    FormatUnknown {
        /// What is there.
        found: u32,
        /// What is understood.
        known: u32,
    },
    /// The data folder holds something, but no format row: it is not ours, and is left alone.
    #[error("the data folder was not made by this program")]
    NotOurs,
    /// sled wrote side files, which it never syncs; a power cut could make the database unreadable.
    #[error("{count} side files lie in {path}")]
    SideFiles {
        /// sled's folder of side files.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// The file system is one whose flush is no promise, or that sled is known to fail on.
    #[error("the data folder is on {0}, which cannot keep it")]
    FileSystem(&'static str),
    /// The database is open elsewhere: one server for one data folder.
    #[error("the data folder is in use by another process")]
    InUse,
    /// The engine could not open its files.
    #[error("the database could not be opened: {0}")]
    Open(String),
    /// A file or folder could not be read, made or synced.
    #[error("{act} failed: {source}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
