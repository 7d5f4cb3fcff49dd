//! One connection through either door, from the accepted socket to its end.
//!
//! Handshake, preface and every wait have a deadline. Who is let in, and how long a connection may live, is the
//! door's business.

use super::{
    call::{Caller, Calls},
    first_bytes::first_bytes,
    pending::Waiting,
    registry::CutReason,
};
use crate::config::Limits;
use alcove_charter::TrustError;
use alcove_trust::http2;
use hyper::server::conn::http2::Builder;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use std::{io, num::NonZeroU32, pin::pin, sync::Arc, time::Duration};
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
    /// It had lived as long as it may, and calls on it had not ended in time.
    #[error("lived as long as it may")]
    Life,
    /// HTTP/2 failed.
    #[error("broke off")]
    Http(#[source] hyper::Error),
}

/// Shakes hands, or tells the peer why not.
pub(super) async fn handshake(
    tcp: TcpStream,
    tls: Arc<ServerConfig>,
    limits: &Limits,
    waiting: Waiting,
) -> Result<TlsStream<TcpStream>, Ended> {
    // Only delays answers when it fails.
    let _delayed = tcp.set_nodelay(true);
    let accepting = TlsAcceptor::from(tls).accept(tcp).into_fallible();
    // The place is kept until it is known who this is, or until this is over: also while lingering.
    let mut pushed_out = pin!(waiting.pushed_out());
    let accepted = tokio::select! {
        accepted = timeout(Duration::from_millis(limits.handshake_deadline_ms), accepting) => accepted,
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

/// Serves `calls`, `streams_max` at one time, until the peer leaves or `cut` is ready. When `leave` is, calls under way
/// may end and no more begin.
pub(super) async fn serve_http<C: Caller>(
    tls: TlsStream<TcpStream>,
    limits: &Limits,
    streams_max: NonZeroU32,
    calls: Calls<C>,
    leave: impl Future<Output = ()>,
    cut: impl Future<Output = Ended>,
) -> Ended {
    let (io, preface) = first_bytes(tls);
    let calls = TowerToHyperService::new(calls);
    let mut connection = pin!(http(limits, streams_max).serve_connection(TokioIo::new(io), calls));
    let mut cut = pin!(cut);

    tokio::select! {
        biased;
        ended = &mut cut => return ended,
        ended = &mut connection => return closed(ended),
        _seen = preface => {}
        () = sleep(Duration::from_millis(limits.preface_deadline_ms)) => return Ended::PrefaceDeadline,
    }
    tokio::select! {
        biased;
        ended = &mut cut => return ended,
        () = leave => connection.as_mut().graceful_shutdown(),
        ended = &mut connection => return closed(ended),
    }
    tokio::select! {
        biased;
        ended = &mut cut => ended,
        ended = &mut connection => closed(ended),
    }
}

fn http(limits: &Limits, streams_max: NonZeroU32) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
        .max_frame_size(http2::FRAME_BYTES_MAX)
        .max_concurrent_streams(streams_max.get())
        .max_local_error_reset_streams(LOCAL_ERROR_RESETS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(Duration::from_millis(limits.keepalive_interval_ms))
        .keep_alive_timeout(Duration::from_millis(limits.keepalive_timeout_ms));
    http
}

fn closed(ended: Result<(), hyper::Error>) -> Ended {
    match ended {
        Ok(()) => Ended::Closed,
        Err(error) => Ended::Http(error),
    }
}
