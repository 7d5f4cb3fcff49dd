//! HPKE base mode (RFC 9180) to a P-256 point: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM.
//!
//! Every use has an `info` of its own, and an AAD that binds it to whom and to which place it is for.

use alcove_charter::P256Point;
use alcove_programs::memory::keep_in_memory;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey},
};
use zeroize::Zeroizing;

/// Bytes of the private scalar.
pub const SCALAR_BYTES: usize = 32;

/// The point is not on the curve, or there is no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be sealed to that key")]
pub struct SealError;

/// Seals bytes to a point. Returns encapsulated key and ciphertext.
///
/// Errors: [`SealError`].
pub fn seal(
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    recipient: &P256Point,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let recipient = HpkePublicKey(recipient.as_bytes().to_vec());
    let sealed = DH_KEM_P256_HKDF_SHA256_AES_256.seal(info, aad, plaintext, &recipient);
    sealed.map(|(encapsulated, ciphertext)| (encapsulated.0, ciphertext)).map_err(|_| SealError)
}

/// Opens what was sealed to the point of this scalar; nothing when it was to another, for something else, or altered.
pub fn open(
    scalar: &[u8],
    encapsulated_key: &[u8],
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let private = HpkePrivateKey::from(scalar.to_vec());
    let encapsulated = EncapsulatedSecret(encapsulated_key.to_vec());
    let opened = DH_KEM_P256_HKDF_SHA256_AES_256.open(&encapsulated, info, aad, ciphertext, &private);
    opened.ok().map(Zeroizing::new)
}

/// The private half that opens what was sealed to an agency, to a device, or in escrow.
pub struct SealingKey {
    scalar: Zeroizing<Vec<u8>>,
    point: P256Point,
}

impl SealingKey {
    /// A new one from the system's random source.
    ///
    /// Errors: [`SealError`].
    pub fn generate() -> Result<Self, SealError> {
        let (public, private) = DH_KEM_P256_HKDF_SHA256_AES_256.generate_key_pair().map_err(|_| SealError)?;
        Self::from_parts(private.secret_bytes(), &public.0).ok_or(SealError)
    }

    /// Puts together what was kept apart.
    pub fn from_parts(scalar: &[u8], point: &[u8]) -> Option<Self> {
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

    /// The private half, to be kept.
    pub fn scalar(&self) -> &[u8] {
        &self.scalar
    }

    /// As [`open`], with this key.
    pub fn open(
        &self,
        encapsulated_key: &[u8],
        info: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.scalar, encapsulated_key, info, aad, ciphertext)
    }
}

#[cfg(test)]
mod tests {
    use super::{SealingKey, seal};

    #[test]
    fn it_opens_for_its_key_its_use_and_its_place_alone() {
        let (mine, other) = (SealingKey::generate().unwrap(), SealingKey::generate().unwrap());
        let (encapsulated, sealed) = seal(b"use", b"place", b"secret", mine.public()).unwrap();
        let open = |key: &SealingKey, info: &[u8], aad: &[u8], sealed: &[u8]| {
            key.open(&encapsulated, info, aad, sealed).map(|opened| opened.to_vec())
        };
        assert_eq!(open(&mine, b"use", b"place", &sealed).as_deref(), Some(&b"secret"[..]), "the control");
        assert_eq!(open(&other, b"use", b"place", &sealed), None);
        assert_eq!(open(&mine, b"another use", b"place", &sealed), None);
        assert_eq!(open(&mine, b"use", b"another place", &sealed), None);
        let mut altered = sealed.clone();
        altered[3] ^= 1;
        assert_eq!(open(&mine, b"use", b"place", &altered), None);
        let again = SealingKey::from_parts(mine.scalar(), mine.public().as_bytes()).unwrap();
        assert!(open(&again, b"use", b"place", &sealed).is_some(), "kept and put together again");
        assert!(SealingKey::from_parts(&mine.scalar()[1..], mine.public().as_bytes()).is_none());
    }
}
