//! What is said of documents that are sent, listed and saved.

use super::{
    numbers::{bytes, count},
    people,
};
use crate::session::{DocumentView, MemberView, PersonView};
use alcove_programs::language::Language;

/// That nothing has to be sent.
pub fn nothing_to_send(language: Language) -> &'static str {
    let Language::English = language;
    "There is nothing left to send."
}

/// Who will read what is about to be sent.
pub fn will_be_read_by(language: Language, documents: u64, members: &[MemberView]) -> String {
    let Language::English = language;
    format!(
        "{} will be read by {}",
        count(documents, "document", "documents"),
        people::audience(language, members)
    )
}

/// How many were sent, and `why` others were not.
pub fn not_all_sent(language: Language, sent: usize, named: usize, why: &[String]) -> String {
    let Language::English = language;
    let lines: Vec<_> = why.iter().map(|why| format!("\n  {why}")).collect();
    format!("Sent {sent} of {named}. Not sent:{}", lines.concat())
}

/// That there are none, or none since then.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "There are no documents to show."
}

/// That a document is here as it was sent, and who sent it.
pub fn verified(language: Language, document: &DocumentView, author: &PersonView) -> String {
    let Language::English = language;
    format!("{} from {}, complete and verified.", bytes(document.size), people::full_name(language, author))
}
