//! Going to the desk: which charter, which CA, which address, and one connection.

use super::{clock::clock_ms, input::read_charter, passphrase::Source};
use alcove_charter::{CharterFile, TrustView};
use alcove_issuer::{
    AgencyCa, AnswerError, Desk, FolderError, HandedIn, Invitations, IssuerError, Judged, Passphrase,
    PublishedLedger, Waiting, WaitingRequest,
};
use alcove_proto::names::Identity;
use clap::Args;
use std::{
    future::Future,
    path::{Path, PathBuf},
};
use tokio::runtime::{Builder, Runtime};

/// Whose desk, and whose agency.
#[derive(Debug, Args)]
pub(crate) struct AtDesk {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The charter in force.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
    /// The address of the server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
}

impl AtDesk {
    /// Connects, then opens the CA: its folder is not locked while a server does not answer.
    pub(crate) fn visit(&self, passphrase: &Source) -> Result<Visit, IssuerError> {
        let passphrase = passphrase.of_existing()?;
        self.enter(|| Ok(passphrase.open(|passphrase| AgencyCa::open(&self.ca, passphrase))?.0))
    }

    /// As [`Self::visit`], for whoever comes again and again.
    pub(crate) fn visit_with(&self, passphrase: &Passphrase) -> Result<Visit, IssuerError> {
        self.enter(|| AgencyCa::open(&self.ca, passphrase))
    }

    fn enter(&self, open: impl FnOnce() -> Result<AgencyCa, IssuerError>) -> Result<Visit, IssuerError> {
        let charter = read_charter(&self.charter)?;
        let trust = TrustView::new(charter.complete()?);
        let runtime = runtime()?;
        let desk = runtime.block_on(Desk::connect(&self.desk, &trust))?;
        let ca = open()?;
        Ok(Visit { runtime, desk, ca, charter, trust })
    }

    /// The folder of the CA.
    pub(crate) fn folder(&self) -> &Path {
        &self.ca
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.desk
    }
}

/// Which of the two requests that may wait for one device is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The one on an invitation.
    Invited,
    /// The renewal.
    Renewal,
}

/// One visit to the desk, with the CA open and locked.
pub(crate) struct Visit {
    runtime: Runtime,
    pub(crate) desk: Desk,
    pub(crate) ca: AgencyCa,
    pub(crate) charter: CharterFile,
    pub(crate) trust: TrustView,
}

impl Visit {
    /// Waits for a call.
    pub(crate) fn wait<A>(&self, call: impl Future<Output = A>) -> A {
        self.runtime.block_on(call)
    }

    /// Publishes what the ledger says and the server does not have yet: before anything goes out that stands in it.
    pub(crate) fn publish_ledger(&self) -> Result<PublishedLedger, IssuerError> {
        self.wait(self.desk.publish_ledger(&self.ca, clock_ms()))
    }

    /// What waits.
    pub(crate) fn waiting(&self, after_event: u64) -> Result<Waiting, IssuerError> {
        self.wait(self.desk.waiting(&self.ca, after_event, clock_ms()))
    }

    /// What waits, judged.
    pub(crate) fn judged(&self, waiting: &Waiting, invitations: &Invitations) -> Vec<Judged> {
        let judge = |request| self.ca.judge(request, invitations, &self.trust, clock_ms());
        waiting.requests.iter().map(judge).collect()
    }

    /// The request of a device: the one that is `wanted`, or else the other one that waits.
    pub(crate) fn request_of(
        &self,
        identity: &Identity,
        wanted: Wanted,
        invitations: &Invitations,
    ) -> Result<Judged, IssuerError> {
        // Events are for `pending`: none are asked for here.
        let waiting = self.waiting(u64::MAX)?;
        let of_device = || waiting.requests.iter().filter(|request| request.identity == *identity);
        let is_wanted = |request: &&WaitingRequest| match (&request.what, wanted) {
            (HandedIn::Invited { .. }, Wanted::Invited) | (HandedIn::Renewal { .. }, Wanted::Renewal) => true,
            (HandedIn::Invited { .. }, Wanted::Renewal) | (HandedIn::Renewal { .. }, Wanted::Invited) => {
                false
            }
        };
        let request = of_device().find(is_wanted).or_else(|| of_device().next());
        let request = request
            .ok_or_else(|| IssuerError::Answer(AnswerError::NotWaiting { identity: identity.clone() }))?;
        Ok(self.ca.judge(request, invitations, &self.trust, clock_ms()))
    }
}

/// Calls of one command need one thread.
pub(crate) fn runtime() -> Result<Runtime, IssuerError> {
    Builder::new_current_thread().enable_all().build().map_err(|source| {
        IssuerError::Folder(FolderError::Io {
            act: "start",
            path: Path::new("the network").to_owned(),
            source,
        })
    })
}
