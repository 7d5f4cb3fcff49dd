//! `alcove-server run`: puts the parts together, and takes them apart in order.

use super::{Failure, check::store_config};
use crate::{
    admin::{AdminSocket, CrlLine, EndingLine, StatusLine, StatusSource},
    clock::{Clock, now_ms},
    config::{Config, DeskLimits, Limits, LogFormat},
    service::{ReceiptKeySource, Service, Settings, TrustSource},
    stop::{Stop, Stopping},
    store::{Operation, Trust, operation::Health, sled::SledStore},
    transport::{self, Registry, grpc},
    trust::{
        self, Ending, InForce, Subject, TrustDesk,
        files::{TrustFiles, load, refuse_going_back},
    },
};
use alcove_charter::Crl;
use alcove_programs::memory;
use alcove_trust::SnapshotCell;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};
use tracing_subscriber::EnvFilter;

/// Time between looks at whether the store takes writes, for health.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// The health service that says whether certificates, charter and CRLs are renewed in time.
const TRUST_HEALTH: &str = "trust";
/// Time that blocking work may take when everything else has ended.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// Runs the server until a signal stops it.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    start_log(&config)?;
    raise_descriptor_limit();
    for lacking in memory::lacking() {
        tracing::warn!(?lacking, "the system does not keep this program's memory to itself");
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::System)?;
    let store = runtime.block_on(serve(config))?;
    // Ends what is left of the tasks, and with them their hold on the store.
    runtime.shutdown_timeout(SHUTDOWN_DEADLINE);
    match Arc::into_inner(store) {
        // A store that was closed opens in a fraction of the time.
        Some(store) => store.close(),
        None => tracing::warn!("something still uses the store; it is left as after a crash"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The log filter, parsed.
pub(super) fn log_filter(config: &Config) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(&config.log_filter).map_err(|_| Failure::LogFilter)
}

fn start_log(config: &Config) -> Result<(), Failure> {
    let log = tracing_subscriber::fmt().with_env_filter(log_filter(config)?).with_writer(io::stdout);
    // Fails only when a log is running already, as in a test; then that one is used.
    let _running = match config.log_format {
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Text => log.with_ansi(false).try_init(),
    };
    Ok(())
}

/// Takes as many file descriptors as the system allows: shells hand out a fraction, and every connection is one.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, descriptors = limit.current, "the limit of open files cannot be raised");
    }
}

async fn serve(config: Config) -> Result<Arc<SledStore>, Failure> {
    let files = TrustFiles::of(&config);
    files.name_denials()?;
    let mut loaded = load(&files, None, now_ms())?;
    let ended_denials = std::mem::take(&mut loaded.ended_denials);
    let registry = Registry::new(config.limits.connections_per_identity_max.get());
    let trusted = Arc::clone(&loaded.trust);
    let in_force = InForce::begin(loaded, registry.clone(), Clock::system())?;
    let cell = Arc::clone(&in_force.trust);

    let store = Arc::new(SledStore::open(store_config(&config))?);
    refuse_going_back(&files, &trusted, &store.trust_in_force().await?)?;
    trust::remember(store.as_ref(), &trusted).await;
    trust::warn_of_unkept(&files, &trusted);
    trust::remove_ended(&ended_denials);
    let service = start_service(&config, Arc::clone(&store), &in_force);

    let (listener, address) = listen(config.listen).await?;
    let desk_listener = match config.desk_listen {
        Some(desk_listen) => Some(listen(desk_listen).await?),
        None => None,
    };
    let desk_address = desk_listener.as_ref().map(|(_, address)| *address);
    let stop = Stop::new();
    let stopping = stop.stopping();
    let (ask_reload, reload_asked) = mpsc::channel(1);
    tokio::spawn(handle_signals(stop, ask_reload).map_err(Failure::System)?);
    let admin = open_admin(&config, Arc::clone(&store), status_source(address, desk_address, &in_force));

    let (health, routes) = routes(&config, &service)?;
    tokio::spawn(report_health(health, Arc::clone(&store), in_force.clone(), stopping.clone()));
    let (trust_now, trust_changed) = watch::channel(trusted);
    tokio::spawn(trust::keep_remembering(Arc::clone(&store), trust_changed));
    let lists_per_minute_max = config.desk.lists_per_minute_max;
    let trust_desk = TrustDesk::new(files.clone(), in_force.clone(), trust_now.clone(), lists_per_minute_max);
    let keeping_current = tokio::spawn(trust::keep_current(
        files,
        in_force,
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
        Arc::clone(&cell),
        (config.desk, &config.limits),
        stopping.clone(),
    );
    let limits = config.limits.clone();
    let serving = transport::serve(listener, routes, service.admission(), cell, registry, limits, stopping);
    let (stopped, (), ()) = tokio::join!(serving, desk, closing);

    drop((address_file, desk_address_file));
    if let Some(admin) = admin {
        admin.abort();
    }
    // It ends by itself on stop; a panic of its has been reported.
    let _ended = keeping_current.await;
    tracing::info!(cut = stopped.cut, "no connection is left");
    Ok(store)
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |source| Failure::Listen { address: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Has the agency's admin told of denials: beside the answer, since the device is shut out in any case.
fn tell_of_denials(service: &Service<SledStore>) -> grpc::OnDenial {
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

fn start_service(config: &Config, store: Arc<SledStore>, in_force: &InForce) -> Service<SledStore> {
    let (cell, key) = (Arc::clone(&in_force.trust), Arc::clone(&in_force.receipt_key));
    let keys: ReceiptKeySource = Arc::new(move || key.load_full());
    let trust: TrustSource = Arc::new(move || Arc::clone(&cell.load().trust));
    Service::start(store, keys, trust, Clock::system(), Settings::from(&config.limits))
}

fn routes(config: &Config, service: &Service<SledStore>) -> Result<(HealthReporter, Routes), Failure> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let mut routes = grpc::routes(service).add_service(health);
    if config.reflection {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(alcove_rpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(Failure::Reflection)?;
        routes = routes.add_service(reflection);
    }
    Ok((reporter, routes))
}

/// Tells health whether the store takes writes, and under [`TRUST_HEALTH`] whether trust has to be renewed at once,
/// until the server stops; from then on it serves no more.
async fn report_health(
    health: HealthReporter,
    store: Arc<SledStore>,
    in_force: InForce,
    mut stopping: Stopping,
) {
    let status = |good| if good { ServingStatus::Serving } else { ServingStatus::NotServing };
    loop {
        let writable = store.health().await.is_ok_and(|health| health.writable);
        health.set_service_status("", status(writable)).await;
        let renewed_in_time = !in_force.endings().iter().any(Ending::is_urgent);
        health.set_service_status(TRUST_HEALTH, status(renewed_in_time)).await;
        tokio::select! {
            biased;
            () = stopping.asked() => break,
            () = sleep(HEALTH_INTERVAL) => {}
        }
    }
    for service in ["", TRUST_HEALTH] {
        health.set_service_status(service, ServingStatus::NotServing).await;
    }
}

/// Streams without an end would hold up every stop.
async fn close_subscriptions_on_stop(service: Service<SledStore>, mut stopping: Stopping) {
    stopping.asked().await;
    service.close_subscriptions();
}

/// Stops on SIGTERM and SIGINT, reloads on SIGHUP. Returns a future that does so.
fn handle_signals(stop: Stop, ask_reload: mpsc::Sender<()>) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                // A full queue means that a reload is asked for already.
                _ = hang_up.recv() => { let _asked = ask_reload.try_send(()); }
            }
        }
        tracing::info!("stopping");
        stop.stop();
    })
}

