//! What a server trusts and shows at one moment, and the cell that swaps it in one step.
//!
//! Certificate, charter and CRLs change together or not at all: an accepted connection holds one [`Snapshot`] and
//! never sees half of an old one. Whoever replaces a snapshot must judge the live connections again.

use crate::{ConfigError, desk_config, server_config};
use alcove_charter::TrustView;
use arc_swap::{ArcSwap, Guard};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::sync::Arc;

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
    ) -> Result<Self, ConfigError> {
        let desk_tls = Arc::new(desk_config(chain.clone(), key.clone_key())?);
        let tls = Arc::new(server_config(Arc::clone(&trust), chain.clone(), key)?);
        Ok(Self { version, trust, chain, tls, desk_tls })
    }
}

/// Holds the snapshot in force.
pub struct SnapshotCell {
    current: ArcSwap<Snapshot>,
}

impl SnapshotCell {
    /// A cell that begins with the server's `chain` (leaf first, no anchor), its `key`, and `trust`.
    ///
    /// Errors: [`ConfigError`].
    pub fn new(
        trust: Arc<TrustView>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ConfigError> {
        Ok(Self { current: ArcSwap::from_pointee(Snapshot::new(1, trust, chain, key)?) })
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
        let next = Arc::new(Snapshot::new(version, trust, chain, key)?);
        self.current.store(Arc::clone(&next));
        Ok(next)
    }
}
