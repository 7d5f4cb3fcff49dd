//! The store as a whole: hints, health and the integrity check.

use super::{
    check::Check,
    engine::{AMPLIFICATION, side_files, unreadable},
    store::SledStore,
};
use crate::store::{
    Result,
    operation::{CheckReport, Health, Hint, Operation},
    space::Purpose,
};
use alcove_proto::limits::CHUNK_BYTES;
use tokio::sync::broadcast;

impl Operation for SledStore {
    fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    async fn check(&self) -> Result<CheckReport> {
        let files = self.files.clone();
        let folder = self.config.folder.clone();
        self.read(move |view| Check { view, files: &files, data: &folder }.run()).await
    }

    async fn health(&self) -> Result<Health> {
        let (folder, space, db) = (self.config.folder.clone(), self.space.clone(), self.db.clone());
        let takes = self.queue.is_open();
        self.read(move |_| {
            let side_files = side_files(&folder)?;
            let admitted = space.admit(CHUNK_BYTES as u64 * AMPLIFICATION, Purpose::Grow).is_ok();
            Ok(Health {
                writable: takes && admitted && side_files == 0,
                available_bytes: space.available()?,
                floor_bytes: space.floor(),
                database_bytes: db.size_on_disk().map_err(unreadable)?,
                side_files,
            })
        })
        .await
    }
}
