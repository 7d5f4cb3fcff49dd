//! What comes to the desk signed: orders of an agency's admin, and renewals of a device. PROTOCOL.md, "Renewal".

use crate::{
    P256Point, TrustError,
    sign_content::sign_content,
    trust::{DeviceCertificate, Judge, TrustView},
};
use alcove_proto::{
    canonical::{self, CanonicalError},
    limits::{DESK_CLOCK_AHEAD_MS_MAX, RENEWAL_AGE_MS_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX},
    names::{Identity, NameError},
    v1,
};

/// The label of SignWithLabel (RFC 9420 section 5.1.2).
const RENEWAL_LABEL: &str = "alcove renewal v1";
/// The format this crate reads.
const FORMAT: u32 = 1;

/// What an agency's charter key signs for an encoded [`v1::Order`].
pub fn order_signing_bytes(order: &[u8]) -> Vec<u8> {
    [b"alcove order v1\0", order].concat()
}

/// What a device's MLS signature key signs for an encoded [`v1::Renewal`].
pub fn renewal_signing_bytes(renewal: &[u8]) -> Vec<u8> {
    sign_content(RENEWAL_LABEL, renewal)
}

/// Why a renewal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalError {
    /// Over [`alcove_proto::limits::RENEWAL_BYTES_MAX`], or its request over its own limit.
    #[error("the renewal is too large")]
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
    /// It names no device.
    #[error("the renewal names no device")]
    Name(#[from] NameError),
    /// The certificate is not believed, or revoked.
    #[error("the certificate that signs is not believed")]
    Certificate(#[from] TrustError),
    /// The certificate is another device's.
    #[error("the certificate is another device's")]
    OtherDevice,
    /// The signature is not the certified key's.
    #[error("the signature does not verify")]
    BadSignature,
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
        if signed_renewal.len() > RENEWAL_BYTES_MAX {
            return Err(RenewalError::TooLarge);
        }
        let signed: v1::SignedRenewal = canonical::decode(signed_renewal)?;
        let renewal: v1::Renewal = canonical::decode(&signed.renewal)?;
        if renewal.format != FORMAT {
            return Err(RenewalError::Format { found: renewal.format });
        }
        if renewal.request.len() > REQUEST_BYTES_MAX {
            return Err(RenewalError::TooLarge);
        }
        let identity: Identity = renewal.identity.parse()?;
        let certificate = trust.verify_device_mls(&[&signed.mls_certificate], Judge::Never)?;
        if certificate.identity != identity {
            return Err(RenewalError::OtherDevice);
        }
        let trust_domain = &identity.person.trust_domain;
        if trust.charter().agency(trust_domain).is_none() {
            return Err(TrustError::UnknownAgency { trust_domain: trust_domain.clone() }.into());
        }
        let revoked = trust.crl(trust_domain).and_then(|crl| crl.revoked_at_ms(&certificate.serial));
        if let Some(revoked_at_ms) = revoked {
            return Err(TrustError::Revoked { revoked_at_ms }.into());
        }
        certificate
            .public_key
            .verify(&renewal_signing_bytes(&signed.renewal), &signed.signature)
            .map_err(|_| RenewalError::BadSignature)?;
        Ok(Self { identity, request: renewal.request, time_ms: renewal.time_ms, certificate })
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

/// Checks the signature under an order by an agency's charter key.
///
/// Errors: [`RenewalError::BadSignature`].
pub fn verify_order(charter_key: &P256Point, order: &[u8], signature: &[u8]) -> Result<(), RenewalError> {
    charter_key.verify(&order_signing_bytes(order), signature).map_err(|_| RenewalError::BadSignature)
}
