//! Why the encryption of a case refuses, and what to do.

use super::{certificates::RENEW, told::Told};
use crate::session::GroupError;
use alcove_programs::{exit::Exit, language::Language, text::safe_line};

/// The state of a case refuses: mostly a defect or damage, sometimes just a matter of who and when.
pub(crate) fn group(language: Language, error: &GroupError) -> Told {
    let Language::English = language;
    let (exit, remedy) = match error {
        GroupError::OwnCertificate(_) => (Exit::Certificate, RENEW),
        GroupError::Leaf(_) => {
            (Exit::Certificate, "See `alcove member list`; the agency concerned has to renew it.")
        }
        GroupError::Policy(_) => {
            (Exit::NotFound, "Ask an owner of the case; `alcove member list` shows who is one.")
        }
        GroupError::Removed | GroupError::NoSuchLeaf { .. } => {
            (Exit::NotFound, "See `alcove case list` and `alcove member list`.")
        }
        GroupError::CommitPending => (Exit::Conflict, "Run the command again."),
        GroupError::TooLarge { .. } => (Exit::Refused, "Do it in smaller steps."),
        GroupError::Commit(_)
        | GroupError::Mls(_)
        | GroupError::SavedState
        | GroupError::KeyPackage
        | GroupError::Malformed { .. }
        | GroupError::NotForThisKeyPackage
        | GroupError::NoLogPin
        | GroupError::NoFloor
        | GroupError::FloorAhead
        | GroupError::UnknownCharter
        | GroupError::GroupId(_)
        | GroupError::OwnCommitForgotten
        | GroupError::GroupInfo(_)
        | GroupError::Observe(_)
        | GroupError::OtherDeviceKey
        | GroupError::Sign
        | GroupError::Unseal => {
            (Exit::Integrity, "Run `alcove doctor`, and tell your agency's admin what it says.")
        }
    };
    Told::new(
        exit,
        format!("The encryption of the case reports an error: {}.", safe_line(&error.to_string())),
        remedy,
    )
}
