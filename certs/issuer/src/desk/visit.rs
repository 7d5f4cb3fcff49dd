//! A visit to the desk as one command makes it: the charter says who the server is, then one connection, then the CA.

use crate::{
    ca::{agency::AgencyCa, files::io},
    certify::{
        error::AnswerError,
        invitations::Invitations,
        renewals::{RenewalAnswer, answer_all},
        requests::Judged,
    },
    charters::drafting::read_charter,
    desk::{
        orders::{Desk, Orders},
        trust::Published,
        waiting::{HandedIn, Waiting, WaitingRequest},
    },
    error::IssuerError,
    ledger::publication::PublishedLedger,
};
use alcove_charter::{CharterFile, Crl, TrustView};
use alcove_proto::names::Identity;
use std::{future::Future, path::Path};
use tokio::runtime::{Builder, Runtime};

/// Does something at the desk for which no CA has to be open. `charter`: the file that says who the server is.
///
/// Errors: as [`Desk::connect`]; those of the charter, and of `act`.
pub fn at_desk<A>(
    address: &str,
    charter: &Path,
    act: impl AsyncFnOnce(&Desk) -> Result<A, IssuerError>,
) -> Result<A, IssuerError> {
    let trust = TrustView::new(read_charter(charter)?.complete()?);
    runtime()?.block_on(async { act(&Desk::connect(address, &trust).await?).await })
}

/// Calls of one command need one thread.
///
/// Errors: [`FolderError::Io`](crate::FolderError::Io).
pub fn runtime() -> Result<Runtime, IssuerError> {
    Builder::new_current_thread().enable_all().build().map_err(io("start", Path::new("the network")))
}

/// Which of the two requests that may wait for one device is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The one on an invitation.
    Invited,
    /// The renewal.
    Renewal,
}

/// One visit to the desk, with the CA open and locked.
pub struct Visit {
    runtime: Runtime,
    desk: Desk,
    /// The agency's CA.
    pub ca: AgencyCa,
    /// The charter in force.
    pub charter: CharterFile,
    /// What it says about certificates.
    pub trust: TrustView,
}

impl Visit {
    /// Connects to the desk at `address`, then opens the CA: its folder is not locked while a server does not answer.
    ///
    /// Errors: as [`Desk::connect`]; those of the charter, and of `open`.
    pub fn begin(
        address: &str,
        charter: &Path,
        open: impl FnOnce() -> Result<AgencyCa, IssuerError>,
    ) -> Result<Self, IssuerError> {
        let charter = read_charter(charter)?;
        let trust = TrustView::new(charter.complete()?);
        let runtime = runtime()?;
        let desk = runtime.block_on(Desk::connect(address, &trust))?;
        let ca = open()?;
        Ok(Self { runtime, desk, ca, charter, trust })
    }

    /// What the agency orders at the desk. `now_ms`: milliseconds since 1970, also below.
    pub fn orders(&self, now_ms: i64) -> Orders<'_> {
        self.desk.orders(&self.ca, now_ms)
    }

    /// Waits for a call.
    pub fn wait<A>(&self, call: impl Future<Output = A>) -> A {
        self.runtime.block_on(call)
    }

    /// Publishes what the ledger says and the server does not have yet: before anything goes out that stands in it.
    pub fn publish_ledger(&self, now_ms: i64) -> Result<PublishedLedger, IssuerError> {
        self.wait(self.desk.publish_ledger(&self.ca, now_ms))
    }

    /// What waits.
    pub fn waiting(&self, after_event: u64, now_ms: i64) -> Result<Waiting, IssuerError> {
        self.wait(self.orders(now_ms).waiting(after_event))
    }

    /// Puts a CRL (DER) in force; see [`Desk::submit_crl`].
    pub fn submit_crl(&self, crl: Vec<u8>) -> Result<Published, IssuerError> {
        self.wait(self.desk.submit_crl(crl))
    }

    /// Lays answers to renewals down; see [`answer_all`].
    pub fn answer_all(
        &self,
        answers: Vec<RenewalAnswer>,
        clock: impl Fn() -> i64,
        told: impl FnMut(&RenewalAnswer, Result<(), IssuerError>) -> Result<(), IssuerError>,
    ) -> Result<usize, IssuerError> {
        self.wait(answer_all(&self.desk, &self.ca, answers, clock, told))
    }

    /// Whether the newest list has lived half its time. One that cannot be read is replaced.
    pub fn is_list_half_over(&self, now_ms: i64) -> bool {
        let newest = self.ca.newest_crl().ok();
        let crl = newest.and_then(|der| Crl::verify(&der, self.trust.charters()).ok());
        crl.is_none_or(|crl| now_ms >= crl.this_update_ms + (crl.next_update_ms - crl.this_update_ms) / 2)
    }

    /// What waits, judged.
    pub fn judged(&self, waiting: &Waiting, invitations: &Invitations, now_ms: i64) -> Vec<Judged> {
        let judge = |request| self.ca.judge(request, invitations, &self.trust, now_ms);
        waiting.requests.iter().map(judge).collect()
    }

    /// The request of a device: the one that is `wanted`, or else the other one that waits.
    pub fn request_of(
        &self,
        identity: &Identity,
        wanted: Wanted,
        invitations: &Invitations,
        now_ms: i64,
    ) -> Result<Judged, IssuerError> {
        // Events are for `pending`: none are asked for here.
        let waiting = self.waiting(u64::MAX, now_ms)?;
        let of_device = || waiting.requests.iter().filter(|request| request.identity == *identity);
        let is_wanted = |request: &&WaitingRequest| match (&request.what, wanted) {
            (HandedIn::Invited { .. }, Wanted::Invited) | (HandedIn::Renewal { .. }, Wanted::Renewal) => true,
            (HandedIn::Invited { .. }, Wanted::Renewal) | (HandedIn::Renewal { .. }, Wanted::Invited) => {
                false
            }
        };
        let request = of_device().find(is_wanted).or_else(|| of_device().next());
        let request = request.ok_or_else(|| AnswerError::NotWaiting(identity.clone()))?;
        Ok(self.ca.judge(request, invitations, &self.trust, now_ms))
    }
}
