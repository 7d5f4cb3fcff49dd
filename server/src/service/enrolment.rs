//! What comes to the desk from devices: requests on invitations, renewals, and whoever asks for an answer.
//!
//! Nobody here has shown a certificate. A request is let in by the code of its invitation, a renewal by its signature;
//! an answer is sealed to whoever made the request. The agency's admin judges what is in them. PROTOCOL.md, "Enrolment
//! and renewal", steps 7, 9 and 10.

use super::{
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{
    Desk,
    audit::By,
    enrolment::{DeskEventKind, HandInOutcome, NewRenewal, NewRequest, RenewalOutcome},
};
use alcove_charter::{RenewalError, TrustView, VerifiedRenewal, claim_hash, sha256};
use alcove_proto::{
    canonical,
    ids::Digest,
    limits::{RENEWAL_BYTES_MAX, RENEWALS_PER_AGENCY_MAX},
    names::{Identity, TrustDomain},
    v1,
};
use bytes::Bytes;

pub use crate::store::enrolment::RequestState;

impl<S: Desk> Service<S> {
    /// Takes the one request on the device's invitation; the same bytes again are the same request. `claim`: what the
    /// device derived from the invitation's code; `proof`: binds `bytes`, an encoded [`v1::EnrolmentRequest`], to that
    /// code, which only the agency can check; `request`: the id of the call. Whatever comes of it, the agency's admin is
    /// told. PROTOCOL.md, "Enrolment", step 7.
    ///
    /// Errors: [`ServiceError::InvitationUnknown`] for a wrong code as for a device that nobody invited,
    /// [`ServiceError::InvitationUsed`], [`ServiceError::InvitationExpired`], [`ServiceError::TooLarge`].
    pub async fn hand_in_request(
        &self,
        identity: Identity,
        claim: &[u8; 32],
        bytes: Bytes,
        proof: Digest,
        request: u64,
    ) -> Result<(), ServiceError> {
        // For an agency that is none nothing is kept: it would be a place for each name that somebody invents.
        if !self.inner.is_member_agency(&identity.person.trust_domain) {
            return Err(ServiceError::InvitationUnknown);
        }
        let new = NewRequest { claim_hash: claim_hash(claim), request: bytes, proof };
        let by = self.inner.about(identity, request);
        match self.inner.store.hand_in_request(new, by).await? {
            HandInOutcome::Taken | HandInOutcome::Again => Ok(()),
            HandInOutcome::Unknown => Err(ServiceError::InvitationUnknown),
            HandInOutcome::Used => Err(ServiceError::InvitationUsed),
            HandInOutcome::Expired => Err(ServiceError::InvitationExpired),
        }
    }

    /// Takes a renewal, an encoded [`v1::SignedRenewal`], in place of an earlier one of the device. The certificate
    /// that signs may have expired. PROTOCOL.md, "Renewal", step 10.
    ///
    /// Errors: [`ServiceError::NotAuthorised`] when the certificate was never the agency's or is revoked, when it is
    /// another device's, when the signature is not its key's, and when the device has been denied, of all of which the
    /// agency's admin is told; [`ServiceError::ClockSkew`] when it was not made lately; [`ServiceError::QuotaExceeded`] when as many of
    /// the agency wait as may; [`ServiceError::Malformed`], [`ServiceError::NotCanonical`], [`ServiceError::TooLarge`].
    pub async fn hand_in_renewal(&self, signed_renewal: Bytes, request: u64) -> Result<(), ServiceError> {
        let trust = self.inner.trust();
        let verified = match VerifiedRenewal::verify(&signed_renewal, &trust) {
            Ok(verified) if trust.denial(&verified.identity).is_none() => {
                verified.check_made(self.inner.clock.now_ms()).map_err(|error| refused(&error))?;
                verified
            }
            Ok(verified) => return Err(self.inner.renewal_refused(verified.identity, request).await),
            Err(error) => {
                return Err(match (refused(&error), claimed_identity(&signed_renewal, &trust)) {
                    (ServiceError::NotAuthorised, Some(identity)) => {
                        self.inner.renewal_refused(identity, request).await
                    }
                    (refusal, _) => refusal,
                });
            }
        };
        let new = NewRenewal { request_hash: Digest(sha256(&[&verified.request])), signed_renewal };
        match self.inner.store.hand_in_renewal(new, self.inner.about(verified.identity, request)).await? {
            // Whether it is the same as before makes no difference to the device.
            RenewalOutcome::Taken | RenewalOutcome::Again => Ok(()),
            RenewalOutcome::TooMany => {
                Err(ServiceError::QuotaExceeded { limit: RENEWALS_PER_AGENCY_MAX as u64 })
            }
        }
    }

    /// Tells the agency's admin that one of its devices has been denied. `request`: the id of the call.
    ///
    /// Errors: those of the store.
    pub async fn tell_of_denial(&self, identity: Identity, request: u64) -> Result<(), ServiceError> {
        let by = self.inner.about(identity, request);
        Ok(self.inner.store.put_desk_event(DeskEventKind::Denied, by).await?)
    }

    /// What has become of the device's request; `request_hash`: SHA-256 of the encoded [`v1::EnrolmentRequest`].
    /// PROTOCOL.md, "Enrolment", step 9.
    ///
    /// Errors: [`ServiceError::NotFound`] when there is no such request of that device.
    pub async fn collect_answer(
        &self,
        identity: Identity,
        request_hash: Digest,
        request: u64,
    ) -> Result<RequestState, ServiceError> {
        let by = self.inner.about(identity, request);
        self.inner.store.collect_answer(request_hash, by).await?.ok_or(ServiceError::NotFound)
    }
}

impl<S: Desk> Inner<S> {
    /// An act at the desk about a device.
    pub(super) fn about(&self, identity: Identity, request: u64) -> By {
        By { identity, time_ms: self.clock.now_ms(), request }
    }

    fn is_member_agency(&self, trust_domain: &TrustDomain) -> bool {
        self.trust().charter().agency(trust_domain).is_some()
    }

    /// Tells the admin, and answers what the caller is told.
    async fn renewal_refused(&self, identity: Identity, request: u64) -> ServiceError {
        let by = self.about(identity, request);
        match self.store.put_desk_event(DeskEventKind::RenewalRefused, by).await {
            Ok(()) => ServiceError::NotAuthorised,
            Err(error) => error.into(),
        }
    }
}

/// Whose a renewal that was refused claims to be: nobody's who belongs to no agency of the charter.
fn claimed_identity(signed_renewal: &[u8], trust: &TrustView) -> Option<Identity> {
    let signed: v1::SignedRenewal = canonical::decode(signed_renewal).ok()?;
    let renewal: v1::Renewal = canonical::decode(&signed.renewal).ok()?;
    let identity: Identity = renewal.identity.parse().ok()?;
    trust.charter().agency(&identity.person.trust_domain).map(|_| identity)
}

/// What a device is told of a renewal that is not believed: nothing of why its certificate is not.
fn refused(error: &RenewalError) -> ServiceError {
    match error {
        RenewalError::Body(body) => ServiceError::of_signed_body(body, RENEWAL_BYTES_MAX),
        RenewalError::Time { .. } => ServiceError::ClockSkew,
        RenewalError::OtherDevice => ServiceError::NotAuthorised,
    }
}
