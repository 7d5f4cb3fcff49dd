//! Blobs, in domain types: large ciphertext in sealed chunks.

use super::{
    audit::By,
    error::{Answer, Result, StoreError},
};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId, Position},
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, CHUNKS_MAX},
    names::Identity,
};
use bytes::Bytes;

/// Bytes of every sealed chunk but the last of its blob, which may be shorter.
pub const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + CHUNK_TAG_BYTES) as u64;

/// How a blob is cut into chunks. Always consistent: `bytes_total` needs exactly `chunk_count` chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobShape {
    chunk_count: u32,
    bytes_total: u64,
}

impl BlobShape {
    /// Checks that the numbers fit each other and are within [`CHUNKS_MAX`].
    ///
    /// Errors: [`StoreError::BlobShape`].
    pub fn new(chunk_count: u32, bytes_total: u64) -> Result<Self> {
        let needed = bytes_total.div_ceil(SEALED_CHUNK_BYTES);
        if chunk_count == 0 || chunk_count > CHUNKS_MAX || needed != u64::from(chunk_count) {
            return Err(StoreError::BlobShape);
        }
        Ok(Self { chunk_count, bytes_total })
    }

    /// How many chunks.
    pub fn chunk_count(&self) -> u32 {
        self.chunk_count
    }

    /// Bytes of all sealed chunks.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// Bytes chunk `index` must have; nothing when there is no such chunk.
    pub fn chunk_bytes(&self, index: u32) -> Option<u64> {
        let last = self.chunk_count - 1;
        match index {
            _ if index < last => Some(SEALED_CHUNK_BYTES),
            _ if index == last => Some(self.bytes_total - u64::from(last) * SEALED_CHUNK_BYTES),
            _ => None,
        }
    }
}

/// An upload to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id.
    pub blob: BlobId,
    /// The group whose readers may read it.
    pub group: GroupId,
    /// Its shape.
    pub shape: BlobShape,
}

/// How far an upload came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Chunks on disk: disjoint, in order, both ends included.
    pub received: Vec<(u32, u32)>,
    /// Whether it is closed.
    pub finished: bool,
}

/// A blob or an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The group whose readers may read it.
    pub group: GroupId,
    /// Who uploads it.
    pub uploader: Identity,
    /// Its shape.
    pub shape: BlobShape,
    /// Whether it is closed.
    pub finished: bool,
    /// The position of the record that names it: whoever may read that record may read the blob. Until there is
    /// one, nobody but the uploader.
    pub named_at: Option<Position>,
}

/// An upload that is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleUpload {
    /// Who began it.
    pub uploader: Identity,
    /// In which group.
    pub group: GroupId,
    /// Its id.
    pub blob: BlobId,
    /// When it last got a chunk, milliseconds since 1970, to within an hour.
    pub touched_at_ms: i64,
}

/// What came of closing an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishOutcome {
    /// It is closed; the same answer when it had been closed before with the same digest.
    Finished {
        /// The group's log position at that time.
        position: Position,
    },
    /// Chunks are missing.
    Incomplete {
        /// How many.
        missing: u32,
    },
    /// The chunks are not what the digest says. The upload stays open; only deleting it helps.
    DigestMismatch,
}

/// Uploads, and the blobs they become.
pub trait Blobs: Send + Sync + 'static {
    /// Begins an upload or finds how far it came. `quota_bytes_max` bounds what the caller may have
    /// here, this upload included.
    ///
    /// Errors: [`StoreError::NotFound`] group, [`StoreError::NotMember`], [`StoreError::IdReused`] the id
    /// is taken by another shape, group or uploader, [`StoreError::BlobShape`],
    /// [`StoreError::QuotaExceeded`], [`StoreError::TooMany`] uploads that no record names.
    fn open_upload(&self, upload: NewUpload, quota_bytes_max: u64, by: By) -> impl Answer<Upload>;

    /// Stores one sealed chunk; the same bytes again change nothing. Many at a time. A chunk whose future is
    /// dropped is stored all the same or leaves nothing.
    ///
    /// Errors: [`StoreError::NotFound`] no such upload of the caller, [`StoreError::NotMember`],
    /// [`StoreError::BlobShape`] an index or length that does not fit it, [`StoreError::IdReused`] the index
    /// has other bytes, [`StoreError::StorageFull`].
    fn put_chunk(&self, blob: BlobId, index: u32, chunk: Bytes, by: By) -> impl Answer<()>;

    /// Closes an upload whose chunks are all here. `digest`: SHA-256 over the SHA-256 of every chunk.
    ///
    /// Errors: [`StoreError::NotFound`] no such upload of the caller, [`StoreError::NotMember`].
    fn finish_upload(&self, blob: BlobId, digest: Digest, by: By) -> impl Answer<FinishOutcome>;

    /// A blob or an upload.
    fn blob(&self, blob: BlobId) -> impl Answer<Option<Blob>>;

    /// One chunk of a finished blob; nothing when there is no such chunk.
    fn read_chunk(&self, blob: BlobId, index: u32) -> impl Answer<Option<Bytes>>;

    /// Deletes a blob or an upload of the caller; its chunks' space comes back soon after.
    /// Answers whether it was there.
    fn delete_blob(&self, blob: BlobId, by: By) -> impl Answer<bool>;

    /// Uploads that are not closed, in the order of uploader and id, after `after`, at most `max`.
    fn uploads(&self, after: Option<IdleUpload>, max: usize) -> impl Answer<Vec<IdleUpload>>;

    /// Deletes an upload that is not closed and has got no chunk since `idle_since_ms`. `by`: its uploader, and
    /// the server's time. Answers whether it was so.
    fn expire_upload(&self, upload: IdleUpload, idle_since_ms: i64, by: By) -> impl Answer<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_whose_numbers_do_not_fit_is_refused() {
        for (count, total) in [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, SEALED_CHUNK_BYTES + 1),
            (2, SEALED_CHUNK_BYTES),
            (2, 2 * SEALED_CHUNK_BYTES + 1),
            (CHUNKS_MAX + 1, (u64::from(CHUNKS_MAX) + 1) * SEALED_CHUNK_BYTES),
            (1, u64::MAX),
            (u32::MAX, u64::MAX),
        ] {
            assert!(matches!(BlobShape::new(count, total), Err(StoreError::BlobShape)), "{count} {total}");
        }
    }

    #[test]
    fn every_chunk_but_the_last_is_whole() {
        let shape = BlobShape::new(3, 2 * SEALED_CHUNK_BYTES + 7).unwrap();
        assert_eq!(
            [0, 1, 2, 3].map(|index| shape.chunk_bytes(index)),
            [Some(SEALED_CHUNK_BYTES), Some(SEALED_CHUNK_BYTES), Some(7), None]
        );
        let one = BlobShape::new(1, 1).unwrap();
        assert_eq!([one.chunk_bytes(0), one.chunk_bytes(1)], [Some(1), None]);
        let whole = BlobShape::new(2, 2 * SEALED_CHUNK_BYTES).unwrap();
        assert_eq!(whole.chunk_bytes(1), Some(SEALED_CHUNK_BYTES));
    }
}
