//! Denials: a device is to be let in no more, said by an agency's duty officer while its CA is not at hand.
//!
//! The duty officer holds a key that the agency's CA has certified for this and nothing else: it can shut devices of
//! its own agency out and let nobody in. A denial ends when the admin lifts it, by hand or after a CRL has taken its
//! place. PROTOCOL.md, "The desk".

use crate::{
    TrustError,
    anchor::{self, PathFault},
    certificate::{Leaf, San},
    history::Appended,
    oids::Usage,
    trust::TrustView,
};
use alcove_proto::{
    canonical::{self, CanonicalError},
    limits::{DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX},
    names::{Identity, NameError, TrustDomain},
    v1,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The format this crate reads.
const FORMAT: u32 = 1;

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
    /// Over [`alcove_proto::limits::DENIAL_BYTES_MAX`].
    #[error("the denial is too large")]
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
    #[error("the denial names no device")]
    Name(#[from] NameError),
    /// The certificate is not a duty officer's of that device's agency, was not in force, or has been revoked.
    #[error("the certificate that signs is not believed")]
    Certificate(#[from] TrustError),
    /// The signature is not the certified key's.
    #[error("the signature does not verify")]
    BadSignature,
    /// The agency has as many in force as it may have.
    #[error("{trust_domain} has {DENIALS_PER_AGENCY_MAX} denials in force")]
    TooMany {
        /// Which.
        trust_domain: TrustDomain,
    },
}

/// A denial that has been believed.
#[derive(Clone)]
pub struct Denial {
    /// The device that is shut out.
    pub identity: Identity,
    /// Since when, milliseconds since 1970.
    pub at_ms: i64,
    signed: Arc<[u8]>,
}

impl Denial {
    fn verify(signed_denial: &[u8], trust: &TrustView) -> Result<Self, DenialError> {
        if signed_denial.len() > DENIAL_BYTES_MAX {
            return Err(DenialError::TooLarge);
        }
        let signed: v1::SignedDenial = canonical::decode(signed_denial)?;
        let denial: v1::Denial = canonical::decode(&signed.denial)?;
        if denial.format != FORMAT {
            return Err(DenialError::Format { found: denial.format });
        }
        let identity: Identity = denial.identity.parse()?;
        let officer = officer(&signed.certificate, &identity.person.trust_domain, denial.at_ms, trust)?;
        officer
            .public_key
            .verify(&denial_signing_bytes(&signed.denial), &signed.signature)
            .map_err(|_| DenialError::BadSignature)?;
        Ok(Self { identity, at_ms: denial.at_ms, signed: signed_denial.into() })
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

/// The certificate of a duty officer of that agency, in force at `time_ms`, by a CA of any charter version.
fn officer(
    der: &[u8],
    trust_domain: &TrustDomain,
    time_ms: i64,
    trust: &TrustView,
) -> Result<Leaf, TrustError> {
    let leaf = Leaf::parse(der)?;
    leaf.check_profile(Usage::Denials)?;
    match leaf.san()? {
        San::Uri(uri) if *uri == duty_name(trust_domain) => {}
        San::Uri(_) | San::Dns(_) | San::Other => return Err(TrustError::SanKind),
    }
    let unknown = || TrustError::UnknownIssuer { trust_domain: trust_domain.clone() };
    let anchors = trust.charters().anchors_ever(trust_domain);
    if anchors.is_empty() {
        return Err(TrustError::UnknownAgency { trust_domain: trust_domain.clone() });
    }
    let path = anchor::check_path(der, &leaf, &[], &anchors, Usage::Denials.der(), None);
    let issuer = path.map_err(|fault| match fault {
        PathFault::UnknownIssuer => unknown(),
        PathFault::BadSignature => TrustError::BadSignature,
        PathFault::Malformed | PathFault::IntermediateTime => TrustError::Malformed,
        PathFault::CaAsLeaf => TrustError::CaAsLeaf,
        PathFault::WrongUsage => TrustError::WrongUsage,
    })?;
    leaf.check_time(time_ms)?;
    match trust.revocation(trust_domain, &leaf.serial, &issuer) {
        Some(revoked_at_ms) => Err(TrustError::Revoked { revoked_at_ms }),
        None => Ok(leaf),
    }
}

impl TrustView {
    /// A view that also knows this denial, an encoded [`v1::SignedDenial`]; one about the same device again changes
    /// nothing.
    ///
    /// Errors: [`DenialError`].
    pub fn with_denial(&self, signed_denial: &[u8]) -> Result<(Self, Appended), DenialError> {
        let denial = Denial::verify(signed_denial, self)?;
        if self.denials.contains_key(&denial.identity) {
            return Ok((self.clone(), Appended::AlreadyHeld));
        }
        let trust_domain = &denial.identity.person.trust_domain;
        let in_force = self.denials.keys().filter(|identity| identity.person.trust_domain == *trust_domain);
        if in_force.count() >= DENIALS_PER_AGENCY_MAX {
            return Err(DenialError::TooMany { trust_domain: trust_domain.clone() });
        }
        let mut denials = BTreeMap::clone(&self.denials);
        denials.insert(denial.identity.clone(), Arc::new(denial));
        Ok((self.with_denials(denials), Appended::New))
    }

    /// A view in which `identity` is not denied.
    #[must_use]
    pub fn without_denial(&self, identity: &Identity) -> Self {
        let mut denials = BTreeMap::clone(&self.denials);
        denials.remove(identity);
        self.with_denials(denials)
    }

    /// A view in which nobody is denied.
    #[must_use]
    pub fn without_denials(&self) -> Self {
        self.with_denials(BTreeMap::new())
    }

    /// The denials in force, in order of device.
    pub fn denials(&self) -> impl Iterator<Item = &Arc<Denial>> {
        self.denials.values()
    }

    /// The denial of a device.
    pub fn denial(&self, identity: &Identity) -> Option<&Arc<Denial>> {
        self.denials.get(identity)
    }
}
