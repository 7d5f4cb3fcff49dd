//! A small honest desk in this process, behind the TLS of the real one; tests make it lie, one answer at a time.

pub(crate) mod clock;
pub(crate) mod door;
pub(crate) mod escrow;

use super::test_agency::{Agency, SERVER_NAME, ServerCa, answer, charter_with, sealed};
use alcove_charter::{
    Ca, CharterHistory, Invitation, InvitationCode, TrustView, VerifiedRenewal, claim_hash, sha256,
};
use alcove_proto::{
    ids::Digest,
    names::Identity,
    v1::{self, ErrorDetail, Reason, RequestState},
};
use alcove_rpc::v1::{
    enrolment_server::{Enrolment, EnrolmentServer},
    trust_server::{Trust, TrustServer},
};
use prost::Message;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Response, Status,
    transport::{Server, server::Connected},
};

pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Two agencies, a charter they signed, the server's desk, and Harborlight's admin behind it.
pub(crate) struct World {
    pub(crate) harborlight: Agency,
    pub(crate) elmgate: Agency,
    pub(crate) server_ca: ServerCa,
    pub(crate) charter: v1::SignedCharter,
    pub(crate) desk: TestDesk,
}

/// What the desk holds, and how it lies.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) charters: Vec<v1::SignedCharter>,
    /// By device.
    pub(crate) invitations: BTreeMap<String, Opened>,
    /// By device: the request that came last, with its answer.
    pub(crate) requests: BTreeMap<String, (Vec<u8>, v1::CollectAnswerResponse)>,
    /// Encoded SignedRenewals, in the order they came.
    pub(crate) renewals: Vec<Vec<u8>>,
    /// Every call is refused so.
    pub(crate) refuses: Option<Reason>,
    /// Every renewal is refused so.
    pub(crate) refuses_renewals: Option<Reason>,
    /// This is collected whatever was asked for.
    pub(crate) lies: Option<v1::CollectAnswerResponse>,
    /// Calls since the beginning.
    pub(crate) calls: u64,
    /// Times an answer was asked for.
    pub(crate) asked: u64,
    /// Answers given out.
    pub(crate) collected: u64,
}

/// An invitation as the desk knows it.
pub(crate) struct Opened {
    pub(crate) claim_hash: Vec<u8>,
    pub(crate) not_after_ms: i64,
    /// The request that came in on it.
    pub(crate) used: Option<Vec<u8>>,
}

pub(crate) struct TestDesk {
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
    state: Arc<Mutex<State>>,
}

impl World {
    /// A world made `days` days ago.
    pub(crate) fn made_days_ago(days: i64) -> Self {
        Self::with_recovery_key(days, &[])
    }

    /// The same with a recovery key of Harborlight's in the charter.
    pub(crate) fn with_recovery_key(days: i64, recovery_key: &[u8]) -> Self {
        let made_ms = now_ms() - days * DAY_MS;
        let mut harborlight = Agency::new("harborlight", "Harborlight Immigrant Services", made_ms);
        harborlight.entry.recovery_key = recovery_key.to_vec();
        let elmgate = Agency::new("elmgate", "Elmgate Family Justice Center", made_ms);
        let server_ca = ServerCa::new(made_ms);
        let both = [&elmgate, &harborlight];
        let charter = charter_with(&both, &both, &server_ca);
        let desk = TestDesk::start(&server_ca);
        desk.state().charters.push(charter.clone());
        Self { harborlight, elmgate, server_ca, charter, desk }
    }

    pub(crate) fn new() -> Self {
        Self::made_days_ago(0)
    }

    pub(crate) fn rosa(&self) -> Identity {
        self.harborlight.identity(1, 1)
    }

    /// Opens an invitation at the desk, as the admin's program does.
    pub(crate) fn invite(&self, identity: &Identity) -> Invitation {
        self.invite_with(identity, InvitationCode::new([identity.device as u8 + 40; 16]))
    }

