//! What can be wrong with a CA's folder, or with a file beside it.

use std::{io, path::PathBuf};

/// Why a folder or a file is not as it has to be.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file could not be read, written or locked.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is over its limit.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: usize,
    },
    /// Another process has the folder.
    #[error("{} is in use", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A CA is there already.
    #[error("{} holds a CA", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no CA, or one of the other kind.
    #[error("{} holds no such CA", path.display())]
    NoCa {
        /// The folder.
        path: PathBuf,
    },
    /// `ca init` was interrupted; running it again finishes it.
    #[error("{} is half made", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// `ca init` was begun under another name.
    #[error("{} was begun for another name", path.display())]
    OtherProfile {
        /// The folder.
        path: PathBuf,
    },
    /// A file the caller wants to create exists.
    #[error("{} exists", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// An answer would be written over a file that is there.
    #[error("{} would be written over", path.display())]
    WouldOverwrite {
        /// Which.
        path: PathBuf,
    },
    /// Others on this machine may read the passphrase file.
    #[error("{} is open to others", path.display())]
    OpenToOthers {
        /// Which.
        path: PathBuf,
    },
    /// The keystore was truncated or altered.
    #[error("{} is damaged", path.display())]
    KeystoreDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A line of the ledger does not parse.
    #[error("{} is damaged at line {line}", path.display())]
    LedgerDamaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A file of the folder does not belong to the keystore's keys.
    #[error("{} does not match the keys", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
    },
    /// The file of open invitations was altered, or is another agency's.
    #[error("{} is damaged", path.display())]
    InvitationsDamaged {
        /// The file.
        path: PathBuf,
    },
}
