//! How a device reaches the server: TCP, through a proxy where there is one, TLS with both certificates, and a typed reason
//! when it fails.
//!
//! Under TLS 1.3 a client believes itself connected before the server has judged its certificate
//! (the refusal comes as an alert later, where HTTP/2 swallows it). So [`Connector::connect`] waits
//! for the server's first bytes, its HTTP/2 SETTINGS, which it sends unasked: they prove that the
//! certificate was taken, and their absence is a refusal that still has its reason. That costs one
//! round trip a connection, not one a call.
//!
//! With tonic, which this crate does not know:
//!
//! ```text
//! Endpoint::from_shared(format!("https://{address}"))?
//!     .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
//!     .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
//!     .max_frame_size(http2::FRAME_BYTES_MAX)
//!     .connect_with_connector(connector)
//! ```

use crate::{
    CertificateFault, ConfigError, ServerVerifier, client_config,
    config::desk_client_config,
    heard::Heard,
    proxy::{self, Proxy, ProxyFault},
    reach::{self, Up},
};
use alcove_charter::{P256Point, TrustView};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::{
    error::Error,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Time a device gives each step of a connection: name lookup, TCP, the proxy, TLS, and the server's first bytes.
const STEP_DEADLINE: Duration = Duration::from_secs(10);
/// Time it gives all of them together: enough where each round trip takes three seconds.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
/// Holds the server's first bytes only; larger reads pass by it.
const FIRST_BYTES: usize = 64;

/// A connection whose server has shown its certificate and taken ours.
pub type Connection = BufReader<TlsStream<Heard<TcpStream>>>;

/// Told of each sign of life from where a [`Connector`] connects to.
pub type OnSign = Arc<dyn Fn() + Send + Sync>;

/// Why no connection came about. The fault says whose move it is: theirs, ours, or the network's.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not `https://host:port`.
    #[error("the server's address names no host and port")]
    Address,
    /// Name lookup or TCP failed: the server or the network is down. Worth another try.
    #[error("the server cannot be reached")]
    Unreachable(#[source] io::Error),
    /// No connection within the deadline. Worth another try.
    #[error("the server did not answer within {} ms", deadline.as_millis())]
    TimedOut {
        /// How long was waited.
        deadline: Duration,
    },
    /// The peer hung up during the handshake without a reason, or was no Alcove. Worth another try.
    #[error("the server hung up")]
    Closed,
    /// We refuse the server's certificate. Trying again does not help; it may be somebody else.
    #[error("the server's certificate is refused: {0}")]
    ServerCertificate(CertificateFault),
    /// The server refuses this device's certificate. Trying again does not help.
    #[error("the server refuses this device's certificate: {0}")]
    DeviceCertificate(CertificateFault),
    /// What answers does not speak as the server does, and shows no certificate: the sign-in page of a network, or a
    /// program that looks into connections. It lasts until somebody does something about it.
    #[error("something answers in the server's place")]
    InItsPlace(#[source] rustls::Error),
    /// The proxy on the way is of no help.
    #[error("the proxy is of no help: {0}")]
    Proxy(ProxyFault),
}

impl ConnectError {
    /// Finds the reason within what an HTTP client made of it, walking its sources.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Whether the same connection may succeed later without anybody doing anything.
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut { .. } | Self::Closed => true,
            Self::Proxy(fault) => fault.is_worth_retrying(),
            Self::Address | Self::ServerCertificate(_) | Self::DeviceCertificate(_) | Self::InItsPlace(_) => {
                false
            }
        }
    }

    /// What failed before the server has shown who it is: nothing that was said comes from it for certain.
    fn before_proof(error: io::Error) -> Self {
        match of_tls(error) {
            Ok(rustls::Error::InvalidCertificate(fault)) => Self::ServerCertificate((&fault).into()),
            Ok(rustls::Error::NoCertificatesPresented) => Self::ServerCertificate(CertificateFault::Missing),
            Ok(other) => Self::InItsPlace(other),
            Err(error) => Self::of_system(error),
        }
    }

    /// What failed afterwards: an alert about a certificate is the server's word on this device's.
    fn after_proof(error: io::Error) -> Self {
        match of_tls(error) {
            Ok(rustls::Error::AlertReceived(alert)) => {
                CertificateFault::from_alert(alert).map_or(Self::Closed, Self::DeviceCertificate)
            }
            // Spoilt on its way.
            Ok(_) => Self::Closed,
            Err(error) => Self::of_system(error),
        }
    }

    fn of_system(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Unreachable(error),
        }
    }

    /// The same where a proxy was on the way.
    fn through_proxy(self) -> Self {
        match self {
            // A clock mends these, and they are the server's own certificate.
            Self::ServerCertificate(CertificateFault::Expired | CertificateFault::NotYetValid) => self,
            Self::ServerCertificate(fault) => Self::Proxy(ProxyFault::ReadsAlong(fault)),
            other => other,
        }
    }

    /// What failed at each address, as one failure: what the server itself said, else the first that says more than that nobody
    /// was there.
    fn of_all(mut failed: Vec<Self>) -> Self {
        failed.sort_by_key(|error| !matches!(error, Self::DeviceCertificate(_)));
        let mut last = None;
        for error in failed {
            if !error.is_worth_retrying() {
                return error;
            }
            last = Some(error);
        }
        last.unwrap_or_else(|| Self::Unreachable(io::ErrorKind::AddrNotAvailable.into()))
    }
}

