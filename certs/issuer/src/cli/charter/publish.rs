//! `charter publish`, `charter would-cut`: putting a charter in force, and who would be cut by it.

use crate::cli::{clock::clock_ms, desk::runtime, input::read_charter, publishing::cut_text, run::Run};
use alcove_charter::{CharterFile, TrustView};
use alcove_issuer::{AgencyCa, Desk, DeskError, DraftError, IssuerError};
use alcove_proto::names::Identity;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

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
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        file.complete()?;
        let runtime = runtime()?;
        let published = runtime.block_on(async {
            connect_by_any(&self.desk, &file).await?.submit_charter(file.encode(), self.force).await
        })?;
        run.output.done(
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
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        let passphrase = run.passphrase.of_existing()?;
        let runtime = runtime()?;
        let desk = runtime.block_on(connect_by_any(&self.desk, &file))?;
        let (ca, _) = passphrase.open(|passphrase| AgencyCa::open(&self.ca, passphrase))?;
        let live = runtime.block_on(desk.would_cut(&ca, file.offered.encode(), clock_ms()))?;
        let held = ca.hang_on_dropped(&file, clock_ms());
        let names = |devices: &[Identity]| devices.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut lines = Vec::new();
        lines.extend(live.iter().map(|device| format!("{device}  is connected now and would be cut")));
        lines.extend(held.iter().map(|device| format!("{device}  has certificates by a CA that is dropped")));
        if lines.is_empty() {
            lines.push("No device depends on what this charter drops.".to_owned());
        }
        run.output.answer(
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
        if all.is_empty() {
            Ok(())
        } else {
            Err(IssuerError::Draft(DraftError::WouldCut { count: all.len() }))
        }
    }
}

/// Connects to the server as the charter to come names it, or as the one in force does: when the server's CA changes,
/// either may be what it shows.
async fn connect_by_any(address: &str, file: &CharterFile) -> Result<Desk, IssuerError> {
    let coming = file.complete().ok();
    let mut refused = None;
    for history in coming.into_iter().chain(file.history.clone()) {
        match Desk::connect(address, &TrustView::new(history)).await {
            Err(error @ IssuerError::Desk(DeskError::Certificate { .. })) => refused = Some(error),
            other => return other,
        }
    }
    match (refused, file.complete()) {
        (Some(error), _) => Err(error),
        // Without a version in force there is nobody to be believed.
        (None, complete) => {
            Err(complete.err().map_or(IssuerError::Desk(DeskError::Unreachable), IssuerError::from))
        }
    }
}
