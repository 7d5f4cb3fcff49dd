//! Keeps what is trusted up to date while the server runs, and every live connection judged by it.

use super::{
    ends::{Countdown, Ending, endings},
    files::{Loaded, Stamp, TrustFileError, TrustFiles, keep_listed, load, put},
};
use crate::{
    clock::now_ms,
    service::{ReceiptKey, ReceiptKeyError},
    stop::Stopping,
    transport::{Peer, Registry},
};
use alcove_charter::TrustView;
use alcove_trust::{CertificateFault, ConfigError, Snapshot, SnapshotCell};
use arc_swap::ArcSwap;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::sleep,
};

/// Time between looks for connections whose certificate has ended meanwhile.
const EXPIRY_SWEEP: Duration = Duration::from_secs(1);
/// Time between looks at files that have not changed: what was refused is said again.
const LOOKED_ANYWAY: Duration = Duration::from_secs(24 * 3600);

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
    /// When the first of the server's two certificates ends, milliseconds since 1970.
    certificates_end_ms: Arc<AtomicI64>,
    /// One change at a time; and what the files looked like at the last one.
    changing: Arc<Mutex<Stamp>>,
}

impl InForce {
    /// Puts in force what was loaded at start.
    ///
    /// Errors: [`ReloadError`].
    pub fn begin(loaded: Loaded, registry: Registry) -> Result<Self, ReloadError> {
        warn_of_refused(&loaded);
        let Loaded { trust, tls_chain, tls_key, receipt_chain, receipt_key, stamp, .. } = loaded;
        let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
        Ok(Self {
            certificates_end_ms: Arc::new(AtomicI64::new(loaded.certificates_end_ms)),
            changing: Arc::new(Mutex::new(stamp)),
            trust: Arc::new(SnapshotCell::new(trust, tls_chain, tls_key)?),
            receipt_key: Arc::new(ArcSwap::from_pointee(receipt_key)),
            registry,
        })
    }

