//! What a person is told when nothing was done about an attempt at recovery.

use crate::{
    desk::error::AttemptError,
    telling::{
        time::moment,
        told::{Said, said},
    },
};
use alcove_programs::{
    exit::Exit,
    language::Language::{self, English},
};

pub(super) fn exit(error: &AttemptError) -> Exit {
    use AttemptError as A;
    match error {
        A::NoWords => Exit::Usage,
        A::NoRequest { .. } | A::Unknown { .. } | A::NothingSealed => Exit::NotFound,
        A::NotOpenYet { .. } => Exit::Refused,
        A::Over { .. } => Exit::Conflict,
        A::Forged { .. } => Exit::Integrity,
    }
}

pub(super) fn sentences(language: Language, error: &AttemptError) -> Said {
    use AttemptError as A;
    match (language, error) {
        (English, A::NoWords) => said(
            "Those are not six words of the list.",
            "Have them read out again: they are shown in the person's window, and in `alcove-certs pending`.",
        ),
        (English, A::NoRequest { identity }) => said(
            format!("This folder has certified no request of {identity}."),
            "Enrol the new device first; if it is, name its request with --request, or its words with --words.",
        ),
        (English, A::Unknown { id }) => said(
            format!("Your agency has ordered no attempt {id}, or the desk no longer keeps it."),
            "See them with `alcove-certs recovery attempts`.",
        ),
        (English, A::NotOpenYet { open_from_ms }) => said(
            format!("Nothing is handed out before {}: until then anybody may object.", moment(*open_from_ms)),
            "Run the command again then.",
        ),
        (English, A::Over { what }) => said(
            format!("The attempt is {what}: nothing is handed out by it."),
            "See why with `alcove-certs recovery attempts`; ask anew once that is settled.",
        ),
        (English, A::Forged { count }) => said(
            format!("The desk shows {count} attempts that your agency's charter key has not ordered."),
            "Somebody else has that key, or the server lies: tell the other agencies by phone.",
        ),
        (English, A::NothingSealed) => said(
            "Nothing of that person is sealed to that recovery key.",
            "If it was replaced, name the one before with --key-hash, and take the shares of that one.",
        ),
    }
}
