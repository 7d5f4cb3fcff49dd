//! Files that several commands take, and files that none of them writes over.

use alcove_charter::{CHARTER_FILE_BYTES_MAX, CharterFile};
use alcove_issuer::{FolderError, IssuerError, read_limited};
use alcove_proto::limits::CRL_BYTES_MAX;
use std::path::Path;

/// Most bytes of a request file.
pub(crate) const REQUEST_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn read_charter(path: &Path) -> Result<CharterFile, IssuerError> {
    Ok(CharterFile::parse(&read_limited(path, CHARTER_FILE_BYTES_MAX)?)?)
}

/// Before anything is signed: a file that is there is not written over, except the last list of `ca` by the next.
pub(crate) fn refuse_existing(file: &Path, force: bool, ca: Option<&Path>) -> Result<(), IssuerError> {
    if force || !file.exists() {
        return Ok(());
    }
    let last = ca.map(|folder| read_limited(&folder.join("agency.crl"), CRL_BYTES_MAX)).transpose()?;
    if last.is_some() && read_limited(file, CRL_BYTES_MAX).ok() == last {
        return Ok(());
    }
    Err(IssuerError::Folder(FolderError::WouldOverwrite { path: file.to_owned() }))
}
