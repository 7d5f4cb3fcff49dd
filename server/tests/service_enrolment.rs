//! The Enrolment service as the desk serves it: to whoever comes, without a certificate and without a socket.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_charter::{InvitationCode, TrustView, claim_hash, renewal_signing_bytes, sha256};
use alcove_proto::{
    limits::{
        ANSWER_BYTES_MAX, INVITATION_MS, ORDER_BYTES_MAX, ORDER_CLOCK_SKEW_MS_MAX, RENEWAL_BYTES_MAX,
        REQUEST_BYTES_MAX, REQUESTS_PER_PAGE_MAX,
    },
    names::{Handle, Identity, Person},
    v1::{self, DeskEventKind, ErrorDetail, Reason, RequestState, order::Act},
};
use alcove_rpc::v1::enrolment_client::EnrolmentClient;
use alcove_server::{
    service::{ServiceError, TrustOrders},
    store::Store,
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
use world::{Agency, DAY_MS, World, key_pair, sign_with};

/// The desk as anybody's connection shows it.
#[derive(Clone)]
struct Desk(Routes);

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
struct Trust {
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
        self.in_force.store(Arc::new(self.in_force.load().without_denial(&identity)));
        Ok(())
    }
}

type Client = EnrolmentClient<Desk>;

fn desk_with(world: &World, connected: Vec<Identity>) -> Client {
    let trust = Trust { in_force: world.trust_cell(), connected };
    EnrolmentClient::new(Desk(enrolment(&world.service, Arc::new(trust))))
}

fn desk(world: &World) -> Client {
    desk_with(world, Vec::new())
}

fn detail(status: &Status) -> ErrorDetail {
    ErrorDetail::from_status_details(status.details()).unwrap_or_else(|| panic!("{status:?} has no detail"))
}

fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, Reason) {
    let status = result.expect_err("it is refused");
    assert_eq!(detail(&status).request_id, "000000000000feed");
    (status.code(), detail(&status).reason())
}

const UNKNOWN: (Code, Reason) = (Code::NotFound, Reason::InvitationUnknown);
const USED: (Code, Reason) = (Code::AlreadyExists, Reason::InvitationUsed);
const EXPIRED: (Code, Reason) = (Code::FailedPrecondition, Reason::InvitationExpired);
const NOT_AUTHORISED: (Code, Reason) = (Code::PermissionDenied, Reason::NotAuthorised);
const NOT_FOUND: (Code, Reason) = (Code::NotFound, Reason::NotFound);
const MALFORMED: (Code, Reason) = (Code::InvalidArgument, Reason::Malformed);
const TOO_LARGE: (Code, Reason) = (Code::InvalidArgument, Reason::TooLarge);
const CLOCK_SKEW: (Code, Reason) = (Code::FailedPrecondition, Reason::ClockSkew);

fn order_of(agency: &Agency, time_ms: i64, act: Act) -> v1::Order {
    v1::Order { format: 1, trust_domain: agency.trust_domain.clone(), time_ms, act: Some(act) }
}

fn signed(agency: &Agency, order: &v1::Order) -> v1::PlaceOrderRequest {
    let order = order.encode_to_vec();
    v1::PlaceOrderRequest { signature: agency.sign_order(&order), order }
}

async fn place(
    client: &Client,
    world: &World,
    agency: &Agency,
    act: Act,
) -> Result<v1::PlaceOrderResponse, Status> {
    let request = signed(agency, &order_of(agency, world.now_ms(), act));
    Ok(client.clone().place_order(request).await?.into_inner())
}

async fn list(client: &Client, world: &World, agency: &Agency) -> v1::RequestList {
    let act = Act::List(v1::ListRequests::default());
    place(client, world, agency, act).await.unwrap().list.unwrap()
}

async fn kinds(client: &Client, world: &World, agency: &Agency) -> Vec<DeskEventKind> {
    list(client, world, agency).await.events.iter().map(v1::DeskEvent::kind).collect()
}

/// An invitation as the person has it, opened at the desk.
struct Invited {
    identity: Identity,
    code: InvitationCode,
}

impl Invited {
    fn new(agency: &Agency, person: u8) -> Self {
        Self { identity: agency.identity(person, 1), code: InvitationCode::new([person; 16]) }
    }

