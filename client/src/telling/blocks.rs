//! What is said of people whom this person wants nothing of.

use super::people;
use crate::session::PersonView;
use alcove_programs::language::Language;

/// What a block does, and what it leaves.
pub fn blocked(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    format!(
        "{} can no longer add you to cases, and their requests are declined. They are not told. Cases you already \
         share stay as they are; to leave one, run `alcove case leave`.",
        people::full_name(language, person)
    )
}

/// What comes back when a block is taken back, and what does not.
pub fn unblocked(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    format!(
        "{} can add you to cases again. What they added you to while they were blocked was put away, nobody was told, \
         and it does not come back by itself: ask them to remove you from that case and to add you again.",
        people::full_name(language, person)
    )
}

/// That there is no block.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "You have not blocked anyone."
}
