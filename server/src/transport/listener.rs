//! The accept loop of either door: takes connections, counts them, and lets them finish when the server stops.

use super::{
    connection::Ended,
    pending::{Pending, Waiting},
    stop::Stopping,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Pause after an accept that failed for want of file descriptors or memory: trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A door of the server: who gets in, and what is served.
pub(super) trait Door: Send + Sync + 'static {
    /// In the log.
    const NAME: &'static str;
    /// What a connection holds for as long as it lives.
    type Place: Send + 'static;

    /// A place for one more connection of that address, or nothing when it has as many as it may.
    fn place(&self, address: IpAddr) -> Option<Self::Place>;

    /// Serves `tcp` to its end.
    fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        address: SocketAddr,
        place: Self::Place,
        waiting: Waiting,
    ) -> impl Future<Output = Ended> + Send;
}

/// How many a door takes at one time, and how long it waits for them at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) connections_max: usize,
    pub(super) handshakes_max: usize,
    pub(super) stop_grace: Duration,
}

/// How the last connections went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that had to be cut when the grace was over.
    pub cut: usize,
}

/// Serves `door` on `listener` until it is asked to stop; then waits for calls under way, at most `room.stop_grace`.
pub(super) async fn serve_door<D: Door>(
    listener: TcpListener,
    door: D,
    room: Room,
    stop: Stopping,
) -> Stopped {
    let mut connections = JoinSet::new();
    accept_until_stopped(listener, &Arc::new(door), room, &mut connections, stop).await;
    let finishing = async { while connections.join_next().await.is_some() {} };
    let in_time = timeout(room.stop_grace, finishing).await;
    let cut = connections.len();
    if in_time.is_err() {
        tracing::info!(door = D::NAME, connections = cut, "cutting what is still open");
    }
    connections.shutdown().await;
    Stopped { cut }
}

async fn accept_until_stopped<D: Door>(
    listener: TcpListener,
    door: &Arc<D>,
    room: Room,
    connections: &mut JoinSet<()>,
    mut stop: Stopping,
) {
    let pending = Pending::new(room.handshakes_max);
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
                    if connections.len() >= room.connections_max {
                        tracing::warn!(door = D::NAME, limit = room.connections_max, "connection limit reached");
                        continue;
                    }
                    let Some(place) = door.place(address.ip()) else {
                        tracing::info!(door = D::NAME, %address, "connection limit of one address reached");
                        continue;
                    };
                    let waiting = pending.enter();
                    let door = Arc::clone(door);
                    connections.spawn(async move {
                        log_end(D::NAME, address, &door.serve(tcp, address, place, waiting).await);
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
fn log_end(door: &'static str, address: SocketAddr, ended: &Ended) {
    match ended {
        Ended::Closed => tracing::debug!(door, %address, "connection closed"),
        Ended::Cut(reason) => tracing::info!(door, %address, ?reason, "connection cut"),
        Ended::Handshake(_) | Ended::Certificate(_) | Ended::HandshakeDeadline | Ended::PrefaceDeadline => {
            tracing::info!(door, %address, %ended, "connection refused");
        }
        Ended::Life => tracing::info!(door, %address, %ended, "connection cut"),
        // Networks do that every day.
        Ended::Http(_) => tracing::debug!(door, %address, %ended, "connection broke off"),
        Ended::PushedOut => tracing::warn!(door, %address, %ended, "too many handshakes at one time"),
    }
}
