//! What a server trusts and shows at one moment, and the cell that swaps it in one step.
//!
//! Certificate, charter and CRLs change together or not at all: an accepted connection holds one [`Snapshot`] and
//! never sees half of an old one. Whoever replaces a snapshot must judge the live connections again.

use crate::{ConfigError, desk_config, server_config};
use alcove_charter::TrustView;
use arc_swap::{ArcSwap, Guard};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
    time_provider::TimeProvider,
};
use std::{fmt, sync::Arc, time::Duration};

/// One consistent state of trust. Never changes.
pub struct Snapshot {
    /// Counts up with every replacement in one process, from 1.
    pub version: u64,
    /// Who is believed.
    pub trust: Arc<TrustView>,
    /// What is shown: the server's certificate, leaf first, no anchor.
    pub chain: Vec<CertificateDer<'static>>,
    /// How connections are accepted.
    pub tls: Arc<ServerConfig>,
    /// How connections to the desk are accepted.
    pub desk_tls: Arc<ServerConfig>,
}

impl Snapshot {
    fn new(
        version: u64,
        trust: Arc<TrustView>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clock: &Arc<dyn TimeProvider>,
    ) -> Result<Self, ConfigError> {
        let desk_tls = Arc::new(desk_config(chain.clone(), key.clone_key())?);
        let mut tls = server_config(Arc::clone(&trust), chain.clone(), key)?;
        tls.time_provider = Arc::clone(clock);
        Ok(Self { version, trust, chain, tls: Arc::new(tls), desk_tls })
    }
}

/// Holds the snapshot in force.
pub struct SnapshotCell {
    current: ArcSwap<Snapshot>,
    clock: Arc<dyn TimeProvider>,
}

impl SnapshotCell {
    /// A cell that begins with the server's `chain` (leaf first, no anchor), its `key`, and `trust`. `now_ms`: what time it
    /// is when a handshake judges a device's certificate, milliseconds since 1970.
    ///
    /// Errors: [`ConfigError`].
    pub fn new(
        trust: Arc<TrustView>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let clock: Arc<dyn TimeProvider> = Arc::new(HandshakeClock(now_ms));
        let first = Snapshot::new(1, trust, chain, key, &clock)?;
        Ok(Self { current: ArcSwap::from_pointee(first), clock })
    }

    /// The snapshot in force. For one short use; hold [`SnapshotCell::load_full`]'s across an await.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot in force, to keep.
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Builds the next snapshot, puts it in force and returns it. One caller at a time.
    ///
    /// Errors: [`ConfigError`]; then the old one stays in force.
    pub fn replace(
        &self,
        trust: Arc<TrustView>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<Snapshot>, ConfigError> {
        let version = self.current.load().version + 1;
        let next = Arc::new(Snapshot::new(version, trust, chain, key, &self.clock)?);
        self.current.store(Arc::clone(&next));
        Ok(next)
    }
}

/// The clock of handshakes.
struct HandshakeClock<F>(F);

impl<F: Fn() -> i64 + Send + Sync> TimeProvider for HandshakeClock<F> {
    fn current_time(&self) -> Option<UnixTime> {
        let since_1970_ms = u64::try_from((self.0)()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since_1970_ms)))
    }
}

impl<F> fmt::Debug for HandshakeClock<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HandshakeClock")
    }
}
