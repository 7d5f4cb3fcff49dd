//! A CA of either kind, and the words of its own keys, which their owner reads out to the admins who sign a charter.
//! PROTOCOL.md section 5, step 9.

use crate::{
    ca::{agency::AgencyCa, error::FolderError, life::CaLife, server::ServerCa},
    error::IssuerError,
    ledger::entries::key_hash,
};
use alcove_charter::{Agency, Ca, CharterError, KeyPurpose, P256Point, entry_words, key_words};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::ids::Digest;
use std::path::Path;

/// A CA of either kind, open and locked.
pub enum AnyCa {
    /// An agency's.
    Agency(Box<AgencyCa>),
    /// The operator's.
    Server(Box<ServerCa>),
}

/// What a folder's owner reads out.
pub struct OwnWords {
    /// Whose keys they are, in the middle of a sentence.
    pub of: String,
    /// Those that are asked for when it joins.
    pub all: String,
    /// Each key.
    pub keys: Vec<OwnKey>,
}

/// One of a CA's own keys.
pub struct OwnKey {
    /// What it is for, as [`KeyPurpose::code`] has it.
    pub purpose: &'static str,
    /// SHA-256 of the point.
    pub hash: Digest,
    /// Six words.
    pub words: String,
}

impl OwnKey {
    fn new(purpose: KeyPurpose, key: &P256Point, words: String) -> Self {
        Self { purpose: purpose.code(), hash: key_hash(key), words }
    }
}

impl AnyCa {
    /// Opens a folder, whichever of the two it holds.
    ///
    /// Errors: as [`AgencyCa::open`].
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        match AgencyCa::open(folder, passphrase) {
            Ok(agency) => Ok(Self::Agency(Box::new(agency))),
            Err(IssuerError::Folder(FolderError::NoCa(..))) => {
                Ok(Self::Server(Box::new(ServerCa::open(folder, passphrase)?)))
            }
            Err(error) => Err(error),
        }
    }

    /// Which kind it is, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Agency(_) => "agency",
            Self::Server(_) => "server",
        }
    }

    /// When the CA that signs may do so.
    ///
    /// Errors: [`FolderError::Mismatch`].
    pub fn life(&self) -> Result<CaLife, IssuerError> {
        match self {
            Self::Agency(ca) => ca.life(),
            Self::Server(ca) => ca.life(),
        }
    }

    /// The words of its own keys.
    ///
    /// Errors: [`IssuerError::Charter`] for an entry or a certificate that no charter would take.
    pub fn own_words(&self) -> Result<OwnWords, IssuerError> {
        match self {
            Self::Agency(ca) => of_agency(ca),
            Self::Server(ca) => {
                let key = |der| -> Result<_, IssuerError> {
                    let key = *Ca::parse(der).map_err(CharterError::ServerCa)?.public_key();
                    let words = key_words(None, KeyPurpose::ServerCa, &key);
                    Ok(OwnKey::new(KeyPurpose::ServerCa, &key, words))
                };
                let keys = ca.certificates().map(|der| key(der)).collect::<Result<Vec<_>, _>>()?;
                let all = keys.first().map(|key| key.words.clone()).unwrap_or_default();
                Ok(OwnWords { of: format!("the server of {}", ca.collaborative()), all, keys })
            }
        }
    }
}

fn of_agency(ca: &AgencyCa) -> Result<OwnWords, IssuerError> {
    let agency = Agency::parse(&ca.entry())?;
    let of = &agency.trust_domain;
    let keys = agency.keys().into_iter();
    let keys = keys.map(|(purpose, key)| OwnKey::new(purpose, &key, key_words(Some(of), purpose, &key)));
    Ok(OwnWords { of: of.to_string(), all: entry_words(&agency), keys: keys.collect() })
}