    pub(crate) fn invite_with(&self, identity: &Identity, code: InvitationCode) -> Invitation {
        let not_after_ms = now_ms() + 3 * DAY_MS;
        let claim_hash = claim_hash(&code.claim(identity)).to_vec();
        let opened = Opened { claim_hash, not_after_ms, used: None };
        self.desk.state().invitations.insert(identity.to_string(), opened);
        Invitation {
            identity: identity.clone(),
            code,
            not_after_ms,
            charter_hash: Digest(sha256(&[&self.charter.charter])),
            server_ca_key: *Ca::parse(&self.server_ca.certificate).unwrap().public_key(),
            server_name: SERVER_NAME.to_owned(),
            // Nobody listens there: the first door is not what is tried here.
            server_address: "127.0.0.1:1".to_owned(),
            desk_address: self.desk.address.to_string(),
        }
    }

    /// The request of a device that lies at the desk.
    pub(crate) fn request(&self, identity: &Identity) -> Vec<u8> {
        self.desk.state().requests[&identity.to_string()].0.clone()
    }

    /// The admin's answer to the request that lies at the desk, certificates for so many days from the world's
    /// beginning; `change` spoils it before it is sealed.
    pub(crate) fn answer_with(
        &self,
        identity: &Identity,
        days: i64,
        change: impl FnOnce(&mut v1::EnrolmentCertificate),
    ) {
        let request = self.request(identity);
        let mut answer = answer(&self.harborlight, &self.charter, &request, identity, days);
        answer.charters.clear();
        answer.server_address.clear();
        change(&mut answer);
        self.give(identity, sealed(&self.harborlight.signed(answer), &request, identity));
    }

    pub(crate) fn answer(&self, identity: &Identity, days: i64) {
        self.answer_with(identity, days, |_| {});
    }

    /// Lays an answer out at the desk.
    pub(crate) fn give(&self, identity: &Identity, sealed_answer: Vec<u8>) {
        let response = v1::CollectAnswerResponse { state: RequestState::Answered.into(), sealed_answer };
        self.desk.state().requests.get_mut(&identity.to_string()).unwrap().1 = response;
    }

    /// The admin says no.
    pub(crate) fn refuse(&self, identity: &Identity) {
        let response =
            v1::CollectAnswerResponse { state: RequestState::Refused.into(), sealed_answer: Vec::new() };
        self.desk.state().requests.get_mut(&identity.to_string()).unwrap().1 = response;
    }
}

impl TestDesk {
    /// A desk that shows a certificate of `ca`.
    pub(crate) fn start(ca: &ServerCa) -> Self {
        let (chain, key) = ca.certify();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
        let config = alcove_trust::desk_config(vec![chain.into()], key).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let (address, incoming) = accept_tls(&runtime, config);
        let service = Service(Arc::clone(&state));
        let server = Server::builder()
            .add_service(EnrolmentServer::new(service.clone()))
            .add_service(TrustServer::new(service));
        runtime.spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
        Self { address, runtime, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Connections at a free loopback port, once TLS stands.
fn accept_tls(
    runtime: &Runtime,
    config: rustls::ServerConfig,
) -> (SocketAddr, mpsc::Receiver<Result<Tls, io::Error>>) {
    let (sender, receiver) = mpsc::channel(8);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                // Whoever does not like our certificate hangs up.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _gone = sender.send(Ok(Tls(stream))).await;
                }
            });
        }
    });
    (address, receiver)
}

#[derive(Clone)]
struct Service(Arc<Mutex<State>>);

impl Service {
    fn called(&self) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        state.refuses.map_or(Ok(state), |reason| Err(refused(reason)))
    }
}

fn refused(reason: Reason) -> Status {
    let details = ErrorDetail::because(reason).to_status_details();
    Status::with_details(Code::FailedPrecondition, "", details.into())
}

fn waiting() -> v1::CollectAnswerResponse {
    v1::CollectAnswerResponse { state: RequestState::Waiting.into(), sealed_answer: Vec::new() }
}

