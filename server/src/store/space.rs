//! The disk under the data folder: what is free of it.
//!
//! A write that fails half-way on a full disk is what no engine bears well. So a reserve stays free, and the question
//! is asked before each batch and each chunk, when nothing has been written yet.

use super::error::{Result, StoreError};
use rustix::io::Errno;
use std::{io::ErrorKind, path::PathBuf};

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
        let act = "asking for the free space of the data folder";
        let free = rustix::fs::statvfs(&self.folder).map_err(|errno| {
            let source = std::io::Error::from(errno);
            if is_short(&source) { StoreError::Short { act, source } } else { StoreError::Io { act, source } }
        })?;
        Ok(free.f_bavail.saturating_mul(free.f_frsize))
    }

    /// Whether `bytes` more can be written. Errors: [`StoreError::StorageFull`].
    pub(crate) fn admit(&self, bytes: u64, purpose: Purpose) -> Result<()> {
        let available = self.available()?;
        let floor = match purpose {
            Purpose::Grow => self.floor,
            Purpose::Free => self.floor / 2,
        };
        if available < floor.saturating_add(bytes) { Err(self.full(available)) } else { Ok(()) }
    }

    fn full(&self, available: u64) -> StoreError {
        StoreError::StorageFull { available, floor: self.floor }
    }

    /// The error for `source`, by what the system says that it has too little of: [`StoreError::StorageFull`] if it is the
    /// disk or its quota, [`StoreError::Short`] if it is anything else.
    pub(crate) fn io(&self, act: &'static str, source: std::io::Error) -> StoreError {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => self.full(self.available().unwrap_or(0)),
            _ if is_short(&source) => {
                // Whoever asked comes again and says nothing: only an operator can give the server more.
                tracing::warn!(act, %source, "the system is short of something");
                StoreError::Short { act, source }
            }
            _ => StoreError::Io { act, source },
        }
    }
}

/// Whether the system has no descriptor, memory or thread left: whoever asked may come again.
pub fn is_short(error: &std::io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::WouldBlock)
        || error.raw_os_error().is_some_and(|raw| short.iter().any(|errno| errno.raw_os_error() == raw))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(matches!(tight.admit(1, Purpose::Grow), Err(StoreError::StorageFull { .. })));
    }

    #[test]
    fn what_the_system_has_too_little_of_is_told_from_any_other_error() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::new(folder.path().into(), 7);
        let full = space.io("writing", std::io::Error::from_raw_os_error(28));
        assert!(matches!(full, StoreError::StorageFull { floor: 7, .. }));
        for raw in [11, 12, 23, 24] {
            let short = space.io("writing", std::io::Error::from_raw_os_error(raw));
            assert!(matches!(short, StoreError::Short { act: "writing", .. }), "{raw}: {short:?}");
        }
        let other = space.io("writing", std::io::Error::from_raw_os_error(5));
        assert!(matches!(other, StoreError::Io { act: "writing", .. }));
    }
}
