//! The signals that stop a server and have it reload.

use crate::stop::Stop;
use std::io;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Stops on SIGTERM and SIGINT, reloads on SIGHUP. Returns a future that does so.
pub(super) fn handle_signals(
    stop: Stop,
    ask_reload: mpsc::Sender<()>,
) -> io::Result<impl Future<Output = ()>> {
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
