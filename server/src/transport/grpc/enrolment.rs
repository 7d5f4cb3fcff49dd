//! The Enrolment service at the edge of the desk.

use super::{
    call::{DeskCall, Reply},
    escrow::attempt,
    parse::{id, identity, required},
};
use crate::{
    service::{
        Asked, DeskEvent, DeskList, EscrowPage, OpenInvitation, OrderAnswer, RequestState, Service,
        ServiceError, SignedOrder, TrustOrders, WaitingRequest,
    },
    store::Store,
};
use alcove_proto::{
    ids::Digest,
    limits::{ORDER_BYTES_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX},
    v1,
};
use alcove_rpc::v1::enrolment_server::Enrolment;
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use tonic::{Request, async_trait};

/// Bytes of a signature: ECDSA P-256 in ASN.1 DER takes 72 at most.
const SIGNATURE_BYTES_MAX: usize = 128;
/// Bytes of one message at this service: the largest order with its signature and what frames them.
pub(super) const ENROLMENT_MESSAGE_BYTES_MAX: usize = ORDER_BYTES_MAX + 1024;

/// Serves `alcove.v1.Enrolment`.
pub(super) struct EnrolmentApi<S, T> {
    pub(super) service: Service<S>,
    /// Carries out the orders about what is trusted.
    pub(super) trust_orders: Arc<T>,
}

#[async_trait]
impl<S: Store, T: TrustOrders> Enrolment for EnrolmentApi<S, T> {
    async fn hand_in_request(
        &self,
        request: Request<v1::HandInRequestRequest>,
    ) -> Reply<v1::HandInRequestResponse> {
        DeskCall::answered(request, async |call, message| {
            required(&message.request, REQUEST_BYTES_MAX)?;
            let (device, proof) = (identity(&message.identity)?, id(&message.proof)?);
            let Digest(claim) = id(&message.claim)?;
            let request = message.request.into();
            self.service.hand_in_request(device, &claim, request, proof, call.request()).await?;
            Ok(v1::HandInRequestResponse {})
        })
        .await
    }

    async fn hand_in_renewal(
        &self,
        request: Request<v1::HandInRenewalRequest>,
    ) -> Reply<v1::HandInRenewalResponse> {
        DeskCall::answered(request, async |call, message| {
            required(&message.signed_renewal, RENEWAL_BYTES_MAX)?;
            self.service.hand_in_renewal(message.signed_renewal.into(), call.request()).await?;
            Ok(v1::HandInRenewalResponse {})
        })
        .await
    }

    async fn collect_answer(
        &self,
        request: Request<v1::CollectAnswerRequest>,
    ) -> Reply<v1::CollectAnswerResponse> {
        DeskCall::answered(request, async |call, message| {
            let (device, hash) = (identity(&message.identity)?, id(&message.request_hash)?);
            Ok(state(self.service.collect_answer(device, hash, call.request()).await?))
        })
        .await
    }

    async fn place_order(&self, request: Request<v1::PlaceOrderRequest>) -> Reply<v1::PlaceOrderResponse> {
        DeskCall::answered(request, async |call, message| {
            required(&message.order, ORDER_BYTES_MAX)?;
            required(&message.signature, SIGNATURE_BYTES_MAX)?;
            let signed = SignedOrder { order: message.order, signature: message.signature };
            let answer = self.service.place_order(&signed, &*self.trust_orders, call.request()).await?;
            Ok(order_answer(answer)?)
        })
        .await
    }
}

fn state(state: RequestState) -> v1::CollectAnswerResponse {
    let (state, sealed_answer) = match state {
        RequestState::Waiting => (v1::RequestState::Waiting, Vec::new()),
        RequestState::Answered(sealed_answer) => (v1::RequestState::Answered, sealed_answer.into()),
        RequestState::Refused => (v1::RequestState::Refused, Vec::new()),
    };
    v1::CollectAnswerResponse { state: state.into(), sealed_answer }
}

fn order_answer(answer: OrderAnswer) -> Result<v1::PlaceOrderResponse, ServiceError> {
    Ok(match answer {
        OrderAnswer::Done => v1::PlaceOrderResponse::default(),
        OrderAnswer::Listed(listed) => {
            v1::PlaceOrderResponse { list: Some(list(listed)), ..Default::default() }
        }
        OrderAnswer::WouldCut(identities) => {
            let identities = identities.iter().map(ToString::to_string).collect();
            v1::PlaceOrderResponse { would_cut: Some(v1::WouldCut { identities }), ..Default::default() }
        }
        OrderAnswer::Attempts(attempts) => {
            let attempts = v1::AttemptList { attempts: attempts.into_iter().map(attempt).collect() };
            v1::PlaceOrderResponse { attempts: Some(attempts), ..Default::default() }
        }
        OrderAnswer::Crl(crl) => v1::PlaceOrderResponse { crl: crl.to_vec(), ..Default::default() },
        OrderAnswer::Escrow(page) => {
            v1::PlaceOrderResponse { escrow: Some(escrow_page(page)?), ..Default::default() }
        }
    })
}

/// What devices handed in parsed then: one that does not now is the store's fault.
fn escrow_page(page: EscrowPage) -> Result<v1::EscrowPage, ServiceError> {
    let decode = |entry: Bytes| v1::EscrowEntry::decode(entry).map_err(ServiceError::internal);
    let decode_grant = |grant: Bytes| v1::EscrowedGrant::decode(grant).map_err(ServiceError::internal);
    Ok(v1::EscrowPage {
        entries: page.entries.into_iter().map(decode).collect::<Result<_, _>>()?,
        grants: page.grants.into_iter().map(decode_grant).collect::<Result<_, _>>()?,
        certificates: page.certificates.into_iter().map(Into::into).collect(),
        next_cursor: page.next.unwrap_or_default(),
    })
}

fn list(list: DeskList) -> v1::RequestList {
    v1::RequestList {
        requests: list.requests.into_iter().map(waiting).collect(),
        more: list.more,
        events: list.events.into_iter().map(event).collect(),
        invitations: list.invitations.into_iter().map(invitation).collect(),
    }
}

fn waiting(request: WaitingRequest) -> v1::WaitingRequest {
    let mut message = v1::WaitingRequest {
        identity: request.identity.to_string(),
        handed_in_at_ms: request.handed_in_at_ms,
        ..Default::default()
    };
    match request.asked {
        Asked::ByInvitation { request, proof } => {
            message.request = request.into();
            message.proof = proof.to_vec();
        }
        Asked::ByRenewal(signed_renewal) => message.signed_renewal = signed_renewal.into(),
    }
    message
}

fn invitation(open: OpenInvitation) -> v1::InvitationState {
    v1::InvitationState {
        identity: open.identity.to_string(),
        not_after_ms: open.not_after_ms,
        used: open.used,
    }
}

fn event(event: DeskEvent) -> v1::DeskEvent {
    v1::DeskEvent {
        sequence: event.sequence,
        kind: event.kind.into(),
        identity: event.identity.to_string(),
        at_ms: event.at_ms,
    }
}
