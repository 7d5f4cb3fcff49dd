//! The store itself: its parts, from opening to closing.

use super::{
    blobs::{
        chunks::Chunks,
        reaper::{Reaper, Wake},
    },
    engine::{
        Committer, Logs, Opened, Queue, SledConfig, View, chunk_folder, compact, database_folder,
        next_sequence, open,
    },
};
use crate::store::{
    Result, Store, StoreError,
    chunk_files::ChunkFiles,
    operation::{Compacted, Hint},
    space::Space,
};
use ring::rand::SecureRandom;
use std::{fs::File, sync::Arc, thread::JoinHandle};
use tokio::sync::broadcast;

/// Hints a receiver may be behind before it misses some.
const HINTS_MAX: usize = 4096;

/// The store on sled. Cheap to share in an [`Arc`].
pub struct SledStore {
    pub(super) config: SledConfig,
    pub(super) queue: Queue,
    pub(super) wake: Wake,
    view: View,
    pub(super) files: Arc<ChunkFiles>,
    pub(super) chunks: Chunks,
    pub(super) space: Space,
    pub(super) hints: broadcast::Sender<Hint>,
    pub(super) db: ::sled::Db,
    threads: Vec<JoinHandle<()>>,
    /// The data folder is this process' alone until it is dropped.
    claim: File,
}

impl SledStore {
    /// Opens a data folder, made if there is none. Reads nothing but what sled needs to recover.
    ///
    /// Errors: [`StoreError::InUse`], [`StoreError::Open`], [`StoreError::FormatUnknown`],
    /// [`StoreError::NotOurs`], [`StoreError::SideFiles`], [`StoreError::FileSystem`],
    /// [`StoreError::Io`], [`StoreError::Damaged`]. The store itself has changed nothing then; what sled
    /// does to damaged files while it opens them is its own.
    pub fn open(config: SledConfig) -> Result<Self> {
        let floor = config.free_bytes_min.max(SledConfig::FLOOR_BYTES_MIN);
        let Opened { db, file, claim } = open::open(&config.folder, config.cache_bytes)?;
        let space = Space::new(config.folder.clone(), floor);
        let view = View::new((*db).clone());
        let (hints, _) = broadcast::channel(HINTS_MAX);
        let committer = Committer {
            db: db.clone(),
            file,
            view: view.clone(),
            space: space.clone(),
            hints: hints.clone(),
            audit_sequence: next_sequence(&db)?,
            logs: Logs::default(),
        };
        let (queue, committer) = committer.start()?;
        let run = random_u64()?;
        let folder = chunk_folder(&config.folder);
        let files = Arc::new(ChunkFiles::open(folder, space.clone(), run)?);
        let chunks = Chunks::new(files.clone(), view.clone(), &queue);
        let sweep_interval = config.sweep_interval;
        let reaper =
            Reaper { view: view.clone(), files: files.clone(), queue: queue.downgrade(), sweep_interval };
        let (wake, reaper) = reaper.start()?;
        let threads = vec![reaper, committer];
        Ok(Self { config, queue, wake, view, files, chunks, space, hints, db, threads, claim })
    }

    /// Takes no more, finishes what is queued, and closes the files. Blocks while it does: up to a
    /// second for each gigabyte written since the start.
    ///
    /// The folder can be opened again when this returns and no verb is running any more.
    pub fn close(self) {
        let Self { config, queue, wake, threads, db, view, files, chunks, claim, .. } = self;
        drop((queue, wake));
        for thread in threads {
            // A panic of theirs has been reported already.
            let _ = thread.join();
        }
        let has_grown = view.has_grown();
        drop((db, view, files, chunks));
        open::wait_until_released(&database_folder(&config.folder));
        if has_grown {
            open::shorten_next_start(&config.folder, config.cache_bytes);
        }
        drop(claim);
    }

    /// Copies the database of a data folder into a new one without the space of what was deleted, and puts that
    /// in its place. Blocks; the folder is nobody else's meanwhile.
    ///
    /// Errors: those of [`SledStore::open`]; [`StoreError::StorageFull`] without room for a second copy. The
    /// database is whole whenever this ends, also by a power cut.
    pub fn compact(config: &SledConfig) -> Result<Compacted> {
        let floor = config.free_bytes_min.max(SledConfig::FLOOR_BYTES_MIN);
        compact::compact(&config.folder, config.cache_bytes, &Space::new(config.folder.clone(), floor))
    }

    /// Runs a read where it may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let view = self.view.clone();
        // A panic here is sled's, over a page it cannot read.
        tokio::task::spawn_blocking(move || read(&view))
            .await
            .unwrap_or(Err(StoreError::Damaged { what: "database" }))
    }
}

impl Store for SledStore {}

/// Another number on every start.
fn random_u64() -> Result<u64> {
    let mut bytes = [0; 8];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Io {
        act: "asking the system for randomness",
        source: std::io::Error::other("no randomness"),
    })?;
    Ok(u64::from_be_bytes(bytes))
}
