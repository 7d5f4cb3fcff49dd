//! A signed body, opened in one way whatever it says: limit, canonical form, format, and at last the signature.
//!
//! Which key must have signed stands in most bodies themselves, by the name in them. So a body is first read
//! ([`open`]), of which nothing is believed, and then its signature is checked ([`SignedBody::verify`]).

use crate::{error::SignedBodyError, key::P256Point};
use alcove_proto::canonical;
use prost::Message;

/// The format this crate reads and writes, of every body.
pub(crate) const FORMAT: u32 = 1;

/// What a signed message consists of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The encoded body.
    pub(crate) body: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// Of the key that signed; empty where that key is in the charter.
    pub(crate) certificate: Vec<u8>,
}

/// A body that parses, of which nothing is believed yet.
#[derive(Debug, Clone)]
pub(crate) struct SignedBody<T> {
    pub(crate) message: T,
    pub(crate) parts: Parts,
}

/// Reads a signed message of at most `bytes_max` bytes: `parts` takes it apart, `format` says where its body has the format.
///
/// Errors: [`SignedBodyError::TooLarge`], [`SignedBodyError::Encoding`], [`SignedBodyError::Format`].
pub(crate) fn open<S: Message + Default, T: Message + Default>(
    bytes: &[u8],
    bytes_max: usize,
    parts: impl FnOnce(S) -> Parts,
    format: impl FnOnce(&T) -> u32,
) -> Result<SignedBody<T>, SignedBodyError> {
    if bytes.len() > bytes_max {
        return Err(SignedBodyError::TooLarge);
    }
    let parts = parts(canonical::decode(bytes)?);
    Ok(SignedBody { message: read(&parts.body, bytes_max, format)?, parts })
}

/// Reads a body alone.
///
/// Errors: as [`open`].
pub(crate) fn read<T: Message + Default>(
    body: &[u8],
    bytes_max: usize,
    format: impl FnOnce(&T) -> u32,
) -> Result<T, SignedBodyError> {
    if body.len() > bytes_max {
        return Err(SignedBodyError::TooLarge);
    }
    let message = canonical::decode(body)?;
    match format(&message) {
        FORMAT => Ok(message),
        found => Err(SignedBodyError::Format { found }),
    }
}

impl<T> SignedBody<T> {
    /// Checks that `key` signed. `signing_bytes` puts the label of this kind of body before it.
    ///
    /// Errors: [`SignedBodyError::BadSignature`].
    pub(crate) fn verify(
        &self,
        key: &P256Point,
        signing_bytes: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<(), SignedBodyError> {
        let signed = key.verify(&signing_bytes(&self.parts.body), &self.parts.signature);
        signed.map_err(|_| SignedBodyError::BadSignature)
    }
}
