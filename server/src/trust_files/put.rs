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
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// Removes the file at `path`; one that is gone is gone.
///
/// Errors: the system's.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_folder_of(path)
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
        assert!(put(&folder.path().join("nowhere/file"), b"x").is_err());
    }
}
