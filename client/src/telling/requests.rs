//! What is said of those who want to add this person to a case and share none with them yet.

use super::{numbers::count, people};
use crate::session::RequestView;
use alcove_programs::language::Language;
use alcove_proto::ids::GroupId;

/// That somebody whom this person shares no case with wants to add them to one; of the case itself nothing.
pub fn waiting(language: Language, waiting: u64) -> String {
    let Language::English = language;
    format!(
        "{} for your answer: see `alcove case requests`.",
        count(waiting, "request waits", "requests wait")
    )
}

/// Which case it is about, where one with its id is known here.
pub fn about(language: Language, request: &RequestView) -> String {
    let Language::English = language;
    match &request.known {
        Some(case) if request.leads_on => {
            format!("the case {:.8}, which you have left", case.to_string())
        }
        Some(case) => format!("NOT the case {:.8} as you know it: compare words first", case.to_string()),
        None => String::new(),
    }
}

/// That nobody has asked.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "No requests are waiting."
}

/// What they are, and what to do with them.
pub fn what_they_are(language: Language) -> &'static str {
    let Language::English = language;
    "These people want to add you to a case, and you share no case with them. Its title and its readers are \
     shown once you accept. Ask them by phone whether they sent the request, and compare the words. `alcove \
     case accept ID` joins the case; `alcove case decline ID` removes the request. They are told neither. \
     `alcove block` stops all their requests."
}

/// Who asks, before it is accepted.
pub fn accepting(language: Language, request: &RequestView) -> String {
    let Language::English = language;
    format!(
        "{} wants to add you to a case. The words of their device are: {}.",
        people::full_name(language, &request.person),
        request.words
    )
}

/// That it is a case which this person was in.
pub fn comes_back(language: Language, case: &GroupId) -> String {
    let Language::English = language;
    format!("It is the case {:.8}, which you have left.", case.to_string())
}

/// That it has the id of a case which this person knows, and is another one.
pub fn replaces(language: Language, case: &GroupId) -> String {
    let Language::English = language;
    format!(
        "You know a case with this id, {:.8}, and as far as you were shown, this one does not continue it. \
         Compare the words by phone first. What you have stays readable, marked as not continued; neither it \
         nor what was not sent goes to anyone.",
        case.to_string()
    )
}

/// Who asks, before it is declined.
pub fn declining(language: Language, request: &RequestView) -> String {
    let Language::English = language;
    format!(
        "{} wants to add you to a case. If you decline, they are not told, and you can be asked again.",
        people::full_name(language, &request.person)
    )
}
