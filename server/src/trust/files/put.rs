//! Puts a trust file in its place, durably: whoever looks sees the old one or the new one, whole.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Writes `bytes` at `path`, in place of a file that may be there.
///
/// When this returns, a power cut loses nothing of it. Killed at any line it leaves the file that was there, or the new
/// one, and perhaps a file that ends in `.new`, which nobody reads and the next call replaces.
/// Errors: the system's; then the old file is in its place still, or the new one and not yet surely on disk.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// Gives the file at `from` the name `to`, in the same folder.
///
/// Errors: the system's.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder_of(to)
}

/// Removes files of one folder; those that are gone are gone. When this returns, none comes back after a power cut.
///
/// Errors: the system's, with the first file that stays; then those after it stay too.
pub(crate) fn remove_all(paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    let gone = |path: &PathBuf| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err((path.clone(), error)),
        Ok(()) | Err(_) => Ok(()),
    };
    paths.iter().try_for_each(gone)?;
    match paths.last() {
        Some(last) => sync_folder_of(last).map_err(|error| (last.clone(), error)),
        None => Ok(()),
    }
}

/// Removes the file at `path`; one that is gone is gone.
///
/// Errors: the system's.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    remove_all(&[path.to_owned()]).map_err(|(_path, error)| error)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_whatever_an_earlier_kill_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harborlight.crl");
        fs::write(folder.path().join("harborlight.crl.new"), [7; 9000]).unwrap();
        put(&path, b"first").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        put(&path, b"2").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
        let named = folder.path().join("elmgate.crl");
        put(&path, b"again").unwrap();
        rename(&path, &named).unwrap();
        assert!(!path.exists() && named.exists());
        remove_all(&[path.clone(), named.clone()]).unwrap();
        assert!(!named.exists());
        fs::create_dir(&named).unwrap();
        assert_eq!(remove_all(&[path.clone(), named.clone()]).unwrap_err().0, named, "which one stays");
        assert!(put(&folder.path().join("nowhere/file"), b"x").is_err());
    }
}
