//! What two members compare by phone, and what they learn from it.

use crate::session::Comparison;
use alcove_programs::language::Language;

/// The number and the words.
pub fn shown(language: Language, comparison: &Comparison) -> String {
    let Language::English = language;
    format!("Number {}: {}", comparison.epoch, comparison.words)
}

/// What the number is.
pub fn what_it_counts(language: Language) -> &'static str {
    let Language::English = language;
    "The number counts how often the people on the case, or the keys of their devices, have changed: it says how far \
     this device has read."
}

/// With whom to compare, and what each outcome means.
pub fn how_to(language: Language) -> &'static str {
    let Language::English = language;
    "Call a member whose voice you know, and have them run the same command. If the number and the words are the \
     same, you are in the same case. If the number differs, both run `alcove status`, then compare again. If only \
     the words differ, the server shows each of you a different case: write nothing more to it, and tell your \
     admin and the server's operator. An owner can open a new case with `alcove case new`, on another server if \
     need be."
}
