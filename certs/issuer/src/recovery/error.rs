//! What can go wrong about recovery, as facts. `telling` says them to people.

use alcove_charter::EscrowError;
use alcove_proto::names::{Identity, TrustDomain};
use std::path::PathBuf;

/// What is wrong with one share file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareFault {
    /// It was truncated or altered, or is no share at all.
    #[error("damaged")]
    Damaged,
    /// A later version wrote it.
    #[error("share format {found}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// The passphrase is not the one it was sealed with.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// It belongs to another agency.
    #[error("of {trust_domain}")]
    OtherAgency {
        /// Whose it is.
        trust_domain: TrustDomain,
    },
    /// It is of this agency, and of another recovery key or another splitting of it.
    #[error("of another splitting")]
    OtherSplitting,
    /// Another file brings the same share.
    #[error("share {number} again, as in {}", first.display())]
    Repeated {
        /// Its number.
        number: u32,
        /// The file that brought it first.
        first: PathBuf,
    },
    /// Its value is not the one that was committed to when the key was split.
    #[error("does not fit the commitments")]
    DoesNotFit,
}

/// Why an act of recovery was not done. No part of a private key was written or handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Not 2 <= needed <= officers <= the limit.
    #[error("{needed} of {officers}")]
    Numbers {
        /// How many were to be needed.
        needed: u32,
        /// How many there were to be.
        officers: u32,
    },
    /// This agency has signed a charter that names a recovery key: things may be sealed to it.
    #[error("the recovery key is in a charter")]
    Published,
    /// The folder for the shares holds something that must not be written over.
    #[error("{} holds {}", folder.display(), file.display())]
    SharesFolder {
        /// The folder.
        folder: PathBuf,
        /// What is in the way.
        file: PathBuf,
    },
    /// Another number of passphrases than of shares.
    #[error("{given} passphrases for {wanted} shares")]
    Passphrases {
        /// How many were given.
        given: usize,
        /// How many shares there are.
        wanted: usize,
    },
    /// An officer's passphrase is needed, and there is neither a file nor a terminal.
    #[error("no passphrase of an officer")]
    PassphraseMissing,
    /// More files than a key can have shares.
    #[error("{given} share files")]
    TooManyShares {
        /// How many were given.
        given: usize,
    },
    /// Some of the shares are refused; nothing was put together.
    #[error("{} shares are refused", refused.len())]
    Refused {
        /// Which files, and why.
        refused: Vec<(PathBuf, ShareFault)>,
    },
    /// Every share is good, and there are not enough of them.
    #[error("{good} of the {needed} shares that are needed")]
    TooFew {
        /// How many there are.
        good: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The shares together are not the private half of the recovery key.
    #[error("the shares do not make the recovery key")]
    NotTheKey,
    /// The escrow file is refused.
    #[error(transparent)]
    Escrow(#[from] EscrowError),
    /// The escrow is another agency's.
    #[error("the escrow is of {trust_domain}")]
    OtherAgencysEscrow {
        /// Whose it is.
        trust_domain: TrustDomain,
    },
    /// Not one entry of the escrow opens.
    #[error("none of {entries} entries opens")]
    NothingOpens {
        /// How many there are.
        entries: usize,
    },
    /// The device that is to get the keys belongs to another agency.
    #[error("{identity} is of another agency")]
    OtherAgencysDevice {
        /// The device.
        identity: Identity,
    },
    /// Recovered keys cannot be opened with this device's key.
    #[error("the recovered keys do not open")]
    RecoveredKeys,
    /// The recovered keys would not fit their file.
    #[error("{keys} keys are too many for one file")]
    TooManyKeys {
        /// How many.
        keys: usize,
    },
    /// A charter names no recovery key of this agency.
    #[error("no recovery key of {trust_domain}")]
    NoRecoveryKey {
        /// Whose is missing.
        trust_domain: TrustDomain,
    },
}
