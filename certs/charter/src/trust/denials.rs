//! Denials in a view: taken in, admitted at the desk, and asked about.

use super::TrustView;
use crate::{
    anchor::{self, PathFault},
    certificate::{Leaf, San, Serial},
    denial::{Denial, DenialError, Parsed, denial_signing_bytes, duty_name},
    error::{SignedBodyError, TrustError},
    history::Appended,
    key::{P256Point, sha256},
    oids::Usage,
};
use alcove_proto::{
    ids::Digest,
    limits::{DENIAL_AGE_MS_MAX, DENIALS_PER_AGENCY_MAX, DESK_CLOCK_AHEAD_MS_MAX},
    names::{Identity, TrustDomain},
};
use rustls_pki_types::TrustAnchor;
use std::{collections::BTreeMap, sync::Arc};

impl TrustView {
    /// Judges a denial, an encoded [`alcove_proto::v1::SignedDenial`], which was taken in before. `known`: the one about that device
    /// that an earlier view of the same history believed; of the same bytes nothing but its officer can be another since.
    ///
    /// Errors: [`DenialError`]. [`TrustError::Revoked`] is for ever: what a list had once stays revoked.
    pub fn taken_denial(
        &self,
        signed_denial: &[u8],
        known: Option<&Arc<Denial>>,
    ) -> Result<Arc<Denial>, DenialError> {
        if let Some(known) = known.filter(|known| known.signed[..] == *signed_denial) {
            check_officer(known, self).map_err(SignedBodyError::from)?;
            return Ok(Arc::clone(known));
        }
        let parsed = Parsed::parse(signed_denial)?;
        let (anchors, at_ms) =
            (self.charters().anchors_ever(&parsed.identity.person.trust_domain), parsed.at_ms);
        Ok(Arc::new(believed(parsed, signed_denial, self, &anchors, at_ms)?.0))
    }

    /// A view in which those are denied and nobody else, however many of an agency they are.
    #[must_use]
    pub fn with_taken_denials(&self, denials: impl IntoIterator<Item = Arc<Denial>>) -> Self {
        self.with_denials(denials.into_iter().map(|denial| (denial.identity.clone(), denial)).collect())
    }

    /// The same for one that is handed in now: it was made within ten minutes of `now_ms`, by an officer whose certificate
    /// is in force and by a CA that the agency has today, and was not `was_lifted` before. The one that is in force changes
    /// nothing, whenever it comes. PROTOCOL.md section 6, "Charters, CRLs, denials".
    ///
    /// So a duty key that was found or a CA that was retired shuts nobody out, and neither does a denial that the admin has
    /// seen through. What was lifted is asked last, of one that everything else holds of: anybody hands in what is none.
    /// Errors: [`DenialError`], and those of `was_lifted`.
    pub fn admit_denial<E: From<DenialError>>(
        &self,
        signed_denial: &[u8],
        now_ms: i64,
        was_lifted: impl FnOnce(&Digest) -> Result<bool, E>,
    ) -> Result<(Self, Appended), E> {
        let parsed = Parsed::parse(signed_denial).map_err(DenialError::from)?;
        if self.denial(&parsed.identity).is_some_and(|held| held.signed[..] == *signed_denial) {
            return Ok((self.clone(), Appended::AlreadyHeld));
        }
        let anchors = self.charters().anchors_now(&parsed.identity.person.trust_domain);
        let (denial, officer) =
            believed(parsed, signed_denial, self, &anchors, now_ms).map_err(DenialError::from)?;
        let age_ms = now_ms.saturating_sub(denial.at_ms);
        if !(-DESK_CLOCK_AHEAD_MS_MAX..=DENIAL_AGE_MS_MAX).contains(&age_ms) {
            return Err(DenialError::Time { at_ms: denial.at_ms }.into());
        }
        // As it will be judged whenever it is looked at again.
        officer.check_time(denial.at_ms).map_err(SignedBodyError::from).map_err(DenialError::from)?;
        if was_lifted(&denial.digest)? {
            return Err(DenialError::Lifted.into());
        }
        if self.denials.contains_key(&denial.identity) {
            return Ok((self.clone(), Appended::AlreadyHeld));
        }
        let trust_domain = &denial.identity.person.trust_domain;
        let in_force = self.denials.keys().filter(|identity| identity.person.trust_domain == *trust_domain);
        if in_force.count() >= DENIALS_PER_AGENCY_MAX {
            return Err(DenialError::TooMany(trust_domain.clone()).into());
        }
        let mut denials = BTreeMap::clone(&self.denials);
        denials.insert(denial.identity.clone(), Arc::new(denial));
        Ok((self.with_denials(denials), Appended::New))
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

/// A denial that parses, believed, with its officer's certificate: one by `anchors` that is in force at `judged_at_ms`.
fn believed(
    parsed: Parsed,
    signed_denial: &[u8],
    trust: &TrustView,
    anchors: &[TrustAnchor<'static>],
    judged_at_ms: i64,
) -> Result<(Denial, Leaf), SignedBodyError> {
    let Parsed { signed, identity, at_ms } = parsed;
    let (leaf, issuer) = officer(&signed.parts.certificate, &identity.person.trust_domain, anchors, trust)?;
    leaf.check_time(judged_at_ms)?;
    signed.verify(&leaf.public_key, denial_signing_bytes)?;
    let (digest, officer) = (Digest(sha256(&[&signed.parts.body])), (leaf.serial.clone(), issuer));
    Ok((Denial { identity, at_ms, digest, signed: signed_denial.into(), officer }, leaf))
}

/// The officer's certificate has not been revoked as far as `trust` knows.
fn check_officer(denial: &Denial, trust: &TrustView) -> Result<(), TrustError> {
    let (serial, issuer) = &denial.officer;
    not_revoked(trust, &denial.identity.person.trust_domain, serial, issuer)
}

/// The certificate of a duty officer of that agency, by one of `anchors` and not revoked, with the CA's key.
fn officer(
    der: &[u8],
    trust_domain: &TrustDomain,
    anchors: &[TrustAnchor<'static>],
    trust: &TrustView,
) -> Result<(Leaf, P256Point), TrustError> {
    let leaf = Leaf::parse(der)?;
    leaf.check_profile(Usage::Denials)?;
    match leaf.san()? {
        San::Uri(uri) if *uri == duty_name(trust_domain) => {}
        San::Uri(_) | San::Dns(_) | San::Other => return Err(TrustError::SanKind),
    }
    let unknown = || TrustError::UnknownIssuer(trust_domain.clone());
    if anchors.is_empty() {
        return Err(TrustError::UnknownAgency(trust_domain.clone()));
    }
    let path = anchor::check_path(der, &leaf, &[], anchors, Usage::Denials.der(), None);
    let issuer = path.map_err(|fault| match fault {
        PathFault::UnknownIssuer => unknown(),
        PathFault::BadSignature => TrustError::BadSignature,
        PathFault::Malformed | PathFault::IntermediateTime => TrustError::Malformed,
        PathFault::CaAsLeaf => TrustError::CaAsLeaf,
        PathFault::WrongUsage => TrustError::WrongUsage,
    })?;
    not_revoked(trust, trust_domain, &leaf.serial, &issuer)?;
    Ok((leaf, issuer))
}

fn not_revoked(
    trust: &TrustView,
    trust_domain: &TrustDomain,
    serial: &Serial,
    issuer: &P256Point,
) -> Result<(), TrustError> {
    match trust.revocation(trust_domain, serial, issuer) {
        Some(revoked_at_ms) => Err(TrustError::Revoked { revoked_at_ms }),
        None => Ok(()),
    }
}
