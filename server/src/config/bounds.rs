//! Why a configuration is refused, and the bounds its numbers keep to.

use alcove_proto::limits::MESSAGE_BYTES_MAX;
use std::{
    io,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
};

/// Bytes one device's calls must be able to hold: the largest message and its answer, or one transfer.
pub(super) const CALL_BYTES_LEAST: u64 = 2 * MESSAGE_BYTES_MAX as u64;
/// Bytes of memory nobody has.
pub(super) const CALL_BYTES_MOST: u64 = 1 << 44;
/// Milliseconds of the longest wait; a longer one would be as good as none.
pub(super) const WAIT_MS_MAX: u64 = 3600 * 1000;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The file does not parse, or has a key that does not exist.
    #[error("the configuration {} is refused", .0.display())]
    Parse(PathBuf, #[source] Box<toml::de::Error>),
    /// A number is outside of its range.
    #[error("{key} must be between {least} and {most}, in {unit}")]
    Range {
        /// The key, with its table.
        key: &'static str,
        /// Smallest value taken.
        least: u64,
        /// Largest value taken.
        most: u64,
        /// What the number counts.
        unit: &'static str,
    },
}

/// Refuses a value that is out of its bounds.
pub(super) fn within(
    key: &'static str,
    value: u64,
    least: u64,
    most: u64,
    unit: &'static str,
) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(ConfigError::Range { key, least, most, unit }) }
}

/// A default that counts connections or handshakes; never 0.
pub(super) fn count(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).unwrap_or(NonZeroUsize::MIN)
}

/// Any other default; never 0.
pub(super) fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}
