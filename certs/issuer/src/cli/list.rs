//! `list`: what a CA has handed out.

use super::run::Run;
use alcove_issuer::{
    IssuerError, Kind, Listed, list,
    telling::{made, moment},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
}

impl List {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        for Listed { issued, revoked } in list(&self.ca)? {
            let kind = match issued.kind {
                Kind::Tls => "tls",
                Kind::Mls => "mls",
                Kind::Server => "server",
                Kind::Receipts => "receipts",
                Kind::Duty => "duty",
            };
            let language = run.output.language;
            let state = made::state(language, issued.not_after_ms, revoked.as_ref(), run.now_ms);
            run.output.answer(
                &json!({
                    "schema": "alcove.certs.certificate.v1",
                    "serial": issued.serial,
                    "kind": kind,
                    "name": issued.name,
                    "issued_at": moment(issued.at_ms),
                    "not_after": moment(issued.not_after_ms),
                    "revoked_at": revoked.map(|revocation| moment(revocation.at_ms)),
                }),
                &[format!("{}  {kind:<8}  {state:<18}  {}", issued.serial, issued.name)],
            )?;
        }
        Ok(())
    }
}
