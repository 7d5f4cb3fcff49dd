//! Why a file or the system did not do what was asked of it, and what to do.

use super::told::Told;
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use std::{io, path::Path};

/// A file or folder cannot be used.
pub fn file(language: Language, path: &Path, source: &io::Error) -> Told {
    let Language::English = language;
    let (exit, remedy) = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (Exit::NoSpace, "Make room and run the command again; nothing is half done.")
        }
        io::ErrorKind::NotFound => (Exit::NotFound, "Check the path, and run the command again."),
        _ => (Exit::Refused, "Check the path and its permissions, and run the command again."),
    };
    Told::new(exit, format!("{} cannot be used: {source}.", shown(path)), remedy)
}

/// The random source of the system fails.
pub(crate) fn no_randomness(language: Language) -> Told {
    let Language::English = language;
    Told::new(
        Exit::Unexpected,
        "The operating system provides no random bytes.",
        "Restart the machine; without them nothing can be encrypted.",
    )
}

/// A path as people see it.
pub(crate) fn shown(path: &Path) -> String {
    safe_line(&path.display().to_string())
}
