//! Everything that can go wrong in the admin's room, as facts: a family a room. `telling` says them to people.

use crate::{
    ca::{error::FolderError, life::LifeError, roll::error::RollError},
    certify::error::{AnswerError, RequestError},
    charters::error::DraftError,
    desk::error::{AttemptError, DeskError},
    ledger::error::ListError,
    recovery::error::RecoveryError,
    start::StartError,
};
use alcove_charter::CharterError;
use alcove_programs::{dates::DateError, files::FileError, passphrase::Unfit};
use alcove_proto::{
    canonical::CanonicalError,
    names::{Identity, NameError, TrustDomain},
};
use alcove_sealing::hpke::SealError;
use std::path::PathBuf;

/// Why an act was not done. Nothing was handed out.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum IssuerError {
    /// A folder or a file is not as it has to be.
    Folder(#[from] FolderError),
    /// By this computer's clock the CA may not sign.
    Life(#[from] LifeError),
    /// A request is not certified.
    Request(#[from] RequestError),
    /// What waits at the desk is not answered.
    Answer(#[from] AnswerError),
    /// Nothing is done with a charter.
    Draft(#[from] DraftError),
    /// A step of a roll-over is not taken.
    Roll(#[from] RollError),
    /// Nothing is done about an attempt at recovery.
    Attempt(#[from] AttemptError),
    /// A call at the desk came to nothing.
    Desk(#[from] DeskError),
    /// Nothing is done with a revocation list.
    List(#[from] ListError),
    /// The passphrase is not the one the keystore was sealed with.
    WrongPassphrase,
    /// It may not guard something new.
    PassphraseUnfit(#[from] Unfit),
    /// An argument that names somebody or something.
    Name(#[from] NameError),
    /// Days outside 1 to the limit.
    Days {
        /// What was asked.
        days: u32,
        /// Most that can be given.
        max: u32,
    },
    /// What is no day or time.
    Date {
        /// What was typed.
        text: String,
        /// Why it is none.
        error: DateError,
    },
    /// The server's address is not host:port.
    ServerAddress,
    /// The server's name is no lower-case DNS name.
    ServerName,
    /// A charter is refused.
    Charter(#[from] CharterError),
    /// A duty officer denies devices of its own agency only.
    DutyOfAnotherAgency {
        /// Who was to be denied.
        identity: Identity,
        /// Whose duty officer it is.
        trust_domain: TrustDomain,
    },
    /// A step of the guided walk is not taken.
    Start(#[from] StartError),
    /// An act of recovery.
    Recovery(#[from] RecoveryError),
    /// A list was made, and is not in force.
    Unpublished {
        /// Where it is.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<IssuerError>,
    },
    /// What was signed or revoked stands in the folder's ledger and is not published.
    LedgerUnpublished {
        /// Why not.
        #[source]
        source: Box<IssuerError>,
    },
    /// A passphrase is needed and there is neither a file nor a terminal.
    PassphraseMissing,
    /// The two passphrases typed are not the same.
    PassphrasesDiffer,
    /// The random source or a signature failed.
    Crypto {
        /// What was tried.
        act: &'static str,
    },
}

impl From<FileError> for IssuerError {
    fn from(error: FileError) -> Self {
        Self::Folder(FolderError::Io { act: error.act, path: error.path, source: error.source })
    }
}

impl From<CanonicalError> for IssuerError {
    fn from(error: CanonicalError) -> Self {
        Self::Request(RequestError::Unreadable(error))
    }
}

impl From<SealError> for IssuerError {
    fn from(_: SealError) -> Self {
        Self::Crypto { act: "seal to a key, or make one" }
    }
}
