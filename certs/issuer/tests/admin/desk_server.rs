//! A small honest desk: the rules of PROTOCOL.md that an admin's program meets, over real TLS, with everything in memory.
//!
//! It runs on a thread of its own, so that both the library and the program can be tried against it.

use crate::{
    desk::{Desk as Room, SERVER_NAME, csr},
    ledger::Shelf,
};
use alcove_charter::{CharterFile, Crl, TrustView, claim_hash, sha256, verify_order};
use alcove_proto::{
    limits::{DESK_EVENTS_MAX, ORDER_CLOCK_SKEW_MS_MAX, RECOVERY_DELAY_MS, REQUESTS_PER_PAGE_MAX},
    v1::{self, ErrorDetail, Reason, RequestState, order::Act},
};
use alcove_rpc::v1::{
    enrolment_server::{Enrolment, EnrolmentServer},
    ledgers_server::LedgersServer,
    trust_server::{Trust, TrustServer},
};
use alcove_trust::desk_config;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use prost::Message;
use rcgen::KeyPair;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tonic::{Code, Request, Response, Status, service::Routes};

/// What waits, as it is listed, and the hash of the request within.
struct Held {
    waiting: v1::WaitingRequest,
    hash: Vec<u8>,
    state: RequestState,
    answer: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct State {
    view: Option<TrustView>,
    /// What the server's clock is ahead of this machine's, milliseconds.
    pub(crate) clock_ahead_ms: i64,
    /// Claim hash, end, used.
    invitations: BTreeMap<String, (Vec<u8>, i64, bool)>,
    held: BTreeMap<String, Held>,
    events: Vec<v1::DeskEvent>,
    /// Devices whose answers are refused.
    pub(crate) refuses: Vec<String>,
    /// Live connections, for what is cut.
    pub(crate) live: Vec<String>,
    /// Lists that come too soon before one is taken.
    pub(crate) lists_too_soon: u32,
    /// Whether lists are refused as such that do not lead on.
    pub(crate) lists_take_back: bool,
    /// What is said of the next lists, one by one, before one is taken.
    pub(crate) list_refusals: VecDeque<ErrorDetail>,
    pub(crate) crls: Vec<u64>,
    /// Attempts at recovery as they are shown, newest first.
    pub(crate) attempts: Vec<v1::RecoveryAttempt>,
    /// What is handed out, page by page; the last one's cursor says where to go on.
    pub(crate) escrow: Vec<v1::EscrowPage>,
    /// The recovery key hash that was asked for last.
    pub(crate) asked_hash: Vec<u8>,
    pub(crate) ledger: Shelf,
}

/// The desk. Dropped, it is gone.
pub(crate) struct DeskServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    runtime: Option<Runtime>,
}

impl DeskServer {
    /// A desk of the server of `charter`, certified by `room`'s operator.
    pub(crate) fn start(room: &mut Room, charter: &CharterFile, now_ms: i64) -> Self {
        let (tls, receipts) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let request = v1::ServerRequest { format: 1, tls_csr: csr(&tls), receipt_csr: csr(&receipts) };
        let issued = room.server.issue(&request.encode_to_vec(), SERVER_NAME, 365, now_ms).unwrap();
        let certificate = v1::ServerCertificate::decode(issued.file.as_slice()).unwrap();
        let chain = certificate.tls_chain.into_iter().map(Into::into).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(tls.serialize_der()));
        let acceptor = TlsAcceptor::from(Arc::new(desk_config(chain, key).unwrap()));

