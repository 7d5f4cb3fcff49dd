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
    let aad = identity.to_string();
    let keys = &pending.keys;
    open_for_device(&keys.sealing, ANSWER_INFO, aad.as_bytes(), message.encapsulated_key, &message.ciphertext)
        .ok_or(EnrolError::SealedAnswer)
}

/// Opens what was sealed to a device's sealing key, which stands in its request.
///
/// `sealing_key`: as the vault holds it. Nothing when it was sealed to another key, or for another place.
pub(crate) fn open_for_device(
    sealing_key: &[u8],
    info: &[u8],
    aad: &[u8],
    encapsulated_key: Vec<u8>,
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let opened = DH_KEM_P256_HKDF_SHA256_AES_256.open(
        &EncapsulatedSecret(encapsulated_key),
        info,
        aad,
        ciphertext,
        &HpkePrivateKey::from(sealing_key.to_vec()),
    );
    opened.map(Zeroizing::new).ok()
}
