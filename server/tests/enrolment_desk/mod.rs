//! The desk as tests of it share it: a client without a certificate, an admin that signs orders, a person with an
//! invitation and a device with a certificate.

#![allow(dead_code, reason = "each test program uses a part of it")]

use crate::world::{Agency, World, key_pair, sign_with};
use alcove_charter::{InvitationCode, TrustView, claim_hash, renewal_signing_bytes, sha256};
use alcove_proto::{
    limits::INVITATION_MS,
    names::Identity,
    v1::{self, DeskEventKind, ErrorDetail, Reason, RequestState, order::Act},
};
use alcove_rpc::v1::enrolment_client::EnrolmentClient;
use alcove_server::{
    service::{ServiceError, TrustOrders},
    transport::grpc::{RequestId, enrolment},
};
use arc_swap::ArcSwap;
use http::{Request, Response};
use prost::Message;
use ring::signature::{EcdsaKeyPair, KeyPair};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body, service::Routes};

/// The desk as anybody's connection shows it.
#[derive(Clone)]
pub(crate) struct Desk(Routes);

impl Desk {
    /// With these services and no other.
    pub(crate) fn of(routes: Routes) -> Self {
        Self(routes)
    }
}

impl tower::Service<Request<Body>> for Desk {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Routes as tower::Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<Request<Body>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request.extensions_mut().insert(RequestId(0xfeed));
        self.0.call(request)
    }
}

/// Carries out orders about trust as a server would that has these devices connected.
pub(crate) struct Trust {
    in_force: Arc<ArcSwap<TrustView>>,
    connected: Vec<Identity>,
}

impl TrustOrders for Trust {
    async fn would_cut(&self, signed_charter: Vec<u8>) -> Result<Vec<Identity>, ServiceError> {
        let signed = v1::SignedCharter::decode(&signed_charter[..]).map_err(|_| ServiceError::Malformed)?;
        let charter = v1::Charter::decode(&signed.charter[..]).map_err(|_| ServiceError::Malformed)?;
        let stays = |identity: &Identity| {
            let agency = identity.person.trust_domain.as_str();
            charter.agencies.iter().any(|entry| entry.trust_domain == agency)
        };
        Ok(self.connected.iter().filter(|identity| !stays(identity)).cloned().collect())
    }

    async fn lift_denial(&self, identity: Identity) -> Result<(), ServiceError> {
        self.in_force.store(Arc::new(alcove_pki::lifting(&self.in_force.load(), &identity)));
        Ok(())
    }
}

pub(crate) type Client = EnrolmentClient<Desk>;

/// The desk of a server that has these devices connected.
pub(crate) fn desk_with(world: &World, connected: Vec<Identity>) -> Client {
    let trust = Trust { in_force: world.trust_cell(), connected };
    EnrolmentClient::new(Desk(enrolment(&world.service, Arc::new(trust))))
}

/// The desk.
pub(crate) fn desk(world: &World) -> Client {
    desk_with(world, Vec::new())
}

pub(crate) fn detail(status: &Status) -> ErrorDetail {
    ErrorDetail::from_status_details(status.details()).unwrap_or_else(|| panic!("{status:?} has no detail"))
}

/// Code and reason of a refusal, which carries its request id.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, Reason) {
    let status = result.expect_err("it is refused");
    assert_eq!(detail(&status).request_id, "000000000000feed");
    (status.code(), detail(&status).reason())
}

pub(crate) const UNKNOWN: (Code, Reason) = (Code::NotFound, Reason::InvitationUnknown);
pub(crate) const USED: (Code, Reason) = (Code::AlreadyExists, Reason::InvitationUsed);
pub(crate) const EXPIRED: (Code, Reason) = (Code::FailedPrecondition, Reason::InvitationExpired);
pub(crate) const NOT_AUTHORISED: (Code, Reason) = (Code::PermissionDenied, Reason::NotAuthorised);
pub(crate) const NOT_FOUND: (Code, Reason) = (Code::NotFound, Reason::NotFound);
pub(crate) const MALFORMED: (Code, Reason) = (Code::InvalidArgument, Reason::Malformed);
pub(crate) const TOO_LARGE: (Code, Reason) = (Code::InvalidArgument, Reason::TooLarge);
pub(crate) const CLOCK_SKEW: (Code, Reason) = (Code::FailedPrecondition, Reason::ClockSkew);

/// An order of the agency, not yet signed.
pub(crate) fn order_of(agency: &Agency, time_ms: i64, act: Act) -> v1::Order {
    v1::Order { format: 1, trust_domain: agency.trust_domain.clone(), time_ms, act: Some(act) }
}

/// The order, signed by the agency's charter key.
pub(crate) fn signed(agency: &Agency, order: &v1::Order) -> v1::PlaceOrderRequest {
    let order = order.encode_to_vec();
    v1::PlaceOrderRequest { signature: agency.sign_order(&order), order }
}

/// Places an order of the agency, made just now.
pub(crate) async fn place(
    client: &Client,
    world: &World,
    agency: &Agency,
    act: Act,
) -> Result<v1::PlaceOrderResponse, Status> {
    let request = signed(agency, &order_of(agency, world.now_ms(), act));
    Ok(client.clone().place_order(request).await?.into_inner())
}

