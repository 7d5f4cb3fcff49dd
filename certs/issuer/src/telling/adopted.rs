//! What a person is told of a list in force that this folder did not make.

use crate::{
    ledger::{adoption::Adoptable, entries::Kind},
    telling::time::day,
};
use alcove_programs::language::Language;

/// Names that are shown to people; with --json all of them are.
const SHOWN_MAX: usize = 50;

/// What the list says otherwise than the folder, as an admin reads it.
pub fn differences_of_lists(language: Language, adoptable: &Adoptable) -> Vec<String> {
    let Language::English = language;
    let Adoptable { number, made_ms, entries, foreign, missing, left_out, .. } = adoptable;
    let mut lines = vec![format!(
        "The server has list {number} in force, made on {}, with {entries} serial numbers.",
        day(*made_ms)
    )];
    let known: Vec<_> =
        foreign.iter().filter_map(|foreign| Some((foreign, foreign.issued.as_ref()?))).collect();
    if !known.is_empty() {
        lines.push(
            "It revokes certificates that this folder has not revoked. Their devices are already shut out:"
                .to_owned(),
        );
    }
    for (foreign, issued) in known.iter().take(SHOWN_MAX) {
        let what = kind_text(language, issued.kind);
        lines.push(format!("  {}  {what}, as of {}", issued.name, day(foreign.revoked_at_ms)));
    }
    lines.extend(more(language, known.len()));
    match foreign.len() - known.len() {
        0 => {}
        1 => lines.push("It names 1 serial number under which this folder has issued nothing.".to_owned()),
        unknown => {
            lines.push(format!(
                "It names {unknown} serial numbers under which this folder has issued nothing."
            ));
        }
    }
    if *left_out > 0 {
        lines.push(format!(
            "It is signed by a CA that the charter no longer names: {left_out} serial numbers that this folder does not know are left out."
        ));
    }
    if !missing.is_empty() {
        lines.push(format!(
            "{} serial numbers are revoked here and not on it: THEIR DEVICES ARE STILL LET IN. The next list names them.",
            missing.len()
        ));
    }
    lines.push(
        "If no one in your agency made that list with another copy of this folder, someone has stolen the CA's key. What the \
         list revokes stays revoked; the people concerned need new certificates."
            .to_owned(),
    );
    lines
}

fn more(language: Language, count: usize) -> Option<String> {
    let Language::English = language;
    let more = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0)?;
    Some(format!("  and {more} more; --json names all of them"))
}

fn kind_text(language: Language, kind: Kind) -> &'static str {
    let Language::English = language;
    match kind {
        Kind::Tls => "connecting to the server",
        Kind::Mls => "signing",
        Kind::Server => "the server",
        Kind::Receipts => "receipts",
        Kind::Duty => "the duty officer",
    }
}
