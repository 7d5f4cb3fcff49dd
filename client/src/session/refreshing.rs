//! Bringing the vault up to date before something is read from it. Reading works without the server, so nothing fails here.

use super::{Error, RenewalView, Session, SyncReport};
use crate::transport::briefly;

/// How up to date the vault is now.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// What the sync has done; nothing when there was none.
    pub report: SyncReport,
    /// Why it was not done: what is shown is what this device had.
    pub stale: Option<Stale>,
}

/// Why the vault is not up to date.
#[derive(Debug)]
pub struct Stale {
    /// What kept the sync from going on.
    pub error: Error,
    /// What is true of this device's renewal, in case its certificate is the reason.
    pub renewal: Option<RenewalView>,
}

impl Stale {
    /// Whether the server is merely away, so that everything else goes on.
    pub fn is_passing(&self) -> bool {
        matches!(&self.error, Error::Server(error) if error.is_passing())
    }

    /// Whether what is written waits in the outbox for the server: nobody was reached who could refuse it.
    pub fn lets_write(&self) -> bool {
        self.is_passing() || matches!(&self.error, Error::Server(error) if error.was_not_reached())
    }
}

impl Session {
    /// Syncs, if this session asks the server at all.
    pub async fn bring_up_to_date(&self) -> Refreshed {
        self.clear_pieces().await;
        if self.offline {
            return Refreshed::default();
        }
        match self.sync().await {
            Ok(report) => Refreshed { report, stale: None },
            Err(error) => {
                let renewal = self.renewal().ok();
                Refreshed { report: SyncReport::default(), stale: Some(Stale { error, renewal }) }
            }
        }
    }

    /// The same before something is written that is safe in the outbox: a silent server is not waited for.
    pub async fn bring_up_to_date_briefly(&self) -> Refreshed {
        briefly(self.bring_up_to_date()).await
    }
}