        let view = TrustView::new(charter.complete().unwrap());
        let state = Arc::new(Mutex::new(State { view: Some(view), ..State::default() }));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service(Arc::clone(&state));
        let routes =
            Routes::new(EnrolmentServer::new(service.clone()).max_decoding_message_size(8 * 1024 * 1024))
                .add_service(LedgersServer::new(service.clone()))
                .add_service(TrustServer::new(service).max_decoding_message_size(8 * 1024 * 1024))
                .prepare();
        runtime.spawn(async move {
            loop {
                let Ok((tcp, _)) = listener.accept().await else { return };
                let (acceptor, routes) = (acceptor.clone(), routes.clone());
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(tls), TowerToHyperService::new(routes))
                        .await;
                });
            }
        });
        Self { address, state, runtime: Some(runtime) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A device hands in its request; or a server that lies puts one there.
    pub(crate) fn hand_in(
        &self,
        identity: &str,
        claim: &[u8],
        request: &[u8],
        proof: &[u8],
    ) -> Result<(), Reason> {
        self.state().hand_in(identity, claim, request, proof)
    }

    /// Puts a renewal there as it is: whether it is any good is the admin's to find out.
    pub(crate) fn put_renewal(&self, signed_renewal: &[u8]) {
        let signed = v1::SignedRenewal::decode(signed_renewal).unwrap();
        let renewal = v1::Renewal::decode(signed.renewal.as_slice()).unwrap();
        let mut state = self.state();
        let waiting = v1::WaitingRequest {
            identity: renewal.identity.clone(),
            signed_renewal: signed_renewal.to_vec(),
            handed_in_at_ms: state.now_ms(),
            ..v1::WaitingRequest::default()
        };
        state.hold(waiting, &renewal.request);
    }

    /// The sealed answer for a request, if there is one.
    pub(crate) fn answer_of(&self, identity: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let held = state.held.get(identity)?;
        (held.state == RequestState::Answered).then(|| held.answer.clone())
    }

    pub(crate) fn state_of(&self, identity: &str) -> Option<RequestState> {
        self.state().held.get(identity).map(|held| held.state)
    }
}

impl Drop for DeskServer {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl State {
    /// The charter in force.
    pub(crate) fn charter(&self) -> Arc<alcove_charter::Charter> {
        Arc::clone(self.view.as_ref().unwrap().charter())
    }

    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond() + self.clock_ahead_ms
    }

    fn hold(&mut self, waiting: v1::WaitingRequest, request: &[u8]) {
        let hash = sha256(&[request]).to_vec();
        let identity = waiting.identity.clone();
        let held = Held { waiting, hash, state: RequestState::Waiting, answer: Vec::new() };
        self.held.insert(identity.clone(), held);
        self.note(v1::DeskEventKind::HandedIn, &identity);
    }

    fn note(&mut self, kind: v1::DeskEventKind, identity: &str) {
        let event = v1::DeskEvent {
            sequence: self.events.last().map_or(1, |last| last.sequence + 1),
            kind: kind.into(),
            identity: identity.to_owned(),
            at_ms: self.now_ms(),
        };
        self.events.push(event);
        let oldest = self.events.len().saturating_sub(DESK_EVENTS_MAX);
        self.events.drain(..oldest);
    }

    fn hand_in(&mut self, identity: &str, claim: &[u8], request: &[u8], proof: &[u8]) -> Result<(), Reason> {
        let now_ms = self.now_ms();
        let found = self.invitations.get(identity).cloned();
        match found {
            Some((hash, _, _)) if hash != claim_hash(claim).to_vec() => {
                self.note(v1::DeskEventKind::WrongCode, identity);
                Err(Reason::InvitationUnknown)
            }
            Some((_, _, true)) => {
                self.note(v1::DeskEventKind::UsedCode, identity);
                Err(Reason::InvitationUsed)
            }
            Some((_, not_after_ms, _)) if not_after_ms < now_ms => Err(Reason::InvitationExpired),
            Some((hash, not_after_ms, false)) => {
                self.invitations.insert(identity.to_owned(), (hash, not_after_ms, true));
                let waiting = v1::WaitingRequest {
                    identity: identity.to_owned(),
                    request: request.to_vec(),
                    proof: proof.to_vec(),
                    handed_in_at_ms: now_ms,
                    ..v1::WaitingRequest::default()
                };
                self.hold(waiting, request);
                Ok(())
            }
            None => Err(Reason::InvitationUnknown),
        }
    }

