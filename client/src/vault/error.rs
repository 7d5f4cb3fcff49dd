//! Why the vault could not be used.

use alcove_programs::files::FileError;
use std::{io, path::PathBuf};

/// A failure of the vault. [`VaultError::Damaged`] never goes away by trying again.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault in that folder.
    #[error("there is no vault at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is a vault in that folder already.
    #[error("there is a vault at {} already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The vault is whole and this is not its passphrase.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// Bytes were changed or cut off: a row does not open, or the database is no database.
    #[error("the vault is damaged: {what}")]
    Damaged {
        /// Which part. Never content.
        what: &'static str,
    },
    /// Written by a newer Alcove.
    #[error("the vault has format {found}, which this program does not know")]
    Format {
        /// The format it names.
        found: u32,
    },
    /// Another process kept the vault longer than [`super::VAULT_WAIT`].
    #[error("another alcove keeps the vault busy")]
    Busy,
    /// The new passphrase is in force, but another process kept on reading what was before: the vault's files still hold
    /// what the old one opens.
    #[error("the old passphrase still opens what lies in the vault's files")]
    OldPassphraseLingers,
    /// The disk is full. Nothing was written.
    #[error("no space left for the vault")]
    Full,
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// SQLite failed in a way that says nothing about the file.
    #[error("the database refuses: {0}")]
    Database(#[source] rusqlite::Error),
    /// No random bytes from the operating system.
    #[error("the operating system gives no random bytes")]
    Randomness,
}

impl VaultError {
    pub(crate) fn damaged(what: &'static str) -> Self {
        Self::Damaged { what }
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode, ffi::SQLITE_IOERR_SHMSIZE};
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            // The index of the write-ahead log finds no room beside the file: SQLite calls that an I/O error.
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) =>
            {
                Self::Full
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::damaged("the database's structure"),
            Some(ErrorCode::NotADatabase) => Self::damaged("the file is no database"),
            Some(ErrorCode::SchemaChanged | ErrorCode::TypeMismatch | ErrorCode::ConstraintViolation) => {
                Self::damaged("the database's schema")
            }
            Some(_) => Self::Database(error),
            // No code: a value of another type than the schema says, or SQL that finds no table.
            None => Self::damaged("a value of the wrong type"),
        }
    }
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        Self::Io { path: error.path, source: error.source }
    }
}
