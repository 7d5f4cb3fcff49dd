//! Orders of an agency's admin at the desk, signed by the agency's charter key.
//!
//! An agency orders what concerns its own devices, and nothing else: every name in an order is one of its own.
//! PROTOCOL.md, "Orders".

use super::{
    error::ServiceError,
    inner::{Inner, Service},
    recoveries::AttemptNow,
};
use crate::store::{
    Desk, Escrow, Recoveries,
    enrolment::{NewInvitation, OpenInvitationOutcome},
    escrow::EscrowPage,
};
use alcove_charter::verify_order;
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::Digest,
    limits::{
        ANSWER_BYTES_MAX, CHARTER_BYTES_MAX, DESK_EVENTS_MAX, INVITATION_MS, ORDER_BYTES_MAX,
        ORDER_CLOCK_SKEW_MS_MAX, REQUESTS_PER_PAGE_MAX,
    },
    names::{Identity, TrustDomain},
    v1::{self, order::Act},
};
use std::{future::Future, sync::Arc};

pub use crate::store::enrolment::{Asked, DeskEvent, OpenInvitation, WaitingRequest};

/// The format of orders that is read.
const FORMAT: u32 = 1;
/// Milliseconds an invitation may end later than the server would count: the admin's clock may be that far off, and
/// the order may have waited.
const INVITATION_SLACK_MS: i64 = 3600 * 1000;

/// The orders about what is trusted: whoever keeps charters and denials in force carries them out.
pub trait TrustOrders: Send + Sync + 'static {
    /// The devices with a live connection that a charter to come would cut, in order of name. `signed_charter`: an
    /// encoded [`v1::SignedCharter`], signed by whoever has signed so far.
    fn would_cut(
        &self,
        signed_charter: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<Identity>, ServiceError>> + Send;

    /// Ends the denial of a device; one that is not denied stays so.
    fn lift_denial(&self, identity: Identity) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// What an admin's program hands in.
#[derive(Clone)]
pub struct SignedOrder {
    /// Encoded [`alcove_proto::v1::Order`], at most [`alcove_proto::limits::ORDER_BYTES_MAX`].
    pub order: Vec<u8>,
    /// By the agency's charter key.
    pub signature: Vec<u8>,
}

/// What an order was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderAnswer {
    /// It has been carried out.
    Done,
    /// What waits at the desk.
    Listed(DeskList),
    /// The agency's devices that a charter to come would cut, in order of name.
    WouldCut(Vec<Identity>),
    /// The agency's attempts at recovery, newest first.
    Attempts(Vec<AttemptNow>),
    /// Part of what is sealed to the agency's recovery key for one person.
    Escrow(EscrowPage),
    /// The agency's CRL in force, DER.
    Crl(Arc<[u8]>),
}

/// What waits at the desk for one agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskList {
    /// In order of name.
    pub requests: Vec<WaitingRequest>,
    /// Whether there are more requests.
    pub more: bool,
    /// In order of sequence.
    pub events: Vec<DeskEvent>,
    /// In order of name; only on the first page.
    pub invitations: Vec<OpenInvitation>,
}

impl<S: Desk + Escrow + Recoveries> Service<S> {
    /// Carries out an order. Every one of them can be repeated. `request`: the id of the call.
    ///
    /// Errors: [`ServiceError::NotAuthorised`] when the agency is none of the charter, the signature is not its charter
    /// key's, or a device is another agency's; [`ServiceError::ClockSkew`]; [`ServiceError::NotFound`] for an answer to
    /// a request that does not wait; [`ServiceError::InvitationUsed`] for an invitation in place of one on which a
    /// request waits; [`ServiceError::RecoveryStands`], [`ServiceError::RecoveryNotOpen`] and [`ServiceError::IdReused`]
    /// about attempts at recovery; [`ServiceError::Malformed`], [`ServiceError::NotCanonical`], [`ServiceError::TooLarge`]; those of
    /// `trust_orders`.
    pub async fn place_order(
        &self,
        signed: &SignedOrder,
        trust_orders: &impl TrustOrders,
        request: u64,
    ) -> Result<OrderAnswer, ServiceError> {
        let (agency, act) = self.inner.authorised(signed)?;
        match act {
            Act::OpenInvitation(open) => self.inner.open_invitation(&agency, &open, request).await,
            Act::WithdrawInvitation(withdraw) => {
                let by = self.inner.about(own(&agency, &withdraw.identity)?, request);
                // One that is gone already is what was asked for.
                let _was_there = self.inner.store.withdraw_invitation(by).await?;
                Ok(OrderAnswer::Done)
            }
            Act::List(list) => self.inner.list(&agency, &list).await,
            Act::Answer(answer) => {
                let by = self.inner.about(own(&agency, &answer.identity)?, request);
                let sealed = answer.sealed_answer;
                if sealed.is_empty() {
                    return Err(ServiceError::Malformed);
                }
                if sealed.len() > ANSWER_BYTES_MAX {
                    return Err(ServiceError::TooLarge { limit: ANSWER_BYTES_MAX as u64 });
                }
                let hash = digest(&answer.request_hash)?;
                self.inner.store.answer_request(hash, sealed.into(), by).await?;
                Ok(OrderAnswer::Done)
            }
            Act::Refuse(refuse) => {
                let by = self.inner.about(own(&agency, &refuse.identity)?, request);
                self.inner.store.refuse_request(digest(&refuse.request_hash)?, by).await?;
                Ok(OrderAnswer::Done)
            }
            Act::WouldCut(ask) => {
                if ask.signed_charter.len() > CHARTER_BYTES_MAX {
                    return Err(ServiceError::TooLarge { limit: CHARTER_BYTES_MAX as u64 });
                }
                let mut cut = trust_orders.would_cut(ask.signed_charter).await?;
                // Who of another agency is connected is not this one's to know.
                cut.retain(|identity| identity.person.trust_domain == agency);
                Ok(OrderAnswer::WouldCut(cut))
            }
            Act::LiftDenial(lift) => {
                trust_orders.lift_denial(own(&agency, &lift.identity)?).await?;
                Ok(OrderAnswer::Done)
            }
            Act::OpenRecovery(open) => {
                let by = self.inner.about(own(&agency, &open.identity)?, request);
                let (order, signature) = (signed.order.clone().into(), signed.signature.clone().into());
                self.inner.open_recovery(&open, (order, signature), by).await?;
                Ok(OrderAnswer::Done)
            }
            Act::WithdrawRecovery(withdraw) => {
                self.inner.withdraw_recovery(&agency, &withdraw.attempt_id, request).await?;
                Ok(OrderAnswer::Done)
            }
            Act::ListAttempts(v1::ListAttempts {}) => {
                Ok(OrderAnswer::Attempts(self.inner.attempts(&agency).await?))
            }
            Act::ReadCrl(v1::ReadCrl {}) => {
                let trust = self.inner.trust();
                let crl = trust.crl(&agency).ok_or(ServiceError::NotFound)?;
                Ok(OrderAnswer::Crl(Arc::clone(crl.der())))
            }
            Act::ReadEscrow(read) => {
                Ok(OrderAnswer::Escrow(self.inner.read_escrow(&agency, read, request).await?))
            }
        }
    }
}

