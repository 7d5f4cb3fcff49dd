//! `ledger`: what the CA has signed and revoked, published for the agency's own devices.

use super::{clock::clock_ms, desk::AtDesk, run::Run};
use alcove_issuer::{IssuerError, PublishedLedger};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Publish what the server does not have yet. After certifying by files, and once for a folder that is older than
    /// published ledgers.
    Publish(Publish),
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    at: AtDesk,
}

impl LedgerCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        match self {
            Self::Publish(publish) => {
                let PublishedLedger { entries, new } = run.visit(&publish.at)?.publish_ledger(clock_ms())?;
                let said = match new {
                    0 => format!("The server has all {entries} entries of the ledger."),
                    1 => format!("The server has all {entries} entries of the ledger now, 1 of them new."),
                    new => {
                        format!("The server has all {entries} entries of the ledger now, {new} of them new.")
                    }
                };
                run.output.done(
                    &json!({ "schema": "alcove.certs.ledger.v1", "entries": entries, "new": new }),
                    &[said],
                )
            }
        }
    }
}