/// What TLS says, or the system.
fn of_tls(error: io::Error) -> Result<rustls::Error, io::Error> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Ok(tls.clone()),
        None => Err(error),
    }
}

/// Opens connections to the one server of a charter, as one device.
///
/// A `tower::Service<Uri>`, so that an HTTP client can reconnect by itself. It holds one view of the
/// charter: when that changes, make a new one.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    server_name: ServerName<'static>,
    on_sign: OnSign,
    /// Of each step.
    deadline: Duration,
}

/// Where a connection leads, and through which proxy.
#[derive(Clone)]
struct Way {
    host: String,
    port: u16,
    proxy: Option<Arc<Proxy>>,
}

impl Connector {
    /// A connector for the device that holds `key`, certified by `chain` (leaf first, no anchor).
    ///
    /// `trust` says who the server must be. Errors: [`ConfigError`].
    pub fn new(
        trust: Arc<TrustView>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ConfigError> {
        let server_name = server_name(&trust)?;
        Ok(Self::with(client_config(trust, chain, key)?, server_name))
    }

    /// A connector to the server's desk, for whoever shows no certificate and holds a charter.
    ///
    /// Errors: [`ConfigError`].
    pub fn to_desk(trust: Arc<TrustView>) -> Result<Self, ConfigError> {
        let server_name = server_name(&trust)?;
        Ok(Self::with(desk_client_config(Arc::new(ServerVerifier::of_charter(trust)))?, server_name))
    }

    /// A connector to the desk of the server `name`, for a device that holds an invitation and no charter yet.
    ///
    /// Errors: [`ConfigError`].
    pub fn to_pinned_desk(ca_key: P256Point, name: &str) -> Result<Self, ConfigError> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| ConfigError::ServerName)?;
        Ok(Self::with(desk_client_config(Arc::new(ServerVerifier::pinned(ca_key)))?, server_name))
    }

    fn with(tls: ClientConfig, server_name: ServerName<'static>) -> Self {
        let tls = TlsConnector::from(Arc::new(tls));
        Self { tls, server_name, on_sign: Arc::new(|| ()), deadline: STEP_DEADLINE }
    }

    /// The same; `on_sign` is told of every sign of life that comes from where it connects to.
    #[must_use]
    pub fn telling(self, on_sign: OnSign) -> Self {
        Self { on_sign, ..self }
    }

    /// Connects to `host` (a name or an address literal) and `port`.
    ///
    /// Returns once the server has taken the certificate. Errors: [`ConnectError`].
    pub async fn connect(&self, host: &str, port: u16) -> Result<Connection, ConnectError> {
        let proxy = proxy::to(host, port).map_err(ConnectError::Proxy)?;
        let way = Way { host: host.to_owned(), port, proxy };
        let whole = CONNECT_DEADLINE.max(self.deadline);
        timeout(whole, self.connect_by(way))
            .await
            .map_err(|_elapsed| ConnectError::TimedOut { deadline: whole })?
    }

    async fn connect_by(&self, way: Way) -> Result<Connection, ConnectError> {
        let (host, port) =
            way.proxy.as_ref().map_or((&way.host, way.port), |proxy| (&proxy.host, proxy.port));
        let found = self.in_time(reach::addresses(host, port)).await?;
        let found = found.map_err(|error| way.no_answer(error))?;
        let attempt = |address, up| self.clone().connect_at(address, way.clone(), up);
        reach::first(found, attempt).await.map_err(ConnectError::of_all)
    }

    async fn connect_at(self, address: SocketAddr, way: Way, up: Up) -> Result<Connection, ConnectError> {
        let tcp = self.in_time(TcpStream::connect(address)).await?;
        let tcp = tcp.map_err(|error| way.no_answer(error))?;
        tcp.set_nodelay(true).map_err(ConnectError::Unreachable)?;
        let _nobody_waits = up.send(());
        let on_sign = Arc::clone(&self.on_sign);
        // That it has come about is the first one.
        on_sign();
        let mut tcp = Heard::new(tcp, move |_bytes| on_sign());
        if let Some(proxy) = &way.proxy {
            let opened = self.in_time(proxy.open(&mut tcp, &way.host, way.port)).await?;
            opened.map_err(ConnectError::Proxy)?;
        }
        let tls = self.in_time(self.tls.connect(self.server_name.clone(), tcp)).await?;
        let tls = tls.map_err(ConnectError::before_proof);
        let tls = if way.proxy.is_some() { tls.map_err(ConnectError::through_proxy)? } else { tls? };
        let mut connection = BufReader::with_capacity(FIRST_BYTES, tls);
        let first = self.in_time(connection.fill_buf()).await?.map_err(ConnectError::after_proof)?;
        if first.is_empty() {
            return Err(ConnectError::Closed);
        }
        Ok(connection)
    }

    async fn in_time<T>(&self, step: impl Future<Output = T>) -> Result<T, ConnectError> {
        let deadline = self.deadline;
        timeout(deadline, step).await.map_err(|_elapsed| ConnectError::TimedOut { deadline })
    }
}

