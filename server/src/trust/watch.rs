//! Keeps what is trusted up to date while the server runs.

use super::{ends::Countdown, files::paths::TrustFiles, in_force::InForce, reload::reload_within};
use crate::{report::report, stop::Stopping};
use alcove_charter::TrustView;
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
/// Time between looks at files that have not changed: what was refused is said again.
const LOOKED_ANYWAY: Duration = Duration::from_secs(24 * 3600);

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
        countdown.tell(&in_force.endings(), Instant::now());
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
    let cut = in_force.cut_expired();
    let is_in_force = in_force.trust.load().trust.charter().not_after_ms >= in_force.now_ms();
    if is_in_force || in_force.connections() == 0 {
        return cut;
    }
    // An expired charter lets nobody in (PROTOCOL.md, "The charter", 2), and keeps nobody in.
    let in_force = in_force.clone();
    let judged = spawn_blocking(move || in_force.judge_again()).await;
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
            let error = report(&error);
            tracing::error!(error, "trust not reloaded, the old one stays in force");
        }
        Err(_panicked) => tracing::error!("reloading panicked, the old trust stays in force"),
    }
    true
}
