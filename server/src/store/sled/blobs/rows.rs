//! The rows of blobs, uploads and their chunks.

use crate::store::{chunk_files::ChunkFile, sled::engine::rows};
use prost::Message;

rows! {
    BlobRow => "blob", UploadRow => "upload", ChunkRow => "chunk", UsageRow => "usage",
}

/// A blob or an upload.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlobRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) uploader: String,
    #[prost(uint32, tag = "3")]
    pub(crate) chunk_count: u32,
    #[prost(uint64, tag = "4")]
    pub(crate) bytes_total: u64,
    #[prost(bool, tag = "5")]
    pub(crate) finished: bool,
    /// The log's newest position when it was closed.
    #[prost(uint64, tag = "6")]
    pub(crate) position: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) digest: Vec<u8>,
    /// The position of the record that names it; 0 for none.
    #[prost(uint64, tag = "8")]
    pub(crate) named: u64,
}

/// An upload, or a blob that no record names yet; uploader and blob are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UploadRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// About when it last got a chunk.
    #[prost(int64, tag = "2")]
    pub(crate) touched_at_ms: i64,
}

/// One chunk that is on disk.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) sha256: Vec<u8>,
    /// The run of the server and the attempt within it that name the file; none for a chunk in part rows.
    #[prost(message, optional, tag = "2")]
    pub(crate) file: Option<ChunkFileRow>,
}

/// Which file holds a chunk.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ChunkFileRow {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) attempt: u64,
}

/// Bytes of sealed chunks a device has here or has announced.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UsageRow {
    #[prost(uint64, tag = "1")]
    pub(crate) bytes: u64,
}

impl From<ChunkFile> for ChunkFileRow {
    fn from(file: ChunkFile) -> Self {
        Self { run: file.run, attempt: file.attempt }
    }
}

impl From<ChunkFileRow> for ChunkFile {
    fn from(row: ChunkFileRow) -> Self {
        Self { run: row.run, attempt: row.attempt }
    }
}
