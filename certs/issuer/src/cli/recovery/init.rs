//! `recovery init`: a key is made and split among officers.

use crate::cli::{passphrase, recovery::shares::PassphraseFiles, run::Run};
use alcove_issuer::{
    IssuerError, key_hash,
    recovery::RecoveryOrder,
    telling::{Done, grouped},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// How many officers get a share each; at most 16.
    #[arg(long, value_name = "N")]
    officers: u32,
    /// How many of the shares open the key; at least 2.
    #[arg(long, value_name = "K")]
    needed: u32,
    /// Make another key even if a charter names one.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrases: PassphraseFiles,
    /// The folder for the shares: new or empty.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl Init {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let order = RecoveryOrder { officers: self.officers, needed: self.needed, replace: self.replace };
        order.check()?;
        self.passphrases.check_count(self.officers as usize)?;
        let (mut ca, _) = run.open_agency(&self.ca)?;
        // Before five people have thought of passphrases for nothing.
        ca.check_recovery_replaceable(self.replace)?;
        let passphrases = (1..=self.officers)
            .map(|number| {
                let file = self.passphrases.of(number as usize - 1);
                passphrase::of_new_share(file, number, self.officers)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let made = ca.init_recovery(order, &self.output, &passphrases)?;
        let hash = key_hash(&made.recovery_key).to_string();
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.recovery.v1",
                "agency": ca.profile().trust_domain.as_str(),
                "recovery_key_sha256": hash,
                "needed": self.needed,
                "officers": self.officers,
                "shares": made.shares,
                "agency_file": self.ca.join("agency.pub"),
            }),
            vec![
                format!(
                    "Split a recovery key: any {} of {} shares open it; fewer reveal nothing.",
                    self.needed, self.officers
                ),
                format!("  key hash {}", grouped(&hash)),
                "In an emergency begin with `alcove-certs recovery ask`.".to_owned(),
            ],
            &Done::RecoverySplit { folder: &self.ca, shares: &self.output },
        )
    }
}
