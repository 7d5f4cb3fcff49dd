//! The accept loop of either door: takes connections, counts them, and lets them finish when the server stops.

use super::{
    connection::Ended,
    pending::{Pending, Waiting},
};
use crate::{
    stop::Stopping,
    strangers::{Strangers, Why},
};
use std::{
    fmt::Display,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

/// Pause after an accept that failed for want of file descriptors or memory: trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between looks for strangers who are counted and not told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A door of the server: who gets in, and what is served.
pub(super) trait Door: Send + Sync + 'static {
    /// In the log.
    const NAME: &'static str;
    /// What a connection holds for as long as it lives.
    type Place: Send + 'static;

    /// The tally of who is turned away here.
    fn strangers(&self) -> &Strangers;

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
    let door = Arc::new(door);
    accept_until_stopped(listener, &door, room, &mut connections, stop).await;
    let finishing = async { while connections.join_next().await.is_some() {} };
    let in_time = timeout(room.stop_grace, finishing).await;
    let cut = connections.len();
    if in_time.is_err() {
        tracing::info!(door = D::NAME, connections = cut, "cutting what is still open");
    }
    connections.shutdown().await;
    door.strangers().tell_last();
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
    let mut telling = interval(TELL_EVERY);
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a connection's task panicked");
                }
            }
            _tick = telling.tick() => door.strangers().tell_rest(Instant::now()),
            accepted = listener.accept() => match accepted {
                Ok((tcp, address)) => {
                    failing = false;
                    if connections.len() >= room.connections_max {
                        turn_away(&**door, address, Why::Crowd, "the limit of connections is reached");
                        continue;
                    }
                    let Some(place) = door.place(address.ip()) else {
                        turn_away(&**door, address, Why::Crowd, "the limit of connections of one address is reached");
                        continue;
                    };
                    let waiting = pending.enter();
                    let door = Arc::clone(door);
                    connections.spawn(async move {
                        let ended = Arc::clone(&door).serve(tcp, address, place, waiting).await;
                        log_end(&*door, address, &ended);
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

/// One line for each connection that ended otherwise than by its peer's wish, if it is known who the peer was.
fn log_end<D: Door>(door: &D, address: SocketAddr, ended: &Ended) {
    let name = D::NAME;
    match ended {
        Ended::Closed => tracing::debug!(door = name, %address, "connection closed"),
        Ended::Cut(reason) => tracing::info!(door = name, %address, ?reason, "connection cut"),
        Ended::Certificate(_) => tracing::info!(door = name, %address, %ended, "connection refused"),
        // Anybody can bring this about as often as they like.
        Ended::Handshake(_) => turn_away(door, address, Why::Handshake, ended),
        Ended::HandshakeDeadline | Ended::PrefaceDeadline | Ended::Life => {
            turn_away(door, address, Why::Silence, ended);
        }
        Ended::PushedOut => turn_away(door, address, Why::Crowd, ended),
        // Networks do that every day.
        Ended::Http(_) => tracing::debug!(door = name, %address, %ended, "connection broke off"),
    }
}

fn turn_away<D: Door>(door: &D, address: SocketAddr, why: Why, what: impl Display) {
    tracing::debug!(door = D::NAME, %address, %what, "turned away");
    door.strangers().turned_away(why, &format_args!("{address}: {what}"), Instant::now());
}
