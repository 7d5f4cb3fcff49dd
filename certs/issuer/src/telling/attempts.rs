//! What a person is told of attempts at recovery, and of one they have just begun.

use crate::{desk::recoveries::Attempt, telling::time::minute};
use alcove_programs::language::Language;
use alcove_proto::v1::AttemptState;
use std::path::Path;

/// What has been asked for, from when on it opens, and which request the officers need.
pub fn asked(language: Language, attempt: &Attempt, request: Option<&Path>) -> Vec<String> {
    let Language::English = language;
    vec![
        format!("Asked for the escrow of the person who has {}.", attempt.identity),
        format!("  attempt  {}", attempt.id),
        format!("  words    {}", attempt.words),
        format!("  opens    {}", minute(attempt.open_from_ms)),
        "Every device of your agency is told, and any of them may object until then.".to_owned(),
        match request {
            Some(path) => format!("The officers also need the request: {}", path.display()),
            None => "The officers also need the request of that device, as a file.".to_owned(),
        },
    ]
}

/// That there is no attempt.
pub fn none(language: Language) -> &'static str {
    let Language::English = language;
    "No recovery has been asked for."
}

/// How far an attempt is, in the middle of a sentence.
pub fn state(language: Language, state: AttemptState) -> &'static str {
    let Language::English = language;
    match state {
        AttemptState::Unspecified => "in a state that this version does not know",
        AttemptState::Announced => "announced",
        AttemptState::Open => "open",
        AttemptState::HandedOut => "released",
        AttemptState::Objected => "objected to",
        AttemptState::Withdrawn => "withdrawn",
        AttemptState::Ended => "ended",
    }
}

/// One attempt: for which device, since when, and who objected.
pub fn lines(language: Language, attempt: &Attempt) -> Vec<String> {
    let Language::English = language;
    let mut lines = vec![
        format!("{}  for {}, {}", attempt.id, attempt.identity, state(language, attempt.state)),
        format!("    announced {}, words: {}", minute(attempt.announced_at_ms), attempt.words),
    ];
    lines.push(match (attempt.state, &attempt.objected_by) {
        (AttemptState::Announced, _) => format!("    opens {}", minute(attempt.open_from_ms)),
        (AttemptState::Objected, Some(identity)) => {
            format!("    {identity} objected, {}", minute(attempt.since_ms))
        }
        (AttemptState::Objected, None) => {
            "    so the server says, but no device of your agency has signed it".to_owned()
        }
        (
            AttemptState::Open
            | AttemptState::HandedOut
            | AttemptState::Withdrawn
            | AttemptState::Ended
            | AttemptState::Unspecified,
            _,
        ) => format!("    since {}", minute(attempt.since_ms)),
    });
    lines
}
