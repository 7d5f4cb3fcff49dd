//! Objections to an attempt at recovery: the form that a device signs, and who is believed to have signed it.
//! PROTOCOL.md, "Recovery", step 9.

use crate::{
    error::SignedBodyError,
    sign_content::sign_content,
    signed_body::{self, FORMAT, Parts},
    trust::{DeviceCertificate, Judge, TrustView},
};
use alcove_proto::{
    ids::{AttemptId, IdLengthError},
    limits::OBJECTION_BYTES_MAX,
    names::Identity,
    v1,
};
use prost::Message;

/// The label of SignWithLabel (RFC 9420 section 5.1.2).
const OBJECTION_LABEL: &str = "alcove recovery objection v1";

/// Why an objection was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectionError {
    /// The signed body is refused, whatever it says.
    #[error(transparent)]
    Body(#[from] SignedBodyError),
    /// It names no attempt.
    #[error(transparent)]
    Attempt(#[from] IdLengthError),
    /// The certificate is another device's.
    #[error("the certificate is another device's")]
    OtherDevice,
}

/// One device's no to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// To which attempt.
    pub attempt: AttemptId,
    /// The device that objects.
    pub identity: Identity,
    /// Its clock, milliseconds since 1970.
    pub time_ms: i64,
}

impl Objection {
    /// The encoded [`v1::Objection`]: what the device's MLS key signs, by [`objection_signing_bytes`].
    pub fn encode(&self) -> Vec<u8> {
        v1::Objection {
            format: FORMAT,
            attempt_id: self.attempt.to_vec(),
            identity: self.identity.to_string(),
            time_ms: self.time_ms,
        }
        .encode_to_vec()
    }

    /// The encoded [`v1::SignedObjection`].
    ///
    /// `signature`: over [`Self::encode`]; `certificate`: the device's MLS certificate (DER).
    pub fn signed(&self, signature: Vec<u8>, certificate: Vec<u8>) -> Vec<u8> {
        v1::SignedObjection { objection: self.encode(), signature, certificate }.encode_to_vec()
    }
}

/// What a device's MLS signature key signs for an encoded [`v1::Objection`], with the label in it.
pub fn objection_signing_bytes(objection: &[u8]) -> Vec<u8> {
    sign_content(OBJECTION_LABEL, objection)
}

/// An objection that has been believed: that device signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedObjection {
    /// What it says.
    pub objection: Objection,
    /// The certificate whose key signed.
    pub certificate: DeviceCertificate,
}

impl VerifiedObjection {
    /// Parses an encoded [`v1::SignedObjection`] and believes it if the device it names signed it.
    ///
    /// Whoever takes one judges at the moment of now; whoever is shown one that was taken, with [`Judge::Never`].
    /// Errors: [`ObjectionError`].
    pub fn verify(
        signed_objection: &[u8],
        trust: &TrustView,
        judge: Judge<'_>,
    ) -> Result<Self, ObjectionError> {
        let parts = |signed: v1::SignedObjection| Parts {
            body: signed.objection,
            signature: signed.signature,
            certificate: signed.certificate,
        };
        let format = |objection: &v1::Objection| objection.format;
        let signed = signed_body::open(signed_objection, OBJECTION_BYTES_MAX, parts, format)?;
        let objection = Objection {
            attempt: AttemptId::try_from(signed.message.attempt_id.as_slice())?,
            identity: signed.message.identity.parse().map_err(SignedBodyError::from)?,
            time_ms: signed.message.time_ms,
        };
        let certificate =
            trust.verify_device_mls(&[&signed.parts.certificate], judge).map_err(SignedBodyError::from)?;
        if certificate.identity != objection.identity {
            return Err(ObjectionError::OtherDevice);
        }
        signed.verify(&certificate.public_key, objection_signing_bytes)?;
        Ok(Self { objection, certificate })
    }
}