#[tonic::async_trait]
impl Enrolment for Service {
    async fn hand_in_request(
        &self,
        request: Request<v1::HandInRequestRequest>,
    ) -> Result<Response<v1::HandInRequestResponse>, Status> {
        let asked = request.into_inner();
        let mut state = self.called()?;
        let invitation = state.invitations.get_mut(&asked.identity);
        let known = invitation.filter(|opened| opened.claim_hash == claim_hash(&asked.claim).to_vec());
        let Some(opened) = known else { return Err(refused(Reason::InvitationUnknown)) };
        if opened.used.as_ref() == Some(&asked.request) {
            return Ok(Response::new(v1::HandInRequestResponse {}));
        }
        if opened.used.is_some() {
            return Err(refused(Reason::InvitationUsed));
        }
        if opened.not_after_ms < now_ms() {
            return Err(refused(Reason::InvitationExpired));
        }
        opened.used = Some(asked.request.clone());
        state.requests.insert(asked.identity, (asked.request, waiting()));
        Ok(Response::new(v1::HandInRequestResponse {}))
    }

    async fn hand_in_renewal(
        &self,
        request: Request<v1::HandInRenewalRequest>,
    ) -> Result<Response<v1::HandInRenewalResponse>, Status> {
        let signed = request.into_inner().signed_renewal;
        let mut state = self.called()?;
        if let Some(reason) = state.refuses_renewals {
            return Err(refused(reason));
        }
        let charters = state.charters.iter().map(Message::encode_to_vec);
        let trust = TrustView::new(CharterHistory::from_versions(charters).unwrap());
        let Ok(renewal) = VerifiedRenewal::verify(&signed, &trust) else {
            return Err(refused(Reason::NotAuthorised));
        };
        state.renewals.push(signed);
        state.requests.insert(renewal.identity.to_string(), (renewal.request, waiting()));
        Ok(Response::new(v1::HandInRenewalResponse {}))
    }

    async fn collect_answer(
        &self,
        request: Request<v1::CollectAnswerRequest>,
    ) -> Result<Response<v1::CollectAnswerResponse>, Status> {
        let asked = request.into_inner();
        let mut state = self.called()?;
        state.asked += 1;
        if let Some(lie) = state.lies.clone() {
            return Ok(Response::new(lie));
        }
        let found = state.requests.get(&asked.identity);
        let found = found.filter(|(request, _)| sha256(&[request])[..] == asked.request_hash[..]);
        let Some((_, response)) = found.cloned() else { return Err(refused(Reason::NotFound)) };
        state.collected += u64::from(response.state() == RequestState::Answered);
        Ok(Response::new(response))
    }

    async fn place_order(
        &self,
        _: Request<v1::PlaceOrderRequest>,
    ) -> Result<Response<v1::PlaceOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl Trust for Service {
    async fn read_charters(
        &self,
        request: Request<v1::ReadChartersRequest>,
    ) -> Result<Response<v1::ReadChartersResponse>, Status> {
        let after = request.into_inner().after_version as usize;
        let state = self.called()?;
        let signed_charters = state.charters.iter().skip(after).map(Message::encode_to_vec).collect();
        Ok(Response::new(v1::ReadChartersResponse { signed_charters }))
    }

    async fn submit_charter(
        &self,
        _: Request<v1::SubmitCharterRequest>,
    ) -> Result<Response<v1::SubmitCharterResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn submit_crl(
        &self,
        _: Request<v1::SubmitCrlRequest>,
    ) -> Result<Response<v1::SubmitCrlResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn submit_denial(
        &self,
        _: Request<v1::SubmitDenialRequest>,
    ) -> Result<Response<v1::SubmitDenialResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A TLS connection as tonic takes it.
pub(crate) struct Tls(TlsStream<TcpStream>);

impl Connected for Tls {
    type ConnectInfo = door::Shown;

    fn connect_info(&self) -> door::Shown {
        door::Shown::of(self)
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
