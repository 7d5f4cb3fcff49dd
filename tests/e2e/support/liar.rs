//! A server that lies in the protocol's own words: it stands between people and the real server, holds the
//! server's keys, and says something else in its answers.
//!
//! Towards the server it acts for whoever called: with a certificate of the same name, signed by the same agency
//! (in the scenes the agencies' admins help). What it does not lie about it passes on as it is.

use super::{
    caller::{connector_of, trust},
    pki::{Signer, Wanted, now_ms},
};
use alcove_charter::TrustView;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::signed_head_bytes,
    v1::{ErrorDetail, ReadLogResponse, Reason, ServerCertificate, SignedHead},
};
use alcove_tests::world::World;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    client::conn::http2::SendRequest,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};
use tokio_rustls::TlsAcceptor;

/// One call, as the liar sees it.
pub(crate) struct Call<'a> {
    /// The device's name.
    pub(crate) caller: &'a str,
    /// The RPC's name without its service.
    pub(crate) method: &'a str,
    /// The encoded request.
    pub(crate) request: &'a [u8],
}

/// What is said in the server's place.
pub(crate) trait Lie: Send + Sync + 'static {
    /// Answers a call that the server never hears of: with messages, or with a refusal.
    fn instead(&self, _call: &Call<'_>) -> Option<Result<Vec<Bytes>, Reason>> {
        None
    }

    /// What the caller is told in the place of one message of the server's answer.
    fn told(&self, _call: &Call<'_>, message: Bytes) -> Bytes {
        message
    }
}

/// No lie at all: the control.
pub(crate) struct Honest;

impl Lie for Honest {}

/// A message with a change.
pub(crate) fn rewritten<M: Message + Default>(message: &Bytes, change: impl FnOnce(&mut M)) -> Bytes {
    let mut decoded = M::decode(message.as_ref()).expect("the server's answer decodes");
    change(&mut decoded);
    decoded.encode_to_vec().into()
}

/// The liar. It ends when dropped.
pub(crate) struct Liar {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

struct Shared {
    server: SocketAddr,
    agencies: PathBuf,
    trust: TrustView,
    lie: Mutex<Arc<dyn Lie>>,
    /// Heads the server has signed at the end of logs, oldest first.
    heads: Mutex<Vec<SignedHead>>,
    calls: AtomicU64,
    receipt_key: EcdsaKeyPair,
}

impl Liar {
    /// A liar on a fresh loopback port in front of the world's server.
    pub(crate) fn before(world: &World, server: SocketAddr) -> Self {
        let folder = world.server_folder();
        let read = |name: &str| fs::read(folder.join(name)).expect("the server's folder has its keys");
        let certificate = read("server.cert");
        let chain =
            ServerCertificate::decode(certificate.as_slice()).expect("the certificate decodes").tls_chain;
        let trust = trust(world);
        let config = alcove_trust::server_config(
            Arc::new(trust.clone()),
            chain.into_iter().map(CertificateDer::from).collect(),
            PrivatePkcs8KeyDer::from(read("tls.key")).into(),
        );
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("the server's key and certificate")));
        let random = SystemRandom::new();
        let receipt_key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &read("receipts.key"), &random)
                .expect("the server's receipt key parses");
        let shared = Arc::new(Shared {
            server,
            agencies: world.path("agencies"),
            trust,
            lie: Mutex::new(Arc::new(Honest)),
            heads: Mutex::default(),
            calls: AtomicU64::new(0),
            receipt_key,
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener can be taken over");
                tokio::select! {
                    () = accept(listener, acceptor, serving) => {}
                    _ended = stopped => {}
                }
            });
        });
        Self { address, shared, _stop: stop }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is said from now on.
    pub(crate) fn tell(&self, lie: impl Lie) {
        *self.shared.lie.lock().expect("no holder panics") = Arc::new(lie);
    }

    /// Calls that have come through here.
    pub(crate) fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// The heads that the server itself signed and that passed here at the end of logs, oldest first.
    pub(crate) fn heads(&self) -> Vec<SignedHead> {
        self.shared.heads.lock().expect("no holder panics").clone()
    }

    /// Signs a head as the server would.
    pub(crate) fn signer(&self) -> impl Fn(&GroupId, Position, &Head) -> SignedHead + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move |group, position, head| {
            let time_ms = now_ms();
            let bytes = signed_head_bytes(group, position, head, time_ms);
            let signature =
                shared.receipt_key.sign(&SystemRandom::new(), &bytes).expect("anything can be signed");
            SignedHead {
                group_id: group.to_vec(),
                position: position.0,
                head: head.to_vec(),
                time_ms,
                signature: signature.as_ref().to_vec(),
            }
        }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else { return };
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // A connection that breaks is a connection that breaks, here as there.
            let _broken = serve(tcp, acceptor, shared).await;
        });
    }
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) -> Result<(), Broken> {
    tcp.set_nodelay(true).map_err(broken)?;
    let tls = acceptor.accept(tcp).await.map_err(broken)?;
    let chain: Vec<Vec<u8>> =
        tls.get_ref().1.peer_certificates().unwrap_or(&[]).iter().map(|der| der.to_vec()).collect();
    let caller = shared.trust.verify_device_tls(&chain, now_ms()).map_err(broken)?.identity;
    let label = caller.person.trust_domain.as_str().split('.').next().unwrap_or_default().to_owned();
    let caller = caller.to_string();
    let wanted = Wanted { sans: vec![caller.clone()], ..Wanted::device(&label) };
    let shown = Signer::in_folder(&shared.agencies.join(label)).certify(&wanted);
    let connector = connector_of(&shared.trust, &shown);
    let (host, port) = (shared.server.ip().to_string(), shared.server.port());
    let upstream = connector.connect(&host, port).await.map_err(broken)?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(upstream))
            .await
            .map_err(broken)?;
    tokio::spawn(connection);
    let service = service_fn(move |request| {
        let (sender, shared, caller) = (sender.clone(), Arc::clone(&shared), caller.clone());
        async move { answer(request, sender, shared, caller).await }
    });
    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(tls), service)
        .await
        .map_err(broken)
}

