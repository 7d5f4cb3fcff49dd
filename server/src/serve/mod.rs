//! The server, put together: what is trusted, the service over a store, and both doors; and taken apart in order.
//!
//! Any store will do: whoever runs the server opens one and hands it over.

mod address_file;
mod error;
mod health;
mod signals;
mod status;

pub use error::ServeError;

use crate::{
    admin::{AdminSocket, StatusSource},
    clock::Clock,
    config::{Config, DeskLimits, Limits},
    service::{ReceiptKeySource, Service, TrustSource},
    stop::{Stop, Stopping},
    store::Store,
    transport::{self, Registry, grpc},
    trust::{
        self, InForce, TrustDesk,
        files::{TrustFiles, load, refuse_going_back},
    },
};
use address_file::AddressFile;
use alcove_trust::SnapshotCell;
use health::report_health;
use signals::handle_signals;
use status::status_source;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

/// Whom a server trusts and what it shows, loaded and checked: all that is needed before it has a store.
pub struct Trusted {
    files: TrustFiles,
    in_force: InForce,
    registry: Registry,
    ended_denials: Vec<PathBuf>,
    clock: Clock,
}

impl Trusted {
    /// Loads the files that `config` names.
    ///
    /// Errors: [`ServeError::Trust`], [`ServeError::ReceiptKey`], [`ServeError::Tls`].
    pub fn load(config: &Config, clock: Clock) -> Result<Self, ServeError> {
        let files = TrustFiles::of(config);
        files.name_denials()?;
        let mut loaded = load(&files, None, clock.now_ms())?;
        let ended_denials = std::mem::take(&mut loaded.ended_denials);
        let registry = Registry::new(config.limits.connections_per_identity_max.get());
        let in_force = InForce::begin(loaded, registry.clone(), clock.clone())?;
        Ok(Self { files, in_force, registry, ended_denials, clock })
    }
}

/// A server over a store.
pub struct Server<S> {
    config: Config,
    trusted: Trusted,
    store: Arc<S>,
}

impl<S: Store> Server<S> {
    /// A server that serves from `store`.
    pub fn new(config: Config, trusted: Trusted, store: Arc<S>) -> Self {
        Self { config, trusted, store }
    }

