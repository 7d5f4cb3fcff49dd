//! Gives trust files their names, and takes them away, durably. They are written by [`alcove_programs::files::put`].

use alcove_programs::files::{FileError, failed, folder_of, sync_folder};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Gives the file at `from` the name `to`, in the same folder.
///
/// Errors: the system's.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed("rename", from))?;
    sync_folder(folder_of(to))
}

/// Removes files of one folder; those that are gone are gone. When this returns, none comes back after a power cut.
///
/// Errors: the system's, with the first file that stays; then those after it stay too.
pub(crate) fn remove_all(paths: &[PathBuf]) -> Result<(), FileError> {
    let gone = |path: &PathBuf| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    paths.iter().try_for_each(gone)?;
    paths.last().map_or(Ok(()), |last| sync_folder(folder_of(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_renamed_and_removed_and_one_that_is_gone_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harborlight.crl");
        fs::write(&path, b"first").unwrap();
        let named = folder.path().join("elmgate.crl");
        rename(&path, &named).unwrap();
        assert!(!path.exists() && named.exists());
        remove_all(&[path.clone(), named.clone()]).unwrap();
        remove_all(std::slice::from_ref(&named)).unwrap();
        assert!(!named.exists());
        fs::create_dir(&named).unwrap();
        assert_eq!(remove_all(&[path, named.clone()]).unwrap_err().path, named, "which one stays");
    }
}