/// What the agency's admin sees of the desk.
pub(crate) async fn list(client: &Client, world: &World, agency: &Agency) -> v1::RequestList {
    let act = Act::List(v1::ListRequests::default());
    place(client, world, agency, act).await.unwrap().list.unwrap()
}

/// What the agency's admin has been told.
pub(crate) async fn kinds(client: &Client, world: &World, agency: &Agency) -> Vec<DeskEventKind> {
    list(client, world, agency).await.events.iter().map(v1::DeskEvent::kind).collect()
}

/// An invitation as the person has it, opened at the desk.
pub(crate) struct Invited {
    pub(crate) identity: Identity,
    pub(crate) code: InvitationCode,
}

impl Invited {
    pub(crate) fn new(agency: &Agency, person: u8) -> Self {
        Self { identity: agency.identity(person, 1), code: InvitationCode::new([person; 16]) }
    }

    pub(crate) fn opening(&self, not_after_ms: i64) -> Act {
        let claim_hash = claim_hash(&self.code.claim(&self.identity)).to_vec();
        Act::OpenInvitation(v1::OpenInvitation {
            identity: self.identity.to_string(),
            claim_hash,
            not_after_ms,
        })
    }

    pub(crate) async fn opened(client: &Client, world: &World, agency: &Agency, person: u8) -> Self {
        let invited = Self::new(agency, person);
        let opening = invited.opening(world.now_ms() + INVITATION_MS);
        place(client, world, agency, opening).await.unwrap();
        invited
    }

    pub(crate) fn request(&self, request: &[u8]) -> v1::HandInRequestRequest {
        v1::HandInRequestRequest {
            identity: self.identity.to_string(),
            claim: self.code.claim(&self.identity).to_vec(),
            request: request.to_vec(),
            proof: self.code.prove(&self.identity, request).to_vec(),
        }
    }
}

/// A device with the key of its MLS certificate.
pub(crate) struct Certified {
    pub(crate) identity: Identity,
    pub(crate) key: EcdsaKeyPair,
    pub(crate) certificate: Vec<u8>,
    pub(crate) serial: Vec<u8>,
}

impl Certified {
    /// `agency` certifies a device under whatever name.
    pub(crate) fn by(agency: &Agency, identity: Identity) -> Self {
        let key = key_pair();
        let (certificate, serial) = agency.certify(&identity, key.public_key().as_ref(), 90);
        Self { identity, key, certificate, serial }
    }

    pub(crate) fn renewal(&self, request: &[u8], time_ms: i64) -> v1::HandInRenewalRequest {
        self.renewal_for(&self.identity, request, time_ms)
    }

    pub(crate) fn renewal_for(
        &self,
        identity: &Identity,
        request: &[u8],
        time_ms: i64,
    ) -> v1::HandInRenewalRequest {
        let renewal =
            v1::Renewal { format: 1, identity: identity.to_string(), request: request.to_vec(), time_ms };
        let renewal = renewal.encode_to_vec();
        let signature = sign_with(&self.key, &renewal_signing_bytes(&renewal));
        let signed = v1::SignedRenewal { renewal, mls_certificate: self.certificate.clone(), signature }
            .encode_to_vec();
        v1::HandInRenewalRequest { signed_renewal: signed }
    }

    /// The first renewal with that request, as it is expected to wait: a signature is another one every time.
    pub(crate) fn renewal_bytes(
        &self,
        request: &[u8],
        time_ms: i64,
        waiting: &v1::WaitingRequest,
    ) -> Vec<u8> {
        let found = v1::SignedRenewal::decode(&waiting.signed_renewal[..]).unwrap();
        let expected = self.renewal(request, time_ms).signed_renewal;
        let expected = v1::SignedRenewal::decode(&expected[..]).unwrap();
        v1::SignedRenewal { signature: found.signature, ..expected }.encode_to_vec()
    }
}

/// What a request is known by.
pub(crate) fn hash(request: &[u8]) -> Vec<u8> {
    sha256(&[request]).to_vec()
}

pub(crate) fn answering(identity: &Identity, request: &[u8], sealed_answer: &[u8]) -> Act {
    Act::Answer(v1::AnswerRequest {
        identity: identity.to_string(),
        request_hash: hash(request),
        sealed_answer: sealed_answer.to_vec(),
    })
}

pub(crate) fn refusing(identity: &Identity, request: &[u8]) -> Act {
    Act::Refuse(v1::RefuseRequest { identity: identity.to_string(), request_hash: hash(request) })
}

/// What has become of the device's request.
pub(crate) async fn collect(
    client: &Client,
    identity: &Identity,
    request: &[u8],
) -> Result<(RequestState, Vec<u8>), Status> {
    let asked = v1::CollectAnswerRequest { identity: identity.to_string(), request_hash: hash(request) };
    let answer = client.clone().collect_answer(asked).await?.into_inner();
    Ok((answer.state(), answer.sealed_answer))
}
