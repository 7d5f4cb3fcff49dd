//! What is told, as it happens, to who watches.

use super::{cases, people};
use crate::session::{ConversationView, MemberView};
use alcove_programs::language::Language;

/// That everything up to now is shown.
pub fn caught_up(language: Language) -> &'static str {
    let Language::English = language;
    "Waiting for new notes; Ctrl-C ends."
}

/// That somebody has added this person.
pub fn joined(language: Language, case: &ConversationView) -> String {
    let Language::English = language;
    format!("You have been added to {}.", cases::title(language, case))
}

/// Who reads a case from now on.
pub fn members_changed(language: Language, title: &str, members: &[MemberView]) -> String {
    let Language::English = language;
    format!("{title} is now read by {}", people::audience(language, members))
}

/// That this person is off a case.
pub fn closed(language: Language, title: &str) -> String {
    let Language::English = language;
    format!("You are no longer a member of {title}: nothing new arrives.")
}

/// That the server is not there, or something else in its place.
pub fn reconnecting(language: Language, in_its_place: bool) -> &'static str {
    let Language::English = language;
    if in_its_place {
        "Something else answers in the server's place: the sign-in page of a network, a proxy, or somebody who should \
         not be there; `alcove status` says what. Trying again until the server is back; nothing will be missed."
    } else {
        "The server cannot be reached. Trying again until it is back; nothing will be missed."
    }
}

/// That the server is there again.
pub fn reconnected(language: Language) -> &'static str {
    let Language::English = language;
    "The server is back."
}

/// That more happened at once than could be told one by one.
pub fn missed(language: Language) -> &'static str {
    let Language::English = language;
    "A lot happened at once. The notes and documents follow; check `alcove status` for alarms and `alcove member \
     list` for who reads a case."
}
