//! An attempt at recovery, in words.

use super::{numbers, people::name, times};
use crate::session::{Imported, RecoveredCaseView, RecoveryState, RecoveryView};
use alcove_programs::{language::Language, text::safe_line};
use serde::Serialize;

/// An attempt at recovery in one's agency, and what there is to do about it. Sentences.
pub fn recovery(language: Language, view: &RecoveryView) -> String {
    match language {
        Language::English => {
            let whose = format!(
                "Recovery of what {} could read is asked for, for their device {} (words: {}), announced on {}.",
                name(language, &view.person),
                view.device,
                safe_line(&view.request_words),
                times::minute(view.announced_at_ms)
            );
            let id = format!("{:.8}", view.id.to_string());
            let what = match view.state {
                RecoveryState::Announced => format!(
                    "It can be handed out from {} on. If they did not ask for it, or you have a doubt: `alcove recovery object {id}`.",
                    times::minute(view.open_from_ms)
                ),
                RecoveryState::Open => format!(
                    "It can be handed out NOW. If they did not ask for it, or you have a doubt: `alcove recovery object {id}`."
                ),
                RecoveryState::HandedOut => {
                    format!("It was handed out, found on {}.", times::minute(view.since_ms))
                }
                RecoveryState::Objected => format!("It was objected to on {}.", times::minute(view.since_ms)),
                RecoveryState::Withdrawn => format!("It was withdrawn on {}.", times::minute(view.since_ms)),
                RecoveryState::Ended => "Its time is over.".to_owned(),
            };
            format!("{whose} {what}")
        }
    }
}

/// What has become of an attempt at recovery, in a table.
pub fn recovery_state(language: Language, state: RecoveryState) -> &'static str {
    match language {
        Language::English => match state {
            RecoveryState::Announced => "announced",
            RecoveryState::Open => "CAN BE HANDED OUT",
            RecoveryState::HandedOut => "handed out",
            RecoveryState::Objected => "objected to",
            RecoveryState::Withdrawn => "withdrawn",
            RecoveryState::Ended => "over",
        },
    }
}

/// `alcove.recovered.v1`.
#[derive(Serialize)]
pub struct RecoveredJson {
    cases: u64,
    epochs: u64,
    records: u64,
    certificates_refused: u64,
    read: Vec<RecoveredCaseJson>,
}

