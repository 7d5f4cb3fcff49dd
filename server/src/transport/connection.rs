//! One connection, from the accepted socket to its end.
//!
//! Handshake, preface and every wait have a deadline; after that a connection lives until its peer leaves, its
//! certificate is refused, or the server stops.

use super::{
    call::Calls,
    first_bytes::FirstBytes,
    listener::Context,
    pending::Waiting,
    registry::{CutReason, Peer},
};
use alcove_charter::TrustError;
use alcove_trust::{CertificateFault, Snapshot, http2};
use hyper::server::conn::http2::Builder;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls_pki_types::CertificateDer;
use std::{
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Streams a peer may make us reset before the connection is closed (RUSTSEC-2024-0003). hyper's own
/// default, set by hand because other layers are known to turn it off.
const LOCAL_ERROR_RESETS_MAX: usize = 1024;
/// Bytes of one call's headers.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Time a refused peer gets to read why.
const LINGER_DEADLINE: Duration = Duration::from_secs(1);
/// Bytes read from a refused peer meanwhile.
const LINGER_BYTES_MAX: u64 = 64 * 1024;

/// How a connection ended. Always logged once, by whoever accepted it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The peer left, or was told that the server stops.
    #[error("closed")]
    Closed,
    /// The TLS handshake failed.
    #[error("handshake refused: {0}")]
    Handshake(#[source] io::Error),
    /// The handshake took too long.
    #[error("silent during the handshake")]
    HandshakeDeadline,
    /// A newer connection took its place while it was still unknown who it was.
    #[error("pushed out before its handshake was done")]
    PushedOut,
    /// The peer said nothing after the handshake.
    #[error("silent after the handshake")]
    PrefaceDeadline,
    /// The certificate was good when the handshake began, and is not any more.
    #[error("certificate refused: {0}")]
    Certificate(#[source] TrustError),
    /// It was cut.
    #[error("cut: {0:?}")]
    Cut(CutReason),
    /// HTTP/2 failed.
    #[error("broke off")]
    Http(#[source] hyper::Error),
}

/// Serves `tcp` to its end.
pub(super) async fn serve(tcp: TcpStream, context: Arc<Context>, waiting: Waiting) -> Ended {
    // Only delays answers when it fails.
    let _delayed = tcp.set_nodelay(true);
    let snapshot = context.trust.load_full();
    let tls = match handshake(tcp, &snapshot, &context, waiting).await {
        Ok(tls) => tls,
        Err(ended) => return ended,
    };
    let chain = tls.get_ref().1.peer_certificates().unwrap_or_default().iter();
    let chain: Vec<_> = chain.map(|certificate| certificate.clone().into_owned()).collect();
    match peer_of(chain, &snapshot) {
        Ok(peer) => serve_http(tls, context, snapshot.version, Arc::new(peer)).await,
        Err(error) => Ended::Certificate(error),
    }
}

async fn handshake(
    tcp: TcpStream,
    snapshot: &Snapshot,
    context: &Context,
    waiting: Waiting,
) -> Result<TlsStream<TcpStream>, Ended> {
    let accepting = TlsAcceptor::from(Arc::clone(&snapshot.tls)).accept(tcp).into_fallible();
    // The place is kept until it is known who this is, or until this is over: also while lingering.
    let mut pushed_out = pin!(waiting.pushed_out());
    let accepted = tokio::select! {
        accepted = timeout(context.limits.handshake_deadline(), accepting) => accepted,
        () = &mut pushed_out => return Err(Ended::PushedOut),
    };
    match accepted {
        Ok(Ok(tls)) => Ok(tls),
        Ok(Err((error, tcp))) => {
            tokio::select! {
                () = linger(tcp) => {}
                () = pushed_out => {}
            }
            Err(Ended::Handshake(error))
        }
        Err(_elapsed) => Err(Ended::HandshakeDeadline),
    }
}

/// Closes so that the peer gets to read the alert: closing over unread bytes would reset the connection,
/// and some systems then throw away what was received.
async fn linger(mut tcp: TcpStream) {
    let reading = async {
        tcp.shutdown().await?;
        tokio::io::copy(&mut tcp.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whatever happens now, the connection is over.
    let _over = timeout(LINGER_DEADLINE, reading).await;
}

/// Reads who was let in. The verifier has just judged this chain; this only asks it for the name.
fn peer_of(chain: Vec<CertificateDer<'static>>, snapshot: &Snapshot) -> Result<Peer, TrustError> {
    let device = snapshot.trust.verify_device_tls(&chain, now_ms())?;
    Ok(Peer { identity: device.identity, chain, not_after_ms: device.not_after_ms })
}

async fn serve_http(
    tls: TlsStream<TcpStream>,
    context: Arc<Context>,
    judged_by: u64,
    peer: Arc<Peer>,
) -> Ended {
    let (registration, mut cut) = context.registry.register(Arc::clone(&peer));
    // What is trusted may have changed between the handshake and the entry; the sweep that followed the
    // change did not see this connection.
    let current = context.trust.load_full();
    if current.version != judged_by
        && let Err(error) = current.trust.verify_device_tls(&peer.chain, now_ms())
    {
        return Ended::Certificate(error);
    }
    drop(current);

    let (io, preface) = FirstBytes::new(tls);
    let calls = TowerToHyperService::new(Calls::new(Arc::clone(&context), peer));
    let mut connection = pin!(http(&context).serve_connection(TokioIo::new(io), calls));
    let mut stop = context.stop.clone();

    tokio::select! {
        biased;
        reason = &mut cut => return cut_for(reason),
        ended = &mut connection => return closed(ended),
        _seen = preface => {}
        () = sleep(context.limits.preface_deadline()) => return Ended::PrefaceDeadline,
    }
    tokio::select! {
        biased;
        reason = &mut cut => return cut_for(reason),
        () = stop.asked() => connection.as_mut().graceful_shutdown(),
        ended = &mut connection => return closed(ended),
    }
    let ended = tokio::select! {
        biased;
        reason = &mut cut => cut_for(reason),
        ended = &mut connection => closed(ended),
    };
    drop(registration);
    ended
}

fn http(context: &Context) -> Builder<TokioExecutor> {
    let limits = &context.limits;
    let mut http = Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
        .max_frame_size(http2::FRAME_BYTES_MAX)
        .max_concurrent_streams(limits.streams_per_connection_max.get())
        .max_local_error_reset_streams(LOCAL_ERROR_RESETS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(limits.keepalive_interval())
        .keep_alive_timeout(limits.keepalive_timeout());
    http
}

fn closed(ended: Result<(), hyper::Error>) -> Ended {
    match ended {
        Ok(()) => Ended::Closed,
        Err(error) => Ended::Http(error),
    }
}

fn cut_for(reason: Result<CutReason, tokio::sync::oneshot::error::RecvError>) -> Ended {
    // The registration holds the other end until it cuts or this connection is over.
    Ended::Cut(reason.unwrap_or(CutReason::Certificate(CertificateFault::Other)))
}

/// The clock certificates are judged by, milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
