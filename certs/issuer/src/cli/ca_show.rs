//! `ca show`: the words of a CA's own keys, for their owner to read out to whoever signs a charter.

use super::run::Run;
use alcove_charter::{Agency, Ca, KeyPurpose, P256Point, entry_words, key_words};
use alcove_issuer::{AgencyCa, FolderError, IssuerError, Passphrase, ServerCa, key_hash};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct ShowKeys {
    /// The CA folder, an agency's or the operator's.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// Answer with six words alone: those over all keys of an agency, or those of the server's CA.
    #[arg(long)]
    words: bool,
}

/// What a folder's owner reads out.
struct OwnWords {
    kind: &'static str,
    of: String,
    /// Those asked for when it joins.
    all: String,
    keys: Vec<(KeyPurpose, P256Point, String)>,
}

impl ShowKeys {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let (own, _) = run.passphrase.open(|passphrase| read(&self.ca, passphrase))?;
        let keys: Vec<Value> = own
            .keys
            .iter()
            .map(|(purpose, key, words)| {
                json!({ "purpose": purpose.code(), "key_sha256": key_hash(key).to_string(), "words": words })
            })
            .collect();
        let object = json!({
            "schema": "alcove.certs.keys.v1",
            "kind": own.kind,
            "of": own.of,
            "words": own.all,
            "keys": keys,
        });
        if self.words {
            return run.output.answer(&object, &[own.all]);
        }
        let mut lines = vec![
            format!("The keys of {}.", own.of),
            "Before they sign a charter, other admins call you at a number they have: read these out. Never send them."
                .to_owned(),
            format!("  {:<14}{}", if own.kind == "agency" { "all together" } else { "server-ca" }, own.all),
        ];
        let single = own.keys.iter().filter(|(.., words)| *words != own.all);
        lines.extend(single.map(|(purpose, _, words)| format!("  {:<14}{words}", purpose.code())));
        run.output.answer(&object, &lines)
    }
}

fn read(folder: &Path, passphrase: &Passphrase) -> Result<OwnWords, IssuerError> {
    match AgencyCa::open(folder, passphrase) {
        Ok(ca) => {
            let agency = Agency::parse(&ca.entry())?;
            let of = &agency.trust_domain;
            let words =
                |(purpose, key): (KeyPurpose, P256Point)| (purpose, key, key_words(Some(of), purpose, &key));
            let keys = agency.keys().into_iter().map(words).collect();
            Ok(OwnWords { kind: "agency", of: of.to_string(), all: entry_words(&agency), keys })
        }
        Err(IssuerError::Folder(FolderError::NoCa { .. })) => {
            let ca = ServerCa::open(folder, passphrase)?;
            let mut keys = Vec::new();
            for der in ca.certificates() {
                let key = *Ca::parse(der).map_err(alcove_charter::CharterError::ServerCa)?.public_key();
                keys.push((KeyPurpose::ServerCa, key, key_words(None, KeyPurpose::ServerCa, &key)));
            }
            let all = keys.first().map(|(.., words)| words.clone()).unwrap_or_default();
            Ok(OwnWords { kind: "server", of: format!("the server of {}", ca.collaborative()), all, keys })
        }
        Err(error) => Err(error),
    }
}
