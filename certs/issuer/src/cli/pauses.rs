//! How a watch waits: longer after each failure, and no longer than until it is to stop.

use alcove_issuer::{IssuerError, io};
use std::{path::Path, time::Duration};

/// Longest pause after a desk that could not be reached, seconds.
pub(super) const BACKOFF_SECONDS_MAX: u64 = 3600;

/// The wait after one more failure in a row.
pub(super) fn longer(pause_seconds: u64) -> u64 {
    pause_seconds.saturating_mul(2).min(BACKOFF_SECONDS_MAX)
}

/// What ends a watch.
pub(super) struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    pub(super) fn new() -> Result<Self, IssuerError> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(io("listen for", Path::new("signals")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits, and says whether a signal came first.
    pub(super) async fn within(&mut self, pause: Duration) -> bool {
        let mut interrupt = std::pin::pin!(self.interrupt.recv());
        let mut terminate = std::pin::pin!(self.terminate.recv());
        let signal = std::future::poll_fn(|context| {
            let came =
                interrupt.as_mut().poll(context).is_ready() || terminate.as_mut().poll(context).is_ready();
            if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        });
        tokio::time::timeout(pause, signal).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_waits_longer_after_each_failure_up_to_a_limit() {
        let waits: Vec<u64> =
            std::iter::successors(Some(longer(10)), |last| Some(longer(*last))).take(12).collect();
        assert_eq!(waits[..3], [20, 40, 80]);
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&BACKOFF_SECONDS_MAX));
    }
}
