//! How a device reaches the server: TCP, TLS with both certificates, and a typed reason when it fails.
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

use crate::{CertificateFault, ConfigError, ServerVerifier, client_config, config::desk_client_config};
use alcove_charter::{P256Point, TrustView};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::AlertDescription;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::{
    error::Error,
    future::Future,
    io,
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

/// Time a device gives name lookup, TCP and TLS together.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Holds the server's first bytes only; larger reads pass by it.
const FIRST_BYTES: usize = 64;

/// A connection whose server has shown its certificate and taken ours.
pub type Connection = BufReader<TlsStream<TcpStream>>;

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
    /// TLS failed otherwise.
    #[error("the secure connection failed")]
    Tls(#[source] rustls::Error),
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
            Self::Address | Self::ServerCertificate(_) | Self::DeviceCertificate(_) | Self::Tls(_) => false,
        }
    }

    fn from_tls(error: io::Error) -> Self {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => Self::Closed,
                _ => Self::Unreachable(error),
            };
        };
        match tls {
            rustls::Error::AlertReceived(alert) => Self::from_alert(*alert),
            rustls::Error::InvalidCertificate(fault) => Self::ServerCertificate(fault.into()),
            rustls::Error::NoCertificatesPresented => Self::ServerCertificate(CertificateFault::Missing),
            other => Self::Tls(other.clone()),
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
        match CertificateFault::from_alert(alert) {
            Some(fault) => Self::DeviceCertificate(fault),
            None => Self::Tls(rustls::Error::AlertReceived(alert)),
        }
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
    deadline: Duration,
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
        let tls = TlsConnector::from(Arc::new(client_config(trust, chain, key)?));
        Ok(Self { tls, server_name, deadline: CONNECT_DEADLINE })
    }

    /// A connector to the server's desk, for whoever shows no certificate and holds a charter.
    ///
    /// Errors: [`ConfigError`].
    pub fn to_desk(trust: Arc<TrustView>) -> Result<Self, ConfigError> {
        let server_name = server_name(&trust)?;
        let tls = desk_client_config(Arc::new(ServerVerifier::of_charter(trust)))?;
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), server_name, deadline: CONNECT_DEADLINE })
    }

    /// A connector to the desk of the server `name`, for a device that holds an invitation and no charter yet.
    ///
    /// Errors: [`ConfigError`].
    pub fn to_pinned_desk(ca_key: P256Point, name: &str) -> Result<Self, ConfigError> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| ConfigError::ServerName)?;
        let tls = desk_client_config(Arc::new(ServerVerifier::pinned(ca_key)))?;
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), server_name, deadline: CONNECT_DEADLINE })
    }

    /// Connects to `host` (a name or an address literal) and `port`.
    ///
    /// Returns once the server has taken the certificate. Errors: [`ConnectError`].
    pub async fn connect(&self, host: &str, port: u16) -> Result<Connection, ConnectError> {
        timeout(self.deadline, self.connect_unbounded(host, port))
            .await
            .map_err(|_elapsed| ConnectError::TimedOut { deadline: self.deadline })?
    }

    async fn connect_unbounded(&self, host: &str, port: u16) -> Result<Connection, ConnectError> {
        let tcp = TcpStream::connect((host, port)).await.map_err(ConnectError::Unreachable)?;
        tcp.set_nodelay(true).map_err(ConnectError::Unreachable)?;
        let tls = self.tls.connect(self.server_name.clone(), tcp).await.map_err(ConnectError::from_tls)?;
        let mut connection = BufReader::with_capacity(FIRST_BYTES, tls);
        let first = connection.fill_buf().await.map_err(ConnectError::from_tls)?;
        if first.is_empty() {
            return Err(ConnectError::Closed);
        }
        Ok(connection)
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
    use tokio::{net::TcpListener, runtime::Builder};

    #[test]
    fn a_server_that_says_nothing_is_worth_another_try() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let pinned = P256Point::parse(&[[4].as_slice(), &[1; 64]].concat()).unwrap();
        let connector = Connector::to_pinned_desk(pinned, "alcove.northmark.example").unwrap();
        let impatient = Connector { deadline: Duration::from_millis(200), ..connector };
        runtime.block_on(async {
            let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = silent.local_addr().unwrap().port();
            let error = impatient.connect("127.0.0.1", port).await.err().unwrap();
            assert!(matches!(error, ConnectError::TimedOut { .. }) && error.is_worth_retrying(), "{error:?}");
        });
    }
}
