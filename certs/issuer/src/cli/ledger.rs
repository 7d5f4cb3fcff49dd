//! `ledger`: what the CA has signed and revoked, published for the agency's own devices.

use super::{clock::clock_ms, desk::AtDesk, run::Run};
use alcove_issuer::{IssuerError, PublishedLedger, telling::made};
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
                let published = run.visit(&publish.at)?.publish_ledger(clock_ms())?;
                let said = made::ledger_published(run.output.language, &published);
                let PublishedLedger { entries, new } = published;
                run.output.done(
                    &json!({ "schema": "alcove.certs.ledger.v1", "entries": entries, "new": new }),
                    &[said],
                )
            }
        }
    }
}