/// A connection that has ended, from this side or that.
#[derive(Debug)]
struct Broken(String);

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

fn broken(error: impl std::fmt::Display) -> Broken {
    Broken(error.to_string())
}

async fn answer(
    request: Request<Incoming>,
    mut upstream: SendRequest<Full<Bytes>>,
    shared: Arc<Shared>,
    caller: String,
) -> Result<Response<Told>, Broken> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    let path = parts.uri.path().to_owned();
    let method = path.rsplit('/').next().unwrap_or_default().to_owned();
    let said = body.get(FRAME_HEADER..).map(Bytes::copy_from_slice).unwrap_or_default();
    shared.calls.fetch_add(1, Ordering::SeqCst);
    let lie = Arc::clone(&shared.lie.lock().expect("no holder panics"));
    let call = Call { caller: &caller, method: &method, request: &said };
    if let Some(instead) = lie.instead(&call) {
        return Ok(made_up(instead));
    }
    parts.uri = format!("https://alcove{path}").parse().map_err(broken)?;
    let forwarded = Request::from_parts(parts, Full::new(body));
    let (head, mut told) = upstream.send_request(forwarded).await.map_err(broken)?.into_parts();
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut buffer = BytesMut::new();
        while let Some(Ok(frame)) = told.frame().await {
            match frame.into_data() {
                Ok(data) => {
                    buffer.extend_from_slice(&data);
                    while let Some(message) = next_message(&mut buffer) {
                        if method == "ReadLog" {
                            shared.remember(&message);
                        }
                        let call = Call { caller: &caller, method: &method, request: &said };
                        // Asked anew for each message: a stream outlives a lie.
                        let lie = Arc::clone(&shared.lie.lock().expect("no holder panics"));
                        let message = framed(&lie.told(&call, message));
                        if sender.send(Frame::data(message)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(trailers) => {
                    let _nobody_listens = sender.send(trailers).await;
                }
            }
        }
    });
    Ok(Response::from_parts(head, Told(receiver)))
}

impl Shared {
    fn remember(&self, message: &Bytes) {
        let page = ReadLogResponse::decode(message.as_ref()).expect("the server's answer decodes");
        self.heads.lock().expect("no holder panics").extend(page.signed_head);
    }
}

/// An answer that the server knows nothing of.
fn made_up(answer: Result<Vec<Bytes>, Reason>) -> Response<Told> {
    let (sender, receiver) = mpsc::channel(64);
    let (status, messages) = match answer {
        Ok(messages) => (tonic::Status::ok(""), messages),
        Err(reason) => {
            let detail = ErrorDetail::because(reason).to_status_details();
            (tonic::Status::with_details(tonic::Code::NotFound, "", detail.into()), Vec::new())
        }
    };
    let whole = status.into_http::<()>();
    let mut response = Response::new(Told(receiver));
    if messages.is_empty() {
        *response.headers_mut() = whole.headers().clone();
        return response;
    }
    response.headers_mut().insert("content-type", "application/grpc".parse().expect("a header value"));
    for message in messages {
        sender.try_send(Frame::data(framed(&message))).expect("few messages are made up");
    }
    let mut trailers = whole.headers().clone();
    trailers.remove("content-type");
    sender.try_send(Frame::trailers(trailers)).expect("few messages are made up");
    response
}

/// One byte says whether it is compressed, four how long it is.
const FRAME_HEADER: usize = 5;

fn next_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let header = buffer.get(..FRAME_HEADER)?;
    let length = u32::from_be_bytes(header[1..].try_into().expect("four bytes")) as usize;
    if buffer.len() < FRAME_HEADER + length {
        return None;
    }
    buffer.advance(FRAME_HEADER);
    Some(buffer.split_to(length).freeze())
}

fn framed(message: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(FRAME_HEADER + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a message is short"));
    frame.put_slice(message);
    frame.freeze()
}

/// A body as it comes.
struct Told(mpsc::Receiver<Frame<Bytes>>);

impl Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}
