//! Storing one chunk: its bytes, then its row, or neither.
//!
//! Whoever sends a chunk may be gone at any moment, and a file that is being written cannot be called back:
//! its bytes would lie on the disk with no row to count them by. So the two steps run in a task of their own,
//! which always ends in a row or in the file's removal; what a crash cuts off, the reaper finds.

use super::uploads::{self, ChunkPlace, Expected};
use crate::store::{
    Result, StoreError,
    audit::By,
    chunk_files::ChunkFiles,
    sled::engine::{Demand, Queue, View, WeakQueue},
};
use alcove_proto::ids::{BlobId, Digest};
use bytes::Bytes;
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Chunks being stored at one time, 1 MiB of memory each. Also what senders that are gone can make the disk
/// hold beyond their quota, for as long as it takes to remove it.
const STORING_MAX: usize = 32;

/// The way of chunks to the disk. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chunks {
    pub(crate) files: Arc<ChunkFiles>,
    pub(crate) view: View,
    /// Weak: a chunk on its way does not keep a closing store open.
    queue: Arc<WeakQueue>,
    turns: Arc<Semaphore>,
}

/// One chunk on its way.
struct Chunk {
    blob: BlobId,
    index: u32,
    bytes: Bytes,
    digest: Digest,
    by: By,
}

impl Chunks {
    pub(crate) fn new(files: Arc<ChunkFiles>, view: View, queue: &Queue) -> Self {
        let queue = Arc::new(queue.downgrade());
        Self { files, view, queue, turns: Arc::new(Semaphore::new(STORING_MAX)) }
    }

    /// Stores one chunk; one that is here is compared.
    ///
    /// Errors: as for [`crate::store::Blobs::put_chunk`].
    pub(crate) async fn put(&self, blob: BlobId, index: u32, bytes: Bytes, by: By) -> Result<()> {
        // Before anything is begun: senders that come and go do not pile up what cannot be called back.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let chunks = self.clone();
        let stored = tokio::spawn(async move {
            let stored = chunks.store(blob, index, bytes, by).await;
            drop(turn);
            stored
        });
        // Only a panic or a runtime that ends loses the answer.
        stored.await.unwrap_or(Err(StoreError::Stopped))
    }

    async fn store(&self, blob: BlobId, index: u32, bytes: Bytes, by: By) -> Result<()> {
        let (view, content, asker) = (self.view.clone(), bytes.clone(), by.clone());
        let looked = spawn_blocking(move || {
            let expected = uploads::expect_chunk(&view, &blob, index, content.len(), &asker)?;
            // About a millisecond for a whole chunk: not on the reactor.
            Ok((expected, uploads::chunk_digest(&content)))
        });
        let (expected, digest) = looked.await.unwrap_or(Err(StoreError::Damaged { what: "database" }))?;
        let chunk = Chunk { blob, index, bytes, digest, by };
        match expected {
            Expected::Here(here) => {
                if here == digest {
                    Ok(())
                } else {
                    Err(StoreError::IdReused)
                }
            }
            Expected::Inline => {
                let place = ChunkPlace::Inline(chunk.bytes.clone());
                self.record(&chunk, Demand::bytes(chunk.bytes.len()), place).await.map(|_| ())
            }
            Expected::File => self.store_file(chunk).await,
        }
    }

    async fn store_file(&self, chunk: Chunk) -> Result<()> {
        let Chunk { blob, index, .. } = chunk;
        let written = self.files.write(&blob, index, chunk.bytes.clone()).await?;
        let file = written.file;
        let taken = self.record(&chunk, Demand::bytes(0), ChunkPlace::File(file)).await;
        let litter = match &taken {
            Ok(new) => !new,
            // The store is closing, or worse: nobody can say whether the row is there. The next start can.
            Err(StoreError::Stopped) => false,
            Err(_) => true,
        };
        if litter {
            let files = self.files.clone();
            let blob_gone = matches!(taken, Err(StoreError::NotFound));
            // Waited for, so that a refused chunk is gone when the refusal is known.
            let discard = move || files.discard(&blob, index, &file, blob_gone);
            let _ = spawn_blocking(discard).await;
        }
        // Only now: until here the reaper must not take the file for litter.
        drop(written);
        taken.map(|_| ())
    }

    /// Answers false when another attempt with the same bytes was first.
    async fn record(&self, chunk: &Chunk, demand: Demand, place: ChunkPlace) -> Result<bool> {
        let queue = self.queue.upgrade().ok_or(StoreError::Stopped)?;
        let (blob, index, digest, by) = (chunk.blob, chunk.index, chunk.digest, chunk.by.clone());
        queue
            .submit_and_leave(demand, move |batch| {
                uploads::put_chunk(batch, &blob, index, digest, place, &by)
            })
            .await
    }
}