fn open_admin(config: &Config, store: Arc<SledStore>, status: StatusSource) -> Option<JoinHandle<()>> {
    match AdminSocket::open(&config.data_dir) {
        Ok(socket) => Some(tokio::spawn(socket.answer(store, status))),
        Err(error) => {
            // The server is worth having without it.
            tracing::warn!(%error, "no admin socket: status, audit and check need a stopped server");
            None
        }
    }
}

fn status_source(address: SocketAddr, desk_address: Option<SocketAddr>, in_force: &InForce) -> StatusSource {
    let in_force = in_force.clone();
    let started_at_ms = now_ms();
    Arc::new(move |store: Health| {
        let snapshot = in_force.trust.load();
        let ending_line = |ending: Ending| EndingLine {
            subject: match &ending.subject {
                Subject::Certificates => "certificates".to_owned(),
                Subject::Charter => "charter".to_owned(),
                Subject::Crl(trust_domain) => format!("CRL of {trust_domain}"),
            },
            end_ms: ending.end_ms,
            stage: ending.stage,
            urgent: ending.is_urgent(),
        };
        let charter = snapshot.trust.charter();
        let tls = snapshot.trust.verify_server(&snapshot.chain, &charter.server_name, now_ms());
        let crl_line = |crl: &Arc<Crl>| CrlLine {
            agency: crl.trust_domain.to_string(),
            number: crl.number,
            revoked: crl.len(),
            next_update_ms: crl.next_update_ms,
        };
        StatusLine {
            schema: "alcove.status.v1".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: address.to_string(),
            desk_address: desk_address.map(|address| address.to_string()),
            started_at_ms,
            connections: in_force.connections(),
            trust_snapshot: snapshot.version,
            charter_version: charter.version,
            charter_hash: charter.hash().to_string(),
            charter_end_ms: charter.not_after_ms,
            tls_certificate_end_ms: tls.ok().map(|certificate| certificate.not_after_ms),
            crls: snapshot.trust.crls().map(crl_line).collect(),
            denials: snapshot.trust.denials().count(),
            endings: in_force.endings().into_iter().map(ending_line).collect(),
            writable: store.writable,
            disk_available_bytes: store.available_bytes,
            disk_reserve_bytes: store.floor_bytes,
            database_bytes: store.database_bytes,
        }
    })
}

/// Says where the server listens, for as long as it does.
struct AddressFile(PathBuf);

impl AddressFile {
    /// Writes the file so that whoever sees it sees all of it.
    fn write(path: PathBuf, address: SocketAddr) -> Result<Self, Failure> {
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        let written = fs::write(&unfinished, format!("{address}\n"));
        match written.and_then(|()| fs::rename(&unfinished, &path)) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(Failure::AddressFile { path, source }),
        }
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        // Whoever reads a stale one finds nobody there.
        let _left_over = fs::remove_file(&self.0);
    }
}
