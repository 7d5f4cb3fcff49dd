//! Exit codes, the same numbers in every program of Alcove.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Something that was named is not there.
    NotFound = 3,
    /// Stored data is damaged. Never try again; look first.
    Integrity = 6,
    /// The server is not running or cannot be reached.
    Unreachable = 7,
    /// A certificate or the charter has expired, is revoked, or is not believed.
    Certificate = 8,
    /// Something is in the way: a file that exists, a store that is open, an address in use.
    Conflict = 9,
    /// No space.
    NoSpace = 11,
    /// A file was refused.
    Refused = 12,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
