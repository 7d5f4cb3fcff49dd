//! What is in force: who is believed, what is shown, what signs receipts; and whom it holds for.

use super::{
    connected::{Connected, Peer},
    ends::{Ending, endings},
    files::{error::TrustFileError, load::Loaded, paths::Stamp},
};
use crate::{
    clock::Clock,
    service::{ReceiptKey, ReceiptKeyError},
};
use alcove_charter::TrustView;
use alcove_proto::names::Identity;
use alcove_trust::{CertificateFault, ConfigError, Snapshot, SnapshotCell};
use arc_swap::ArcSwap;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::watch;

/// Why a reload left everything as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The files do not hold together.
    #[error(transparent)]
    Files(#[from] TrustFileError),
    /// They do, but make no TLS configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The receipt key cannot be used.
    #[error(transparent)]
    ReceiptKey(#[from] ReceiptKeyError),
}

/// What is in force, and who is judged by it. Cheap to clone.
#[derive(Clone)]
pub struct InForce {
    /// Who is believed, and what is shown.
    pub trust: Arc<SnapshotCell>,
    /// What signs receipts.
    pub receipt_key: Arc<ArcSwap<ReceiptKey>>,
    /// The live connections.
    connected: Arc<dyn Connected>,
    /// What time it is for certificates, lists and charters.
    clock: Clock,
    /// When the first of the server's two certificates ends, milliseconds since 1970.
    certificates_end_ms: Arc<AtomicI64>,
    /// One change at a time; and what the files looked like at the last one.
    changing: Arc<Mutex<Stamp>>,
}

impl InForce {
    /// Puts in force what was loaded at start. `connected`: whom it holds for.
    ///
    /// Errors: [`ReloadError`].
    pub fn begin(loaded: Loaded, connected: impl Connected, clock: Clock) -> Result<Self, ReloadError> {
        warn_of_refused(&loaded);
        let Loaded { trust, tls_chain, tls_key, receipt_chain, receipt_key, stamp, .. } = loaded;
        let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
        let at_the_door = clock.clone();
        let trust = SnapshotCell::new(trust, tls_chain, tls_key, move || at_the_door.now_ms())?;
        Ok(Self {
            certificates_end_ms: Arc::new(AtomicI64::new(loaded.certificates_end_ms)),
            changing: Arc::new(Mutex::new(stamp)),
            trust: Arc::new(trust),
            receipt_key: Arc::new(ArcSwap::from_pointee(receipt_key)),
            connected: Arc::new(connected),
            clock,
        })
    }

    /// Now, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// How many connections are alive.
    pub fn connections(&self) -> usize {
        self.connected.count()
    }

    /// What ends soon of what is in force, most urgent first.
    pub fn endings(&self) -> Vec<Ending> {
        let certificates_end_ms = self.certificates_end_ms.load(Ordering::Relaxed);
        endings(&self.trust.load().trust, certificates_end_ms, self.now_ms())
    }

    /// Who is on the live connections that `trust` would not let in, one for each. Blocks.
    pub(super) fn cut_by(&self, trust: &TrustView) -> Vec<Identity> {
        let now_ms = self.now_ms();
        self.connected.refused_by(&|peer| judge(trust, peer, now_ms))
    }

    /// Judges every live connection by what is in force and cuts those that are refused; says how many. Blocks.
    pub(super) fn judge_again(&self) -> usize {
        let (snapshot, now_ms) = (self.trust.load_full(), self.now_ms());
        self.connected.judge_again(&|peer| judge(&snapshot.trust, peer, now_ms))
    }

    /// Cuts the connections whose certificates have ended; says how many.
    pub(super) fn cut_expired(&self) -> usize {
        self.connected.cut_expired(self.now_ms())
    }

    /// Puts in force what was loaded anew.
    ///
    /// Errors: [`ReloadError`]; then nothing has changed.
    pub(super) fn replace(&self, loaded: Loaded) -> Result<Arc<Snapshot>, ReloadError> {
        warn_of_refused(&loaded);
        let Loaded { trust, tls_chain, tls_key, receipt_chain, receipt_key, certificates_end_ms, .. } =
            loaded;
        // Everything that can fail comes before anything is replaced.
        let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
        // The lists that are followed now are current for a while yet.
        let trust = Arc::new(trust.superseding(&self.trust.load().trust, self.now_ms()));
        let snapshot = self.trust.replace(trust, tls_chain, tls_key)?;
        self.certificates_end_ms.store(certificates_end_ms, Ordering::Relaxed);
        if receipt_key.chain() != self.receipt_key.load().chain() {
            // A device that meets a signature by the new key asks for its certificate.
            self.receipt_key.store(Arc::new(receipt_key));
        }
        Ok(snapshot)
    }

    /// Waits until nobody else changes anything, files or what is in force, and keeps it so. Blocks.
    pub(super) fn begin_change(&self) -> MutexGuard<'_, Stamp> {
        // A stamp is replaced whole.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells `remember` what is in force now; never anything older than it has been told before.
    pub(super) fn tell(&self, remember: &watch::Sender<Arc<TrustView>>) {
        // Looked up under its lock, since several may tell at one time.
        remember.send_modify(|told| *told = Arc::clone(&self.trust.load().trust));
    }
}

/// Whether `trust` lets that peer in at `now_ms`.
fn judge(trust: &TrustView, peer: &Peer, now_ms: i64) -> Result<(), CertificateFault> {
    let judged = trust.verify_device_tls(&peer.chain, now_ms);
    judged.map(|_device| ()).map_err(|error| CertificateFault::of(&error))
}

/// Says which files were left out.
fn warn_of_refused(loaded: &Loaded) {
    for refused in &loaded.refused_crls {
        tracing::error!(path = %refused.path.display(), cause = %refused.source, "CRL refused, the old one stays");
    }
    // One line for all of them: there are as many as somebody puts there.
    if let Some(first) = loaded.refused_denials.first() {
        let (count, path, cause) = (loaded.refused_denials.len(), first.path.display(), &first.source);
        tracing::error!(count, %path, %cause, "denials refused: they shut nobody out that was not before");
    }
}
