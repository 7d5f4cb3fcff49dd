//! What comes to the desk signed: orders of an agency's admin, and renewals of a device. PROTOCOL.md, "Renewal".

use crate::{
    error::{SignedBodyError, TrustError},
    sign_content::sign_content,
    signed_body::{self, Parts},
    trust::{DeviceCertificate, Judge, TrustView},
};
use alcove_proto::{
    limits::{DESK_CLOCK_AHEAD_MS_MAX, RENEWAL_AGE_MS_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX},
    names::Identity,
    v1,
};

/// The label of SignWithLabel (RFC 9420 section 5.1.2).
const RENEWAL_LABEL: &str = "alcove renewal v1";

/// What a device's MLS signature key signs for an encoded [`v1::Renewal`].
pub fn renewal_signing_bytes(renewal: &[u8]) -> Vec<u8> {
    sign_content(RENEWAL_LABEL, renewal)
}

/// Why a renewal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalError {
    /// The signed body is refused, whatever it says.
    #[error(transparent)]
    Body(#[from] SignedBodyError),
    /// The certificate is another device's.
    #[error("the certificate is another device's")]
    OtherDevice,
    /// Made longer ago than a renewal is taken, or ahead of the clock.
    #[error("it was made more than 14 days ago, or by a clock that is ahead")]
    Time {
        /// What it says, milliseconds since 1970.
        made_at_ms: i64,
    },
}

/// A renewal that has been believed: the device that was certified asks for new keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRenewal {
    /// Whose.
    pub identity: Identity,
    /// Encoded [`v1::EnrolmentRequest`], not yet looked at.
    pub request: Vec<u8>,
    /// The device's clock, milliseconds since 1970.
    pub time_ms: i64,
    /// The certificate whose key signed. It may have expired, or be by a CA that the agency has retired.
    pub certificate: DeviceCertificate,
}

impl VerifiedRenewal {
    /// Parses an encoded [`v1::SignedRenewal`] and believes it if the key signed that the agency certified last.
    ///
    /// An expired certificate counts: its device was asleep. A revoked one does not. Whether the agency still knows
    /// the certificate is its admin's to judge, by the ledger.
    /// Errors: [`RenewalError`].
    pub fn verify(signed_renewal: &[u8], trust: &TrustView) -> Result<Self, RenewalError> {
        let parts = |signed: v1::SignedRenewal| Parts {
            body: signed.renewal,
            signature: signed.signature,
            certificate: signed.mls_certificate,
        };
        let format = |renewal: &v1::Renewal| renewal.format;
        let signed = signed_body::open(signed_renewal, RENEWAL_BYTES_MAX, parts, format)?;
        if signed.message.request.len() > REQUEST_BYTES_MAX {
            return Err(SignedBodyError::TooLarge.into());
        }
        let identity: Identity = signed.message.identity.parse().map_err(SignedBodyError::from)?;
        let unbelieved = |error: TrustError| RenewalError::from(SignedBodyError::from(error));
        let certificate =
            trust.verify_device_mls(&[&signed.parts.certificate], Judge::Never).map_err(unbelieved)?;
        if certificate.identity != identity {
            return Err(RenewalError::OtherDevice);
        }
        let trust_domain = &identity.person.trust_domain;
        if trust.charter().agency(trust_domain).is_none() {
            return Err(unbelieved(TrustError::UnknownAgency(trust_domain.clone())));
        }
        if let Some(revoked_at_ms) = trust.revoked_at_ms(&certificate) {
            return Err(unbelieved(TrustError::Revoked { revoked_at_ms }));
        }
        signed.verify(&certificate.public_key, renewal_signing_bytes)?;
        let v1::Renewal { request, time_ms, .. } = signed.message;
        Ok(Self { identity, request, time_ms, certificate })
    }

    /// Whether it was made lately: one that was kept for later, or found, is no wish of today. PROTOCOL.md section 6,
    /// step 10.
    ///
    /// Errors: [`RenewalError::Time`].
    pub fn check_made(&self, now_ms: i64) -> Result<(), RenewalError> {
        let age_ms = now_ms.saturating_sub(self.time_ms);
        if (-DESK_CLOCK_AHEAD_MS_MAX..=RENEWAL_AGE_MS_MAX).contains(&age_ms) {
            Ok(())
        } else {
            Err(RenewalError::Time { made_at_ms: self.time_ms })
        }
    }
}
