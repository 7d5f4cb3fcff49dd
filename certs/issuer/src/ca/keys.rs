//! P-256 signing keys: made here, kept in the keystore, never shown.

use crate::error::IssuerError;
use alcove_charter::P256Point;
use alcove_programs::memory::keep_in_memory;
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use zeroize::Zeroizing;

/// A key pair that signs with ECDSA P-256 and SHA-256.
pub struct SigningKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: Box<EcdsaKeyPair>,
    point: P256Point,
}

impl SigningKey {
    /// A new key from the system's random source.
    ///
    /// Errors: [`IssuerError::Crypto`].
    pub fn generate() -> Result<Self, IssuerError> {
        let failed = |_| IssuerError::Crypto { act: "make a key" };
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(failed)?;
        Self::from_pkcs8(pkcs8.as_ref()).ok_or(IssuerError::Crypto { act: "make a key" })
    }

    /// Reads a PKCS#8 key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random).ok()?;
        let point = P256Point::parse(pair.public_key().as_ref())?;
        let key = Self { pkcs8: Zeroizing::new(pkcs8.to_vec()), pair: Box::new(pair), point };
        keep_in_memory(key.pkcs8.as_slice());
        keep_in_memory(&*key.pair);
        Some(key)
    }

    /// The public half.
    pub fn public(&self) -> &P256Point {
        &self.point
    }

    /// Signs; ASN.1 DER.
    ///
    /// Errors: [`IssuerError::Crypto`], when the random source fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssuerError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| IssuerError::Crypto { act: "sign" })
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.point.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Self::sign(self, message).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

/// Somebody else's key, to be certified.
pub(crate) struct Subject(pub(crate) P256Point);

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], IssuerError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| IssuerError::Crypto { act: "draw random bytes" })?;
    Ok(bytes)
}
