//! The server's configuration: one TOML file, read once at start.
//!
//! Unknown keys are refused, so that a misspelt limit is noticed. Relative paths are taken from the folder
//! the file lies in. [`TEMPLATE`] is the file `alcove-server init` writes: every key with its default.

mod bounds;
mod desk;

pub use bounds::ConfigError;
pub use desk::DeskLimits;

use bounds::{CALL_BYTES_LEAST, CALL_BYTES_MOST, WAIT_MS_MAX, count, number, within};
use serde::Deserialize;
use std::{
    fs, io,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

/// The configuration file with every key, its default and what it does.
pub const TEMPLATE: &str = include_str!("config.toml");

/// Bytes of a configuration file; anything larger is something else.
const CONFIG_BYTES_MAX: u64 = 256 * 1024;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For eyes.
    Text,
}

/// The server's configuration. Always checked: made by [`Config::load`] only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the address in use is written after binding; removed on stop.
    #[serde(default)]
    pub address_file: Option<PathBuf>,
    /// Where the desk listens, for whoever has no certificate; nothing for a server without a desk.
    #[serde(default)]
    pub desk_listen: Option<SocketAddr>,
    /// Where the desk's address in use is written after binding; removed on stop.
    #[serde(default)]
    pub desk_address_file: Option<PathBuf>,
    /// The store's folder; made when missing.
    pub data_dir: PathBuf,
    /// The charter, as `alcove-certs charter sign` left it (CharterFile).
    pub charter: PathBuf,
    /// Folder of the agencies' CRLs (`*.crl`) and denials (`*.denial`, each under its device's name).
    pub crl_dir: PathBuf,
    /// The server's certificates, as `alcove-certs server issue` made them (ServerCertificate).
    pub certificate: PathBuf,
    /// The TLS key, PKCS#8 DER.
    pub tls_key: PathBuf,
    /// The receipt key, PKCS#8 DER.
    pub receipt_key: PathBuf,
    /// Milliseconds between looks at charter, CRLs and certificates; 0 reloads on SIGHUP only.
    #[serde(default = "default_trust_poll_ms")]
    pub trust_poll_ms: u64,
    /// Whether gRPC reflection answers enrolled devices.
    #[serde(default)]
    pub reflection: bool,
    /// How log lines are written.
    #[serde(default)]
    pub log_format: LogFormat,
    /// Which log lines are written: levels, by target where wanted, such as `info` or `info,alcove_server=debug`.
    #[serde(default = "default_log_filter")]
    pub log_filter: String,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// Limits of the desk.
    #[serde(default)]
    pub desk: DeskLimits,
    /// The store's settings.
    #[serde(default)]
    pub store: StoreConfig,
}

/// What connections and callers may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Milliseconds a TLS handshake may take.
    pub handshake_deadline_ms: u64,
    /// Milliseconds from the handshake to the whole HTTP/2 preface.
    pub preface_deadline_ms: u64,
    /// Milliseconds between HTTP/2 pings on a quiet connection.
    pub keepalive_interval_ms: u64,
    /// Milliseconds a ping may stay unanswered.
    pub keepalive_timeout_ms: u64,
    /// Milliseconds calls may go on after a stop was asked for.
    pub stop_grace_ms: u64,
    /// TLS handshakes under way at one time.
    pub handshakes_max: NonZeroUsize,
    /// Connections at one time.
    pub connections_max: NonZeroUsize,
    /// Connections of one device at one time; one more cuts its oldest.
    pub connections_per_identity_max: NonZeroUsize,
    /// Milliseconds a request body may stand still.
    pub body_deadline_ms: u64,
    /// Calls under way on one connection.
    pub streams_per_connection_max: NonZeroU32,
    /// Calls one device may begin a second, in the long run.
    pub calls_per_second_max: NonZeroU32,
    /// Calls one device may begin at once.
    pub calls_burst_max: NonZeroU32,
    /// Calls of one device under way at one time.
    pub calls_in_flight_max: NonZeroU32,
    /// Bytes of messages and chunks that calls of one device may hold in memory at one time.
    pub call_bytes_per_identity_max: u64,
    /// Bytes of messages and chunks that calls of all devices may hold in memory at one time.
    pub call_bytes_max: u64,
    /// Bytes of blobs one device may have on the server.
    pub blob_quota_bytes: NonZeroU64,
    /// Groups one person may make in a day.
    pub groups_per_day_max: NonZeroU32,
    /// Devices of others that one person may add to groups in a day, all groups together.
    pub additions_per_day_max: NonZeroU32,
    /// Times that one person may add one and the same device to groups in a day.
    pub additions_of_one_per_day_max: NonZeroU32,
    /// Key packages of one and the same device that one person may take in a day.
    pub claims_of_one_per_day_max: NonZeroU32,
    /// Access entries one person may open in a day.
    pub openings_per_day_max: NonZeroU32,
}

