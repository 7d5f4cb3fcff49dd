//! Why a file of recovered keys was not taken in, and what to do.

use super::told::Told;
use crate::session::RecoveredFileFault;
use alcove_programs::{exit::Exit, language::Language, text::safe_line};

/// How the import of a file of recovered keys ends.
pub(crate) fn told(language: Language, fault: RecoveredFileFault) -> Told {
    match language {
        Language::English => match fault {
            RecoveredFileFault::TooLarge | RecoveredFileFault::NotSuchAFile => Told::refused(
                "This is no file of recovered keys.",
                "Name the file that `alcove-certs recovery open` wrote for this device.",
            ),
            RecoveredFileFault::Format { found } => Told::refused(
                format!("The file has format {found}, which a newer Alcove wrote."),
                "Install the newest Alcove on this device.",
            ),
            RecoveredFileFault::OtherDevice { identity } => Told::refused(
                format!(
                    "The file is for another device: {}.",
                    if identity.is_empty() {
                        "it does not say which".to_owned()
                    } else {
                        safe_line(&identity)
                    }
                ),
                "Take it to that device; `alcove status` shows the name of this one.",
            ),
            RecoveredFileFault::DoesNotOpen => Told::new(
                Exit::Integrity,
                "The file does not open with this device's key: it is damaged, or was made for an earlier request.",
                "Copy it again; if that does not help, ask your agency's admin to open it for this device's request.",
            ),
            RecoveredFileFault::Content => Told::new(
                Exit::Integrity,
                "What the file holds is not in order. Nothing was taken in.",
                "Tell your agency's admin, and have it made again with the newest Alcove.",
            ),
        },
    }
}
