//! An attempt at recovery, in words.

use super::{numbers, people::name, times, told::Told};
use crate::session::{Imported, RecoveredFileFault, RecoveredView, RecoveryState, RecoveryView};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use serde::Serialize;

/// An attempt at recovery in one's agency, and what there is to do about it. Sentences.
pub fn recovery(language: Language, view: &RecoveryView) -> String {
    let Language::English = language;
    let whose = format!(
        "A recovery of what {} could read was requested for their device {} (words: {}), announced on {}.",
        name(language, &view.person),
        view.device,
        safe_line(&view.request_words),
        times::minute(view.announced_at_ms)
    );
    let id = format!("{:.8}", view.id.to_string());
    let what = match view.state {
        RecoveryState::Announced => format!(
            "The officers can release it from {}. If this person did not request it, or you are unsure, \
             object: `alcove recovery object {id}`.",
            times::minute(view.open_from_ms)
        ),
        RecoveryState::Open => format!(
            "The officers can release it NOW. If this person did not request it, or you are unsure, object: \
             `alcove recovery object {id}`."
        ),
        RecoveryState::HandedOut => {
            format!("It was released; this device learned of it on {}.", times::minute(view.since_ms))
        }
        RecoveryState::Objected => {
            format!("An objection was made on {}.", times::minute(view.since_ms))
        }
        RecoveryState::Withdrawn => format!("It was withdrawn on {}.", times::minute(view.since_ms)),
        RecoveryState::Ended => "It has expired.".to_owned(),
    };
    format!("{whose} {what}")
}

/// What has become of an attempt at recovery, in a table.
pub fn recovery_state(language: Language, state: RecoveryState) -> &'static str {
    let Language::English = language;
    match state {
        RecoveryState::Announced => "announced",
        RecoveryState::Open => "CAN BE RELEASED",
        RecoveryState::HandedOut => "released",
        RecoveryState::Objected => "objected",
        RecoveryState::Withdrawn => "withdrawn",
        RecoveryState::Ended => "expired",
    }
}

/// What a file of recovered keys brought, and what was read by it.
#[derive(Serialize)]
pub struct RecoveredJson<'a> {
    /// What came in.
    #[serde(flatten)]
    pub imported: &'a Imported,
    /// What was read by it.
    pub read: &'a [RecoveredView],
}

impl RecoveredJson<'_> {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.recovered.v1";
}

/// What has become of an attempt that was objected to.
pub fn became(language: Language, state: RecoveryState) -> &'static str {
    let Language::English = language;
    match state {
        RecoveryState::Objected => "You have objected: nothing will be released by this attempt.",
        RecoveryState::HandedOut => {
            "It had already been released, at least in part: the objection changes nothing."
        }
        RecoveryState::Withdrawn => "The admin had already withdrawn it: nothing will be released.",
        RecoveryState::Ended => "It had already expired: nothing will be released.",
        RecoveryState::Announced | RecoveryState::Open => "The server has not recorded the objection.",
    }
}

/// That nobody has asked.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "No recovery attempt in your agency is known here."
}

/// What an objection comes to, before it is made.
pub fn objecting(language: Language) -> &'static str {
    let Language::English = language;
    "If you object, nothing will ever be released by this attempt, and everyone in your agency can see that it was \
     you."
}

/// Whether an objection found what it was to find; why not, and what to do then.
pub fn objected(language: Language, state: RecoveryState) -> Result<(), Told> {
    let Language::English = language;
    match state {
        RecoveryState::Objected | RecoveryState::Withdrawn | RecoveryState::Ended => Ok(()),
        RecoveryState::Announced | RecoveryState::Open | RecoveryState::HandedOut => Err(Told::new(
            Exit::Conflict,
            "The objection came too late, or was not accepted.",
            "Speak to your agency's admin and officers at once: with enough shares they can open it.",
        )),
    }
}

/// Certificates in a file of recovered keys that are not believed.
pub fn certificates_refused(language: Language, refused: u64) -> String {
    let Language::English = language;
    format!(
        "{} not from an agency of the charter: what was signed with them is not shown.",
        numbers::count(refused, "certificate is", "certificates are")
    )
}

