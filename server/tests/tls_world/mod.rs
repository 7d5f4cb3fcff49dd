//! A world for tests of connections: two agencies, a server's folder with real files, and the listener over
//! it in this process, serving gRPC health (a unary call and a stream without an end).

// Each test file uses its own part of the world, and a test may unwrap.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod pki;
pub mod submit;

use alcove_charter::{CharterHistory, TrustView, oids};
use alcove_proto::v1;
use alcove_rpc::v1::trust_client::TrustClient;
use alcove_server::{
    clock::Clock,
    config::Config,
    service::Admission,
    stop::Stop,
    store::trust::TrustInForce,
    transport::{self, Registry, Stopped, grpc},
    trust::{
        self, InForce, ReloadError, Reloaded, TrustDesk,
        files::{TrustFiles, in_force, load},
    },
};
use alcove_trust::{ConnectError, Connection, Connector, SnapshotCell};
use pki::{Agency, Ca, Held, SERVER_NAME, Wanted};
use prost::Message;
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint},
};
use tonic_health::{
    pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient},
    server::HealthReporter,
};

/// Far above what anything here takes; whoever waits this long has hung.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct World {
    pub harborlight: Agency,
    pub elmgate: Agency,
    pub server_ca: Ca,
    pub charters: Vec<v1::SignedCharter>,
    folder: TempDir,
}

impl World {
    /// A world whose configuration has these lines beside the paths.
    pub fn with(more: &str) -> Self {
        let elmgate = Agency::new("elmgate", "Elmgate Family Justice Center");
        let harborlight = Agency::new("harborlight", "Harborlight Immigrant Services");
        let server_ca = Ca::new("Operator");
        let charters = vec![pki::charter(&[&elmgate, &harborlight], &server_ca, None)];
        let folder = tempfile::tempdir().unwrap();
        let world = Self { harborlight, elmgate, server_ca, charters, folder };
        let paths = "listen = \"127.0.0.1:0\"\naddress_file = \"address\"\ndata_dir = \"data\"\n\
            charter = \"charter\"\ncrl_dir = \"crls\"\ncertificate = \"server.cert\"\n\
            tls_key = \"tls.key\"\nreceipt_key = \"receipts.key\"\n";
        fs::write(world.config_path(), format!("{paths}{more}")).unwrap();
        fs::create_dir(world.path("crls")).unwrap();
        world.write_charter();
        world.certify_server(Wanted::new(SERVER_NAME, oids::SERVER_AUTH_ARCS));
        world
    }

    pub fn new() -> Self {
        Self::with("")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config_path(&self) -> PathBuf {
        self.path("server.toml")
    }

    pub fn agencies(&self) -> [&Agency; 2] {
        [&self.elmgate, &self.harborlight]
    }

    pub fn write_charter(&self) {
        fs::write(self.path("charter"), pki::charter_file(&self.agencies(), &self.charters)).unwrap();
    }

    /// Gives the server new keys and certificates; the TLS one as wanted.
    pub fn certify_server(&self, tls: Wanted) {
        let not_after = tls.not_after;
        let tls = self.server_ca.certify(tls);
        let wanted = Wanted::new("", oids::RECEIPTS_ARCS);
        // As good for as long; one that has ended is the TLS one's affair.
        let not_after = not_after.max(wanted.not_after);
        let receipts = self.server_ca.certify(Wanted { sans: Vec::new(), not_after, ..wanted });
        let certificate = v1::ServerCertificate {
            format: 1,
            tls_chain: tls.chain_bytes(),
            receipt_chain: receipts.chain_bytes(),
        };
        fs::write(self.path("server.cert"), certificate.encode_to_vec()).unwrap();
        write_secret(&self.path("tls.key"), &tls.key);
        write_secret(&self.path("receipts.key"), &receipts.key);
    }

    pub fn write_crl(&self, file: &str, crl: &[u8]) {
        // As operators are told to: beside, then into its place.
        let beside = self.path("crls").join(format!("{file}.new"));
        fs::write(&beside, crl).unwrap();
        fs::rename(beside, self.path("crls").join(file)).unwrap();
    }

    pub fn config(&self) -> Config {
        Config::load(&self.config_path()).unwrap()
    }

    /// What devices believe: version 1 of the charter and no CRL.
    pub fn trust(&self) -> Arc<TrustView> {
        let history = CharterHistory::first(&self.charters[0].encode_to_vec()).unwrap();
        Arc::new(TrustView::new(history))
    }

    pub fn connector(&self, device: &Held) -> Connector {
        Connector::new(self.trust(), device.chain.clone(), device.private_key()).unwrap()
    }

    /// What callers at the desk show and believe: nothing, and the charter.
    pub fn desk_connector(&self) -> Connector {
        Connector::to_desk(self.trust()).unwrap()
    }

    /// Starts the listener over the folder's files, and the desk where the configuration has one.
    pub async fn serve(&self) -> Server {
        self.serve_by(Clock::system()).await
    }

    /// The same by that clock.
    pub async fn serve_by(&self, clock: Clock) -> Server {
        let config = self.config();
        let files = TrustFiles::of(&config);
        let registry = Registry::new(config.limits.connections_per_identity_max.get());
        files.name_denials().unwrap();
        let mut loaded = load(&files, None, clock.now_ms()).unwrap();
        let ended_denials = std::mem::take(&mut loaded.ended_denials);
        let in_force = InForce::begin(loaded, registry.clone(), clock).unwrap();
        trust::remove_ended(&ended_denials);
        let cell = Arc::clone(&in_force.trust);
        let (health, service) = tonic_health::server::health_reporter();
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let serving = tokio::spawn(transport::serve(
            listener,
            Routes::new(service),
            Admission::new(&config.limits),
            in_force.clone(),
            registry.clone(),
            config.limits.clone(),
            stop.stopping(),
        ));
        let (remember, remembered) = watch::channel(Arc::clone(&cell.load().trust));
        let lists = config.desk.lists_per_minute_max;
        let trust_desk = TrustDesk::new(files.clone(), in_force.clone(), remember.clone(), lists);
        let mut desk = None;
        if let Some(desk_listen) = config.desk_listen {
            let listener = TcpListener::bind(desk_listen).await.unwrap();
            desk = Some(listener.local_addr().unwrap());
            let (routes, cell) =
                (grpc::trust(trust_desk.clone(), Arc::new(|_denied, _request| ())), Arc::clone(&cell));
            let (config, stopping) = (config.clone(), stop.stopping());
            tokio::spawn(async move {
                transport::serve_desk(listener, routes, cell, config.desk, &config.limits, stopping).await
            });
        }
        Server {
            address,
            desk,
            trust_desk,
            remember,
            remembered,
            config,
            files,
            cell,
            in_force,
            registry,
            stop,
            serving,
            _health: health,
        }
    }
}

pub struct Server {
    pub address: SocketAddr,
    /// Where the desk is.
    pub desk: Option<SocketAddr>,
    pub trust_desk: TrustDesk,
    remember: watch::Sender<Arc<TrustView>>,
    remembered: watch::Receiver<Arc<TrustView>>,
    pub config: Config,
    pub files: TrustFiles,
    pub cell: Arc<SnapshotCell>,
    pub in_force: InForce,
    pub registry: Registry,
    stop: Stop,
    serving: JoinHandle<Stopped>,
    _health: HealthReporter,
}

impl Server {
    /// Opens a connection and nothing more.
    pub async fn connect(&self, connector: &Connector) -> Result<Connection, ConnectError> {
        connector.connect("127.0.0.1", self.address.port()).await
    }

