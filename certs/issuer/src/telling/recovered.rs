//! What a person is told of escrow that was fetched or opened.

use crate::{
    desk::recoveries::{Attempt, FetchedEscrow},
    recovery::OpenedEscrow,
};
use alcove_programs::language::Language;
use std::path::Path;

/// How much was fetched into `file`, and what it is good for.
pub fn fetched(language: Language, fetched: &FetchedEscrow, attempt: &Attempt, file: &Path) -> Vec<String> {
    let Language::English = language;
    let (entries, grants) = (fetched.bundle.entries.len(), fetched.bundle.grants.len());
    let mut lines = vec![format!(
        "Fetched {entries} entries and {grants} grants, sealed to the recovery key, into {}.",
        file.display()
    )];
    if fetched.left_out > 0 {
        lines.push(format!("{} were malformed and left out.", fetched.left_out));
    }
    lines.push(format!(
        "{} may read the log again; it needs the recovered keys to open what it reads.",
        attempt.identity
    ));
    lines
}

/// How much of so many entries and grants opened, and what is wrong with the rest.
pub fn opened(language: Language, opened: &OpenedEscrow, entries: usize, grants: usize) -> Vec<String> {
    let Language::English = language;
    let once = opened.sealed_once().len();
    let mut lines = vec![format!("Opened the keys of {} epochs out of {entries} entries.", opened.epochs())];
    if grants > 0 {
        lines.push(format!("Opened {} of {grants} grants that their devices had received.", opened.grants()));
    }
    for poisoned in opened.compare() {
        lines.push(format!(
            "Epoch {} of group {} is poisoned: its entries {} hold different keys. Both were kept.",
            poisoned.place.epoch,
            poisoned.place.group,
            poisoned.entries.iter().map(|entries| numbers(entries)).collect::<Vec<_>>().join(" and ")
        ));
    }
    if once > 0 {
        lines.push(format!("{once} epochs were sealed by one device alone."));
    }
    if !opened.unopened().is_empty() {
        lines.push(format!("Entries that did not open: {}.", numbers(opened.unopened())));
    }
    if !opened.unopened_grants().is_empty() {
        lines.push(format!("Grants that did not open: {}.", numbers(opened.unopened_grants())));
    }
    lines
}

/// Entries as people count them, from 1.
fn numbers(entries: &[usize]) -> String {
    entries.iter().map(|entry| (entry + 1).to_string()).collect::<Vec<_>>().join(", ")
}