impl<S> Inner<S> {
    /// The agency whose order it is, and what it orders.
    fn authorised(&self, signed: &SignedOrder) -> Result<(TrustDomain, Act), ServiceError> {
        if signed.order.len() > ORDER_BYTES_MAX {
            return Err(ServiceError::TooLarge { limit: ORDER_BYTES_MAX as u64 });
        }
        let order: v1::Order = canonical::decode(&signed.order).map_err(|error| match error {
            CanonicalError::Malformed => ServiceError::Malformed,
            CanonicalError::NotCanonical => ServiceError::NotCanonical,
        })?;
        if order.format != FORMAT {
            return Err(ServiceError::Malformed);
        }
        let name: TrustDomain = order.trust_domain.parse().map_err(|_| ServiceError::Malformed)?;
        let trust = self.trust();
        let agency = trust.charter().agency(&name).ok_or(ServiceError::NotAuthorised)?;
        verify_order(&agency.charter_key, &signed.order, &signed.signature)
            .map_err(|_| ServiceError::NotAuthorised)?;
        let skew_ms = self.clock.now_ms().abs_diff(order.time_ms);
        if skew_ms > ORDER_CLOCK_SKEW_MS_MAX.unsigned_abs() {
            return Err(ServiceError::ClockSkew);
        }
        Ok((name, order.act.ok_or(ServiceError::Malformed)?))
    }
}

impl<S: Desk> Inner<S> {
    async fn open_invitation(
        &self,
        agency: &TrustDomain,
        open: &v1::OpenInvitation,
        request: u64,
    ) -> Result<OrderAnswer, ServiceError> {
        let by = self.about(own(agency, &open.identity)?, request);
        let left_ms = open.not_after_ms.saturating_sub(by.time_ms);
        if left_ms > INVITATION_MS + INVITATION_SLACK_MS {
            return Err(ServiceError::TooLarge { limit: INVITATION_MS.unsigned_abs() });
        }
        if left_ms <= 0 {
            return Err(ServiceError::InvitationExpired);
        }
        let new = NewInvitation { claim_hash: digest(&open.claim_hash)?, not_after_ms: open.not_after_ms };
        match self.store.open_invitation(new, by).await? {
            OpenInvitationOutcome::Opened | OpenInvitationOutcome::Again => Ok(OrderAnswer::Done),
            OpenInvitationOutcome::RequestWaits => Err(ServiceError::InvitationUsed),
        }
    }

    async fn list(&self, agency: &TrustDomain, list: &v1::ListRequests) -> Result<OrderAnswer, ServiceError> {
        let after = match list.after_identity.as_str() {
            "" => None,
            name => Some(own(agency, name)?),
        };
        let is_first = after.is_none();
        let page = self.store.waiting_requests(agency.clone(), after, REQUESTS_PER_PAGE_MAX).await?;
        let events = self.store.desk_events(agency.clone(), list.after_event, DESK_EVENTS_MAX).await?;
        let invitations = if is_first {
            self.store.open_invitations(agency.clone(), self.clock.now_ms()).await?
        } else {
            Vec::new()
        };
        Ok(OrderAnswer::Listed(DeskList { requests: page.requests, more: page.more, events, invitations }))
    }
}

/// Reads a hash.
fn digest(bytes: &[u8]) -> Result<Digest, ServiceError> {
    Digest::try_from(bytes).map_err(|_| ServiceError::Malformed)
}

/// A device that the agency may order about.
fn own(agency: &TrustDomain, name: &str) -> Result<Identity, ServiceError> {
    let identity: Identity = name.parse().map_err(|_| ServiceError::Malformed)?;
    if identity.person.trust_domain == *agency { Ok(identity) } else { Err(ServiceError::NotAuthorised) }
}