    fn place(&mut self, request: &v1::PlaceOrderRequest) -> Result<v1::PlaceOrderResponse, ErrorDetail> {
        let because = ErrorDetail::because;
        let order = v1::Order::decode(request.order.as_slice()).map_err(|_| because(Reason::Malformed))?;
        let view = self.view.as_ref().unwrap();
        let agency = order.trust_domain.parse().ok().and_then(|domain| view.charter().agency(&domain));
        let key = agency.ok_or_else(|| because(Reason::NotAuthorised))?.charter_key;
        verify_order(&key, &request.order, &request.signature).map_err(|_| because(Reason::NotAuthorised))?;
        if (order.time_ms - self.now_ms()).abs() > ORDER_CLOCK_SKEW_MS_MAX {
            return Err(ErrorDetail { request_id: "00112233aabbccdd".into(), ..because(Reason::ClockSkew) });
        }
        let mut response = v1::PlaceOrderResponse::default();
        match order.act.ok_or_else(|| because(Reason::Malformed))? {
            Act::OpenInvitation(open) => {
                self.invitations.insert(open.identity, (open.claim_hash, open.not_after_ms, false));
            }
            Act::WithdrawInvitation(withdraw) => {
                self.held.remove(&withdraw.identity);
                self.invitations.remove(&withdraw.identity).ok_or_else(|| because(Reason::NotFound))?;
            }
            Act::List(list) => response.list = Some(self.list(&list)),
            Act::Answer(answer) => {
                if self.refuses.contains(&answer.identity) {
                    return Err(because(Reason::StorageFull));
                }
                let held =
                    self.held.get_mut(&answer.identity).filter(|held| held.hash == answer.request_hash);
                let held = held.ok_or_else(|| because(Reason::NotFound))?;
                held.state = RequestState::Answered;
                held.answer = answer.sealed_answer;
            }
            Act::Refuse(refuse) => {
                let held =
                    self.held.get_mut(&refuse.identity).filter(|held| held.hash == refuse.request_hash);
                held.ok_or_else(|| because(Reason::NotFound))?.state = RequestState::Refused;
            }
            Act::WouldCut(_) => response.would_cut = Some(v1::WouldCut { identities: self.live.clone() }),
            Act::LiftDenial(_) => {}
            Act::ReadCrl(_) => return Err(because(Reason::NotFound)),
            Act::OpenRecovery(open) => self.announce(&open, request)?,
            Act::WithdrawRecovery(withdraw) => {
                let attempt = self.attempt(&withdraw.attempt_id).ok_or_else(|| because(Reason::NotFound))?;
                attempt.state = v1::AttemptState::Withdrawn.into();
            }
            Act::ListAttempts(_) => {
                response.attempts = Some(v1::AttemptList { attempts: self.attempts.clone() });
            }
            Act::ReadEscrow(read) => {
                let attempt = self.attempt(&read.attempt_id).ok_or_else(|| because(Reason::NotFound))?;
                match attempt.state() {
                    v1::AttemptState::Open | v1::AttemptState::HandedOut => {
                        attempt.state = v1::AttemptState::HandedOut.into();
                    }
                    _ => return Err(because(Reason::RecoveryNotOpen)),
                }
                self.asked_hash = read.recovery_key_hash;
                let page = read.cursor.first().map_or(0, |page| usize::from(*page));
                response.escrow = Some(self.escrow.get(page).cloned().unwrap_or_default());
            }
        }
        Ok(response)
    }

    fn announce(
        &mut self,
        open: &v1::OpenRecovery,
        request: &v1::PlaceOrderRequest,
    ) -> Result<(), ErrorDetail> {
        let stands = |attempt: &v1::RecoveryAttempt| {
            let (_, other) = opening(attempt);
            other.identity == open.identity && attempt.state() == v1::AttemptState::Announced
        };
        if self.attempts.iter().any(stands) {
            return Err(ErrorDetail::because(Reason::RecoveryStands));
        }
        let now_ms = self.now_ms();
        let attempt = v1::RecoveryAttempt {
            order: request.order.clone(),
            signature: request.signature.clone(),
            announced_at_ms: now_ms,
            open_from_ms: now_ms + RECOVERY_DELAY_MS,
            state: v1::AttemptState::Announced.into(),
            since_ms: now_ms,
            signed_objection: Vec::new(),
        };
        self.attempts.insert(0, attempt);
        Ok(())
    }

    fn attempt(&mut self, id: &[u8]) -> Option<&mut v1::RecoveryAttempt> {
        self.attempts.iter_mut().find(|attempt| opening(attempt).1.attempt_id == id)
    }

    fn list(&self, list: &v1::ListRequests) -> v1::RequestList {
        let waiting = self.held.values().filter(|held| held.state == RequestState::Waiting);
        let mut requests: Vec<_> = waiting
            .map(|held| held.waiting.clone())
            .filter(|waiting| waiting.identity > list.after_identity)
            .collect();
        let more = requests.len() > REQUESTS_PER_PAGE_MAX;
        requests.truncate(REQUESTS_PER_PAGE_MAX);
        let events = self.events.iter().filter(|event| event.sequence > list.after_event).cloned();
        let invitations = self.invitations.iter().map(|(identity, (_, not_after_ms, used))| {
            v1::InvitationState { identity: identity.clone(), not_after_ms: *not_after_ms, used: *used }
        });
        let first = list.after_identity.is_empty();
        v1::RequestList {
            requests,
            more,
            events: events.collect(),
            invitations: if first { invitations.collect() } else { Vec::new() },
        }
    }
}

