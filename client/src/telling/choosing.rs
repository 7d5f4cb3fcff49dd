//! Why nothing was chosen by a name or the beginning of an id, and how to name it.

use super::{
    leaders, numbers,
    people::{self, Names},
    session, times,
    told::Told,
};
use crate::session::{Among, ChooseError, DocumentView, PersonView, Thing};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};

/// People or cases listed in one refusal.
const LISTED_MAX: usize = 10;

/// How a command ends that named something unclear.
pub fn told(language: Language, names: Names<'_>, error: ChooseError) -> Told {
    let Language::English = language;
    match error {
        ChooseError::Session(error) => session::told(language, names, error),
        ChooseError::NotAPerson { query, source } => Told::refused(
            format!("{} is not a person's identity: {source}.", safe_line(&query)),
            "Copy the identity from `alcove member find`.",
        ),
        ChooseError::NoSuchPerson { query, near } => {
            let mut what = format!("Nobody named {} is known here.", safe_line(&query));
            if !near.is_empty() {
                what.push_str(&format!(" Names close to it:\n{}", listed(language, &near)));
            }
            Told::new(Exit::NotFound, what, "Look the person up with `alcove member find`.")
        }
        ChooseError::NobodyAmong { query, among } => nobody_among(language, &query, among),
        ChooseError::SeveralPeople { query, near } => Told::refused(
            format!("{} could be one of several people:\n{}", safe_line(&query), listed(language, &near)),
            "Tell them apart with --agency AGENCY, or give the spiffe:// identity instead of the name.",
        ),
        ChooseError::SeveralAgencies { names } => Told::new(
            Exit::Conflict,
            format!(
                "Several agencies have that in their name: {}.",
                names.iter().map(|name| safe_line(name)).collect::<Vec<_>>().join(", ")
            ),
            "Give more of the name, or the trust domain.",
        ),
        ChooseError::NotAnId { query, thing } => Told::refused(
            format!("{} is not the id of a {}.", safe_line(&query), noun(language, thing)),
            format!(
                "Give at least the first four digits of the id, as `alcove {}` shows it.",
                listing(thing)
            ),
        ),
        ChooseError::NotFound { query, thing } => Told::new(
            Exit::NotFound,
            format!(
                "There is no {} {} here, or you may not see it.",
                noun(language, thing),
                safe_line(&query)
            ),
            format!("See `alcove {}`.", listing(thing)),
        ),
        ChooseError::SeveralIds { query, thing } => Told::refused(
            format!("The id {query} fits more than one {}.", noun(language, thing)),
            "Give more digits of it.",
        ),
        ChooseError::SeveralCases { query, cases } => {
            let listed: Vec<String> = cases
                .iter()
                .take(LISTED_MAX)
                .map(|(id, title)| format!("{:.8}  {}", id.to_string(), safe_line(title)))
                .collect();
            Told::refused(
                format!("{} fits more than one case:\n  {}", safe_line(&query), listed.join("\n  ")),
                "Give more digits of its id.",
            )
        }
        ChooseError::SeveralDocuments { query, documents } => {
            let listed: Vec<String> = documents.iter().take(LISTED_MAX).map(described).collect();
            let more = documents.len().saturating_sub(LISTED_MAX);
            let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
            Told::refused(
                format!(
                    "{} fits more than one document:\n  {}{more}",
                    safe_line(&query),
                    listed.join("\n  ")
                ),
                "Name it by the id in front of it.",
            )
        }
        ChooseError::NoLeader { query } => Told::new(
            Exit::NotFound,
            format!("No member who is not an owner continues the case {}.", safe_line(&query)),
            "See `alcove case follow`. The person who continues it has to add you first; ask the members by phone.",
        ),
        ChooseError::SeveralLeaders { leaders } => Told::new(
            Exit::Conflict,
            format!(
                "{} members continue this case:\n{}",
                leaders.len(),
                leaders
                    .iter()
                    .map(|leader| leaders::described(language, leader))
                    .collect::<Vec<_>>()
                    .join("\n")
            ),
            "Agree by phone on one of them, and name the id of their case: `alcove case follow ID`.",
        ),
    }
}

/// A document in a list of several with one name.
fn described(document: &DocumentView) -> String {
    format!(
        "{:.8}  {}  {}  {}",
        document.id.to_string(),
        times::minute(document.written_at_ms),
        numbers::bytes(document.size),
        safe_line(&document.name)
    )
}

fn nobody_among(language: Language, query: &str, among: Among) -> Told {
    let Language::English = language;
    let query = safe_line(query);
    let (what, remedy) = match among {
        Among::Members => {
            (format!("Nobody named {query} is on this case."), "`alcove member list` shows who is on it.")
        }
        Among::Blocked => (
            format!("You have not blocked anyone named {query}."),
            "`alcove block` lists whom you have blocked.",
        ),
        Among::Asking => (
            format!("No request from {query} is waiting for your answer."),
            "`alcove case requests` lists what waits. A request about a case that you know is accepted by its id.",
        ),
        Among::Changed => (
            format!("No key of anyone named {query} has changed."),
            "`alcove verify` lists the people whose words you have to compare.",
        ),
    };
    Told::new(Exit::NotFound, what, remedy)
}

fn noun(language: Language, thing: Thing) -> &'static str {
    let Language::English = language;
    match thing {
        Thing::Case => "case",
        Thing::Note => "note",
        Thing::Document => "document",
        Thing::OutboxItem => "outbox item",
        Thing::Attempt => "attempt",
        Thing::Request => "request",
    }
}

/// The command that lists such things.
fn listing(thing: Thing) -> &'static str {
    match thing {
        Thing::Case => "case list",
        Thing::Note => "note list",
        Thing::Document => "doc list",
        Thing::OutboxItem => "outbox list",
        Thing::Attempt => "recovery list",
        Thing::Request => "case requests",
    }
}

fn listed(language: Language, people: &[PersonView]) -> String {
    let Language::English = language;
    let mut lines: Vec<String> = people
        .iter()
        .take(LISTED_MAX)
        .map(|person| format!("  {}  {}", people::full_name(language, person), person.person))
        .collect();
    if people.len() > LISTED_MAX {
        lines.push(format!("  and {} more", people.len() - LISTED_MAX));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telling::people::tests::member;

    #[test]
    fn a_hostile_name_in_the_list_is_spelled_out() {
        let near = vec![
            member("harborlight", 1, Some("Rosa Iglesias-Peña"), false).person,
            member("elmgate", 4, Some("Rosa Iglesias-Peña\u{1b}[2J"), false).person,
        ];
        let query = "Rosa Iglesias-Peña".to_owned();
        let told = told(Language::English, Names::NONE, ChooseError::SeveralPeople { query, near });
        assert_eq!(told.exit, Exit::Refused);
        assert!(told.what.contains("Rosa Iglesias-Peña of harborlight office (provider)"), "{}", told.what);
        assert!(!told.what.contains('\u{1b}'), "{}", told.what);
    }
}
