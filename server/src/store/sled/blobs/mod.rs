//! Blobs: their rows, the chunks on their way to files, and the removal of both.

mod check;
pub(super) mod chunks;
pub(super) mod reaper;
pub(super) mod uploads;

use super::{
    engine::{Batch, Demand},
    store::SledStore,
};
use crate::store::{
    Result, StoreError,
    audit::By,
    blobs::{Blob, Blobs, FinishOutcome, IdleUpload, NewUpload, Upload},
};
use alcove_proto::ids::{BlobId, Digest};
use bytes::Bytes;
use uploads::{ChunkPlace, INLINE_BLOB_BYTES_MAX};

impl Blobs for SledStore {
    async fn open_upload(&self, upload: NewUpload, quota_bytes_max: u64, by: By) -> Result<Upload> {
        let blob = upload.blob;
        let in_files = upload.shape.bytes_total() > INLINE_BLOB_BYTES_MAX;
        let act = move |batch: &mut Batch<'_>| uploads::open(batch, &upload, quota_bytes_max, &by);
        self.queue.submit(Demand::bytes(0), act).await?;
        let files = self.files.clone();
        self.read(move |view| {
            let progress = uploads::progress(view, &blob)?.ok_or(StoreError::NotFound)?;
            if in_files && !progress.finished {
                files.prepare(&blob)?;
            }
            Ok(progress)
        })
        .await
    }

    async fn put_chunk(&self, blob: BlobId, index: u32, chunk: Bytes, by: By) -> Result<()> {
        self.chunks.put(blob, index, chunk, by).await
    }

    async fn finish_upload(&self, blob: BlobId, digest: Digest, by: By) -> Result<FinishOutcome> {
        let asker = by.clone();
        if let Some(outcome) = self.read(move |view| uploads::verify(view, &blob, &digest, &asker)).await? {
            return Ok(outcome);
        }
        let act = move |batch: &mut Batch<'_>| uploads::finish(batch, &blob, &digest, &by);
        self.queue.submit(Demand::bytes(0), act).await
    }

    async fn blob(&self, blob: BlobId) -> Result<Option<Blob>> {
        self.read(move |view| uploads::blob(view, &blob)).await
    }

    async fn read_chunk(&self, blob: BlobId, index: u32) -> Result<Option<Bytes>> {
        match self.read(move |view| uploads::find_chunk(view, &blob, index)).await? {
            None => Ok(None),
            Some(ChunkPlace::Inline(chunk)) => Ok(Some(chunk)),
            Some(ChunkPlace::File(file)) => match self.files.read(&blob, index, &file).await? {
                Some(chunk) => Ok(Some(chunk)),
                // Deleted meanwhile, or lost.
                None if self.blob(blob).await?.is_none() => Ok(None),
                None => Err(StoreError::Damaged { what: "chunk" }),
            },
        }
    }

    async fn delete_blob(&self, blob: BlobId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| uploads::delete(batch, &blob, &by);
        let deleted = self.queue.submit(Demand::freeing(), act).await?;
        if deleted {
            self.wake.now();
        }
        Ok(deleted)
    }

    async fn uploads(&self, after: Option<IdleUpload>, max: usize) -> Result<Vec<IdleUpload>> {
        self.read(move |view| uploads::uploads(view, after.as_ref(), max)).await
    }

    async fn expire_upload(&self, upload: IdleUpload, idle_since_ms: i64, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| uploads::expire(batch, &upload, idle_since_ms, &by);
        let expired = self.queue.submit(Demand::freeing(), act).await?;
        if expired {
            self.wake.now();
        }
        Ok(expired)
    }
}
