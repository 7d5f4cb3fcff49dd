//! The collaborative's directory key, and how it travels in a charter file: sealed to each agency.

use crate::{ca::keys, charters::error::DraftError, error::IssuerError};
use alcove_charter::{P256Point, SealedKey};
use alcove_proto::names::TrustDomain;
use alcove_sealing::hpke::{self, SealingKey};
use zeroize::Zeroizing;

/// HPKE's `info` of the directory key sealed to an agency; the AAD is its trust domain.
const AGENCY_INFO: &[u8] = b"alcove directory key v1";

/// The collaborative's directory key: names on cards are sealed under it. The server never has it.
pub struct DirectoryKey(Zeroizing<[u8; 32]>);

impl DirectoryKey {
    /// A new one from the system's random source.
    pub(crate) fn generate() -> Result<Self, IssuerError> {
        Ok(Self(Zeroizing::new(keys::random()?)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals it to an agency; bound to its trust domain.
    pub(crate) fn seal_to_agency(
        &self,
        trust_domain: &TrustDomain,
        sealing_key: &P256Point,
    ) -> Result<SealedKey, IssuerError> {
        let aad = trust_domain.as_str().as_bytes();
        let (encapsulated_key, ciphertext) = hpke::seal(AGENCY_INFO, aad, &*self.0, sealing_key)?;
        Ok(SealedKey { trust_domain: trust_domain.clone(), encapsulated_key, ciphertext })
    }

    /// Opens the one sealed to an agency.
    pub(crate) fn open_for_agency(sealing_key: &SealingKey, sealed: &SealedKey) -> Result<Self, IssuerError> {
        let aad = sealed.trust_domain.as_str().as_bytes();
        let opened = sealing_key
            .open(&sealed.encapsulated_key, AGENCY_INFO, aad, &sealed.ciphertext)
            .ok_or(DraftError::DirectoryKey)?;
        let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| DraftError::DirectoryKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}
