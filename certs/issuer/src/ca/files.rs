//! Files that are whole or absent: temp name, fsync, rename, fsync of the folder.

use crate::error::IssuerError;
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only the owner: 0600.
    Owner,
    /// Whoever may enter the folder: 0644.
    Everyone,
}

/// Attaches path and act to an I/O error.
pub(crate) fn io(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IssuerError + use<> {
    let path = path.to_owned();
    move |source| IssuerError::Io { act, path, source }
}

/// Reads a file of at most `limit` bytes.
///
/// Errors: [`IssuerError::Io`], [`IssuerError::FileTooLarge`].
pub fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, IssuerError> {
    let file = File::open(path).map_err(io("read", path))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(io("read", path))?;
    if bytes.len() > limit {
        return Err(IssuerError::FileTooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// Writes a file that others may read, in place of one that may be there; after a crash it is the
/// old one or the new one.
///
/// Errors: [`IssuerError::Io`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), IssuerError> {
    replace(path, bytes, Access::Everyone)
}

/// As [`write_whole`], for a file that only its owner may read.
///
/// Errors: [`IssuerError::Io`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), IssuerError> {
    replace(path, bytes, Access::Owner)
}

pub(crate) fn replace(path: &Path, bytes: &[u8], access: Access) -> Result<(), IssuerError> {
    let folder = folder_of(path);
    let temp = temp_name(path)?;
    let written =
        write_new(&temp, bytes, access).and_then(|()| fs::rename(&temp, path).map_err(io("write", path)));
    if written.is_err() {
        // Best effort: the file is useless, and the error that led here is the one to tell.
        let _ = fs::remove_file(&temp);
    }
    written?;
    sync_folder(folder)
}

/// Creates `path` as a folder only its owner enters, with its parents, durably.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), IssuerError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    if !parent.exists() {
        create_private_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io("create", path)(error)),
    }
}

/// Removes what a crash in the middle of [`replace`] left in a folder.
pub(crate) fn remove_temps(folder: &Path) -> Result<(), IssuerError> {
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let entry = entry.map_err(io("read", folder))?;
        if is_temp(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path()).map_err(io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

pub(crate) fn is_temp(name: &str) -> bool {
    name.starts_with(".alcove-") && name.ends_with(".tmp")
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), IssuerError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}

fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), IssuerError> {
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everyone => 0o644,
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(io("create", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("sync", path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temp_name(path: &Path) -> Result<PathBuf, IssuerError> {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| IssuerError::Crypto { act: "draw random bytes" })?;
    Ok(folder_of(path).join(format!(".alcove-{:016x}.tmp", u64::from_be_bytes(random))))
}
