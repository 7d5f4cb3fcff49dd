//! What can be wrong with a CA's folder, or with a file beside it.

use std::{io, path::PathBuf};

/// Why a folder or a file is not as it has to be.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum FolderError {
    /// A file could not be read, written or locked.
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is over its limit.
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: usize,
    },
    /// Another process has the folder.
    Busy(PathBuf),
    /// A CA is there already.
    Taken(PathBuf),
    /// Something else is there.
    NotEmpty(PathBuf),
    /// The folder holds no CA, or one of the other kind.
    NoCa(PathBuf),
    /// `ca init` was interrupted; running it again finishes it.
    Unfinished(PathBuf),
    /// `ca init` was begun under another name.
    OtherProfile(PathBuf),
    /// A file the caller wants to create exists.
    Exists(PathBuf),
    /// An answer would be written over a file that is there.
    WouldOverwrite(PathBuf),
    /// Others on this machine may read the passphrase file.
    OpenToOthers(PathBuf),
    /// A passphrase file holds nothing.
    EmptyPassphraseFile(PathBuf),
    /// The keystore was truncated or altered.
    KeystoreDamaged(PathBuf),
    /// A line of the ledger does not parse.
    LedgerDamaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A file of the folder does not belong to the keystore's keys.
    Mismatch(PathBuf),
    /// The file of open invitations was altered, or is another agency's.
    InvitationsDamaged(PathBuf),
}
