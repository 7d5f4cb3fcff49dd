//! Where the store keeps things, and what it may use for that.

use std::{path::PathBuf, time::Duration};

/// Where and how to keep things.
#[derive(Debug, Clone)]
pub struct SledConfig {
    /// The data folder; made if it is not there.
    pub folder: PathBuf,
    /// Bytes of database pages kept in memory. Between 64 and 256 MiB is sensible.
    pub cache_bytes: u64,
    /// Bytes of the disk that are never used: sled does not survive a full one. Not below
    /// [`SledConfig::FLOOR_BYTES_MIN`].
    pub free_bytes_min: u64,
    /// Time between two looks for files that no row names: a look at every chunk, on a thread of its own.
    pub sweep_interval: Duration,
}

impl SledConfig {
    /// Smallest reserve: some segments of sled's, and what the largest commit rewrites.
    pub const FLOOR_BYTES_MIN: u64 = 48 * 1024 * 1024;

    /// The data folder with the sizes that suit most.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            cache_bytes: 128 * 1024 * 1024,
            free_bytes_min: 256 * 1024 * 1024,
            sweep_interval: Duration::from_secs(24 * 3600),
        }
    }
}
