//! `charter publish`, `charter would-cut`: putting a charter in force, and who would be cut by it.

use crate::cli::{clock::clock_ms, run::Run};
use alcove_issuer::{
    AgencyCa, Desk, DraftError, IssuerError,
    drafting::read_charter,
    runtime,
    telling::{Done, made, published::charter_in_force},
};
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
    /// Put it in force even if it cuts live connections.
    #[arg(long)]
    force: bool,
}

impl PublishCharter {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        file.complete()?;
        let runtime = runtime()?;
        let published = runtime.block_on(async {
            Desk::connect_by_any(&self.desk, &file).await?.submit_charter(file.encode(), self.force).await
        })?;
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.published.v1",
                "what": "charter",
                "number": published.number,
                "cut": published.cut,
            }),
            vec![charter_in_force(run.output.language, published.number, published.cut)],
            &Done::CharterPublished { file: &self.file },
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct WouldCut {
    /// The next charter; signatures may still be missing.
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
        let desk = runtime.block_on(Desk::connect_by_any(&self.desk, &file))?;
        let (ca, _) = passphrase.open(|passphrase| AgencyCa::open(&self.ca, passphrase))?;
        run.output.tell_end(&ca.life()?);
        let live = runtime.block_on(desk.orders(&ca, clock_ms()).would_cut(file.offered.encode()))?;
        let held = ca.hang_on_dropped(&file, clock_ms());
        let names = |devices: &[Identity]| devices.iter().map(ToString::to_string).collect::<Vec<_>>();
        let lines = made::would_cut(run.output.language, &live, &held);
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
        if all.is_empty() { Ok(()) } else { Err(DraftError::WouldCut { count: all.len() }.into()) }
    }
}
