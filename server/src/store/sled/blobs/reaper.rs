//! Removes what nothing names any more: chunks of deleted blobs, and files a crash left without a row.
//!
//! One thread. It begins with what an earlier run left over, is woken by deletions, and looks through the files
//! again from time to time.

use super::uploads;
use crate::store::{
    Result, StoreError,
    chunk_files::ChunkFiles,
    sled::engine::{ChunkRow, Demand, Queue, View, WeakQueue},
};
use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

/// Rows removed in one act: small enough that other acts do not wait for it.
const ROWS_PER_ACT: usize = 512;
/// Deleted blobs taken up at a time.
const TOMBSTONES_PER_ROUND: usize = 64;

/// Wakes the reaper; dropping it ends the thread.
#[derive(Clone)]
pub(crate) struct Wake(mpsc::SyncSender<()>);

impl Wake {
    /// Something was deleted.
    pub(crate) fn now(&self) {
        // Full: it is woken already.
        let _ = self.0.try_send(());
    }
}

pub(crate) struct Reaper {
    pub(crate) view: View,
    pub(crate) files: Arc<ChunkFiles>,
    /// Weak: a reaper at work must not keep a closing store open.
    pub(crate) queue: WeakQueue,
    /// Time between two looks through all files.
    pub(crate) sweep_interval: Duration,
}

impl Reaper {
    pub(crate) fn start(self) -> Result<(Wake, std::thread::JoinHandle<()>)> {
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-reaper".to_owned())
            .spawn(move || self.run(&woken))
            .map_err(|source| StoreError::Io { act: "starting the reaper", source })?;
        Ok((Wake(wake), thread))
    }

    fn run(&self, woken: &mpsc::Receiver<()>) {
        self.report("removing leftovers", self.sweep());
        let mut swept = Instant::now();
        loop {
            self.report("removing deleted blobs", self.purge());
            match woken.recv_timeout(self.sweep_interval.saturating_sub(swept.elapsed())) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.report("removing leftovers", self.sweep());
                    swept = Instant::now();
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn report(&self, act: &'static str, outcome: Result<u64>) {
        match outcome {
            Ok(0) | Err(StoreError::Stopped) => {}
            Ok(removed) => tracing::info!(act, removed, "reaped"),
            // It stays for the next round.
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
            let blobs = uploads::tombstones(&self.view, TOMBSTONES_PER_ROUND)?;
            if blobs.is_empty() {
                return Ok(purged);
            }
            for blob in blobs {
                self.files.remove_blob(&blob)?;
                while !self.queue()?.submit_blocking(Demand::freeing(), move |batch| {
                    uploads::purge_rows(batch, &blob, ROWS_PER_ACT)
                })? {}
                purged += 1;
            }
        }
    }

    /// Removes files that no row names; answers how many files and folders.
    fn sweep(&self) -> Result<u64> {
        let mut removed = 0;
        for blob in self.files.blobs()? {
            self.queue()?;
            removed += self.files.sweep(&blob, |index| {
                Ok(self
                    .view
                    .row::<ChunkRow>(&uploads::chunk_key(&blob, index))?
                    .and_then(|row| row.file)
                    .map(Into::into))
            })?;
            if !uploads::is_known(&self.view, &blob)? && self.files.remove_empty(&blob) {
                removed += 1;
                // It may have been begun anew just now, and its first chunk needs a folder that is on disk.
                if uploads::is_known(&self.view, &blob)? {
                    self.files.prepare(&blob)?;
                }
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
#[path = "reaper_tests.rs"]
mod tests;
