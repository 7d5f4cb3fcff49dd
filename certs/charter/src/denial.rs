//! Denials: a device is to be let in no more, said by an agency's duty officer while its CA is not at hand.
//!
//! The duty officer holds a key that the agency's CA has certified for this and nothing else: it can shut devices of
//! its own agency out and let nobody in. A denial ends when the admin lifts it, by hand or after a CRL has taken its
//! place. PROTOCOL.md, "The desk".
//!
//! What comes to the desk is held against today: made now, by an officer of today, and never before
//! ([`TrustView::admit_denial`]). What was taken in once holds until it is lifted, whoever is officer by then
//! ([`TrustView::with_denial`]).

use crate::{
    TrustError,
    anchor::{self, PathFault},
    certificate::{Leaf, San},
    history::Appended,
    key::sha256,
    oids::Usage,
    trust::TrustView,
};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::Digest,
    limits::{DENIAL_AGE_MS_MAX, DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX, DESK_CLOCK_AHEAD_MS_MAX},
    names::{Identity, NameError, TrustDomain},
    v1,
};
use rustls_pki_types::TrustAnchor;
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
    digest: Digest,
    signed: Arc<[u8]>,
}

impl Denial {
    /// `now_ms`: today, for one that comes to the desk; nothing for one that was taken in already.
    fn verify(signed_denial: &[u8], trust: &TrustView, now_ms: Option<i64>) -> Result<Self, DenialError> {
        if signed_denial.len() > DENIAL_BYTES_MAX {
            return Err(DenialError::TooLarge);
        }
        let signed: v1::SignedDenial = canonical::decode(signed_denial)?;
        let denial: v1::Denial = canonical::decode(&signed.denial)?;
        if denial.format != FORMAT {
            return Err(DenialError::Format { found: denial.format });
        }
        let identity: Identity = denial.identity.parse()?;
        let agency = &identity.person.trust_domain;
        let (anchors, judged_at_ms) = match now_ms {
            Some(now_ms) => (trust.charters().anchors_now(agency), now_ms),
            None => (trust.charters().anchors_ever(agency), denial.at_ms),
        };
        let officer = officer(&signed.certificate, agency, &anchors, judged_at_ms, trust)?;
        officer
            .public_key
            .verify(&denial_signing_bytes(&signed.denial), &signed.signature)
            .map_err(|_| DenialError::BadSignature)?;
        let digest = Digest(sha256(&[&signed.denial]));
        Ok(Self { identity, at_ms: denial.at_ms, digest, signed: signed_denial.into() })
    }

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

/// The certificate of a duty officer of that agency, in force at `time_ms`, by one of `anchors`.
fn officer(
    der: &[u8],
    trust_domain: &TrustDomain,
    anchors: &[TrustAnchor<'static>],
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
    if anchors.is_empty() {
        return Err(TrustError::UnknownAgency { trust_domain: trust_domain.clone() });
    }
    let path = anchor::check_path(der, &leaf, &[], anchors, Usage::Denials.der(), None);
    path.map_err(|fault| match fault {
        PathFault::UnknownIssuer => unknown(),
        PathFault::BadSignature => TrustError::BadSignature,
        PathFault::Malformed | PathFault::IntermediateTime => TrustError::Malformed,
        PathFault::CaAsLeaf => TrustError::CaAsLeaf,
        PathFault::WrongUsage => TrustError::WrongUsage,
    })?;
    leaf.check_time(time_ms)?;
    let revoked = trust.crl(trust_domain).and_then(|crl| crl.revoked_at_ms(&leaf.serial));
    match revoked {
        Some(revoked_at_ms) => Err(TrustError::Revoked { revoked_at_ms }),
        None => Ok(leaf),
    }
}

impl TrustView {
    /// A view that also knows this denial, an encoded [`v1::SignedDenial`], which was taken in before; one about the same
    /// device again changes nothing.
    ///
    /// Errors: [`DenialError`].
    pub fn with_denial(&self, signed_denial: &[u8]) -> Result<(Self, Appended), DenialError> {
        self.with_verified(Denial::verify(signed_denial, self, None)?)
    }

    /// The same for one that is handed in now: it was made within ten minutes of `now_ms`, by an officer whose certificate
    /// is in force and by a CA that the agency has today, and was not `was_lifted` before. The one that is in force changes
    /// nothing, whenever it comes. PROTOCOL.md section 6, "Charters, CRLs, denials".
    ///
    /// So a duty key that was found or a CA that was retired shuts nobody out, and neither does a denial that the admin has
    /// seen through. Errors: [`DenialError`].
    pub fn admit_denial(
        &self,
        signed_denial: &[u8],
        now_ms: i64,
        was_lifted: impl Fn(&Digest) -> bool,
    ) -> Result<(Self, Appended), DenialError> {
        if self.denials().any(|denial| denial.signed()[..] == *signed_denial) {
            return Ok((self.clone(), Appended::AlreadyHeld));
        }
        let denial = Denial::verify(signed_denial, self, Some(now_ms))?;
        let age_ms = now_ms.saturating_sub(denial.at_ms);
        if !(-DESK_CLOCK_AHEAD_MS_MAX..=DENIAL_AGE_MS_MAX).contains(&age_ms) {
            return Err(DenialError::Time { at_ms: denial.at_ms });
        }
        if was_lifted(&denial.digest) {
            return Err(DenialError::Lifted);
        }
        self.with_verified(denial)
    }

    fn with_verified(&self, denial: Denial) -> Result<(Self, Appended), DenialError> {
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
