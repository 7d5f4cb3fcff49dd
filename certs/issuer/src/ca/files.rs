//! Files as this crate reads and writes them: at most so long, and whole or absent.

use crate::{ca::error::FolderError, error::IssuerError};
use alcove_programs::files::{self, Access, open_named};
use std::{io::Read, path::Path};

/// Attaches to an I/O error what was tried on what: a path, or what takes its place, as the terminal.
pub fn io(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> IssuerError + use<> {
    let path = path.to_owned();
    move |source| IssuerError::Folder(FolderError::Io { act, path, source })
}

/// Reads a file of at most `limit` bytes.
///
/// Errors: [`FolderError::Io`], [`FolderError::TooLarge`].
pub fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, IssuerError> {
    let file = open_named(path).map_err(io("read", path))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(io("read", path))?;
    if bytes.len() > limit {
        return Err(FolderError::TooLarge { path: path.to_owned(), limit }.into());
    }
    Ok(bytes)
}

/// Writes a file that others may read, in place of one that may be there; after a crash it is the
/// old one or the new one.
///
/// Errors: [`FolderError::Io`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), IssuerError> {
    Ok(files::put(path, bytes, Access::Everyone)?)
}

/// As [`write_whole`], for a file that only its owner may read.
///
/// Errors: [`FolderError::Io`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), IssuerError> {
    Ok(files::put(path, bytes, Access::Owner)?)
}
