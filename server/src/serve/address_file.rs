//! The file that says where the server listens.

use super::error::ServeError;
use alcove_programs::files::{Access, FileError, put};
use std::{fs, net::SocketAddr, path::PathBuf};

/// Says where the server listens, for as long as it does.
pub(super) struct AddressFile(PathBuf);

impl AddressFile {
    /// Writes the file so that whoever sees it sees all of it.
    pub(super) fn write(path: PathBuf, address: SocketAddr) -> Result<Self, ServeError> {
        match put(&path, format!("{address}\n").as_bytes(), Access::Everyone) {
            Ok(()) => Ok(Self(path)),
            Err(FileError { source, .. }) => Err(ServeError::AddressFile { path, source }),
        }
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        // Whoever reads a stale one finds nobody there.
        let _left_over = fs::remove_file(&self.0);
    }
}