/// The order of an attempt, and what it asks for.
pub(crate) fn opening(attempt: &v1::RecoveryAttempt) -> (v1::Order, v1::OpenRecovery) {
    let order = v1::Order::decode(attempt.order.as_slice()).unwrap();
    let Some(Act::OpenRecovery(open)) = order.act.clone() else { panic!("an attempt's order") };
    (order, open)
}

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<Mutex<State>>);

pub(crate) fn refusal(detail: &ErrorDetail) -> Status {
    Status::with_details(Code::FailedPrecondition, "refused", detail.to_status_details().into())
}

#[tonic::async_trait]
impl Enrolment for Service {
    async fn hand_in_request(
        &self,
        _request: Request<v1::HandInRequestRequest>,
    ) -> Result<Response<v1::HandInRequestResponse>, Status> {
        Err(Status::unimplemented("devices are played by the test"))
    }

    async fn hand_in_renewal(
        &self,
        _request: Request<v1::HandInRenewalRequest>,
    ) -> Result<Response<v1::HandInRenewalResponse>, Status> {
        Err(Status::unimplemented("devices are played by the test"))
    }

    async fn collect_answer(
        &self,
        _request: Request<v1::CollectAnswerRequest>,
    ) -> Result<Response<v1::CollectAnswerResponse>, Status> {
        Err(Status::unimplemented("devices are played by the test"))
    }

    async fn place_order(
        &self,
        request: Request<v1::PlaceOrderRequest>,
    ) -> Result<Response<v1::PlaceOrderResponse>, Status> {
        let placed = self.0.lock().unwrap().place(request.get_ref());
        placed.map(Response::new).map_err(|detail| refusal(&detail))
    }
}

#[tonic::async_trait]
impl Trust for Service {
    async fn read_charters(
        &self,
        _request: Request<v1::ReadChartersRequest>,
    ) -> Result<Response<v1::ReadChartersResponse>, Status> {
        Err(Status::unimplemented("devices are played by the test"))
    }

    async fn submit_charter(
        &self,
        request: Request<v1::SubmitCharterRequest>,
    ) -> Result<Response<v1::SubmitCharterResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        let request = request.into_inner();
        let refused = |_| refusal(&ErrorDetail::because(Reason::TrustRefused));
        let history = CharterFile::parse(&request.charter_file)
            .and_then(|file| file.complete())
            .map_err(|_| refused(()))?;
        let live = state.live.len();
        if live > 0 && !request.force {
            let detail = ErrorDetail { limit: live as u64, ..ErrorDetail::because(Reason::WouldCut) };
            return Err(refusal(&detail));
        }
        state.live.clear();
        let version = history.newest().version;
        state.view = Some(TrustView::new(history));
        Ok(Response::new(v1::SubmitCharterResponse { version, cut: live as u32 }))
    }

    async fn submit_crl(
        &self,
        request: Request<v1::SubmitCrlRequest>,
    ) -> Result<Response<v1::SubmitCrlResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        let crl = Crl::verify(&request.get_ref().crl, state.view.as_ref().unwrap().charters());
        let number = crl.map_err(|_| refusal(&ErrorDetail::because(Reason::TrustRefused)))?.number;
        if let Some(fewer) = state.lists_too_soon.checked_sub(1) {
            state.lists_too_soon = fewer;
            let detail = ErrorDetail { retry_after_ms: 20, ..ErrorDetail::because(Reason::RateLimited) };
            return Err(refusal(&detail));
        }
        if let Some(detail) = state.list_refusals.pop_front() {
            return Err(refusal(&detail));
        }
        if state.lists_take_back {
            let detail = ErrorDetail { limit: number, ..ErrorDetail::because(Reason::ListRefused) };
            return Err(refusal(&detail));
        }
        state.crls.push(number);
        let cut = state.live.len() as u32;
        state.live.clear();
        Ok(Response::new(v1::SubmitCrlResponse { number, cut }))
    }

    async fn submit_denial(
        &self,
        _request: Request<v1::SubmitDenialRequest>,
    ) -> Result<Response<v1::SubmitDenialResponse>, Status> {
        Err(Status::unimplemented("nobody is on duty here"))
    }
}
