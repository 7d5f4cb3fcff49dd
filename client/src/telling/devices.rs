//! What is said of a person's own devices.

use super::{cases::title, numbers::count, told::Told};
use crate::session::ConversationView;
use alcove_programs::{exit::Exit, language::Language};

/// Which words another device must show, and what it will read, before it is added.
pub fn adding(language: Language, number: u16, words: &str) -> String {
    let Language::English = language;
    format!(
        "Your device {number} must show these words with `alcove verify`: {words}\nIt will read everything in your \
         cases that this device can read, old and new."
    )
}

/// That it is in a case now, and with how much.
pub fn added(language: Language, case: &ConversationView, items: u64) -> String {
    let Language::English = language;
    format!("{}: added, with {} from before.", title(language, case), count(items, "item", "items"))
}

/// Why it is not in a case, or not with everything.
pub fn not_added(language: Language, case: &ConversationView, why: &Told) -> String {
    let Language::English = language;
    format!("{}: {}", title(language, case), why.what)
}

/// That there was nothing to do.
pub fn in_all_cases(language: Language) -> &'static str {
    let Language::English = language;
    "It is already in all of your cases."
}

/// That some cases are as they were.
pub fn not_everywhere(language: Language, first: &Told) -> Told {
    let Language::English = language;
    Told::new(
        Exit::Conflict,
        "Not every case could be changed now.",
        format!("Run the command again; it continues where it stopped. The first reason: {}", first.what),
    )
}