/// That the file is needed until the rest is there.
pub fn unfinished(language: Language) -> &'static str {
    let Language::English = language;
    "The rest is restored by the next command that reaches the server. Keep the file until then, and delete it \
     afterwards."
}

/// How much a file of recovered keys opens.
pub fn taken_in(language: Language, imported: &Imported) -> String {
    let Language::English = language;
    format!(
        "Recovered keys of {} in {} imported{}.",
        numbers::count(imported.epochs, "epoch", "epochs"),
        numbers::count(imported.cases, "case", "cases"),
        match imported.records {
            0 => String::new(),
            records =>
                format!(", and of {} that had been handed over", numbers::count(records, "item", "items")),
        }
    )
}

/// How the import of a file of recovered keys ends.
pub(crate) fn not_taken_in(language: Language, fault: RecoveredFileFault) -> Told {
    let Language::English = language;
    match fault {
        RecoveredFileFault::TooLarge | RecoveredFileFault::NotSuchAFile => Told::refused(
            "This is not a file of recovered keys.",
            "Name the file that `alcove-certs recovery open` wrote for this device.",
        ),
        RecoveredFileFault::Format { found } => Told::refused(
            format!("The file has format {found}: a newer Alcove wrote it."),
            "Install the newest Alcove on this device.",
        ),
        RecoveredFileFault::OtherDevice { identity } => Told::refused(
            format!(
                "The file is for another device: {}.",
                if identity.is_empty() { "it does not say which".to_owned() } else { safe_line(&identity) }
            ),
            "Take it to that device; `alcove status` shows the name of this one.",
        ),
        RecoveredFileFault::DoesNotOpen => Told::new(
            Exit::Integrity,
            "This device's key does not open the file: it is damaged, or was made for an earlier request.",
            "Copy it again; if that does not help, ask your agency's admin to open it for this device's request.",
        ),
        RecoveredFileFault::Content => Told::new(
            Exit::Integrity,
            "The contents of the file are not valid. Nothing was imported.",
            "Tell your agency's admin, and ask for a new file, made with the newest Alcove.",
        ),
    }
}

/// How much of a case was read again.
pub fn read_again(language: Language, case: &RecoveredView) -> String {
    let Language::English = language;
    let mut line = format!(
        "{:.8}  {}: {}",
        case.case.to_string(),
        case.title.as_deref().map_or_else(|| "(its title was not recovered)".to_owned(), safe_line),
        numbers::count(case.items, "note or document restored", "notes and documents restored")
    );
    if case.unreadable > 0 {
        line.push_str(&format!(", {} cannot be read", case.unreadable));
    }
    if !case.done {
        line.push_str(", not finished yet");
    }
    if !case.member {
        line.push_str("; read only: ask a member to add you");
    }
    line
}

/// That a false key was sealed for an epoch.
pub fn poisoned(language: Language, case: &RecoveredView, epoch: u64) -> String {
    let Language::English = language;
    format!(
        "A device of your agency sealed a false key for epoch {epoch} of case {:.8}. The true key was found \
         and used; tell your agency's admin.",
        case.case.to_string()
    )
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
        assert!(over.contains("released") && !over.contains("recovery object"), "{over}");
    }

    fn case() -> RecoveredView {
        RecoveredView {
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
            "abababab  QUIET-MAPLE-07: 2 notes and documents restored; read only: ask a member to add you"
        );
        let cut = RecoveredView { done: false, member: true, title: None, unreadable: 1, ..case() };
        assert_eq!(
            read_again(Language::English, &cut),
            "abababab  (its title was not recovered): 2 notes and documents restored, 1 cannot be read, not finished \
             yet"
        );
    }

    #[test]
    fn an_objection_tells_what_became_of_the_attempt_and_never_more() {
        assert!(became(Language::English, RecoveryState::Objected).contains("nothing will be released"));
        assert!(became(Language::English, RecoveryState::HandedOut).contains("changes nothing"));
        for state in [RecoveryState::Announced, RecoveryState::Open] {
            assert!(!became(Language::English, state).contains("nothing will be released"));
        }
    }
}