/// Settings of the store.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Bytes of memory for the database's pages.
    pub cache_capacity_bytes: u64,
    /// Bytes of disk that are left free: below that, writes are refused before any harm is done.
    pub free_space_floor_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_deadline_ms: 5_000,
            preface_deadline_ms: 5_000,
            body_deadline_ms: 30_000,
            keepalive_interval_ms: 30_000,
            keepalive_timeout_ms: 20_000,
            stop_grace_ms: 5_000,
            handshakes_max: count(256),
            connections_max: count(20_000),
            connections_per_identity_max: count(32),
            streams_per_connection_max: number(256),
            calls_per_second_max: number(2_000),
            calls_burst_max: number(4_000),
            calls_in_flight_max: number(512),
            call_bytes_per_identity_max: 128 << 20,
            call_bytes_max: 1 << 30,
            blob_quota_bytes: NonZeroU64::new(64 << 30).unwrap_or(NonZeroU64::MIN),
            groups_per_day_max: number(500),
            additions_per_day_max: number(10_000),
            additions_of_one_per_day_max: number(24),
            claims_of_one_per_day_max: number(24),
            openings_per_day_max: number(10_000),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_capacity_bytes: 128 << 20, free_space_floor_bytes: 256 << 20 }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// Errors: [`ConfigError`]. The files it names are not looked at yet.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path).map_err(|source| ConfigError::Read(path.to_owned(), source))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::parse(&text, folder).map_err(|refused| match refused {
            Refused::Syntax(source) => ConfigError::Parse(path.to_owned(), source),
            Refused::Range(error) => error,
        })
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Refused> {
        let mut config: Self = toml::from_str(text).map_err(|error| Refused::Syntax(Box::new(error)))?;
        config.check().map_err(Refused::Range)?;
        for path in config.paths_mut() {
            // Joining an absolute path leaves it as it is.
            *path = folder.join(&path);
        }
        Ok(config)
    }

    /// Time between looks at the trust files, if they are looked at without being asked.
    pub fn trust_poll(&self) -> Option<Duration> {
        (self.trust_poll_ms > 0).then(|| Duration::from_millis(self.trust_poll_ms))
    }

    fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [
            &mut self.data_dir,
            &mut self.charter,
            &mut self.crl_dir,
            &mut self.certificate,
            &mut self.tls_key,
            &mut self.receipt_key,
        ]
        .into_iter()
        .chain(&mut self.address_file)
        .chain(&mut self.desk_address_file)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let waits = [
            ("limits.handshake_deadline_ms", self.limits.handshake_deadline_ms, 100),
            ("limits.preface_deadline_ms", self.limits.preface_deadline_ms, 100),
            ("limits.body_deadline_ms", self.limits.body_deadline_ms, 100),
            ("limits.keepalive_interval_ms", self.limits.keepalive_interval_ms, 1_000),
            ("limits.keepalive_timeout_ms", self.limits.keepalive_timeout_ms, 1_000),
            ("limits.stop_grace_ms", self.limits.stop_grace_ms, 0),
            ("trust_poll_ms", self.trust_poll_ms, 0),
        ];
        for (key, value, least) in waits {
            within(key, value, least, WAIT_MS_MAX, "milliseconds")?;
        }
        let Limits { call_bytes_per_identity_max: of_one, call_bytes_max: of_all, .. } = self.limits;
        within("limits.call_bytes_per_identity_max", of_one, CALL_BYTES_LEAST, CALL_BYTES_MOST, "bytes")?;
        // What one device may hold, all of them may.
        within("limits.call_bytes_max", of_all, of_one, CALL_BYTES_MOST, "bytes")?;
        self.desk.check()?;
        // Below, the database thrashes; above, it is no cache any more.
        within("store.cache_capacity_bytes", self.store.cache_capacity_bytes, 16 << 20, 16 << 30, "bytes")?;
        within("store.free_space_floor_bytes", self.store.free_space_floor_bytes, 48 << 20, 1 << 40, "bytes")
    }
}

enum Refused {
    Syntax(Box<toml::de::Error>),
    Range(ConfigError),
}