    /// Serves until a signal stops it. The store is not used any more when this has returned and the runtime has ended.
    ///
    /// Errors: [`ServeError`]; then nobody has been served.
    pub async fn run(self) -> Result<(), ServeError> {
        let Self { config, trusted, store } = self;
        let Trusted { files, in_force, registry, ended_denials, clock } = trusted;
        let cell = Arc::clone(&in_force.trust);
        let trusted = Arc::clone(&cell.load().trust);
        refuse_going_back(&files, &trusted, &store.trust_in_force().await?)?;
        trust::remember(store.as_ref(), &trusted).await;
        trust::warn_of_unkept(&files, &trusted);
        trust::remove_ended(&ended_denials);
        let service = start_service(&config, Arc::clone(&store), &in_force, clock);

        let (listener, address) = listen(config.listen).await?;
        let desk_listener = match config.desk_listen {
            Some(desk_listen) => Some(listen(desk_listen).await?),
            None => None,
        };
        let desk_address = desk_listener.as_ref().map(|(_, address)| *address);
        let stop = Stop::new();
        let stopping = stop.stopping();
        let (ask_reload, reload_asked) = mpsc::channel(1);
        tokio::spawn(handle_signals(stop, ask_reload).map_err(ServeError::System)?);
        let admin = open_admin(&config, Arc::clone(&store), status_source(address, desk_address, &in_force));

        let (health, routes) = routes(&config, &service)?;
        tokio::spawn(report_health(health, Arc::clone(&store), in_force.clone(), stopping.clone()));
        let (trust_now, trust_changed) = watch::channel(trusted);
        tokio::spawn(trust::keep_remembering(Arc::clone(&store), trust_changed));
        let lists_per_minute_max = config.desk.lists_per_minute_max;
        let trust_desk =
            TrustDesk::new(files.clone(), in_force.clone(), trust_now.clone(), lists_per_minute_max);
        let keeping_current = tokio::spawn(trust::keep_current(
            files,
            in_force.clone(),
            config.trust_poll(),
            trust_now,
            reload_asked,
            stopping.clone(),
        ));

        // Last, since whoever waits for the file connects at once.
        let desk_address_file = config.desk_address_file.zip(desk_address);
        let desk_address_file =
            desk_address_file.map(|(path, address)| AddressFile::write(path, address)).transpose()?;
        let address_file = config.address_file.map(|path| AddressFile::write(path, address)).transpose()?;
        tracing::info!(%address, desk_address = desk_address.map(tracing::field::display), "serving");
        let closing = close_subscriptions_on_stop(service.clone(), stopping.clone());
        let desk = serve_desk(
            desk_listener.map(|(listener, _)| listener),
            grpc::desk_routes(&service, &trust_desk, tell_of_denials(&service)),
            cell,
            (config.desk, &config.limits),
            stopping.clone(),
        );
        let limits = config.limits.clone();
        let serving =
            transport::serve(listener, routes, service.admission(), in_force, registry, limits, stopping);
        let (stopped, (), ()) = tokio::join!(serving, desk, closing);

        drop((address_file, desk_address_file));
        if let Some(admin) = admin {
            admin.abort();
        }
        // It ends by itself on stop; a panic of its has been reported.
        let _ended = keeping_current.await;
        tracing::info!(cut = stopped.cut, "no connection is left");
        Ok(())
    }
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen(wanted, source);
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Has the agency's admin told of denials: beside the answer, since the device is shut out in any case.
fn tell_of_denials(service: &Service<impl Store>) -> grpc::OnDenial {
    let service = service.clone();
    Arc::new(move |identity, request| {
        let service = service.clone();
        tokio::spawn(async move {
            if let Err(error) = service.tell_of_denial(identity, request).await {
                tracing::error!(%error, "the admin could not be told of a denial");
            }
        });
    })
}

/// Serves the desk, if there is one, until the server stops.
async fn serve_desk(
    listener: Option<TcpListener>,
    routes: Routes,
    trust: Arc<SnapshotCell>,
    (desk, limits): (DeskLimits, &Limits),
    stopping: Stopping,
) {
    if let Some(listener) = listener {
        transport::serve_desk(listener, routes, trust, desk, limits, stopping).await;
    }
}

fn start_service<S: Store>(config: &Config, store: Arc<S>, in_force: &InForce, clock: Clock) -> Service<S> {
    let (cell, key) = (Arc::clone(&in_force.trust), Arc::clone(&in_force.receipt_key));
    let keys: ReceiptKeySource = Arc::new(move || key.load_full());
    let trust: TrustSource = Arc::new(move || Arc::clone(&cell.load().trust));
    Service::start(store, keys, trust, clock, config.limits.clone())
}

fn routes(config: &Config, service: &Service<impl Store>) -> Result<(HealthReporter, Routes), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let mut routes = grpc::routes(service).add_service(health);
    if config.reflection {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(alcove_rpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(ServeError::Reflection)?;
        routes = routes.add_service(reflection);
    }
    Ok((reporter, routes))
}

/// Streams without an end would hold up every stop.
async fn close_subscriptions_on_stop(service: Service<impl Store>, mut stopping: Stopping) {
    stopping.asked().await;
    service.close_subscriptions();
}

fn open_admin(config: &Config, store: Arc<impl Store>, status: StatusSource) -> Option<JoinHandle<()>> {
    match AdminSocket::open(&config.data_dir) {
        Ok(socket) => Some(tokio::spawn(socket.answer(store, status))),
        Err(error) => {
            // The server is worth having without it.
            tracing::warn!(%error, "no admin socket: status, audit and check need a stopped server");
            None
        }
    }
}
