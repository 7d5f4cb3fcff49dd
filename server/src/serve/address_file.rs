//! The file that says where the server listens.

use super::error::ServeError;
use alcove_programs::files::{Access, put};
use std::{fs, net::SocketAddr, path::PathBuf};

/// Says where the server listens, for as long as it does.
pub(super) struct AddressFile(PathBuf);

impl AddressFile {
    /// Writes the file so that whoever sees it sees all of it.
    pub(super) fn write(path: PathBuf, address: SocketAddr) -> Result<Self, ServeError> {
        put(&path, format!("{address}\n").as_bytes(), Access::Everyone).map_err(ServeError::AddressFile)?;
        Ok(Self(path))
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        // Whoever reads a stale one finds nobody there.
        let _left_over = fs::remove_file(&self.0);
    }
}
