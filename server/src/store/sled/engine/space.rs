//! The disk under the data folder: what is free, and whether it can be trusted.
//!
//! sled does not survive a full disk: a write that fails half-way poisons it. So a reserve stays free,
//! and the question is asked before each batch and each chunk, when nothing has been written yet.

use crate::store::{Result, StoreError};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Bytes on disk one byte of a batch may need for a moment: its own, and the pages rewritten with it.
const AMPLIFICATION: u64 = 4;

/// The free space of one data folder.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    folder: PathBuf,
    floor: u64,
}

/// What the space is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Anything that grows the store.
    Grow,
    /// What frees space: may use half of the reserve, or a full disk could never be mended.
    Free,
}

impl Space {
    pub(crate) fn new(folder: PathBuf, floor: u64) -> Self {
        Self { folder, floor }
    }

    /// Bytes that stay in reserve.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Bytes free to this process.
    pub(crate) fn available(&self) -> Result<u64> {
        let free = rustix::fs::statvfs(&self.folder).map_err(|errno| StoreError::Io {
            act: "asking for the free space of the data folder",
            source: errno.into(),
        })?;
        Ok(free.f_bavail.saturating_mul(free.f_frsize))
    }

    /// Whether `bytes` more can be written to the database. Errors: [`StoreError::StorageFull`].
    pub(crate) fn admit(&self, bytes: u64, purpose: Purpose) -> Result<()> {
        self.admit_exactly(bytes.saturating_mul(AMPLIFICATION), purpose)
    }

    /// Whether a file of `bytes` can be written. Errors: [`StoreError::StorageFull`].
    pub(crate) fn admit_file(&self, bytes: u64) -> Result<()> {
        self.admit_exactly(bytes, Purpose::Grow)
    }

    fn admit_exactly(&self, bytes: u64, purpose: Purpose) -> Result<()> {
        let available = self.available()?;
        let floor = match purpose {
            Purpose::Grow => self.floor,
            Purpose::Free => self.floor / 2,
        };
        if available < floor.saturating_add(bytes) { Err(self.full(available)) } else { Ok(()) }
    }

    pub(crate) fn full(&self, available: u64) -> StoreError {
        StoreError::StorageFull { available, floor: self.floor }
    }

    /// The error for `source`: [`StoreError::StorageFull`] if the disk or its quota is used up.
    pub(crate) fn io(&self, act: &'static str, source: std::io::Error) -> StoreError {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => self.full(self.available().unwrap_or(0)),
            _ => StoreError::Io { act, source },
        }
    }
}

/// Refuses file systems whose flush is no promise over the network, and btrfs, on which sled's files
/// were lost in the field.
pub(crate) fn refuse_file_system(folder: &Path) -> Result<()> {
    let kind = rustix::fs::statfs(folder).map_err(|errno| StoreError::Io {
        act: "asking for the file system of the data folder",
        source: errno.into(),
    })?;
    // The field's type differs between platforms; the numbers are 32 bits wide on all of them.
    match refused(kind.f_type as u32) {
        Some(name) => Err(StoreError::FileSystem { name }),
        None => Ok(()),
    }
}

/// The name of a refused file system, by its magic number (statfs(2)). FUSE and 9p are let pass: what
/// lies behind them cannot be told, and sandboxes and containers keep local disks there.
fn refused(magic: u32) -> Option<&'static str> {
    const REFUSED: [(u32, &str); 7] = [
        (0x9123_683e, "btrfs"),
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
    ];
    REFUSED.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_and_a_local_one_is_not() {
        assert_eq!(refused(0x6969), Some("NFS"));
        assert_eq!(refused(0x9123_683e), Some("btrfs"));
        assert_eq!(refused(0xef53), None, "ext4");
        assert_eq!(refused(0x0102_1994), None, "tmpfs");
    }

    #[test]
    fn a_write_that_would_touch_the_reserve_is_refused_and_one_that_frees_may_use_half_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let free = Space::new(folder.path().into(), 0).available().unwrap();
        assert!(free > 0);
        let space = |floor| Space::new(folder.path().into(), floor);
        assert!(space(free / 4).admit(1, Purpose::Grow).is_ok());
        // The reserve is above what is free, and half of it is below: only freeing is admitted.
        let tight = space(free + free / 2);
        assert!(matches!(tight.admit(0, Purpose::Grow), Err(StoreError::StorageFull { .. })));
        assert!(tight.admit(0, Purpose::Free).is_ok());
        assert!(matches!(tight.admit(free, Purpose::Free), Err(StoreError::StorageFull { .. })));
        assert!(matches!(tight.admit_file(1), Err(StoreError::StorageFull { .. })));
    }

    #[test]
    fn an_error_of_a_full_disk_is_told_from_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::new(folder.path().into(), 7);
        let full = space.io("writing", std::io::Error::from_raw_os_error(28));
        assert!(matches!(full, StoreError::StorageFull { floor: 7, .. }));
        let other = space.io("writing", std::io::Error::from_raw_os_error(5));
        assert!(matches!(other, StoreError::Io { act: "writing", .. }));
    }
}
