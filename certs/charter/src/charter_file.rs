//! The file that admins pass around: a charter on its way to being signed, with its earlier versions
//! and the directory key sealed to each agency.

use crate::{CharterError, history::CharterHistory, signed::SignedCharter};
use alcove_proto::{canonical, names::TrustDomain, v1};
use prost::Message;

/// Bytes of one charter file.
pub const CHARTER_FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The file format this crate reads.
const FORMAT: u32 = 1;
/// Bytes of the 32-byte directory key sealed with AES-256-GCM.
const SEALED_KEY_BYTES: usize = 48;

/// The directory key sealed to one agency's sealing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Whose sealing key.
    pub trust_domain: TrustDomain,
    /// HPKE's `enc`: an uncompressed P-256 point.
    pub encapsulated_key: Vec<u8>,
    /// 48 bytes.
    pub ciphertext: Vec<u8>,
}

/// A parsed charter file. The charter in it may still lack signatures.
#[derive(Debug, Clone)]
pub struct CharterFile {
    /// The versions before, verified; none for version 1.
    pub history: Option<CharterHistory>,
    /// The version being signed, or in force.
    pub offered: SignedCharter,
    /// One for each agency of the offered version, in its order.
    pub directory_keys: Vec<SealedKey>,
}

impl CharterFile {
    /// Parses a file; versions before the offered one must be complete.
    ///
    /// Errors: [`CharterError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        if bytes.len() > CHARTER_FILE_BYTES_MAX {
            return Err(CharterError::TooLarge { bytes: bytes.len() });
        }
        let message: v1::CharterFile = canonical::decode(bytes)?;
        if message.format != FORMAT {
            return Err(CharterError::Format { found: message.format });
        }
        let offered = SignedCharter::parse(&message.signed_charter.unwrap_or_default().encode_to_vec())?;
        let history = if message.previous.is_empty() {
            None
        } else {
            let previous = message.previous.iter().map(Message::encode_to_vec);
            Some(CharterHistory::from_versions(previous)?)
        };
        let directory_keys = message
            .directory_keys
            .into_iter()
            .map(|key| {
                Ok(SealedKey {
                    trust_domain: key.trust_domain.parse()?,
                    encapsulated_key: key.encapsulated_key,
                    ciphertext: key.ciphertext,
                })
            })
            .collect::<Result<Vec<_>, CharterError>>()?;
        let file = Self { history, offered, directory_keys };
        file.check_directory_keys()?;
        Ok(file)
    }

    /// The file as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let directory_keys = self.directory_keys.iter().map(|key| v1::SealedDirectoryKey {
            trust_domain: key.trust_domain.to_string(),
            encapsulated_key: key.encapsulated_key.clone(),
            ciphertext: key.ciphertext.clone(),
        });
        let previous = self.history.iter().flat_map(|history| history.signed_after(0));
        // Cannot fail: a history holds only what has been decoded before, and encodes it itself.
        let previous = previous.filter_map(|bytes| v1::SignedCharter::decode(bytes).ok());
        v1::CharterFile {
            format: FORMAT,
            signed_charter: Some(self.offered.to_message()),
            directory_keys: directory_keys.collect(),
            previous: previous.collect(),
        }
        .encode_to_vec()
    }

    /// The history with the offered version as its newest: for whoever takes only a charter in force.
    ///
    /// Errors: [`CharterError`], with what is missing.
    pub fn complete(&self) -> Result<CharterHistory, CharterError> {
        let offered = self.offered.encode();
        match &self.history {
            None => CharterHistory::first(&offered),
            Some(history) => {
                let mut history = history.clone();
                self.offered.verify_next(&history)?;
                history.append(&offered)?;
                Ok(history)
            }
        }
    }

    /// The directory key sealed to one agency.
    pub fn directory_key(&self, trust_domain: &TrustDomain) -> Option<&SealedKey> {
        self.directory_keys.iter().find(|key| key.trust_domain == *trust_domain)
    }

    fn check_directory_keys(&self) -> Result<(), CharterError> {
        let agencies = &self.offered.charter().agencies;
        let one_each = agencies.len() == self.directory_keys.len()
            && agencies.iter().zip(&self.directory_keys).all(|(agency, key)| {
                agency.trust_domain == key.trust_domain && key.ciphertext.len() == SEALED_KEY_BYTES
            });
        if one_each { Ok(()) } else { Err(CharterError::DirectoryKeys) }
    }
}
