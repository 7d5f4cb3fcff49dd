//! Blobs: uploads in chunks, several on their way to the disk at one time, and reading them back.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{Access, Blobs, Members, blobs::FinishOutcome};
use alcove_proto::ids::{BlobId, Digest, GroupId, Position};
use bytes::Bytes;
use std::{collections::VecDeque, sync::Arc};
use tokio::task::{JoinHandle, JoinSet};

pub use crate::store::blobs::{BlobShape, NewUpload, Upload};

/// Chunks of one call on their way to or from the disk at one time: what one call holds in memory, in
/// chunks of 1 MiB.
pub const CHUNKS_AT_ONCE: usize = 4;

/// Takes the chunks of one call.
pub struct ChunkWriter<S> {
    inner: Arc<Inner<S>>,
    caller: Caller,
    under_way: JoinSet<Result<(), ServiceError>>,
    stored: u32,
}

/// Reads the chunks of one blob in order, some ahead.
pub struct ChunkReader<S> {
    inner: Arc<Inner<S>>,
    blob: BlobId,
    next: u32,
    /// One after the last.
    end: u32,
    ahead: VecDeque<(u32, Ahead)>,
}

/// A chunk being read; a reader that goes away reads no further.
struct Ahead(JoinHandle<Result<Bytes, ServiceError>>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S: Access + Blobs + Members> Service<S> {
    /// Begins an upload, or finds how far it came.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member of the group,
    /// [`ServiceError::QuotaExceeded`], [`ServiceError::IdReused`].
    pub async fn open_upload(&self, caller: &Caller, upload: NewUpload) -> Result<Upload, ServiceError> {
        let inner = &self.inner;
        let quota_bytes = inner.limits.blob_quota_bytes.get();
        Ok(inner.store.open_upload(upload, quota_bytes, inner.by(caller)).await?)
    }

    /// Takes the chunks of one call.
    pub fn put_chunks(&self, caller: &Caller) -> ChunkWriter<S> {
        ChunkWriter {
            inner: Arc::clone(&self.inner),
            caller: caller.clone(),
            under_way: JoinSet::new(),
            stored: 0,
        }
    }

    /// Closes an upload whose chunks are all on disk and answers the newest position of the log then. Others can read
    /// it when a record names it ([`Service::append_record`]).
    ///
    /// Errors: [`ServiceError::NotFound`], [`ServiceError::UploadIncomplete`], [`ServiceError::DigestMismatch`].
    pub async fn finish_upload(
        &self,
        caller: &Caller,
        blob: BlobId,
        digest: Digest,
    ) -> Result<Position, ServiceError> {
        match self.inner.store.finish_upload(blob, digest, self.inner.by(caller)).await? {
            FinishOutcome::Finished { position } => Ok(position),
            FinishOutcome::Incomplete { missing: _ } => Err(ServiceError::UploadIncomplete),
            FinishOutcome::DigestMismatch => Err(ServiceError::DigestMismatch),
        }
    }

    /// Opens a blob for reading from chunk `first`, `count` chunks or to the end.
    ///
    /// Errors: [`ServiceError::NotFound`] for a blob that is not there, not finished, of another group or named by no
    /// record within the caller's reach, and for chunks it does not have.
    /// Source: PROTOCOL.md, "Documents", 3.
    pub async fn read_chunks(
        &self,
        caller: &Caller,
        group: GroupId,
        blob: BlobId,
        first: u32,
        count: Option<u32>,
    ) -> Result<ChunkReader<S>, ServiceError> {
        let reach = self.inner.reach(caller, group).await?;
        let stored = self.inner.store.blob(blob).await?.filter(|stored| stored.group == group);
        let stored = stored.ok_or(ServiceError::NotFound)?;
        let named = stored.named_at.is_some_and(|position| reach.holds(position));
        if !stored.finished || !(named || stored.uploader == caller.identity) {
            return Err(ServiceError::NotFound);
        }
        let chunk_count = stored.shape.chunk_count();
        let end = count.map_or(Some(chunk_count), |count| first.checked_add(count));
        match end {
            Some(end) if first < end && end <= chunk_count => Ok(ChunkReader {
                inner: Arc::clone(&self.inner),
                blob,
                next: first,
                end,
                ahead: VecDeque::with_capacity(CHUNKS_AT_ONCE),
            }),
            _ => Err(ServiceError::NotFound),
        }
    }

    /// Deletes a blob or an upload of the caller.
    ///
    /// Errors: [`ServiceError::NotFound`] for one that is not there, or somebody else's.
    pub async fn delete_blob(&self, caller: &Caller, blob: BlobId) -> Result<(), ServiceError> {
        let there = self.inner.store.delete_blob(blob, self.inner.by(caller)).await?;
        if there { Ok(()) } else { Err(ServiceError::NotFound) }
    }
}

impl<S: Blobs> ChunkWriter<S> {
    /// Takes one chunk on its way to the disk; waits while as many as allowed are on theirs.
    ///
    /// Errors: the first chunk's that failed.
    pub async fn put(&mut self, blob: BlobId, index: u32, chunk: Bytes) -> Result<(), ServiceError> {
        while self.under_way.len() >= CHUNKS_AT_ONCE {
            self.landed().await?;
        }
        let inner = Arc::clone(&self.inner);
        let by = inner.by(&self.caller);
        self.under_way.spawn(async move { Ok(inner.store.put_chunk(blob, index, chunk, by).await?) });
        Ok(())
    }

    /// Waits until all are on disk and says how many.
    ///
    /// Errors: the first chunk's that failed; others may be on disk.
    pub async fn finish(mut self) -> Result<u32, ServiceError> {
        while !self.under_way.is_empty() {
            self.landed().await?;
        }
        Ok(self.stored)
    }

    async fn landed(&mut self) -> Result<(), ServiceError> {
        match self.under_way.join_next().await {
            Some(Ok(stored)) => stored?,
            Some(Err(error)) => return Err(ServiceError::internal(error)),
            None => return Ok(()),
        }
        self.stored += 1;
        Ok(())
    }
}

impl<S: Blobs> ChunkReader<S> {
    /// The next chunk with its index; nothing at the end.
    ///
    /// Errors: [`ServiceError::NotFound`] when the blob was deleted meanwhile.
    pub async fn next(&mut self) -> Result<Option<(u32, Bytes)>, ServiceError> {
        while self.ahead.len() < CHUNKS_AT_ONCE && self.next < self.end {
            let (inner, blob, index) = (Arc::clone(&self.inner), self.blob, self.next);
            let read = tokio::spawn(async move {
                inner.store.read_chunk(blob, index).await?.ok_or(ServiceError::NotFound)
            });
            self.ahead.push_back((index, Ahead(read)));
            self.next += 1;
        }
        let Some((index, mut ahead)) = self.ahead.pop_front() else { return Ok(None) };
        let chunk = (&mut ahead.0).await.map_err(ServiceError::internal)??;
        Ok(Some((index, chunk)))
    }
}
