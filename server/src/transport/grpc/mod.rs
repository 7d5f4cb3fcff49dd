//! The edge: every RPC's request is parsed here, once, into the service's words, and every answer or
//! refusal becomes a message here. Decides nothing.
//!
//! One file for each service of `alcove.v1`; `status` is the one place that says what a peer is told of a
//! refusal. Start with [`routes`]. The caller's [`Identity`](alcove_proto::names::Identity) and the
//! [`RequestId`] are expected among the request's extensions, put there by the connection that verified
//! the certificate; without an identity every call is refused. Its [`Permit`](crate::service::Permit) is there as
//! well: whoever has it has been admitted. At the desk nobody is known: [`desk_routes`] has services of its own, whose
//! calls carry an [`Address`](super::desk::Address) and its permit, and which the first door never offers.

mod blobs;
mod call;
mod directory;
mod enrolment;
mod escrow;
mod groups;
mod key_packages;
mod ledger;
mod parse;
mod reasoned;
pub(super) mod status;
mod trust;

pub use status::RequestId;
pub use trust::OnDenial;

use crate::{
    service::{Service, TrustOrders},
    store::Store,
    trust::TrustDesk,
};
use alcove_proto::limits::MESSAGE_BYTES_MAX;
use alcove_rpc::v1::{
    blobs_server::BlobsServer, directory_server::DirectoryServer, enrolment_server::EnrolmentServer,
    escrow_server::EscrowServer, groups_server::GroupsServer, key_packages_server::KeyPackagesServer,
    ledgers_server::LedgersServer, trust_server::TrustServer,
};
use std::sync::Arc;
use tonic::service::Routes;

/// The five services of `alcove.v1`, ready to be served. Health and reflection may be added to them.
pub fn routes<S: Store>(service: &Service<S>) -> Routes {
    let groups = GroupsServer::new(groups::GroupsApi(service.clone()));
    let key_packages = KeyPackagesServer::new(key_packages::KeyPackagesApi(service.clone()));
    let blobs = BlobsServer::new(blobs::BlobsApi(service.clone()));
    let directory = DirectoryServer::new(directory::DirectoryApi(service.clone()));
    let escrow = EscrowServer::new(escrow::EscrowApi(service.clone()));
    let routes = Routes::new(groups.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(key_packages.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(blobs.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(directory.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(escrow.max_decoding_message_size(MESSAGE_BYTES_MAX));
    with_reasons(routes, MESSAGE_BYTES_MAX)
}

/// The services of `alcove.v1` that are served at the desk, and nowhere else. What the admins order about what is trusted
/// `trust_desk` carries out; `on_denial` is told of denials.
pub fn desk_routes<S: Store>(service: &Service<S>, trust_desk: &TrustDesk, on_denial: OnDenial) -> Routes {
    let routes = Routes::new(enrolment_server(service, Arc::new(trust_desk.clone())))
        .add_service(trust_server(trust_desk.clone(), on_denial))
        .add_service(ledgers_server(service));
    with_reasons(routes, MESSAGE_BYTES_MAX)
}

/// `alcove.v1.Ledgers` alone.
pub fn ledgers<S: Store>(service: &Service<S>) -> Routes {
    with_reasons(Routes::new(ledgers_server(service)), MESSAGE_BYTES_MAX)
}

/// `alcove.v1.Enrolment` alone; `trust_orders` carries out what is ordered about charters and denials.
pub fn enrolment<S: Store, T: TrustOrders>(service: &Service<S>, trust_orders: Arc<T>) -> Routes {
    let routes = Routes::new(enrolment_server(service, trust_orders));
    with_reasons(routes, enrolment::ENROLMENT_MESSAGE_BYTES_MAX)
}

/// `alcove.v1.Trust` alone.
pub fn trust(trust: TrustDesk, on_denial: OnDenial) -> Routes {
    with_reasons(Routes::new(trust_server(trust, on_denial)), MESSAGE_BYTES_MAX)
}

/// The services, every refusal of which says why; they take messages of so many bytes.
fn with_reasons(routes: Routes, message_bytes_max: usize) -> Routes {
    routes.into_axum_router().layer(reasoned::Reasons { message_bytes_max }).into()
}

fn enrolment_server<S: Store, T: TrustOrders>(
    service: &Service<S>,
    trust_orders: Arc<T>,
) -> EnrolmentServer<enrolment::EnrolmentApi<S, T>> {
    let api = enrolment::EnrolmentApi { service: service.clone(), trust_orders };
    EnrolmentServer::new(api).max_decoding_message_size(enrolment::ENROLMENT_MESSAGE_BYTES_MAX)
}

fn ledgers_server<S: Store>(service: &Service<S>) -> LedgersServer<ledger::LedgersApi<S>> {
    LedgersServer::new(ledger::LedgersApi(service.clone())).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

fn trust_server(trust: TrustDesk, on_denial: OnDenial) -> TrustServer<trust::TrustApi> {
    TrustServer::new(trust::TrustApi { trust, on_denial }).max_decoding_message_size(MESSAGE_BYTES_MAX)
}
