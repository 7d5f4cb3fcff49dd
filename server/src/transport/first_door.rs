//! The first door: TLS with both certificates, for enrolled devices.
//!
//! A connection lives until its peer leaves, its certificate is refused, or the server stops.

use super::{
    call::{Caller, Calls},
    connection::{self, Ended},
    grpc::RequestId,
    listener::{Door, Room, Stopped, serve_door},
    pending::Waiting,
    registry::{CutReason, Registry},
};
use crate::{
    config::Limits,
    service::{Admission, Permit},
    stop::Stopping,
    strangers::Strangers,
    trust::{InForce, Peer},
};
use alcove_proto::names::Identity;
use alcove_trust::CertificateFault;
use http::Extensions;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot::error::RecvError,
};
use tokio_rustls::server::TlsStream;
use tonic::service::Routes;
use tracing::{Span, field};

/// Serves `routes` on `listener` to whom `in_force` and `admission` let in, until it is asked to stop; then waits for calls
/// under way, at most [`Limits::stop_grace_ms`].
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    admission: Arc<Admission>,
    in_force: InForce,
    registry: Registry,
    limits: Limits,
    stop: Stopping,
) -> Stopped {
    let room = Room {
        connections_max: limits.connections_max.get(),
        handshakes_max: limits.handshakes_max.get(),
        stop_grace: Duration::from_millis(limits.stop_grace_ms),
    };
    let routes = routes.prepare();
    let strangers = Strangers::of(FirstDoor::NAME);
    let door = FirstDoor { in_force, registry, routes, admission, limits, strangers, stop: stop.clone() };
    serve_door(listener, door, room, stop).await
}

/// What every connection needs.
struct FirstDoor {
    in_force: InForce,
    registry: Registry,
    routes: Routes,
    admission: Arc<Admission>,
    limits: Limits,
    strangers: Strangers,
    stop: Stopping,
}

impl Door for FirstDoor {
    const NAME: &'static str = "devices";
    type Place = ();

    fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// An agency's staff sit behind one address: it says nothing.
    fn place(&self, _address: IpAddr) -> Option<()> {
        Some(())
    }

    async fn serve(self: Arc<Self>, tcp: TcpStream, _address: SocketAddr, (): (), waiting: Waiting) -> Ended {
        let snapshot = self.in_force.trust.load_full();
        let tls = match connection::handshake(tcp, Arc::clone(&snapshot.tls), &self.limits, waiting).await {
            Ok(tls) => tls,
            Err(ended) => return ended,
        };
        let chain = tls.get_ref().1.peer_certificates().unwrap_or_default().iter();
        let chain: Vec<_> = chain.map(|certificate| certificate.clone().into_owned()).collect();
        // The verifier has just judged this chain; this only asks it for the name.
        match snapshot.trust.verify_device_tls(&chain, self.in_force.now_ms()) {
            Ok(device) => {
                let peer = Peer { identity: device.identity, chain, not_after_ms: device.not_after_ms };
                self.serve_peer(tls, snapshot.version, Arc::new(peer)).await
            }
            Err(error) => Ended::Certificate(error),
        }
    }
}

impl FirstDoor {
    async fn serve_peer(&self, tls: TlsStream<TcpStream>, judged_by: u64, peer: Arc<Peer>) -> Ended {
        let (_registration, cut) = self.registry.register(Arc::clone(&peer));
        // What is trusted may have changed between the handshake and the entry; the sweep that followed the
        // change did not see this connection.
        let current = self.in_force.trust.load_full();
        if current.version != judged_by
            && let Err(error) = current.trust.verify_device_tls(&peer.chain, self.in_force.now_ms())
        {
            return Ended::Certificate(error);
        }
        drop(current);

        let (routes, admission) = (self.routes.clone(), Arc::clone(&self.admission));
        let calls = Calls::new(routes, admission, Duration::from_millis(self.limits.body_deadline_ms), peer);
        let mut stop = self.stop.clone();
        let cut = async { cut_for(cut.await) };
        let streams_max = self.limits.streams_per_connection_max;
        connection::serve_http(tls, &self.limits, streams_max, calls, stop.asked(), cut).await
    }
}

fn cut_for(reason: Result<CutReason, RecvError>) -> Ended {
    // The registration holds the other end until it cuts or this connection is over.
    Ended::Cut(reason.unwrap_or(CutReason::Certificate(CertificateFault::Other)))
}

/// Every call carries the request extensions [`Identity`] and [`Permit`].
impl Caller for Arc<Peer> {
    type Key = Identity;

    fn key(&self) -> &Identity {
        &self.identity
    }

    fn span(&self, method: &str, id: RequestId) -> Span {
        // `group` is filled in by whoever parses the request, shortened.
        tracing::info_span!("call", method, identity = %self.identity, request_id = %id, group = field::Empty)
    }

    fn introduce(&self, permit: &Permit, extensions: &mut Extensions) {
        extensions.insert(self.identity.clone());
        extensions.insert(permit.clone());
    }
}
