//! How large a run is, and in which order its sides take turns.

use crate::Error;
use std::{fs, io::ErrorKind, path::Path};

/// What was asked for on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Rounds of everything that is measured more than once.
    pub(crate) rounds: usize,
    /// Small sizes: shows that the bench works, says nothing about speed.
    pub(crate) quick: bool,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Alcove.
    Ours,
    /// The straw man or another bound.
    Theirs,
}

impl Setting {
    /// One size for a full run and one for a quick one.
    pub(crate) fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// A B B A A B …: a machine that grows slower hits both sides alike.
    pub(crate) fn turns(&self) -> Vec<Side> {
        (0..self.rounds)
            .flat_map(|round| match round % 2 {
                0 => [Side::Ours, Side::Theirs],
                _ => [Side::Theirs, Side::Ours],
            })
            .collect()
    }
}

/// Bytes the files and folders below `folder` take on the disk.
pub(crate) fn disk_bytes(folder: &Path) -> Result<u64, Error> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        // A folder or file may go between listing and looking: then it takes nothing.
        let entries = match fs::read_dir(&below) {
            Err(error) if error.kind() == ErrorKind::NotFound && below != folder => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(bytes)
}

/// A size in words.
pub(crate) fn size_name(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) { format!("{} GiB", mib / 1024) } else { format!("{mib} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_gibibytes_are_called_so() {
        assert_eq!([8, 1024, 1536, 4096].map(size_name), ["8 MiB", "1 GiB", "1536 MiB", "4 GiB"]);
    }

    #[test]
    fn the_sides_take_turns_in_the_order_a_b_b_a() {
        use Side::{Ours, Theirs};
        let setting = Setting { rounds: 3, quick: false };
        assert_eq!(setting.turns(), [Ours, Theirs, Theirs, Ours, Ours, Theirs]);
    }

    #[test]
    fn a_file_takes_at_least_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), vec![7; 100_000]).unwrap();
        let bytes = disk_bytes(folder.path()).unwrap();
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
    }
}