    fn opening(&self, not_after_ms: i64) -> Act {
        let claim_hash = claim_hash(&self.code.claim(&self.identity)).to_vec();
        Act::OpenInvitation(v1::OpenInvitation {
            identity: self.identity.to_string(),
            claim_hash,
            not_after_ms,
        })
    }

    async fn opened(client: &Client, world: &World, agency: &Agency, person: u8) -> Self {
        let invited = Self::new(agency, person);
        let opening = invited.opening(world.now_ms() + INVITATION_MS);
        place(client, world, agency, opening).await.unwrap();
        invited
    }

    fn request(&self, request: &[u8]) -> v1::HandInRequestRequest {
        v1::HandInRequestRequest {
            identity: self.identity.to_string(),
            claim: self.code.claim(&self.identity).to_vec(),
            request: request.to_vec(),
            proof: self.code.prove(&self.identity, request).to_vec(),
        }
    }
}

/// A device with the key of its MLS certificate.
struct Certified {
    identity: Identity,
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    serial: Vec<u8>,
}

impl Certified {
    /// `agency` certifies a device under whatever name.
    fn by(agency: &Agency, identity: Identity) -> Self {
        let key = key_pair();
        let (certificate, serial) = agency.certify(&identity, key.public_key().as_ref(), 90);
        Self { identity, key, certificate, serial }
    }

    fn renewal(&self, request: &[u8], time_ms: i64) -> v1::HandInRenewalRequest {
        self.renewal_for(&self.identity, request, time_ms)
    }

    fn renewal_for(&self, identity: &Identity, request: &[u8], time_ms: i64) -> v1::HandInRenewalRequest {
        let renewal =
            v1::Renewal { format: 1, identity: identity.to_string(), request: request.to_vec(), time_ms };
        let renewal = renewal.encode_to_vec();
        let signature = sign_with(&self.key, &renewal_signing_bytes(&renewal));
        let signed = v1::SignedRenewal { renewal, mls_certificate: self.certificate.clone(), signature }
            .encode_to_vec();
        v1::HandInRenewalRequest { signed_renewal: signed }
    }
}

fn hash(request: &[u8]) -> Vec<u8> {
    sha256(&[request]).to_vec()
}

fn answering(identity: &Identity, request: &[u8], sealed_answer: &[u8]) -> Act {
    Act::Answer(v1::AnswerRequest {
        identity: identity.to_string(),
        request_hash: hash(request),
        sealed_answer: sealed_answer.to_vec(),
    })
}

fn refusing(identity: &Identity, request: &[u8]) -> Act {
    Act::Refuse(v1::RefuseRequest { identity: identity.to_string(), request_hash: hash(request) })
}