    /// What ends soon of what is in force, most urgent first, as seen at `now_ms`.
    pub fn endings(&self, now_ms: i64) -> Vec<Ending> {
        endings(&self.trust.load().trust, self.certificates_end_ms.load(Ordering::Relaxed), now_ms)
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
    reload_within(&mut in_force.begin_change(), files, in_force)
}

/// [`reload`], for who has begun a change.
pub(super) fn reload_within(
    seen: &mut Stamp,
    files: &TrustFiles,
    in_force: &InForce,
) -> Result<Reloaded, ReloadError> {
    reload_knowing(seen, files, in_force, &in_force.trust.load().trust)
}

/// The same when `known`, what is in force with what has just been put into the files, is verified already: nothing of it
/// is read a second time, and nothing of it goes back.
pub(super) fn reload_knowing(
    seen: &mut Stamp,
    files: &TrustFiles,
    in_force: &InForce,
    known: &TrustView,
) -> Result<Reloaded, ReloadError> {
    // Before they are read: what changes meanwhile counts as not seen. A file that is refused is not tried again
    // before it changes.
    *seen = files.stamp();
    let loaded = load(files, Some(known), now_ms())?;
    warn_of_refused(&loaded);
    warn_of_unkept(files, &loaded.trust);
    let Loaded {
        trust,
        tls_chain,
        tls_key,
        receipt_chain,
        receipt_key,
        certificates_end_ms,
        ended_denials,
        ..
    } = loaded;
    // Everything that can fail comes before anything is replaced.
    let receipt_key = ReceiptKey::new(receipt_key.secret_pkcs8_der(), receipt_chain)?;
    // The lists that are followed now are current for a while yet.
    let trust = Arc::new(trust.superseding(&in_force.trust.load().trust, now_ms()));
    let snapshot = in_force.trust.replace(trust, tls_chain, tls_key)?;
    in_force.certificates_end_ms.store(certificates_end_ms, Ordering::Relaxed);
    if receipt_key.chain() != in_force.receipt_key.load().chain() {
        // A device that meets a signature by the new key asks for its certificate.
        in_force.receipt_key.store(Arc::new(receipt_key));
    }
    let cut = judge_again(&snapshot, &in_force.registry);
    remove_ended(&ended_denials);
    tracing::info!(
        snapshot = snapshot.version,
        charter = snapshot.trust.charter().version,
        crls = snapshot.trust.crls().count(),
        denials = snapshot.trust.denials().count(),
        cut,
        "trust reloaded"
    );
    Ok(Reloaded { version: snapshot.version, cut })
}

/// Whether `trust` would let that peer in now.
pub(super) fn judge(trust: &TrustView, peer: &Peer) -> Result<(), CertificateFault> {
    let judged = trust.verify_device_tls(&peer.chain, now_ms());
    judged.map(|_device| ()).map_err(|error| CertificateFault::of(&error))
}

fn judge_again(snapshot: &Snapshot, registry: &Registry) -> usize {
    registry.judge_again(|peer| judge(&snapshot.trust, peer))
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

/// Removes the files of denials that have ended. One that stays is as little in force, and tried again.
pub fn remove_ended(paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    match put::remove_all(paths) {
        Ok(()) => {
            tracing::info!(count = paths.len(), "denials have ended with their officers' certificates");
        }
        Err((path, cause)) => {
            tracing::error!(count = paths.len(), path = %path.display(), %cause, "ended denials stay as files");
        }
    }
}

/// Keeps what was ever listed, and says where that cannot be written: the lists themselves are in force.
pub fn warn_of_unkept(files: &TrustFiles, trust: &TrustView) {
    if let Err((path, cause)) = keep_listed(files, trust) {
        tracing::error!(path = %path.display(), %cause, "what was ever listed is not kept");
    }
}

/// Reloads whenever the files change (looked at every `poll`) or `asked` says so, cuts connections when
/// their certificate or the charter ends, and warns before they do. What was put in force is told to `remember`. Returns when the server stops.
pub async fn keep_current(
    files: TrustFiles,
    in_force: InForce,
    poll: Option<Duration>,
    remember: watch::Sender<Arc<TrustView>>,
    mut asked: mpsc::Receiver<()>,
    mut stop: Stopping,
) {
    let mut countdown = Countdown::default();
    let (mut looked, mut looked_anyway) = (Instant::now(), Instant::now());
    let tick = poll.map_or(EXPIRY_SWEEP, |poll| poll.min(EXPIRY_SWEEP));
    loop {
        countdown.tell(&in_force.endings(now_ms()), Instant::now());
        let mut forced = tokio::select! {
            biased;
            () = stop.asked() => return,
            Some(()) = asked.recv() => true,
            () = sleep(tick) => false,
        };
        let cut = cut_what_ended(&in_force).await;
        if cut > 0 {
            tracing::info!(cut, "certificates or the charter ended");
        }
        if looked_anyway.elapsed() >= LOOKED_ANYWAY {
            looked_anyway = Instant::now();
            forced = true;
        }
        let due = poll.is_some_and(|poll| looked.elapsed() >= poll);
        if !forced && !due {
            continue;
        }
        looked = Instant::now();
        if look(&files, &in_force, forced).await {
            in_force.tell(&remember);
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

/// Reloads if the files have changed since the last reload, or if it is `forced`; says whether it tried.
async fn look(files: &TrustFiles, in_force: &InForce, forced: bool) -> bool {
    let (files, in_force) = (files.clone(), in_force.clone());
    let looked = spawn_blocking(move || {
        let mut seen = in_force.begin_change();
        (forced || files.stamp() != *seen).then(|| reload_within(&mut seen, &files, &in_force))
    });
    match looked.await {
        Ok(None) => return false,
        Ok(Some(Ok(_reloaded))) => {}
        Ok(Some(Err(error))) => {
            let error = crate::report::report(&error);
            tracing::error!(error, "trust not reloaded, the old one stays in force");
        }
        Err(_panicked) => tracing::error!("reloading panicked, the old trust stays in force"),
    }
    true
}
