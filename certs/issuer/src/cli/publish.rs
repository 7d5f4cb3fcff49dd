//! Publishing at the desk: lists and charters, and who would be cut by one.

use super::{charter::read_charter, clock_ms, desk::runtime, output::Output, passphrase::Source};
use alcove_charter::{CharterFile, TrustView};
use alcove_issuer::{AgencyCa, Desk, IssuerError, Published, read_limited};
use alcove_proto::{
    limits::{CRL_AHEAD_MS_MAX, CRL_BYTES_MAX, CRLS_PER_MINUTE_MAX, LISTED_SERIALS_MAX},
    names::Identity,
    v1::Reason,
};
use clap::Args;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a list is handed in again that came too soon.
const WAITS_MAX: u32 = 3;
/// Milliseconds that are waited each time at most: whatever a server says, nobody sits there for longer.
const WAIT_MS_MAX: u64 = 90_000;

/// Milliseconds that are waited for a list that is dated ahead: no desk that takes a minute asks for more of one whose clock is
/// ahead by less.
const AHEAD_MS_MAX: u64 = CRL_AHEAD_MS_MAX.unsigned_abs();

/// Where a list is published as soon as it is made; nowhere, if no desk is named.
#[derive(Debug, Args)]
pub(crate) struct Publishing {
    /// Publish the list at the server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK", requires = "charter")]
    desk: Option<String>,
    /// The charter in force, which says who the server is.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: Option<PathBuf>,
}

