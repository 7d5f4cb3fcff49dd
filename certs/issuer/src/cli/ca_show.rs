//! `ca show`: the words of a CA's own keys, for their owner to read out to those who sign a charter.

use super::run::Run;
use alcove_issuer::IssuerError;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ShowKeys {
    /// The CA folder, an agency's or the operator's.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// Print only six words: those for all keys of an agency, or those of the server's CA.
    #[arg(long)]
    words: bool,
}

impl ShowKeys {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let (ca, _) = run.open_any(&self.ca)?;
        let (kind, own) = (ca.kind(), ca.own_words()?);
        let keys: Vec<Value> = own
            .keys
            .iter()
            .map(|key| json!({ "purpose": key.purpose, "key_sha256": key.hash.to_string(), "words": key.words }))
            .collect();
        let object = json!({
            "schema": "alcove.certs.keys.v1",
            "kind": kind,
            "of": own.of,
            "words": own.all,
            "keys": keys,
        });
        if self.words {
            return run.output.answer(&object, &[own.all]);
        }
        let mut lines = vec![
            format!("The keys of {}.", own.of),
            "Before other admins sign a charter, they call you at a number they already have: read these words out. Never send them."
                .to_owned(),
            "They are for signing a charter only. Staff compare other words, those of `alcove verify`.".to_owned(),
            format!("  {:<14}{}", if kind == "agency" { "all together" } else { "server-ca" }, own.all),
        ];
        let single = own.keys.iter().filter(|key| key.words != own.all);
        lines.extend(single.map(|key| format!("  {:<14}{}", key.purpose, key.words)));
        run.output.answer(&object, &lines)
    }
}
