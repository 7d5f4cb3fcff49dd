//! A laptop: a folder of its own for a vault, a passphrase file, and the real `alcove` run as a shell would run it.

use crate::process::Run;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The passphrase of every vault on a laptop.
pub const PASSPHRASE: &str = "seven quiet herons";

/// A laptop with nothing on it but a passphrase file.
#[derive(Debug)]
pub struct Laptop {
    folder: TempDir,
}

impl Laptop {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let laptop = Self { folder: tempfile::tempdir().expect("a folder for a laptop") };
        laptop.write_passphrase(PASSPHRASE);
        laptop
    }

    /// Where something of this name lies in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The vault's folder.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The file that the passphrase is read from.
    pub fn passphrase_file(&self) -> PathBuf {
        self.path("passphrase")
    }

    fn write_passphrase(&self, passphrase: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = self.passphrase_file();
        fs::write(&file, format!("{passphrase}\n")).expect("a passphrase file is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("and closed to others");
    }

    /// A run with vault folder and passphrase file given by the environment.
    pub fn alcove(&self, arguments: &[&str]) -> Run {
        self.bare(arguments).env("ALCOVE_PASSPHRASE_FILE", self.passphrase_file())
    }

    /// A run with the vault's folder alone.
    pub fn bare(&self, arguments: &[&str]) -> Run {
        alcove(arguments).env("ALCOVE_HOME", self.home()).current_dir(self.folder.path())
    }
}

/// A run of `alcove` that is told of no vault.
pub fn alcove(arguments: &[&str]) -> Run {
    Run::new("alcove").args(arguments)
}

/// Every file below `folder`.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder is read") {
        let path = entry.expect("an entry is read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
