//! The directory key, and how it and answers travel: HPKE base mode (RFC 9180) with DHKEM(P-256, HKDF-SHA256),
//! HKDF-SHA256 and AES-256-GCM.
//!
//! Sealed to an agency inside the charter file, and to a device inside its enrolment answer; each
//! with its own `info`, and bound to who it is for.

use crate::{ca::keys, charters::error::DraftError, error::IssuerError};
use alcove_charter::{P256Point, SealedKey};
use alcove_programs::memory::keep_in_memory;
use alcove_proto::names::{Identity, TrustDomain};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey},
};
use zeroize::Zeroizing;

/// `info` of the directory key sealed to an agency.
const AGENCY_INFO: &[u8] = b"alcove directory key v1";
/// `info` of the directory key sealed to a device.
const ENROLMENT_INFO: &[u8] = b"alcove enrolment v1";
/// Bytes of the private scalar.
pub(crate) const SCALAR_BYTES: usize = 32;

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

    fn from_opened(opened: Vec<u8>) -> Result<Self, IssuerError> {
        let opened = Zeroizing::new(opened);
        let bytes = <[u8; 32]>::try_from(opened.as_slice())
            .map_err(|_| IssuerError::Draft(DraftError::DirectoryKey))?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Seals it to an agency; bound to its trust domain.
    pub(crate) fn seal_to_agency(
        &self,
        trust_domain: &TrustDomain,
        sealing_key: &P256Point,
    ) -> Result<SealedKey, IssuerError> {
        let aad = trust_domain.as_str().as_bytes();
        let (encapsulated_key, ciphertext) = seal(AGENCY_INFO, aad, &*self.0, sealing_key)?;
        Ok(SealedKey { trust_domain: trust_domain.clone(), encapsulated_key, ciphertext })
    }

    /// Seals it to a device; bound to its identity. Returns encapsulated key and ciphertext.
    pub(crate) fn seal_to_device(
        &self,
        identity: &Identity,
        sealing_key: &P256Point,
    ) -> Result<(Vec<u8>, Vec<u8>), IssuerError> {
        seal(ENROLMENT_INFO, identity.to_string().as_bytes(), &*self.0, sealing_key)
    }
}

/// Seals bytes to a key. Returns encapsulated key and ciphertext.
pub(crate) fn seal(
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    recipient: &P256Point,
) -> Result<(Vec<u8>, Vec<u8>), IssuerError> {
    let recipient = HpkePublicKey(recipient.as_bytes().to_vec());
    let (encapsulated, ciphertext) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(info, aad, plaintext, &recipient)
        .map_err(|_| IssuerError::Crypto { act: "seal to the request's key" })?;
    Ok((encapsulated.0, ciphertext))
}

/// The private half that opens what was sealed to an agency or a device.
pub struct SealingKey {
    scalar: Zeroizing<Vec<u8>>,
    point: P256Point,
}

impl SealingKey {
    /// A new one from the system's random source.
    ///
    /// Errors: [`IssuerError::Crypto`].
    pub fn generate() -> Result<Self, IssuerError> {
        let failed = IssuerError::Crypto { act: "make a sealing key" };
        let Ok((public, private)) = DH_KEM_P256_HKDF_SHA256_AES_256.generate_key_pair() else {
            return Err(failed);
        };
        Self::from_parts(private.secret_bytes(), &public.0).ok_or(failed)
    }

    /// Puts together what was kept apart.
    pub(crate) fn from_parts(scalar: &[u8], point: &[u8]) -> Option<Self> {
        let point = P256Point::parse(point)?;
        if scalar.len() != SCALAR_BYTES {
            return None;
        }
        let scalar = Zeroizing::new(scalar.to_vec());
        keep_in_memory(scalar.as_slice());
        Some(Self { scalar, point })
    }

    /// The public half.
    pub fn public(&self) -> &P256Point {
        &self.point
    }

    pub(crate) fn scalar(&self) -> &[u8] {
        &self.scalar
    }

    /// Opens the directory key sealed to an agency.
    pub(crate) fn open_for_agency(&self, sealed: &SealedKey) -> Result<DirectoryKey, IssuerError> {
        let aad = sealed.trust_domain.as_str().as_bytes();
        self.open(&sealed.encapsulated_key, AGENCY_INFO, aad, &sealed.ciphertext)
            .ok_or(IssuerError::Draft(DraftError::DirectoryKey))
            .and_then(DirectoryKey::from_opened)
    }

    /// Opens what [`seal`] made; nothing if it is another key's, for something else, or altered.
    pub(crate) fn open(
        &self,
        encapsulated_key: &[u8],
        info: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Option<Vec<u8>> {
        let private = HpkePrivateKey::from(self.scalar.to_vec());
        let encapsulated = EncapsulatedSecret(encapsulated_key.to_vec());
        DH_KEM_P256_HKDF_SHA256_AES_256.open(&encapsulated, info, aad, ciphertext, &private).ok()
    }
}

impl SealingKey {
    /// Opens whatever was sealed to this key; nothing when it was not, or not for this.
    pub(crate) fn open_bytes(
        &self,
        encapsulated_key: &[u8],
        info: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let private = HpkePrivateKey::from(self.scalar.to_vec());
        let encapsulated = EncapsulatedSecret(encapsulated_key.to_vec());
        let opened = DH_KEM_P256_HKDF_SHA256_AES_256.open(&encapsulated, info, aad, ciphertext, &private);
        opened.ok().map(Zeroizing::new)
    }
}

/// Seals bytes to a key: encapsulated key and ciphertext; nothing when the key is not on the curve.
pub(crate) fn seal_bytes(
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    recipient: &P256Point,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let recipient = HpkePublicKey(recipient.as_bytes().to_vec());
    let sealed = DH_KEM_P256_HKDF_SHA256_AES_256.seal(info, aad, plaintext, &recipient);
    sealed.ok().map(|(encapsulated, ciphertext)| (encapsulated.0, ciphertext))
}

/// Opens the directory key of an enrolment answer, as the device does.
///
/// Errors: [`DraftError::DirectoryKey`].
pub fn open_enrolment_key(
    sealing_key: &SealingKey,
    identity: &Identity,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<DirectoryKey, IssuerError> {
    sealing_key
        .open(encapsulated_key, ENROLMENT_INFO, identity.to_string().as_bytes(), ciphertext)
        .ok_or(IssuerError::Draft(DraftError::DirectoryKey))
        .and_then(DirectoryKey::from_opened)
}
