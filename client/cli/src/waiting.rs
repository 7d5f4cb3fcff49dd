//! Says that the server is waited for, once it takes long: a screen that says nothing looks like a program that hangs.

use alcove_client::session::Session;
use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};
use tokio::task::AbortHandle;

/// Silence after which it is said what is waited for.
const LONG: Duration = Duration::from_secs(2);

/// Says so once in a run, on stderr, also beside JSON, unless it is told to stop before.
pub(crate) fn watch(session: &Arc<Session>) -> AbortHandle {
    let session = Arc::downgrade(session);
    tokio::spawn(async move {
        let Some(session) = session.upgrade() else { return };
        session.has_waited(LONG).await;
        let kept = if session.in_hand().is_empty() { "" } else { " What you wrote is safe on this device." };
        // Nobody is left to tell when stderr is gone.
        let _ = writeln!(
            io::stderr().lock(),
            "Waiting for the server.{kept} Ctrl-C stops the waiting; --offline shows what is here already."
        );
    })
    .abort_handle()
}
