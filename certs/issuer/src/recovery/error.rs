//! What can go wrong about recovery, as facts. `telling` says them to people.

use alcove_charter::EscrowError;
use alcove_proto::names::{Identity, TrustDomain};
use std::path::PathBuf;

/// What is wrong with one share file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum ShareFault {
    /// It was truncated or altered, or is no share at all.
    Damaged,
    /// A later version wrote it.
    Format {
        /// What it says.
        found: u32,
    },
    /// The passphrase is not the one it was sealed with.
    WrongPassphrase,
    /// It belongs to another agency.
    OtherAgency(TrustDomain),
    /// It is of this agency, and of another recovery key or another splitting of it.
    OtherSplitting,
    /// Another file brings the same share.
    Repeated {
        /// Its number.
        number: u32,
        /// The file that brought it first.
        first: PathBuf,
    },
    /// Its value is not the one that was committed to when the key was split.
    DoesNotFit,
}

/// Why an act of recovery was not done. No part of a private key was written or handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum RecoveryError {
    /// Not 2 <= needed <= officers <= the limit.
    Numbers {
        /// How many were to be needed.
        needed: u32,
        /// How many there were to be.
        officers: u32,
    },
    /// This agency has signed a charter that names a recovery key: things may be sealed to it.
    Published,
    /// The folder for the shares holds something that must not be written over.
    SharesFolder {
        /// The folder.
        folder: PathBuf,
        /// What is in the way.
        file: PathBuf,
    },
    /// Another number of passphrases than of shares.
    Passphrases {
        /// How many were given.
        given: usize,
        /// How many shares there are.
        wanted: usize,
    },
    /// An officer's passphrase is needed, and there is neither a file nor a terminal.
    PassphraseMissing,
    /// More files than a key can have shares.
    TooManyShares {
        /// How many were given.
        given: usize,
    },
    /// Some of the shares are refused; nothing was put together.
    Refused {
        /// Which files, and why.
        refused: Vec<(PathBuf, ShareFault)>,
    },
    /// Every share is good, and there are not enough of them.
    TooFew {
        /// How many there are.
        good: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The shares together are not the private half of the recovery key.
    NotTheKey,
    /// The escrow file is refused.
    Escrow(#[from] EscrowError),
    /// The escrow is another agency's.
    OtherAgencysEscrow(TrustDomain),
    /// Not one entry of the escrow opens.
    NothingOpens {
        /// How many there are.
        entries: usize,
    },
    /// The device that is to get the keys belongs to another agency.
    OtherAgencysDevice(Identity),
    /// The recovered keys would not fit their file.
    TooManyKeys {
        /// How many.
        keys: usize,
    },
    /// A charter names no recovery key of this agency.
    NoRecoveryKey(TrustDomain),
}
