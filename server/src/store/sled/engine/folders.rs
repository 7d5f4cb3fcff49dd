//! The folders of a database and what lies in them.

use crate::store::{Result, StoreError};
use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// sled's folder.
pub(crate) fn database_folder(data: &Path) -> PathBuf {
    data.join("database")
}

/// The folder of chunk files.
pub(crate) fn chunk_folder(data: &Path) -> PathBuf {
    data.join("chunks")
}

/// The file sled keeps everything in, within its folder.
pub(crate) fn file_in(folder: &Path) -> PathBuf {
    folder.join("db")
}

/// sled's folder of side files.
pub(crate) fn side_folder(data: &Path) -> PathBuf {
    database_folder(data).join("blobs")
}

/// The folder a copy is made in.
pub(crate) fn copy_folder(data: &Path) -> PathBuf {
    data.join("database.copy")
}

/// Removes what a compaction that was interrupted left behind.
pub(crate) fn clear_copy(data: &Path) -> Result<()> {
    match fs::remove_dir_all(copy_folder(data)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { act: "removing an unfinished copy of the database", source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Side files there are.
pub(crate) fn side_files(data: &Path) -> Result<usize> {
    match fs::read_dir(side_folder(data)) {
        Ok(entries) => Ok(entries.count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(StoreError::Io { act: "looking for side files", source }),
    }
}

/// Makes `folder` for its owner alone, if it is not there.
pub(crate) fn make_folder(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts on disk which files a folder has.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
