//! This device: its certificate and its MLS signature key.
//!
//! Knows no group. The key itself never leaves; what it signs is a record (RFC 9420 section 5.1.2 with
//! our label) or what MLS makes of it.

use crate::{group::GroupError, records::signed_content};
use alcove_charter::{P256Point, TrustError, claimed_device, leaf_point, sha256};
use alcove_mls::{KeyTie, KeyTies, SealedCard, signing_identity, suite};
use alcove_proto::{ids::Digest, limits::CERTIFICATE_BACKDATE_SECONDS, names::Identity};
use mls_rs::{CipherSuiteProvider, ExtensionList, identity::SigningIdentity};
use mls_rs_core::crypto::SignatureSecretKey;
use zeroize::Zeroizing;

/// Bytes of a P-256 private scalar.
const SCALAR_BYTES: usize = 32;

/// Why a device's key or certificate cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The private key is no PKCS#8 of a P-256 key.
    #[error("the private key is not a P-256 key in PKCS#8")]
    PrivateKey,
    /// There is no certificate.
    #[error("the device has no certificate")]
    NoCertificate,
    /// The certificate cannot be read, or names no device.
    #[error("the certificate cannot be read")]
    Certificate(#[from] TrustError),
    /// The certificate is for another key.
    #[error("the certificate is for another key")]
    OtherKey,
}

/// A device that can be a member: a certified MLS signature key.
///
/// Whether anybody believes the certificate is judged where it is used.
#[derive(Clone)]
pub struct Device {
    identity: Identity,
    chain: Vec<Vec<u8>>,
    public_key: P256Point,
    certificate_hash: Digest,
    /// Wiped when dropped, by its type.
    signer: SignatureSecretKey,
    card: Option<SealedCard>,
    ties: KeyTies,
}

impl Device {
    /// Takes a device's key and certificate.
    ///
    /// `pkcs8`: the private key, DER. `chain`: DER, leaf first. `card`: an encoded `SealedCard` that goes
    /// into the device's leaves.
    /// Errors: [`DeviceError`].
    pub fn new(pkcs8: &[u8], chain: Vec<Vec<u8>>, card: Option<SealedCard>) -> Result<Self, DeviceError> {
        let leaf = chain.first().ok_or(DeviceError::NoCertificate)?;
        let (identity, public_key) = (claimed_device(leaf)?, leaf_point(leaf)?);
        let certificate_hash = Digest(sha256(&[leaf]));
        let scalar = scalar_of(pkcs8).ok_or(DeviceError::PrivateKey)?;
        let signer = SignatureSecretKey::new_slice(&scalar);
        let own = suite().signature_key_derive_public(&signer).map_err(|_| DeviceError::PrivateKey)?;
        if own.as_bytes() != public_key.as_bytes() {
            return Err(DeviceError::OtherKey);
        }
        Ok(Self { identity, chain, public_key, certificate_hash, signer, card, ties: KeyTies::default() })
    }

    /// Its name.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its certificate chain, DER, leaf first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Its public signature key.
    pub fn public_key(&self) -> &P256Point {
        &self.public_key
    }

    /// SHA-256 of its certificate (DER): what its records name.
    pub fn certificate_hash(&self) -> Digest {
        self.certificate_hash
    }

    /// The card its leaves carry.
    pub fn card(&self) -> Option<&SealedCard> {
        self.card.as_ref()
    }

    /// The same device, which shows whoever it adds these ties between its keys.
    #[must_use]
    pub fn with_ties(self, ties: KeyTies) -> Self {
        Self { ties, ..self }
    }

    /// The ties it shows.
    pub(crate) fn ties(&self) -> &KeyTies {
        &self.ties
    }

    /// Signs for the key that follows this device's: the last thing that is signed with this one outside of groups.
    ///
    /// Errors: [`GroupError::Sign`].
    pub fn tie_to(&self, next: &P256Point) -> Result<KeyTie, GroupError> {
        let signed = KeyTie::signing_bytes(&self.identity, &self.public_key, next);
        let signature = suite().sign(&self.signer, &signed).map_err(|_| GroupError::Sign)?;
        Ok(KeyTie { identity: self.identity.clone(), from: self.public_key, to: *next, signature })
    }

    /// Signs the body of a record: SignWithLabel with "alcove record v1" (RFC 9420 section 5.1.2).
    ///
    /// Use [`crate::group::Group::sign_record`], which checks that the group knows this key.
    pub(crate) fn sign_record(&self, body: &[u8]) -> Result<Vec<u8>, GroupError> {
        suite().sign(&self.signer, &signed_content(body)).map_err(|_| GroupError::Sign)
    }

    pub(crate) fn signer(&self) -> &SignatureSecretKey {
        &self.signer
    }

    pub(crate) fn signing_identity(&self) -> SigningIdentity {
        signing_identity(&self.chain, &self.public_key)
    }

    /// The extensions of this device's leaves.
    pub(crate) fn leaf_extensions(&self) -> Result<ExtensionList, GroupError> {
        let mut extensions = ExtensionList::new();
        if let Some(card) = &self.card {
            extensions.set_from(card.clone()).map_err(mls_rs::error::MlsError::from)?;
        }
        Ok(extensions)
    }
}

/// An hour before `now_ms`, so that a peer whose clock is that far behind agrees.
pub(crate) fn backdated(now_ms: i64) -> i64 {
    now_ms.saturating_sub((CERTIFICATE_BACKDATE_SECONDS * 1000) as i64)
}

/// The private scalar in a PKCS#8 PrivateKeyInfo (RFC 5208) with an ECPrivateKey (RFC 5915): the one
/// form that MLS's signer takes.
fn scalar_of(pkcs8: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    let (info, _) = element(pkcs8, SEQUENCE)?;
    let (_version, rest) = element(info, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (wrapped, _attributes) = element(rest, OCTET_STRING)?;
    let (key, _) = element(wrapped, SEQUENCE)?;
    let (_version, rest) = element(key, INTEGER)?;
    let (scalar, _parameters) = element(rest, OCTET_STRING)?;
    (scalar.len() == SCALAR_BYTES).then(|| Zeroizing::new(scalar.to_vec()))
}

/// Splits one DER element with `tag` off: its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => {
            rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}