async fn collect(
    client: &Client,
    identity: &Identity,
    request: &[u8],
) -> Result<(RequestState, Vec<u8>), Status> {
    let asked = v1::CollectAnswerRequest { identity: identity.to_string(), request_hash: hash(request) };
    let answer = client.clone().collect_answer(asked).await?.into_inner();
    Ok((answer.state(), answer.sealed_answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_enrols_by_invitation_though_the_server_is_started_anew_between_any_two_steps() {
    let mut world = World::new();
    let rosa = Invited::opened(&desk(&world), &world, &world.harborlight, 1).await;
    world = world.restart().await;
    let open = list(&desk(&world), &world, &world.harborlight).await.invitations;
    assert_eq!((open.len(), &open[0].identity, open[0].used), (1, &rosa.identity.to_string(), false));

    for _ in 0..2 {
        desk(&world).hand_in_request(rosa.request(b"keys")).await.expect("also a second time");
        world = world.restart().await;
    }
    let waits = collect(&desk(&world), &rosa.identity, b"keys").await.unwrap();
    assert_eq!(waits, (RequestState::Waiting, Vec::new()));
    let listed = list(&desk(&world), &world, &world.harborlight).await;
    let waiting = &listed.requests[0];
    assert_eq!((&waiting.request[..], waiting.signed_renewal.len()), (&b"keys"[..], 0));
    assert!(
        rosa.code.is_proof(&rosa.identity, &waiting.request, &waiting.proof),
        "the agency checks the proof"
    );
    assert!(listed.invitations[0].used && !listed.more);
    let elsewhere = list(&desk(&world), &world, &world.northmark).await;
    assert_eq!(elsewhere, v1::RequestList::default(), "another agency sees nothing of it");

    for _ in 0..2 {
        let order = answering(&rosa.identity, b"keys", b"sealed");
        place(&desk(&world), &world, &world.harborlight, order).await.expect("also a second time");
        world = world.restart().await;
    }
    for _ in 0..2 {
        let answered = collect(&desk(&world), &rosa.identity, b"keys").await.unwrap();
        assert_eq!(answered, (RequestState::Answered, b"sealed".to_vec()));
        world = world.restart().await;
    }
    let told = kinds(&desk(&world), &world, &world.harborlight).await;
    assert_eq!(told, [DeskEventKind::HandedIn, DeskEventKind::Collected]);
    assert_eq!(reason(collect(&desk(&world), &rosa.identity, b"other").await), NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_invitation_does_not_let_in_is_refused_by_its_reason() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::opened(&client, &world, &world.harborlight, 1).await;
    let late = Invited::opened(&client, &world, &world.harborlight, 2).await;

    let stranger = Invited::new(&world.harborlight, 9);
    assert_eq!(reason(client.hand_in_request(stranger.request(b"keys")).await), UNKNOWN);
    let other_code = Invited { code: InvitationCode::new([7; 16]), ..Invited::new(&world.harborlight, 1) };
    let wrong = client.hand_in_request(other_code.request(b"keys")).await;
    assert_eq!(reason(wrong), UNKNOWN, "the answer is the same as for a device nobody invited");
    client.hand_in_request(rosa.request(b"keys")).await.expect("the control: the code itself");
    assert_eq!(reason(client.hand_in_request(rosa.request(b"other keys")).await), USED);
    world.pass(INVITATION_MS + 1);
    assert_eq!(reason(client.hand_in_request(late.request(b"keys")).await), EXPIRED);
    client.hand_in_request(rosa.request(b"keys")).await.expect("the same request again, though it is late");
    let told = kinds(&client, &world, &world.harborlight).await;
    assert_eq!(
        told,
        [
            DeskEventKind::NotInvited,
            DeskEventKind::WrongCode,
            DeskEventKind::HandedIn,
            DeskEventKind::UsedCode,
            DeskEventKind::ExpiredCode,
        ]
    );

    // Of an agency that is none, nothing is kept.
    let nobody = Agency::new("elmgate.northmark.example", "Elmgate");
    let invented = Invited::new(&nobody, 1);
    assert_eq!(reason(client.hand_in_request(invented.request(b"keys")).await), UNKNOWN);
    let kept = world.store.desk_events(invented.identity.person.trust_domain, 0, 10).await.unwrap();
    assert_eq!(kept, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_requests_racing_on_one_invitation_exactly_one_is_taken() {
    let world = World::new();
    let client = desk(&world);
    for person in 0..10 {
        let invited = Invited::opened(&client, &world, &world.harborlight, person).await;
        let offer = |request: &'static [u8]| {
            let (mut client, offer) = (client.clone(), invited.request(request));
            tokio::spawn(async move { client.hand_in_request(offer).await.map(drop) })
        };
        let (hers, thiefs) = (offer(b"hers"), offer(b"a thief's"));
        let outcomes = [hers.await.unwrap(), thiefs.await.unwrap()];
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        let lost = outcomes.into_iter().find(Result::is_err).unwrap();
        assert_eq!(reason(lost), USED);
    }
    let told = kinds(&client, &world, &world.harborlight).await;
    let of = |kind| told.iter().filter(|told| **told == kind).count();
    assert_eq!((of(DeskEventKind::HandedIn), of(DeskEventKind::UsedCode)), (10, 10), "the admin sees each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_out_of_form_is_refused_at_the_edge() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::opened(&client, &world, &world.harborlight, 1).await;
    let good = rosa.request(b"keys");
    let bad = [
        v1::HandInRequestRequest {
            identity: "spiffe://harborlight.northmark.example".into(),
            ..good.clone()
        },
        v1::HandInRequestRequest { claim: vec![1; 31], ..good.clone() },
        v1::HandInRequestRequest { proof: vec![1; 33], ..good.clone() },
        v1::HandInRequestRequest { request: Vec::new(), ..good.clone() },
    ];
    for bad in bad {
        assert_eq!(reason(client.hand_in_request(bad.clone()).await), MALFORMED, "{bad:?}");
    }
    let long = v1::HandInRequestRequest { request: vec![0; REQUEST_BYTES_MAX + 1], ..good.clone() };
    let status = client.hand_in_request(long).await.unwrap_err();
    assert_eq!(
        (detail(&status).reason(), detail(&status).limit),
        (Reason::TooLarge, REQUEST_BYTES_MAX as u64)
    );
    client.hand_in_request(good).await.expect("the control");

    let renewal = |bytes: Vec<u8>| v1::HandInRenewalRequest { signed_renewal: bytes };
    assert_eq!(reason(client.hand_in_renewal(renewal(Vec::new())).await), MALFORMED);
    assert_eq!(reason(client.hand_in_renewal(renewal(vec![0xff; 9])).await), MALFORMED);
    let long = client.hand_in_renewal(renewal(vec![0; RENEWAL_BYTES_MAX + 1])).await;
    assert_eq!(reason(long), TOO_LARGE);
    let short = v1::CollectAnswerRequest { identity: rosa.identity.to_string(), request_hash: vec![1; 31] };
    assert_eq!(reason(client.collect_answer(short).await), MALFORMED);
    let long = v1::PlaceOrderRequest { order: vec![0; ORDER_BYTES_MAX + 1], signature: vec![0; 70] };
    assert_eq!(reason(client.place_order(long).await), TOO_LARGE);
    let huge = v1::PlaceOrderRequest { order: vec![0; ORDER_BYTES_MAX + 10_000], signature: vec![0; 70] };
    let status = client.place_order(huge).await.unwrap_err();
    assert_eq!(detail(&status).reason(), Reason::TooLarge);
    assert!(detail(&status).limit < ORDER_BYTES_MAX as u64 + 10_000, "{:?}", detail(&status));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_taken_from_the_device_that_was_certified_and_from_nobody_else() {
    let world = World::new();
    let mut client = desk(&world);
    let identity = |person| world.harborlight.identity(person, 1);
    let alice = Certified::by(&world.harborlight, identity(1));
    client.hand_in_renewal(alice.renewal(b"first", world.now_ms())).await.unwrap();
    client.hand_in_renewal(alice.renewal(b"second", world.now_ms())).await.unwrap();
    let newer = alice.renewal(b"second", world.now_ms() + 5);
    client.hand_in_renewal(newer).await.expect("the same keys, signed anew: the same request");
    let waiting = list(&client, &world, &world.harborlight).await.requests;
    assert_eq!(waiting.len(), 1, "a newer one takes the place of one that waits");
    assert_eq!(waiting[0].signed_renewal, alice.renewal_bytes(b"second", world.now_ms(), &waiting[0]));
    assert_eq!(reason(collect(&client, &alice.identity, b"first").await), NOT_FOUND);

    let door = client.clone();
    let refused = async |renewal: v1::HandInRenewalRequest| {
        assert_eq!(reason(door.clone().hand_in_renewal(renewal).await), NOT_AUTHORISED);
    };
    let revoked = Certified::by(&world.harborlight, identity(2));
    let denied = Certified::by(&world.harborlight, identity(3));
    client.hand_in_renewal(denied.renewal(b"early", world.now_ms())).await.expect("the control");
    world.revoke_serials(&world.harborlight, 1, [revoked.serial.clone()].into_iter());
    world.deny(&world.harborlight, &denied.identity);
    refused(revoked.renewal(b"keys", world.now_ms())).await;
    refused(denied.renewal(b"keys", world.now_ms())).await;
    // Another device's certificate, one by another agency's CA, and one that the agency never issued.
    refused(alice.renewal_for(&identity(4), b"keys", world.now_ms())).await;
    refused(Certified::by(&world.northmark, identity(5)).renewal(b"keys", world.now_ms())).await;
    refused(Certified::by(&world.stranger, identity(6)).renewal(b"keys", world.now_ms())).await;
    let stolen = Certified { key: key_pair(), ..Certified::by(&world.harborlight, identity(7)) };
    refused(stolen.renewal(b"keys", world.now_ms())).await;

    let events = list(&client, &world, &world.harborlight).await.events;
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == DeskEventKind::RenewalRefused)
        .map(|event| event.identity.clone())
        .collect();
    assert_eq!(told, [2, 3, 4, 5, 6, 7].map(|person| identity(person).to_string()), "the admin sees each");
    let waiting = list(&client, &world, &world.harborlight).await.requests;
    assert_eq!(waiting.len(), 2, "alice's, and the one from before the denial");

    // It has slept for longer than its certificate holds.
    world.pass(100 * DAY_MS);
    let slept = alice.renewal(b"awake", world.now_ms());
    client.hand_in_renewal(slept).await.expect("an expired certificate counts");

    // Whoever belongs to no agency any more leaves no trace.
    world.leaves(&world.harborlight);
    refused(alice.renewal(b"gone", world.now_ms())).await;
    let agency = alice.identity.person.trust_domain.clone();
    let after = events.last().unwrap().sequence;
    let kept = world.store.desk_events(agency, after, 10).await.unwrap();
    assert_eq!(kept.len(), 1, "only what came before: {kept:?}");
}

impl Certified {
    /// The first renewal with that request, as it is expected to wait: a signature is another one every time.
    fn renewal_bytes(&self, request: &[u8], time_ms: i64, waiting: &v1::WaitingRequest) -> Vec<u8> {
        let found = v1::SignedRenewal::decode(&waiting.signed_renewal[..]).unwrap();
        let expected = self.renewal(request, time_ms).signed_renewal;
        let expected = v1::SignedRenewal::decode(&expected[..]).unwrap();
        v1::SignedRenewal { signature: found.signature, ..expected }.encode_to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_counts_only_when_the_agencys_charter_key_signed_it_just_now() {
    let world = World::new();
    let mut client = desk(&world);
    let (harborlight, northmark) = (&world.harborlight, &world.northmark);
    let invited = Invited::new(harborlight, 1);
    let opening = || invited.opening(world.now_ms() + INVITATION_MS);
    let good = order_of(harborlight, world.now_ms(), opening());

    assert_eq!(reason(client.place_order(signed(northmark, &good)).await), NOT_AUTHORISED, "another's key");
    assert_eq!(reason(client.place_order(signed(&world.stranger, &good)).await), NOT_AUTHORISED);
    let nobody = Agency::new("elmgate.northmark.example", "Elmgate");
    let unknown = order_of(&nobody, world.now_ms(), opening());
    assert_eq!(reason(client.place_order(signed(&nobody, &unknown)).await), NOT_AUTHORISED);
    let mut altered = signed(harborlight, &good);
    let later = v1::Order { time_ms: good.time_ms + 1, ..good.clone() };
    altered.order = later.encode_to_vec();
    assert_eq!(reason(client.place_order(altered).await), NOT_AUTHORISED);

    for off in [-ORDER_CLOCK_SKEW_MS_MAX - 1, ORDER_CLOCK_SKEW_MS_MAX + 1, i64::MIN / 2, i64::MAX / 2] {
        let order = order_of(harborlight, world.now_ms().saturating_add(off), opening());
        assert_eq!(reason(client.place_order(signed(harborlight, &order)).await), CLOCK_SKEW, "{off}");
    }
    for wrong in [
        v1::Order { format: 2, ..good.clone() },
        v1::Order { act: None, ..good.clone() },
        v1::Order { trust_domain: "Harborlight".into(), ..good.clone() },
    ] {
        assert_eq!(reason(client.place_order(signed(harborlight, &wrong)).await), MALFORMED, "{wrong:?}");
    }
    let mut order = good.encode_to_vec();
    order.extend([0x78, 0x01]);
    let unknown_field = v1::PlaceOrderRequest { signature: harborlight.sign_order(&order), order };
    let refused = client.place_order(unknown_field).await;
    assert_eq!(reason(refused), (Code::InvalidArgument, Reason::NotCanonical));
    assert_eq!(world.store.audit(0, 10).await.unwrap().entries, [], "nothing of it was done");

    for off in [-ORDER_CLOCK_SKEW_MS_MAX, ORDER_CLOCK_SKEW_MS_MAX] {
        let order = order_of(harborlight, world.now_ms() + off, opening());
        client.place_order(signed(harborlight, &order)).await.expect("the control: within ten minutes");
    }
    world.leaves(harborlight);
    let refused = client.place_order(signed(harborlight, &good)).await;
    assert_eq!(reason(refused), NOT_AUTHORISED, "an agency that has left orders nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_orders_about_its_own_devices_alone() {
    let world = World::new();
    let mut client = desk(&world);
    let (harborlight, northmark) = (&world.harborlight, &world.northmark);
    let rosa = Invited::opened(&client, &world, harborlight, 1).await;
    client.hand_in_request(rosa.request(b"keys")).await.unwrap();
    world.deny(harborlight, &rosa.identity);
    let name = || rosa.identity.to_string();
    let orders = [
        rosa.opening(world.now_ms() + INVITATION_MS),
        Act::WithdrawInvitation(v1::WithdrawInvitation { identity: name() }),
        Act::List(v1::ListRequests { after_identity: name(), after_event: 0 }),
        answering(&rosa.identity, b"keys", b"sealed"),
        refusing(&rosa.identity, b"keys"),
        Act::LiftDenial(v1::LiftDenial { identity: name() }),
    ];
    for order in orders {
        let refused = place(&client, &world, northmark, order.clone()).await;
        assert_eq!(reason(refused), NOT_AUTHORISED, "{order:?}");
    }
    assert!(world.trust().denial(&rosa.identity).is_some());
    let waits = collect(&client, &rosa.identity, b"keys").await.unwrap();
    assert_eq!(waits.0, RequestState::Waiting);

    let not_a_name = Act::WithdrawInvitation(v1::WithdrawInvitation { identity: "rosa".into() });
    assert_eq!(reason(place(&client, &world, harborlight, not_a_name).await), MALFORMED);
    let lifting = Act::LiftDenial(v1::LiftDenial { identity: name() });
    place(&client, &world, harborlight, lifting).await.expect("the control: its own agency");
    assert!(world.trust().denial(&rosa.identity).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_told_why_an_invitation_or_an_answer_is_not_taken() {
    let world = World::new();
    let mut client = desk(&world);
    let rosa = Invited::new(&world.harborlight, 1);
    let order = async |act| place(&client, &world, &world.harborlight, act).await;
    let hour_ms = 3600 * 1000;
    let too_long = order(rosa.opening(world.now_ms() + INVITATION_MS + hour_ms + 1)).await;
    assert_eq!(reason(too_long), TOO_LARGE);
    assert_eq!(reason(order(rosa.opening(i64::MAX)).await), TOO_LARGE);
    assert_eq!(reason(order(rosa.opening(world.now_ms())).await), EXPIRED);
    assert_eq!(reason(order(rosa.opening(i64::MIN)).await), EXPIRED);
    let Act::OpenInvitation(opening) = rosa.opening(world.now_ms() + INVITATION_MS) else { unreachable!() };
    let short = v1::OpenInvitation { claim_hash: vec![1; 31], ..opening.clone() };
    assert_eq!(reason(order(Act::OpenInvitation(short)).await), MALFORMED);
    order(rosa.opening(world.now_ms() + INVITATION_MS + hour_ms)).await.expect("the control");
    client.clone().hand_in_request(rosa.request(b"keys")).await.unwrap();
    let another = Invited { code: InvitationCode::new([9; 16]), ..Invited::new(&world.harborlight, 1) };
    let opening = || another.opening(world.now_ms() + INVITATION_MS);
    assert_eq!(reason(order(opening()).await), USED, "a request waits");

    assert_eq!(reason(order(answering(&rosa.identity, b"other", b"sealed")).await), NOT_FOUND);
    assert_eq!(reason(order(answering(&rosa.identity, b"keys", b"")).await), MALFORMED);
    let long = vec![0; ANSWER_BYTES_MAX + 1];
    assert_eq!(reason(order(answering(&rosa.identity, b"keys", &long)).await), TOO_LARGE);
    assert_eq!(reason(order(refusing(&rosa.identity, b"other")).await), NOT_FOUND);
    order(refusing(&rosa.identity, b"keys")).await.unwrap();
    assert_eq!(collect(&client, &rosa.identity, b"keys").await.unwrap().0, RequestState::Refused);
    order(opening()).await.expect("the way is free");
    for _ in 0..2 {
        let withdrawing = v1::WithdrawInvitation { identity: rosa.identity.to_string() };
        order(Act::WithdrawInvitation(withdrawing)).await.expect("also a second time");
    }
    assert_eq!(reason(client.hand_in_request(another.request(b"keys")).await), UNKNOWN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_asks_whom_of_its_own_a_charter_would_cut() {
    let world = World::new();
    let connected = vec![world.harborlight.identity(1, 1), world.northmark.identity(2, 1)];
    let client = desk_with(&world, connected.clone());
    let charter = v1::Charter { format: 1, version: 2, ..Default::default() }.encode_to_vec();
    let signed_charter = v1::SignedCharter { charter, signatures: Vec::new() }.encode_to_vec();
    let ask = |signed_charter: Vec<u8>| Act::WouldCut(v1::AskWouldCut { signed_charter });
    for (agency, own) in [(&world.harborlight, &connected[0]), (&world.northmark, &connected[1])] {
        let answer = place(&client, &world, agency, ask(signed_charter.clone())).await.unwrap();
        assert_eq!(answer.would_cut.unwrap().identities, [own.to_string()]);
    }
    let refused = place(&client, &world, &world.harborlight, ask(vec![0xff; 5])).await;
    assert_eq!(reason(refused), MALFORMED, "the refusal is what it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_renewals_are_listed_in_pages_and_answered() {
    let world = World::new();
    let client = desk(&world);
    let trust_domain = || world.harborlight.trust_domain.parse().unwrap();
    let device = |number: u16| {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.wrapping_mul(40_503).to_be_bytes());
        Person { trust_domain: trust_domain(), handle: Handle::from_random(random) }.device(1)
    };
    let numbers: Vec<u16> = (0..1000).collect();
    for some in numbers.chunks(50) {
        let handing_in: Vec<_> = some
            .iter()
            .map(|number| {
                let certified = Certified::by(&world.harborlight, device(*number));
                let renewal = certified.renewal(&number.to_be_bytes(), world.now_ms());
                let mut client = client.clone();
                tokio::spawn(async move { client.hand_in_renewal(renewal).await })
            })
            .collect();
        for handed_in in handing_in {
            handed_in.await.unwrap().unwrap();
        }
    }
    let mut listed: Vec<v1::WaitingRequest> = Vec::new();
    loop {
        let after_identity = listed.last().map(|last| last.identity.clone()).unwrap_or_default();
        let act = Act::List(v1::ListRequests { after_identity, after_event: 0 });
        let page = place(&client, &world, &world.harborlight, act).await.unwrap().list.unwrap();
        assert!(page.requests.len() <= REQUESTS_PER_PAGE_MAX);
        listed.extend(page.requests);
        if !page.more {
            break;
        }
    }
    assert_eq!(listed.len(), 1000);
    assert!(listed.is_sorted_by(|one, other| one.identity < other.identity), "each once, in order");

    for some in listed.chunks(50) {
        let answering: Vec<_> = some
            .iter()
            .map(|waiting| {
                let signed_renewal = v1::SignedRenewal::decode(&waiting.signed_renewal[..]).unwrap();
                let renewal = v1::Renewal::decode(&signed_renewal.renewal[..]).unwrap();
                let act = answering(&waiting.identity.parse().unwrap(), &renewal.request, &renewal.request);
                let order = signed(&world.harborlight, &order_of(&world.harborlight, world.now_ms(), act));
                let mut client = client.clone();
                tokio::spawn(async move { client.place_order(order).await })
            })
            .collect();
        for answered in answering {
            answered.await.unwrap().unwrap();
        }
    }
    assert!(list(&client, &world, &world.harborlight).await.requests.is_empty());
    for number in [0, 1, 500, 999u16] {
        let request = number.to_be_bytes();
        let answered = collect(&client, &device(number), &request).await.unwrap();
        assert_eq!(answered, (RequestState::Answered, request.to_vec()), "each got its own");
    }
    assert_eq!(world.store.check().await.unwrap().problems, []);
}
