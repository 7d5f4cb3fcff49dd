//! Keeps what is trusted up to date while the server runs, and every live connection judged by it.

use super::{connection::now_ms, registry::Registry, stop::Stopping};
use crate::{
    service::{ReceiptKey, ReceiptKeyError},
    trust_files::{Loaded, Stamp, TrustFileError, TrustFiles, load},
};
use alcove_charter::TrustView;
use alcove_trust::{CertificateFault, ConfigError, Snapshot, SnapshotCell};
use arc_swap::ArcSwap;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::sleep,
};

/// Time between looks for connections whose certificate has ended meanwhile.
const EXPIRY_SWEEP: Duration = Duration::from_secs(1);
/// Time between warnings about something that will end.
const WARNINGS: Duration = Duration::from_secs(24 * 3600);
/// How long before the end of a certificate or charter the server begins to warn, milliseconds: 14 days.
const WARN_BEFORE_MS: i64 = 14 * 24 * 3600 * 1000;

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
    pub registry: Registry,
}

impl InForce {
    /// Puts in force what was loaded at start.
    ///
    /// Errors: [`ReloadError`].
    pub fn begin(loaded: Loaded, registry: Registry) -> Result<Self, ReloadError> {
        let Loaded { trust, tls_chain, tls_key, receipt_chain, receipt_key, .. } = loaded;
        let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
        Ok(Self {
            trust: Arc::new(SnapshotCell::new(trust, tls_chain, tls_key)?),
            receipt_key: Arc::new(ArcSwap::from_pointee(receipt_key)),
            registry,
        })
    }
}

/// What a reload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloaded {
    /// The snapshot now in force.
    pub version: u64,
    /// Live connections that were cut because of it.
    pub cut: usize,
}

/// Takes up what the files say now and judges every live connection by it. Blocks.
///
/// Errors: [`ReloadError`]; then nothing has changed.
pub fn reload(files: &TrustFiles, in_force: &InForce) -> Result<Reloaded, ReloadError> {
    let loaded = load(files, Some(&in_force.trust.load().trust), now_ms())?;
    warn_of_ends(&loaded);
    let Loaded { trust, tls_chain, tls_key, receipt_chain, receipt_key, .. } = loaded;
    // Everything that can fail comes before anything is replaced.
    let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
    let snapshot = in_force.trust.replace(trust, tls_chain, tls_key)?;
    if receipt_key.chain() != in_force.receipt_key.load().chain() {
        // A device that meets a signature by the new key asks for its certificate.
        in_force.receipt_key.store(Arc::new(receipt_key));
    }
    let cut = judge_again(&snapshot, &in_force.registry);
    tracing::info!(
        snapshot = snapshot.version,
        charter = snapshot.trust.charter().version,
        crls = snapshot.trust.crls().count(),
        cut,
        "trust reloaded"
    );
    Ok(Reloaded { version: snapshot.version, cut })
}

fn judge_again(snapshot: &Snapshot, registry: &Registry) -> usize {
    registry.judge_again(|peer| {
        let judged = snapshot.trust.verify_device_tls(&peer.chain, now_ms());
        judged.map(|_device| ()).map_err(|error| CertificateFault::of(&error))
    })
}

/// Says what ends soon, and which CRL files were left out.
pub fn warn_of_ends(loaded: &Loaded) {
    let now_ms = now_ms();
    for refused in &loaded.refused_crls {
        tracing::error!(path = %refused.path.display(), cause = %refused.source, "CRL refused, the old one stays");
    }
    if loaded.certificates_end_ms - now_ms < WARN_BEFORE_MS {
        tracing::warn!(end_ms = loaded.certificates_end_ms, "the server's certificates end soon");
    }
    let charter_end_ms = loaded.trust.charter().not_after_ms;
    if charter_end_ms - now_ms < WARN_BEFORE_MS {
        tracing::warn!(end_ms = charter_end_ms, "the charter ends soon");
    }
    for crl in loaded.trust.crls().filter(|crl| crl.is_stale(now_ms)) {
        tracing::warn!(agency = %crl.trust_domain, number = crl.number, "a newer CRL is overdue");
    }
}

/// Reloads whenever the files change (looked at every `poll`) or `asked` says so, and cuts connections when
/// their certificate or the charter ends. What was put in force is told to `remember`. Returns when the server stops.
pub async fn keep_current(
    files: TrustFiles,
    in_force: InForce,
    poll: Option<Duration>,
    remember: watch::Sender<Arc<TrustView>>,
    mut asked: mpsc::Receiver<()>,
    mut stop: Stopping,
) {
    let mut seen = files.stamp();
    let mut looked = Instant::now();
    let mut warned = Instant::now();
    let tick = poll.map_or(EXPIRY_SWEEP, |poll| poll.min(EXPIRY_SWEEP));
    loop {
        let forced = tokio::select! {
            biased;
            () = stop.asked() => return,
            Some(()) = asked.recv() => true,
            () = sleep(tick) => false,
        };
        let cut = cut_what_ended(&in_force).await;
        if cut > 0 {
            tracing::info!(cut, "certificates or the charter ended");
        }
        let due = poll.is_some_and(|poll| looked.elapsed() >= poll);
        let warn = warned.elapsed() >= WARNINGS;
        if warn {
            warned = Instant::now();
        }
        if !forced && !due && !warn {
            continue;
        }
        looked = Instant::now();
        let stamp = stamp_of(&files).await;
        // A file that was refused is not tried again before it changes.
        if forced || warn || stamp != seen {
            seen = stamp;
            reload_beside(&files, &in_force).await;
            remember.send_replace(Arc::clone(&in_force.trust.load().trust));
        }
    }
}

/// Cuts what time alone has ended; no file need have changed for that.
async fn cut_what_ended(in_force: &InForce) -> usize {
    let cut = in_force.registry.cut_expired(now_ms());
    let snapshot = in_force.trust.load_full();
    if snapshot.trust.charter().not_after_ms >= now_ms() || in_force.registry.is_empty() {
        return cut;
    }
    // An expired charter lets nobody in (PROTOCOL.md, "The charter", 2), and keeps nobody in.
    let registry = in_force.registry.clone();
    let judged = spawn_blocking(move || judge_again(&snapshot, &registry)).await;
    // Only a panic or a stopping runtime loses the answer; then the next sweep judges.
    cut + judged.unwrap_or_default()
}

async fn stamp_of(files: &TrustFiles) -> Stamp {
    let files = files.clone();
    // Only a panic or a stopping runtime loses the answer; then everything counts as changed.
    spawn_blocking(move || files.stamp()).await.unwrap_or_default()
}

async fn reload_beside(files: &TrustFiles, in_force: &InForce) {
    let (files, in_force) = (files.clone(), in_force.clone());
    let reloaded = spawn_blocking(move || reload(&files, &in_force)).await;
    match reloaded {
        Ok(Ok(_reloaded)) => {}
        Ok(Err(error)) => {
            let error = crate::cli::report(&error);
            tracing::error!(error, "trust not reloaded, the old one stays in force");
        }
        Err(_panicked) => tracing::error!("reloading panicked, the old trust stays in force"),
    }
}