impl RecoveredJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.recovered.v1";

    /// As JSON shows it.
    pub fn new(imported: &Imported, cases: &[RecoveredCaseView]) -> Self {
        Self {
            cases: imported.cases,
            epochs: imported.epochs,
            records: imported.records,
            certificates_refused: imported.certificates_refused,
            read: cases.iter().map(RecoveredCaseJson::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct RecoveredCaseJson {
    case: String,
    title: Option<String>,
    done: bool,
    member: bool,
    items: u64,
    unreadable: u64,
    poisoned_epochs: Vec<u64>,
}

impl RecoveredCaseJson {
    fn new(view: &RecoveredCaseView) -> Self {
        Self {
            case: view.case.to_string(),
            title: view.title.clone(),
            done: view.done,
            member: view.member,
            items: view.items,
            unreadable: view.unreadable,
            poisoned_epochs: view.poisoned.clone(),
        }
    }
}

/// What has become of an attempt that was objected to.
pub fn became(language: Language, state: RecoveryState) -> &'static str {
    match language {
        Language::English => match state {
            RecoveryState::Objected => "You have objected: nothing is handed out by this attempt.",
            RecoveryState::HandedOut => {
                "It had been handed out before, at least in part: the objection changes nothing."
            }
            RecoveryState::Withdrawn => "The admin had withdrawn it before: nothing is handed out.",
            RecoveryState::Ended => "It had ended before: nothing is handed out any more.",
            RecoveryState::Announced | RecoveryState::Open => "The server has not taken the objection down.",
        },
    }
}

/// How much a file of recovered keys opens.
pub fn taken_in(language: Language, imported: &Imported) -> String {
    match language {
        Language::English => {
            format!(
                "Recovered keys of {} in {} taken in{}.",
                numbers::count(imported.epochs, "epoch", "epochs"),
                numbers::count(imported.cases, "case", "cases"),
                match imported.records {
                    0 => String::new(),
                    records =>
                        format!(", and of {} that had been granted", numbers::count(records, "item", "items")),
                }
            )
        }
    }
}

/// How much of a case was read again.
pub fn read_again(language: Language, case: &RecoveredCaseView) -> String {
    match language {
        Language::English => {
            let mut line = format!(
                "{:.8}  {}: {}",
                case.case.to_string(),
                case.title.as_deref().map_or_else(|| "(its title was not recovered)".to_owned(), safe_line),
                numbers::count(case.items, "note or document read again", "notes and documents read again")
            );
            if case.unreadable > 0 {
                line.push_str(&format!(", {} cannot be read", case.unreadable));
            }
            if !case.done {
                line.push_str(", not at its end yet");
            }
            if !case.member {
                line.push_str("; read only: ask a member to add you");
            }
            line
        }
    }
}

/// That a false key was sealed for an epoch.
pub fn poisoned(language: Language, case: &RecoveredCaseView, epoch: u64) -> String {
    match language {
        Language::English => {
            format!(
                "Somebody of your agency sealed a false key for epoch {epoch} of case {:.8}. The true one was found and what it \
                 opens was read; tell your agency's admin.",
                case.case.to_string()
            )
        }
    }
}

/// The first digits of an attempt's id: enough to name it by.
pub fn short(attempt: &RecoveryView) -> String {
    attempt.id.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telling::people::tests::member;
    use alcove_proto::ids::GroupId;

    #[test]
    fn an_attempt_is_told_with_whose_it_is_and_what_to_do() {
        let view = |state| RecoveryView {
            id: alcove_proto::ids::AttemptId([0xab; 16]),
            person: member("harborlight", 1, Some("Rosa\u{202e}"), false).person,
            device: 2,
            request_words: "erase entry write avocado case prison".to_owned(),
            state,
            announced_at_ms: 0,
            open_from_ms: 72 * 3600 * 1000,
            since_ms: 0,
            objected_by: None,
        };
        let announced = recovery(Language::English, &view(RecoveryState::Announced));
        for part in
            ["Rosa\\u{202e}", "device 2", "erase entry", "1970-01-04 00:00", "recovery object abababab"]
        {
            assert!(announced.contains(part), "{part}: {announced}");
        }
        let over = recovery(Language::English, &view(RecoveryState::HandedOut));
        assert!(over.contains("handed out") && !over.contains("recovery object"), "{over}");
    }

    fn case() -> RecoveredCaseView {
        RecoveredCaseView {
            case: GroupId([0xab; 16]),
            title: Some("QUIET-MAPLE-07".to_owned()),
            done: true,
            member: false,
            items: 2,
            unreadable: 0,
            poisoned: vec![],
        }
    }

    #[test]
    fn what_was_read_again_says_how_much_and_what_one_may_do() {
        assert_eq!(
            read_again(Language::English, &case()),
            "abababab  QUIET-MAPLE-07: 2 notes and documents read again; read only: ask a member to add you"
        );
        let cut = RecoveredCaseView { done: false, member: true, title: None, unreadable: 1, ..case() };
        assert_eq!(
            read_again(Language::English, &cut),
            "abababab  (its title was not recovered): 2 notes and documents read again, 1 cannot be read, \
             not at its end yet"
        );
    }

    #[test]
    fn an_objection_tells_what_became_of_the_attempt_and_never_more() {
        assert!(became(Language::English, RecoveryState::Objected).contains("nothing is handed out"));
        assert!(became(Language::English, RecoveryState::HandedOut).contains("changes nothing"));
        for state in [RecoveryState::Announced, RecoveryState::Open] {
            assert!(!became(Language::English, state).contains("nothing is handed out"));
        }
    }
}
