//! `recovery check`: shares are judged without being put together.

use crate::cli::{
    recovery::shares::{PassphraseFiles, Reference},
    run::Run,
};
use alcove_issuer::{
    IssuerError, key_hash,
    telling::{share_fault, shares_judged},
};
use alcove_proto::names::TrustDomain;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The share files.
    #[arg(required = true, value_name = "SHARE")]
    shares: Vec<PathBuf>,
    #[command(flatten)]
    reference: Reference,
    #[command(flatten)]
    passphrases: PassphraseFiles,
}

impl Check {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let shares = self.passphrases.check(&self.shares, &self.reference)?;
        let agency = shares.trust_domain().map(TrustDomain::as_str);
        let hash = shares.recovery_key().map(|key| key_hash(key).to_string());
        for share in shares.checked() {
            let verdict = share
                .verdict
                .as_ref()
                .map_or_else(|fault| share_fault(run.output.language, fault), |()| "good".to_owned());
            run.output.answer(
                &json!({
                    "schema": "alcove.certs.share.v1",
                    "file": share.path,
                    "number": share.number,
                    "good": share.verdict.is_ok(),
                    "verdict": verdict,
                    "agency": agency,
                    "recovery_key_sha256": hash,
                }),
                &[format!("{}: {verdict}", share.path.display())],
            )?;
        }
        shares.all_good()?;
        let hash = hash.unwrap_or_default();
        let said = shares_judged(run.output.language, shares.count(), agency.unwrap_or_default(), &hash);
        run.output.remarks(&said)
    }
}
