//! Why a file of recovered keys was not taken in, and what to do.

use super::told::Told;
use crate::session::RecoveredFileFault;
use alcove_programs::{exit::Exit, language::Language, text::safe_line};

/// How the import of a file of recovered keys ends.
pub(crate) fn told(language: Language, fault: RecoveredFileFault) -> Told {
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