    /// A connection of its own.
    pub async fn channel(&self, connector: Connector) -> Channel {
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        endpoint.connect_with_connector(connector).await.unwrap()
    }

    /// A connection of its own to the desk.
    pub async fn desk_channel(&self, world: &World) -> Channel {
        let endpoint = Endpoint::from_shared(format!("https://{}", self.desk.unwrap())).unwrap();
        endpoint.connect_with_connector(world.desk_connector()).await.unwrap()
    }

    /// The Trust service over a connection of its own to the desk.
    pub async fn trust_client(&self, world: &World) -> TrustClient<Channel> {
        let limit = alcove_proto::limits::MESSAGE_BYTES_MAX;
        TrustClient::new(self.desk_channel(world).await).max_encoding_message_size(2 * limit)
    }

    /// What the store would have been told to remember by now.
    pub fn remembered(&self) -> TrustInForce {
        in_force(&self.remembered.borrow())
    }

    /// A gRPC client over a connection of its own.
    pub async fn client(&self, connector: Connector) -> HealthClient<Channel> {
        HealthClient::new(self.channel(connector).await)
    }

    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        trust::reload(&self.files, &self.in_force)
    }

    /// Lets the server keep its trust current by itself; a message asks it to reload.
    pub fn keep_current(&self) -> mpsc::Sender<()> {
        let (ask, asked) = mpsc::channel(1);
        tokio::spawn(trust::keep_current(
            self.files.clone(),
            self.in_force.clone(),
            self.config.trust_poll(),
            self.remember.clone(),
            asked,
            self.stop.stopping(),
        ));
        ask
    }

    pub async fn stop(self) -> Stopped {
        self.stop.stop();
        tokio::time::timeout(DEADLINE, self.serving).await.expect("a stop ends").unwrap()
    }
}

pub async fn check(client: &mut HealthClient<Channel>) -> Result<(), tonic::Status> {
    client.check(HealthCheckRequest::default()).await.map(drop)
}

/// A stream that has begun and has no end of its own.
pub async fn watch_health(client: &mut HealthClient<Channel>) -> tonic::Streaming<HealthCheckResponse> {
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    stream.message().await.unwrap().expect("the first message comes at once");
    stream
}

/// Waits until the stream ends, however it does.
pub async fn ended(mut stream: tonic::Streaming<HealthCheckResponse>) {
    let end = async { while let Ok(Some(_)) = stream.message().await {} };
    tokio::time::timeout(DEADLINE, end).await.expect("the stream ends");
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

pub fn write_secret(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