fn read_text(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > CONFIG_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

fn default_trust_poll_ms() -> u64 {
    2_000
}

fn default_log_filter() -> String {
    "info".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: &str = r#"
        listen = "127.0.0.1:0"
        data_dir = "data"
        charter = "/etc/alcove/charter"
        crl_dir = "crls"
        certificate = "server.cert"
        tls_key = "tls.key"
        receipt_key = "receipt.key"
    "#;

    fn parse(text: &str) -> Result<Config, Refused> {
        Config::parse(text, Path::new("/srv/alcove"))
    }

    #[test]
    fn the_template_says_the_defaults_the_code_has() {
        let Ok(template) = parse(TEMPLATE) else { panic!("the template is refused") };
        let Ok(shortest) = parse(SHORTEST) else { panic!("the shortest file is refused") };
        assert_eq!(format!("{:?}", template.limits), format!("{:?}", shortest.limits));
        assert_eq!(format!("{:?}", template.desk), format!("{:?}", shortest.desk));
        assert_eq!(format!("{:?}", template.store), format!("{:?}", shortest.store));
        assert_eq!(template.trust_poll_ms, shortest.trust_poll_ms);
        assert_eq!(template.reflection, shortest.reflection);
        assert_eq!(template.log_format, shortest.log_format);
        assert_eq!(template.log_filter, shortest.log_filter);
    }

    #[test]
    fn a_server_whose_configuration_names_no_desk_has_none() {
        let Ok(template) = parse(TEMPLATE) else { panic!("the template is refused") };
        assert!(template.desk_listen.is_some(), "the control: a new server has one");
        assert_eq!(template.desk_address_file, Some("/srv/alcove/desk-address".into()));
        let Ok(shortest) = parse(SHORTEST) else { panic!("the shortest file is refused") };
        assert_eq!((shortest.desk_listen, shortest.desk_address_file), (None, None));
    }

    #[test]
    fn relative_paths_start_at_the_file_and_absolute_ones_stay() {
        let Ok(config) = parse(SHORTEST) else { panic!("the shortest file is refused") };
        assert_eq!(config.data_dir, Path::new("/srv/alcove/data"));
        assert_eq!(config.charter, Path::new("/etc/alcove/charter"));
    }

    #[test]
    fn a_misspelt_key_is_refused_wherever_it_stands() {
        for extra in ["listenn = 1", "[limits]\nhandshake_deadline = 1", "[store]\ncache = 1", "[limit]"] {
            let text = format!("{SHORTEST}\n{extra}\n");
            assert!(matches!(parse(&text), Err(Refused::Syntax(_))), "{extra}");
        }
    }

    #[test]
    fn a_number_outside_of_its_range_is_refused_with_the_range() {
        let cases = [
            ("[limits]\nhandshake_deadline_ms = 0", "limits.handshake_deadline_ms"),
            ("[limits]\nhandshake_deadline_ms = 3600001", "limits.handshake_deadline_ms"),
            ("[limits]\nbody_deadline_ms = 0", "limits.body_deadline_ms"),
            ("[limits]\ncall_bytes_per_identity_max = 1", "limits.call_bytes_per_identity_max"),
            ("[limits]\ncall_bytes_max = 100000000", "limits.call_bytes_max"),
            ("[desk]\nconnection_life_ms = 0", "desk.connection_life_ms"),
            ("[desk]\nbody_deadline_ms = 0", "desk.body_deadline_ms"),
            ("[desk]\ncall_bytes_per_address_max = 1", "desk.call_bytes_per_address_max"),
            ("[desk]\ncall_bytes_max = 20000000", "desk.call_bytes_max"),
            ("[store]\ncache_capacity_bytes = 1", "store.cache_capacity_bytes"),
        ];
        for (extra, expected) in cases {
            let Err(Refused::Range(ConfigError::Range { key, .. })) = parse(&format!("{SHORTEST}\n{extra}"))
            else {
                panic!("{extra} was taken");
            };
            assert_eq!(key, expected);
        }
        assert!(matches!(
            parse(&format!("{SHORTEST}\n[limits]\nconnections_max = 0")),
            Err(Refused::Syntax(_))
        ));
        assert!(matches!(
            parse(&format!("{SHORTEST}\n[desk]\nconnections_max = 0")),
            Err(Refused::Syntax(_))
        ));
    }

    #[test]
    fn a_missing_key_is_refused_and_a_missing_file_is_named() {
        let without_charter = SHORTEST.replace("charter =", "# charter =");
        assert!(matches!(parse(&without_charter), Err(Refused::Syntax(_))));
        let missing = Path::new("/nowhere/alcove.toml");
        let Err(ConfigError::Read(path, _)) = Config::load(missing) else { panic!("it was read") };
        assert_eq!(path, missing);
    }
}
