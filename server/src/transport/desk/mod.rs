//! The desk, the server's second door: TLS with the server's certificate alone, for whoever has no certificate yet or
//! no longer, and for the admins of agencies.
//!
//! Nobody is known here: whatever comes in carries its own signature, which the services check. So everything has a
//! limit, of everybody together and of one address, and a connection has an end. PROTOCOL.md section 6, "The desk".

mod address;

pub use address::Address;

use super::{
    call::{Caller, Calls},
    connection::{self, Ended},
    grpc::RequestId,
    listener::{Door, Room, Stopped, serve_door},
    pending::Waiting,
};
use crate::{
    config::{DeskLimits, Limits},
    service::{Admission, Allowance, Permit},
    stop::Stopping,
    strangers::Strangers,
};
use address::{Crowd, Place};
use alcove_trust::SnapshotCell;
use http::Extensions;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tonic::service::Routes;
use tracing::Span;

/// Serves `routes` on `listener` to anybody within `desk`, with the deadlines of `limits`, until it is asked to stop;
/// then waits for calls under way, at most [`Limits::stop_grace_ms`].
pub async fn serve_desk(
    listener: TcpListener,
    routes: Routes,
    trust: Arc<SnapshotCell>,
    desk: DeskLimits,
    limits: &Limits,
    stop: Stopping,
) -> Stopped {
    let room = Room {
        connections_max: desk.connections_max.get(),
        handshakes_max: desk.handshakes_max.get(),
        stop_grace: Duration::from_millis(limits.stop_grace_ms),
    };
    let door = Desk {
        trust,
        routes: routes.prepare(),
        admission: Admission::new(Allowance::from(&desk)),
        crowd: Crowd::new(desk.connections_per_address_max.get()),
        limits: limits.clone(),
        desk,
        strangers: Arc::new(Strangers::of(Desk::NAME)),
        stop: stop.clone(),
    };
    serve_door(listener, door, room, stop).await
}

/// What every connection needs.
struct Desk {
    trust: Arc<SnapshotCell>,
    routes: Routes,
    admission: Arc<Admission<Address>>,
    crowd: Crowd,
    /// The deadlines that both doors have in common.
    limits: Limits,
    desk: DeskLimits,
    strangers: Arc<Strangers>,
    stop: Stopping,
}

impl Door for Desk {
    const NAME: &'static str = "desk";
    type Place = Place;

    fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    fn place(&self, address: IpAddr) -> Option<Place> {
        self.crowd.enter(Address::of(address))
    }

    async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        address: SocketAddr,
        _place: Place,
        waiting: Waiting,
    ) -> Ended {
        let (life, mut stop) = (Duration::from_millis(self.desk.connection_life_ms), self.stop.clone());
        // Of now, so that a certificate that was renewed is shown at once.
        let tls = Arc::clone(&self.trust.load().desk_tls);
        let tls = match connection::handshake(tcp, tls, &self.limits, waiting).await {
            Ok(tls) => tls,
            Err(ended) => return ended,
        };
        let (routes, admission) = (self.routes.clone(), Arc::clone(&self.admission));
        let stranger = Stranger { address: Address::of(address.ip()), tally: Arc::clone(&self.strangers) };
        let calls =
            Calls::new(routes, admission, Duration::from_millis(self.desk.body_deadline_ms), stranger);
        let leave = async {
            tokio::select! {
                () = stop.asked() => {}
                () = sleep(life) => {}
            }
        };
        let cut = async {
            // Its calls have as long to end as when the server stops.
            sleep(life + Duration::from_millis(self.limits.stop_grace_ms)).await;
            Ended::Life
        };
        let streams_max = self.desk.streams_per_connection_max;
        connection::serve_http(tls, &self.limits, streams_max, calls, leave, cut).await
    }
}

/// Whoever calls at the desk.
#[derive(Clone)]
struct Stranger {
    address: Address,
    tally: Arc<Strangers>,
}

/// Every call carries the request extensions [`Address`] and [`Permit`] of an address; never an identity.
impl Caller for Stranger {
    type Key = Address;

    fn key(&self) -> &Address {
        &self.address
    }

    fn span(&self, method: &str, id: RequestId) -> Span {
        tracing::info_span!("desk", method, address = %self.address, request_id = %id)
    }

    fn introduce(&self, permit: &Permit<Address>, extensions: &mut Extensions) {
        extensions.insert(self.address);
        extensions.insert(permit.clone());
    }

    fn strangers(&self) -> Option<&Arc<Strangers>> {
        Some(&self.tally)
    }
}

impl From<&DeskLimits> for Allowance {
    fn from(desk: &DeskLimits) -> Self {
        Self {
            calls_per_second_max: desk.calls_per_second_per_address_max,
            calls_burst_max: desk.calls_burst_per_address_max,
            calls_in_flight_max: desk.calls_in_flight_per_address_max,
            call_bytes_each_max: desk.call_bytes_per_address_max,
            call_bytes_max: desk.call_bytes_max,
            of_everybody: Some((desk.calls_per_second_max, desk.calls_burst_max)),
        }
    }
}