impl Way {
    /// Nobody is where it leads first.
    fn no_answer(&self, error: io::Error) -> ConnectError {
        match self.proxy {
            Some(_) => ConnectError::Proxy(ProxyFault::NoAnswer),
            None => ConnectError::Unreachable(error),
        }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
                return Err(ConnectError::Address);
            };
            // A URI writes an IPv6 literal in brackets, the resolver wants it without.
            let host = host.trim_start_matches('[').trim_end_matches(']');
            connector.connect(host, port).await.map(TokioIo::new)
        })
    }
}

fn server_name(trust: &TrustView) -> Result<ServerName<'static>, ConfigError> {
    ServerName::try_from(trust.charter().server_name.clone()).map_err(|_| ConfigError::ServerName)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        runtime::Builder,
    };

    fn connector() -> Connector {
        let pinned = P256Point::parse(&[[4].as_slice(), &[1; 64]].concat()).unwrap();
        Connector::to_pinned_desk(pinned, "alcove.northmark.example").unwrap()
    }

    /// What is made of a peer that answers a hello with these bytes, and hangs up.
    async fn answered(bytes: &'static [u8]) -> ConnectError {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.read_buf(&mut Vec::with_capacity(64)).await.unwrap();
            tcp.write_all(bytes).await.unwrap();
            // Until the other end has left: closing over what is unread would take the answer back.
            tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await.ok();
        });
        let error = connector().connect("127.0.0.1", port).await.err().unwrap();
        peer.await.unwrap();
        error
    }

    #[tokio::test]
    async fn what_answers_in_the_servers_place_is_never_taken_for_the_servers_word() {
        let alert = |description| -> &'static [u8] { Box::leak(Box::new([21, 3, 3, 0, 2, 2, description])) };
        for (what, bytes) in [
            ("a page", &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..]),
            ("a redirection", b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"),
            ("a refusal of our hello", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("an alert of its own", alert(40)),
            // In the clear, and before any certificate: anybody between the two can say so.
            ("an alert about our certificate", alert(44)),
            ("an alert that access is denied", alert(49)),
        ] {
            let error = answered(bytes).await;
            assert!(matches!(error, ConnectError::InItsPlace(_)), "{what}: {error:?}");
        }
    }

    #[test]
    fn a_server_that_says_nothing_is_worth_another_try() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let impatient = Connector { deadline: Duration::from_millis(200), ..connector() };
        runtime.block_on(async {
            let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = silent.local_addr().unwrap().port();
            let error = impatient.connect("127.0.0.1", port).await.err().unwrap();
            assert!(matches!(error, ConnectError::TimedOut { .. }) && error.is_worth_retrying(), "{error:?}");
        });
    }
}
