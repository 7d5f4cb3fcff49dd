//! What a person is told of what was just made, certified, published or decided.

use crate::{
    ledger::{entries::Revocation, publication::PublishedLedger},
    telling::{
        differences::side_code,
        time::{day, end, minute},
    },
};
use alcove_programs::language::Language;
use alcove_proto::{
    names::{Identity, TrustDomain},
    v1::Side,
};
use std::path::Path;

/// An agency's CA, and what to do with its folder.
pub fn agency_ca(language: Language, name: &str, folder: &Path) -> Vec<String> {
    let Language::English = language;
    vec![
        format!("Made the CA of {name} in {}.", folder.display()),
        "Keep a copy of the folder and its passphrase offline: no one can replace them.".to_owned(),
    ]
}

/// The operator's CA.
pub fn server_ca(language: Language, collaborative: &str, folder: &Path) -> String {
    let Language::English = language;
    format!("Made the server CA of {collaborative} in {}.", folder.display())
}

/// How an agency will be called.
pub fn renamed(language: Language, name: &str, side: Side) -> String {
    let Language::English = language;
    format!("The agency will be {name} ({}).", side_code(side))
}

/// A duty officer's key, and what it can do.
pub fn duty_key(language: Language, agency: &TrustDomain, folder: &Path) -> Vec<String> {
    let Language::English = language;
    vec![
        format!("Made the duty officer's key of {agency} in {}.", folder.display()),
        "It can shut devices out, and cannot let any in.".to_owned(),
    ]
}

/// That a device is shut out.
pub fn denied(language: Language, device: &Identity) -> String {
    let Language::English = language;
    format!("Denied {device}.")
}

/// That a denial was taken back.
pub fn let_in_again(language: Language, device: &Identity) -> String {
    let Language::English = language;
    format!("{device} is let in again, unless it is revoked.")
}

/// Who is invited, until when, and under which name.
pub fn invited(language: Language, person: (&str, &str), device: &Identity, until_ms: i64) -> Vec<String> {
    let Language::English = language;
    let (name, role) = person;
    vec![format!("Invited {name} ({role}) until {}.", minute(until_ms)), they_are(language, device)]
}

/// Under which name a person's device is known.
pub fn they_are(language: Language, device: &Identity) -> String {
    let Language::English = language;
    format!("They are {device}.")
}

/// Which words a request has, before it is certified by files.
pub fn words_of_request(language: Language, words: &str) -> String {
    let Language::English = language;
    format!("The request's words are: {words}. The person must see the same.")
}

/// Whose words to hear, before a request at the desk is certified.
pub fn words_to_hear(language: Language, device: &Identity, words: &str) -> [String; 3] {
    let Language::English = language;
    [
        format!("The request for {device} has the words:"),
        format!("    {words}"),
        "Call the person, and let them read their words to you.".to_owned(),
    ]
}

/// That a certificate was made, for whom or what, and when it ends.
pub fn certified(language: Language, whom: &str, not_after_ms: i64, now_ms: i64) -> String {
    let Language::English = language;
    format!("Certified {whom} until {}.", end(not_after_ms, now_ms))
}

/// That a request was refused.
pub fn refused(language: Language) -> &'static str {
    let Language::English = language;
    "Refused; nothing was signed, and the device is told."
}

/// That an invitation was taken back.
pub fn withdrawn(language: Language) -> &'static str {
    let Language::English = language;
    "The invitation can no longer be used."
}

/// How much of the ledger the server has.
pub fn ledger_published(language: Language, published: &PublishedLedger) -> String {
    let Language::English = language;
    let PublishedLedger { entries, new } = published;
    match new {
        0 => format!("The server has all {entries} entries of the ledger."),
        1 => format!("The server has all {entries} entries of the ledger now, 1 of them new."),
        new => format!("The server has all {entries} entries of the ledger now, {new} of them new."),
    }
}

/// Whether a certificate counts, and until or since when.
pub fn state(language: Language, not_after_ms: i64, revoked: Option<&Revocation>, now_ms: i64) -> String {
    let Language::English = language;
    match revoked {
        Some(revocation) => format!("revoked {}", day(revocation.at_ms)),
        None if not_after_ms < now_ms => format!("ended {}", end(not_after_ms, now_ms)),
        None => format!("until {}", end(not_after_ms, now_ms)),
    }
}

/// Whom a charter would cut: those who are connected, and those with certificates from a CA that it drops.
pub fn would_cut(language: Language, connected: &[Identity], held: &[Identity]) -> Vec<String> {
    let Language::English = language;
    let mut lines: Vec<_> =
        connected.iter().map(|device| format!("{device}  is connected now and would be cut")).collect();
    lines.extend(held.iter().map(|device| format!("{device}  has certificates from a CA that is dropped")));
    if lines.is_empty() {
        lines.push("No device depends on what this charter drops.".to_owned());
    }
    lines
}
