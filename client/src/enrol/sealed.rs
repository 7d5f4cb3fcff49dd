//! An answer on its way through the desk, sealed to the device that asked. PROTOCOL.md section 6, steps 8 and 9.

use super::{EnrolError, PendingRequest, request::FORMAT};
use alcove_proto::{canonical, limits::ANSWER_BYTES_MAX, names::Identity, v1::SealedAnswer};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey},
};
use zeroize::Zeroizing;

/// Info of a sealed answer (RFC 9180 section 5.1).
const ANSWER_INFO: &[u8] = b"alcove answer v1";

/// Opens an encoded SealedAnswer: gives an encoded EnrolmentCertificate, which nobody has believed yet.
///
/// `identity`: the device it must be for. Errors: [`EnrolError::SealedAnswer`], [`EnrolError::TooLarge`],
/// [`EnrolError::NotAnAnswer`], [`EnrolError::Format`].
pub(super) fn open(
    sealed: &[u8],
    pending: &PendingRequest,
    identity: &Identity,
) -> Result<Zeroizing<Vec<u8>>, EnrolError> {
    if sealed.len() > ANSWER_BYTES_MAX {
        return Err(EnrolError::TooLarge { limit: ANSWER_BYTES_MAX });
    }
    let message: SealedAnswer = canonical::decode(sealed).map_err(EnrolError::NotAnAnswer)?;
    if message.format != FORMAT {
        return Err(EnrolError::Format { found: message.format });
    }
    let opened = DH_KEM_P256_HKDF_SHA256_AES_256.open(
        &EncapsulatedSecret(message.encapsulated_key),
        ANSWER_INFO,
        identity.to_string().as_bytes(),
        &message.ciphertext,
        &HpkePrivateKey::from(pending.keys.sealing.to_vec()),
    );
    opened.map(Zeroizing::new).map_err(|_| EnrolError::SealedAnswer)
}
