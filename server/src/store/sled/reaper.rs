//! Removes what nothing names any more: chunks of deleted blobs, and files a crash left without a row.
//!
//! One thread. It begins with what an earlier run left over and then waits to be woken by deletions.

use super::{
    blobs,
    chunk_files::ChunkFiles,
    committer::{Demand, Queue, WeakQueue},
    rows::ChunkRow,
    view::View,
};
use crate::store::{Result, StoreError};
use std::sync::{Arc, mpsc};

/// Rows removed in one act: small enough that other acts do not wait for it.
const ROWS_PER_ACT: usize = 512;
/// Deleted blobs taken up at a time.
const TOMBSTONES_PER_ROUND: usize = 64;

/// Wakes the reaper; dropping it ends the thread.
#[derive(Clone)]
pub(super) struct Wake(mpsc::SyncSender<()>);

impl Wake {
    /// Something was deleted.
    pub(super) fn now(&self) {
        // Full: it is woken already.
        let _ = self.0.try_send(());
    }
}

pub(super) struct Reaper {
    pub(super) view: View,
    pub(super) files: Arc<ChunkFiles>,
    /// Weak: a reaper at work must not keep a closing store open.
    pub(super) queue: WeakQueue,
}

impl Reaper {
    pub(super) fn start(self) -> Result<(Wake, std::thread::JoinHandle<()>)> {
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-reaper".to_owned())
            .spawn(move || self.run(&woken))
            .map_err(|source| StoreError::Io { act: "starting the reaper", source })?;
        Ok((Wake(wake), thread))
    }

    fn run(&self, woken: &mpsc::Receiver<()>) {
        self.report("removing leftovers", self.sweep());
        loop {
            self.report("removing deleted blobs", self.purge());
            if woken.recv().is_err() {
                return;
            }
        }
    }

    fn report(&self, act: &'static str, outcome: Result<u64>) {
        match outcome {
            Ok(0) | Err(StoreError::Stopped) => {}
            Ok(removed) => tracing::info!(act, removed, "reaped"),
            // It stays for the next deletion or start.
            Err(error) => tracing::warn!(act, %error, "reaping failed"),
        }
    }

    fn queue(&self) -> Result<Queue> {
        self.queue.upgrade().ok_or(StoreError::Stopped)
    }

    /// Removes the chunks of deleted blobs; answers how many blobs.
    fn purge(&self) -> Result<u64> {
        let mut purged = 0;
        loop {
            let blobs = blobs::tombstones(&self.view, TOMBSTONES_PER_ROUND)?;
            if blobs.is_empty() {
                return Ok(purged);
            }
            for blob in blobs {
                self.files.remove_blob(&blob)?;
                while !self.queue()?.submit_blocking(Demand::freeing(), move |batch| {
                    blobs::purge_rows(batch, &blob, ROWS_PER_ACT)
                })? {}
                purged += 1;
            }
        }
    }

    /// Removes files of earlier runs that no row names; answers how many files and folders.
    fn sweep(&self) -> Result<u64> {
        let mut removed = 0;
        for blob in self.files.blobs()? {
            self.queue()?;
            // A folder of this run has a row before it exists.
            if blobs::is_known(&self.view, &blob)? {
                removed += self.files.sweep(&blob, |index| {
                    Ok(self.view.row::<ChunkRow>(&blobs::chunk_key(&blob, index))?.and_then(|row| row.file))
                })?;
            } else {
                self.files.remove_blob(&blob)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
