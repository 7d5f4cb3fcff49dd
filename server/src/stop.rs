//! The one switch that stops everything, and what waits for it.

use tokio::sync::watch;

/// Stops the server when it says so, or when it is dropped.
#[derive(Debug, Default)]
pub struct Stop(watch::Sender<bool>);

/// Waits for the stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stop {
    /// A switch that has not been thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws it, once and for all.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Somebody to wait for it.
    pub fn stopping(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }
}

impl Stopping {
    /// Returns when the server stops. May be dropped and called again.
    pub async fn asked(&mut self) {
        // A switch that is gone stops as well.
        let _stop = self.0.wait_for(|stopping| *stopping).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn everybody_hears_of_it_also_who_asks_late_or_whose_switch_is_gone() {
        let stop = Stop::new();
        let mut early = stop.stopping();
        assert!(timeout(Duration::from_millis(20), early.asked()).await.is_err());
        stop.stop();
        early.asked().await;
        let mut late = stop.stopping();
        late.asked().await;
        late.asked().await;

        let forgotten = Stop::new();
        let mut waiting = forgotten.stopping();
        drop(forgotten);
        waiting.asked().await;
    }
}
