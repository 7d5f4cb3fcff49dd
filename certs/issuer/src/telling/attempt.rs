//! What a person is told when nothing was done about an attempt at recovery.

use crate::{
    desk::error::AttemptError,
    telling::{
        time::minute,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};

pub(super) fn exit(error: &AttemptError) -> Exit {
    use AttemptError as A;
    match error {
        A::NoWords => Exit::Usage,
        A::NoRequest(..) | A::Unknown(..) | A::NothingSealed => Exit::NotFound,
        A::NotOpenYet { .. } => Exit::Refused,
        A::Over { .. } => Exit::Conflict,
        A::Forged { .. } => Exit::Integrity,
    }
}

pub(super) fn sentences(language: Language, error: &AttemptError) -> Said {
    use AttemptError as A;
    let Language::English = language;
    match error {
        A::NoWords => said(
            "These are not six words from the word list.",
            "Have them read out again; they are shown in the person's window, and in `alcove-certs pending`.",
        ),
        A::NoRequest(identity) => said(
            format!("This folder has not certified a request of {identity}."),
            "Enrol the new device first. If it is enrolled, give its request with --request or its words with --words.",
        ),
        A::Unknown(id) => said(
            format!("Your agency has made no attempt {id}, or the desk no longer keeps it."),
            "See them with `alcove-certs recovery attempts`.",
        ),
        A::NotOpenYet { open_from_ms } => said(
            format!("Nothing is released before {}: until then anyone may object.", minute(*open_from_ms)),
            "Run the command again then.",
        ),
        A::Over { what } => said(
            format!("The attempt is {what}: nothing is released by it."),
            "See why with `alcove-certs recovery attempts`; ask again once that is settled.",
        ),
        A::Forged { count } => said(
            format!("The desk shows {count} attempts that your agency's charter key did not sign."),
            "Someone else has that key, or the server lies: tell the other agencies by phone.",
        ),
        A::NothingSealed => said(
            "Nothing is sealed to that recovery key for that person.",
            "If it was replaced, name the earlier key with --key-hash, and use the shares of that key.",
        ),
    }
}