impl Publishing {
    /// Publishes a list that is on disk in `file`. Nothing when no desk is named.
    pub(crate) fn publish(
        &self,
        crl: &[u8],
        file: &Path,
        output: &mut Output,
    ) -> Result<Option<Published>, IssuerError> {
        let (Some(desk), Some(charter)) = (&self.desk, &self.charter) else { return Ok(None) };
        publish_crl(desk, charter, crl, file, output).map(Some)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PublishCrl {
    /// The list.
    file: PathBuf,
    /// The server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
    /// The charter in force, which says who the server is.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
}

impl PublishCrl {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), IssuerError> {
        let crl = read_limited(&self.file, CRL_BYTES_MAX)?;
        let published = publish_crl(&self.desk, &self.charter, &crl, &self.file, output)?;
        output.answer(
            &json!({
                "schema": "alcove.certs.published.v1",
                "what": "crl",
                "number": published.number,
                "cut": published.cut,
            }),
            &[format!("List {} is in force. {}", published.number, cut_text(published.cut))],
        )
    }
}

impl Publishing {
    /// Publishes the ledger, if a desk is named: what has just been done stands in it.
    pub(crate) fn publish_ledger(&self, ca: &AgencyCa) -> Result<(), IssuerError> {
        let (Some(desk), Some(charter)) = (&self.desk, &self.charter) else { return Ok(()) };
        let publish = || {
            let trust = TrustView::new(read_charter(charter)?.complete()?);
            let published = async { Desk::connect(desk, &trust).await?.publish_ledger(ca, clock_ms()).await };
            runtime()?.block_on(published).map(drop)
        };
        publish().map_err(|source| IssuerError::LedgerUnpublished { source: Box::new(source) })
    }
}

/// Publishes a list, and waits where the agency has had as many within a minute as the desk takes, and once until the list is
/// dated ahead no more: each list names everything that was revoked until then, so that nothing is lost by waiting, nor by
/// giving up.
fn publish_crl(
    desk: &str,
    charter: &Path,
    crl: &[u8],
    file: &Path,
    output: &mut Output,
) -> Result<Published, IssuerError> {
    let mut publish = || {
        let trust = TrustView::new(read_charter(charter)?.complete()?);
        let runtime = runtime()?;
        let mut waits = 0;
        let mut has_waited_for_its_date = false;
        loop {
            let submit = async { Desk::connect(desk, &trust).await?.submit_crl(crl.to_vec()).await };
            // Rounded up, so that nobody comes a moment too early.
            let seconds_of = |retry_after_ms: u64| retry_after_ms.min(WAIT_MS_MAX).div_ceil(1000).max(1);
            let seconds = match runtime.block_on(submit) {
                Err(IssuerError::DeskRefused { reason: Reason::RateLimited, retry_after_ms, .. })
                    if waits < WAITS_MAX =>
                {
                    waits += 1;
                    let seconds = seconds_of(retry_after_ms);
                    output.remark(&waiting_text(seconds, file))?;
                    seconds
                }
                Err(IssuerError::DeskRefused { reason: Reason::ClockSkew, retry_after_ms, .. })
                    if !has_waited_for_its_date && (1..=AHEAD_MS_MAX).contains(&retry_after_ms) =>
                {
                    has_waited_for_its_date = true;
                    let seconds = seconds_of(retry_after_ms);
                    output.remark(&ahead_text(seconds, file))?;
                    seconds
                }
                published => return published.map_err(of_a_list),
            };
            runtime.block_on(async { tokio::time::sleep(Duration::from_secs(seconds)).await });
        }
    };
    publish().map_err(|source| IssuerError::Unpublished { file: file.to_owned(), source: Box::new(source) })
}

/// What the desk says of a list in particular.
pub(crate) fn of_a_list(error: IssuerError) -> IssuerError {
    match error {
        IssuerError::DeskRefused { reason: Reason::ClockSkew, retry_after_ms, .. } => {
            IssuerError::ListAhead { retry_after_ms }
        }
        IssuerError::DeskRefused { reason: Reason::ListRefused, limit, retry_after_ms, .. }
            if retry_after_ms > 0 =>
        {
            IssuerError::ListTooEarly { number: limit, retry_after_ms }
        }
        IssuerError::DeskRefused { reason: Reason::TooLarge, limit, .. }
            if limit == LISTED_SERIALS_MAX as u64 =>
        {
            IssuerError::ListFull { max: LISTED_SERIALS_MAX }
        }
        error => error,
    }
}

fn waiting_text(seconds: u64, file: &Path) -> String {
    format!(
        "The server takes {CRLS_PER_MINUTE_MAX} lists a minute from an agency. This one is in {} and goes in {seconds} s from \
         now: please wait. One list can name many: --identity may be given several times.",
        file.display()
    )
}

fn ahead_text(seconds: u64, file: &Path) -> String {
    format!(
        "This list is dated ahead of the server's clock: set the clock of this computer. It is in {} and goes in {seconds} s from \
         now: please wait.",
        file.display()
    )
}

/// How many connections ended.
pub(crate) fn cut_text(cut: u32) -> String {
    match cut {
        0 => "No live connection was cut.".to_owned(),
        1 => "1 live connection was cut.".to_owned(),
        cut => format!("{cut} live connections were cut."),
    }
}

#[derive(Debug, Args)]
pub(crate) struct PublishCharter {
    /// The charter, with all signatures it needs.
    file: PathBuf,
    /// The server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
    /// Put it in force also when it cuts live connections.
    #[arg(long)]
    force: bool,
}

impl PublishCharter {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        file.complete()?;
        let runtime = runtime()?;
        let published = runtime.block_on(async {
            connect_by_any(&self.desk, &file).await?.submit_charter(file.encode(), self.force).await
        })?;
        output.answer(
            &json!({
                "schema": "alcove.certs.published.v1",
                "what": "charter",
                "number": published.number,
                "cut": published.cut,
            }),
            &[
                format!("Version {} is in force. {}", published.number, cut_text(published.cut)),
                "Give the file to the other admins: their programs need it too.".to_owned(),
            ],
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct WouldCut {
    /// The charter that is to come; signatures may still be missing.
    file: PathBuf,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
}

impl WouldCut {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        let passphrase = passphrase.of_existing()?;
        let runtime = runtime()?;
        let desk = runtime.block_on(connect_by_any(&self.desk, &file))?;
        let ca = AgencyCa::open(&self.ca, &passphrase)?;
        let live = runtime.block_on(desk.would_cut(&ca, file.offered.encode(), clock_ms()))?;
        let held = ca.hang_on_dropped(&file, clock_ms());
        let names = |devices: &[Identity]| devices.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut lines = Vec::new();
        lines.extend(live.iter().map(|device| format!("{device}  is connected now and would be cut")));
        lines.extend(held.iter().map(|device| format!("{device}  has certificates by a CA that is dropped")));
        if lines.is_empty() {
            lines.push("Nobody hangs on what this charter drops.".to_owned());
        }
        output.answer(
            &json!({
                "schema": "alcove.certs.would_cut.v1",
                "version": file.offered.charter().version,
                "connected": names(&live),
                "certified": names(&held),
            }),
            &lines,
        )?;
        let mut all: Vec<_> = live.into_iter().chain(held).collect();
        all.sort();
        all.dedup();
        if all.is_empty() { Ok(()) } else { Err(IssuerError::WouldCut { count: all.len() }) }
    }
}

/// Connects to the server as the charter to come names it, or as the one in force does: when the server's CA changes,
/// either may be what it shows.
async fn connect_by_any(address: &str, file: &CharterFile) -> Result<Desk, IssuerError> {
    let coming = file.complete().ok();
    let mut refused = None;
    for history in coming.into_iter().chain(file.history.clone()) {
        match Desk::connect(address, &TrustView::new(history)).await {
            Err(error @ IssuerError::DeskCertificate { .. }) => refused = Some(error),
            other => return other,
        }
    }
    match (refused, file.complete()) {
        (Some(error), _) => Err(error),
        // Without a version in force there is nobody to be believed.
        (None, complete) => Err(complete.err().map_or(IssuerError::DeskUnreachable, IssuerError::from)),
    }
}
