//! An answer on its way through the desk, sealed to the device that asked. PROTOCOL.md section 6, steps 8 and 9.

use crate::hpke::{self, SealError};
use alcove_charter::P256Point;
use alcove_proto::{
    canonical::{self, CanonicalError},
    limits::ANSWER_BYTES_MAX,
    names::Identity,
    v1,
};
use prost::Message;
use zeroize::Zeroizing;

/// The format this crate reads and writes.
const FORMAT: u32 = 1;
/// HPKE's `info` of every sealed answer.
const INFO: &[u8] = b"alcove answer v1";

/// Why a sealed answer did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Over [`ANSWER_BYTES_MAX`].
    #[error("it is too large")]
    TooLarge,
    /// The bytes are no such message in its canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It is sealed to another key or for another device, or was altered.
    #[error("it does not open with this device's key")]
    Unopened,
}

/// Seals an encoded [`v1::EnrolmentCertificate`] to the key in the request it answers: an encoded [`v1::SealedAnswer`].
///
/// Errors: [`SealError`].
pub fn seal(answer: &[u8], sealing_key: &P256Point, identity: &Identity) -> Result<Vec<u8>, SealError> {
    let aad = identity.to_string();
    let (encapsulated_key, ciphertext) = hpke::seal(INFO, aad.as_bytes(), answer, sealing_key)?;
    Ok(v1::SealedAnswer { format: FORMAT, encapsulated_key, ciphertext }.encode_to_vec())
}

/// Opens an encoded [`v1::SealedAnswer`]: gives an encoded [`v1::EnrolmentCertificate`], which nobody has believed yet.
///
/// `scalar`: of the device's sealing key. `identity`: the device it must be for. Errors: [`AnswerError`].
pub fn open(sealed: &[u8], scalar: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, AnswerError> {
    if sealed.len() > ANSWER_BYTES_MAX {
        return Err(AnswerError::TooLarge);
    }
    let message: v1::SealedAnswer = canonical::decode(sealed)?;
    if message.format != FORMAT {
        return Err(AnswerError::Format { found: message.format });
    }
    let aad = identity.to_string();
    hpke::open(scalar, &message.encapsulated_key, INFO, aad.as_bytes(), &message.ciphertext)
        .ok_or(AnswerError::Unopened)
}
