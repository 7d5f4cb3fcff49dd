//! A charter file for people and for scripts: the same for every command, so that those who sign see what.

use crate::{
    error::IssuerError,
    ledger::entries::key_hash,
    telling::{
        differences::{Words, changes, changes_for_scripts, side_code},
        next::Done,
        time::{day, grouped, moment},
    },
};
use alcove_charter::{
    Agency, Ca, CharterFile, KeyPurpose, P256Point, Standing, directory_key_words, entry_words, key_words,
    sha256,
};
use alcove_programs::language::Language;
use alcove_proto::{ids::Digest, names::TrustDomain};
use serde_json::{Value, json};
use std::path::Path;

/// A charter file for people and for scripts.
pub struct Described<'a> {
    file: &'a CharterFile,
    standing: Standing,
    hash: String,
    has_ended: bool,
    language: Language,
}

impl<'a> Described<'a> {
    /// Errors: [`IssuerError::Charter`], for a draft that breaks a rule.
    pub fn new(file: &'a CharterFile, now_ms: i64, language: Language) -> Result<Self, IssuerError> {
        let charter = file.offered.charter();
        Ok(Self {
            file,
            standing: file.offered.standing(file.history.as_ref())?,
            hash: charter.hash().to_string(),
            has_ended: charter.check_in_force(now_ms).is_err(),
            language,
        })
    }

    /// For scripts.
    pub fn object(&self, path: &Path) -> Value {
        let Self { file, standing, hash, has_ended, language } = self;
        let charter = file.offered.charter();
        let agencies: Vec<_> = charter
            .agencies
            .iter()
            .map(|agency| {
                let cas = agency.cas.iter().map(|ca| Digest(sha256(&[ca.der()])).to_string());
                json!({
                    "trust_domain": agency.trust_domain.as_str(),
                    "name": agency.display_name,
                    "side": side_code(agency.side),
                    "ca_sha256": cas.collect::<Vec<_>>(),
                    "keys": keys(agency),
                    "words": entry_words(agency),
                    "recovery_key_sha256": agency.recovery_key.as_ref().map(|key| key_hash(key).to_string()),
                    "signed": standing.signed.contains(&agency.trust_domain),
                })
            })
            .collect();
        json!({
            "schema": "alcove.charter.v1",
            "file": path,
            "collaborative": charter.collaborative.as_str(),
            "version": charter.version,
            "hash": hash,
            "issued_at": moment(charter.issued_at_ms),
            "not_after": moment(charter.not_after_ms),
            "expired": has_ended,
            "quorum": charter.quorum,
            "server_name": charter.server_name,
            "server_cas": charter.server_cas.iter().map(server_ca).collect::<Vec<_>>(),
            "compared_with_version": file.history.as_ref().map(|history| history.newest().version),
            "changes": changes_for_scripts(*language, file),
            "rules": charter.rules,
            "directory_key_hash": charter.directory_key_hash.map(|hash| hash.to_string()),
            "directory_key_words": charter.directory_key_hash.as_ref().map(directory_key_words),
            "agencies": agencies,
            "signed": names(&standing.signed),
            "must_sign": names(&standing.must_sign),
            "quorum_signed": standing.quorum_signed,
            "quorum_needed": standing.quorum,
            "complete": standing.is_complete(),
        })
    }

    /// How far it is, for what comes next.
    pub fn done<'b>(&'b self, path: &'b Path) -> Done<'b> {
        Done::CharterSigned {
            file: path,
            version: self.file.offered.charter().version,
            must_sign: &self.standing.must_sign,
            is_complete: self.standing.is_complete(),
        }
    }

    /// The six words of the key for the names of staff; nothing where the charter states none.
    pub fn directory_key_words(&self) -> Option<String> {
        self.file.offered.charter().directory_key_hash.as_ref().map(directory_key_words)
    }

    /// For people.
    pub fn lines(&self, words: Words) -> Vec<String> {
        let Self { file, standing, hash, has_ended, language } = self;
        let charter = file.offered.charter();
        let mut lines = Vec::new();
        lines.push(format!("Charter of {}, version {}", charter.collaborative, charter.version));
        lines.push(format!("  hash     {}", grouped(hash)));
        lines.push(format!(
            "  in force {} to {}{}",
            day(charter.issued_at_ms),
            day(charter.not_after_ms),
            if *has_ended { "  (it has ended)" } else { "" }
        ));
        lines.push(format!("  server   {}", charter.server_name));
        lines.push(format!(
            "  quorum   {} of {} agencies sign a later version",
            charter.quorum,
            charter.agencies.len()
        ));
        for agency in &charter.agencies {
            let signed = standing.signed.contains(&agency.trust_domain);
            lines.push(format!(
                "  {}  {} ({}), {}",
                if signed { "signed  " } else { "        " },
                agency.display_name,
                agency.trust_domain,
                side_code(agency.side)
            ));
            if let Some(key) = &agency.recovery_key {
                lines.push(format!("            recovery key {}", grouped(&key_hash(key).to_string())));
            }
        }
        for trust_domain in &standing.signed {
            if charter.agency(trust_domain).is_none() {
                lines.push(format!("  signed    {trust_domain}, which leaves"));
            }
        }
        lines.extend(changes(*language, file, words));
        if standing.is_complete() {
            lines.push("It has all the signatures it needs.".to_owned());
        }
        if !standing.must_sign.is_empty() {
            lines.push(format!("Still to sign: {}.", names(&standing.must_sign).join(", ")));
        }
        if standing.quorum_signed < standing.quorum as usize {
            lines.push(format!(
                "{} of the {} members that must sign a new version have signed.",
                standing.quorum_signed, standing.quorum
            ));
        }
        lines
    }
}

fn names(domains: &[TrustDomain]) -> Vec<String> {
    domains.iter().map(ToString::to_string).collect()
}

/// A server CA for scripts.
fn server_ca(ca: &Ca) -> Value {
    let mut object = key(None, KeyPurpose::ServerCa, ca.public_key());
    object["certificate_sha256"] = Digest(sha256(&[ca.der()])).to_string().into();
    object
}

/// The keys of an entry for scripts.
fn keys(agency: &Agency) -> Vec<Value> {
    let keys = agency.keys().into_iter();
    keys.map(|(purpose, point)| key(Some(&agency.trust_domain), purpose, &point)).collect()
}

fn key(owner: Option<&TrustDomain>, purpose: KeyPurpose, key: &P256Point) -> Value {
    json!({
        "purpose": purpose.code(),
        "key_sha256": key_hash(key).to_string(),
        "words": key_words(owner, purpose, key),
    })
}
