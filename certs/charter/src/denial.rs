//! Denials: a device is to be let in no more, said by an agency's duty officer while its CA is not at hand.
//!
//! The duty officer holds a key that the agency's CA has certified for this and nothing else: it can shut devices of
//! its own agency out and let nobody in. A denial ends when the admin lifts it, by hand or after a CRL has taken its
//! place. PROTOCOL.md, "The desk".
//!
//! What comes to the desk is held against today: made now, by an officer of today, and never before
//! ([`TrustView::admit_denial`]). What was taken in once holds until it is lifted, whoever is officer by then
//! ([`TrustView::taken_denial`]), or its officer's certificate is revoked.

use crate::{
    certificate::Serial,
    error::SignedBodyError,
    key::P256Point,
    signed_body::{self, Parts, SignedBody},
};
use alcove_proto::{
    ids::Digest,
    limits::{DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX},
    names::{Identity, TrustDomain},
    v1,
};
use std::{fmt, sync::Arc};

/// What a duty officer's key signs for an encoded [`v1::Denial`].
pub fn denial_signing_bytes(denial: &[u8]) -> Vec<u8> {
    [b"alcove denial v1\0", denial].concat()
}

/// The one name in the certificate of an agency's duty officer.
pub fn duty_name(trust_domain: &TrustDomain) -> String {
    format!("spiffe://{trust_domain}/duty")
}

/// Why a denial was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DenialError {
    /// The signed body is refused, whatever it says.
    #[error(transparent)]
    Body(#[from] SignedBodyError),
    /// Made more than ten minutes before it came, or by a clock that is ahead.
    #[error("it was not made within the last ten minutes")]
    Time {
        /// What it says, milliseconds since 1970.
        at_ms: i64,
    },
    /// The admin has lifted this very denial.
    #[error("this denial was lifted; the device can be denied anew")]
    Lifted,
    /// The agency has as many in force as it may have.
    #[error("{0} has {DENIALS_PER_AGENCY_MAX} denials in force")]
    TooMany(TrustDomain),
}

/// A denial that has been believed.
#[derive(Clone)]
pub struct Denial {
    /// The device that is shut out.
    pub identity: Identity,
    /// Since when, milliseconds since 1970.
    pub at_ms: i64,
    pub(crate) digest: Digest,
    pub(crate) signed: Arc<[u8]>,
    /// What says whether its officer has been revoked since: serial number and CA of the certificate.
    pub(crate) officer: (Serial, P256Point),
}

/// One that parses, of which nothing is believed yet.
pub(crate) struct Parsed {
    pub(crate) signed: SignedBody<v1::Denial>,
    pub(crate) identity: Identity,
    pub(crate) at_ms: i64,
}

impl Parsed {
    pub(crate) fn parse(signed_denial: &[u8]) -> Result<Self, SignedBodyError> {
        let parts = |signed: v1::SignedDenial| Parts {
            body: signed.denial,
            signature: signed.signature,
            certificate: signed.certificate,
        };
        let format = |denial: &v1::Denial| denial.format;
        let signed = signed_body::open(signed_denial, DENIAL_BYTES_MAX, parts, format)?;
        let identity = signed.message.identity.parse()?;
        Ok(Self { identity, at_ms: signed.message.at_ms, signed })
    }
}

impl Denial {
    /// SHA-256 of the encoded [`v1::Denial`]: what says that two are the same. Not of the signed one: a signature can be
    /// written in two ways, and its officer can sign twice.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The denial as it came, an encoded [`v1::SignedDenial`].
    pub fn signed(&self) -> &Arc<[u8]> {
        &self.signed
    }
}

impl fmt::Debug for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Denial({} since {})", self.identity, self.at_ms)
    }
}
