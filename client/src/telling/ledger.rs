//! The agency's ledger in words: what it has certified in a person's name, and whom it does not list.

use super::{numbers, people, times};
use crate::session::{LedgerSummary, ListedCertificate, OwnKey, UnlistedView};
use alcove_programs::language::Language;

/// One line for `alcove status`.
pub fn line(language: Language, summary: Option<&LedgerSummary>) -> String {
    let Language::English = language;
    match summary {
        None => "your agency has not published a ledger".to_owned(),
        Some(summary) if summary.unlisted == 0 => {
            format!("{} It lists every device of your agency in your cases.", described(language, summary))
        }
        Some(summary) => format!(
            "{} {} of your agency in your cases {} NOT in it: see `alcove ledger`.",
            described(language, summary),
            numbers::count(summary.unlisted, "certificate", "certificates"),
            if summary.unlisted == 1 { "is" } else { "are" }
        ),
    }
}

/// That there is no ledger.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "Your agency has not published a ledger."
}

/// What stands above a person's own certificates.
pub fn in_your_name(language: Language) -> &'static str {
    let Language::English = language;
    "Certified in your name:"
}

/// Somebody whom the agency has not certified, as far as its ledger says.
pub fn unlisted(language: Language, missing: &UnlistedView) -> String {
    let Language::English = language;
    format!(
        "{} ({}) is in a case but not in the ledger, noticed on {}.",
        people::full_name(language, &missing.person),
        missing.identity,
        times::minute(missing.since_ms)
    )
}

/// Somebody was certified in this person's name. `listed`: it is shown beside this.
pub fn unknown_warning(language: Language, summary: &LedgerSummary, listed: bool) -> Option<String> {
    let Language::English = language;
    (summary.unknown > 0).then(|| {
        format!(
            "{} in your name with a key that this device does not know{}. If you have no other device, or did not \
             enrol one at that time, tell your agency's admin at once.",
            numbers::count(summary.unknown, "certificate was signed", "certificates were signed"),
            if listed { "" } else { ": see `alcove ledger`" }
        )
    })
}

/// How many entries it has, and until when it is complete.
pub fn described(language: Language, summary: &LedgerSummary) -> String {
    let Language::English = language;
    format!(
        "{}, complete until {}.",
        numbers::count(summary.entries, "entry", "entries"),
        times::minute(summary.complete_until_ms)
    )
}

/// When a certificate ends, or why it has ended before.
pub fn until(language: Language, certificate: &ListedCertificate, now_ms: i64) -> String {
    let Language::English = language;
    match certificate.revoked_at_ms {
        Some(at_ms) => format!("revoked {}", times::minute(at_ms)),
        None if certificate.not_after_ms < now_ms => {
            format!("ended {}", times::minute(certificate.not_after_ms))
        }
        None => times::minute(certificate.not_after_ms),
    }
}

/// Whose key a certificate is for.
pub fn key_text(language: Language, key: OwnKey) -> &'static str {
    let Language::English = language;
    match key {
        OwnKey::Unknown => "NOT KNOWN HERE",
        OwnKey::Known => "yours",
        OwnKey::Earlier => "from before",
    }
}
