//! The accept loop: takes connections, counts them, and lets them finish when the server stops.

use super::{
    connection::{self, Ended},
    pending::Pending,
    registry::Registry,
    stop::Stopping,
};
use crate::{config::Limits, service::Admission};
use alcove_trust::SnapshotCell;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::service::Routes;

/// Pause after an accept that failed for want of file descriptors or memory: trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
pub(super) struct Context {
    pub(super) trust: Arc<SnapshotCell>,
    pub(super) registry: Registry,
    pub(super) routes: Routes,
    pub(super) admission: Arc<Admission>,
    pub(super) limits: Limits,
    pub(super) stop: Stopping,
}

/// How the last connections went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that had to be cut when the grace was over.
    pub cut: usize,
}

/// Serves `routes` on `listener` to whom `admission` lets in, until it is asked to stop; then waits for calls
/// under way, at most [`Limits::stop_grace`].
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    admission: Arc<Admission>,
    trust: Arc<SnapshotCell>,
    registry: Registry,
    limits: Limits,
    stop: Stopping,
) -> Stopped {
    let grace = limits.stop_grace();
    let routes = routes.prepare();
    let context = Arc::new(Context { trust, registry, routes, admission, limits, stop: stop.clone() });
    let mut connections = JoinSet::new();
    accept_until_stopped(listener, &context, &mut connections, stop).await;
    let finishing = async { while connections.join_next().await.is_some() {} };
    let in_time = timeout(grace, finishing).await;
    let cut = connections.len();
    if in_time.is_err() {
        tracing::info!(connections = cut, "cutting what is still open");
    }
    connections.shutdown().await;
    Stopped { cut }
}

async fn accept_until_stopped(
    listener: TcpListener,
    context: &Arc<Context>,
    connections: &mut JoinSet<()>,
    mut stop: Stopping,
) {
    let pending = Pending::new(context.limits.handshakes_max.get());
    let mut failing = false;
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a connection's task panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((tcp, address)) => {
                    failing = false;
                    if connections.len() >= context.limits.connections_max.get() {
                        tracing::warn!(limit = context.limits.connections_max, "connection limit reached");
                        continue;
                    }
                    let waiting = pending.enter();
                    let context = Arc::clone(context);
                    connections.spawn(async move {
                        log_end(address, &connection::serve(tcp, context, waiting).await);
                    });
                }
                // The peer was gone before it was taken; nothing is wrong here.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "cannot accept connections");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// One line for each connection that ended otherwise than by its peer's wish.
fn log_end(address: SocketAddr, ended: &Ended) {
    match ended {
        Ended::Closed => tracing::debug!(%address, "connection closed"),
        Ended::Cut(reason) => tracing::info!(%address, ?reason, "connection cut"),
        Ended::Handshake(_) | Ended::Certificate(_) | Ended::HandshakeDeadline | Ended::PrefaceDeadline => {
            tracing::info!(%address, %ended, "connection refused");
        }
        // Networks do that every day.
        Ended::Http(_) => tracing::debug!(%address, %ended, "connection broke off"),
        Ended::PushedOut => tracing::warn!(%address, %ended, "too many handshakes at one time"),
    }
}
