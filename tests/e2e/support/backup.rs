//! A copy of somebody's vault, as a backup of the laptop has it.

use alcove_tests::world::Staff;
use std::{fs, path::PathBuf};

/// The vault of one person as it was.
pub(crate) struct Backup {
    vault: PathBuf,
    bytes: Vec<u8>,
}

impl Backup {
    /// Copies the vault while no command runs: the file alone is all of it then.
    #[track_caller]
    pub(crate) fn of(staff: &Staff) -> Self {
        let found = fs::read_dir(&staff.home)
            .expect("the home is there")
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "db"));
        let vault = found.expect("a vault is a .db file in ALCOVE_HOME");
        let bytes = fs::read(&vault).expect("the vault can be read");
        Self { vault, bytes }
    }

    /// Puts it back in the place of what is there.
    #[track_caller]
    pub(crate) fn put_back(&self) {
        fs::write(&self.vault, &self.bytes).expect("the vault can be put back");
        for ending in ["-wal", "-shm"] {
            // A command that has ended leaves none behind, as a rule.
            let _none = fs::remove_file(format!("{}{ending}", self.vault.display()));
        }
    }
}
