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
        io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => (
            Exit::Refused,
            "The disk does not take this name. Choose a shorter one, without any of : * ? \" < > | \\ in it.",
        ),
        io::ErrorKind::FileTooLarge => (
            Exit::NoSpace,
            "Files on this disk cannot be so large (4 GiB on most sticks). Save it on another one.",
        ),
        io::ErrorKind::ResourceBusy => {
            (Exit::Conflict, "Wait for the other programs that use it, or name another folder.")
        }
        io::ErrorKind::NotFound => (Exit::NotFound, "Check the path, and run the command again."),
        _ => (Exit::Refused, "Check the path and its permissions, and run the command again."),
    };
    Told::new(exit, format!("{} cannot be used: {source}.", shown(path)), remedy)
}

/// Some files of a list cannot be sent, so that none of them was: everything that is wrong, at once.
pub fn none_sent(language: Language, bad: &[Told], named: usize) -> Told {
    let Language::English = language;
    let reasons: Vec<_> = bad.iter().map(|told| format!("\n  {}", told.what)).collect();
    Told::refused(
        format!("Nothing was sent, because {} of {named} files cannot be:{}", bad.len(), reasons.concat()),
        "Mend that, or send the others with --skip-bad.",
    )
}

/// Nothing of a list was sent, although what is wrong was to be left out.
pub fn nothing_left(language: Language, bad: &[Told]) -> Told {
    let Language::English = language;
    match bad {
        [only] => Told::refused(only.what.clone(), only.remedy.clone()),
        _ => Told::refused(
            "Nothing was sent: what is wrong with the files is named above.",
            "Mend that, and run the command again.",
        ),
    }
}

/// Files are in the case already, and nobody said that they are to go there once more.
pub fn there_already(language: Language, there: &[&Path]) -> Told {
    let Language::English = language;
    Told::new(
        Exit::Conflict,
        format!("Nothing was sent. {}", same_documents(language, there)),
        "Send only the others with --skip-bad, or these once more with --again.",
    )
}

/// Which files are in the case already.
pub fn same_documents(language: Language, there: &[&Path]) -> String {
    let Language::English = language;
    let paths: Vec<_> = there.iter().map(|path| format!("\n  {}", shown(path))).collect();
    format!("The case has documents of the same name with the same content:{}", paths.concat())
}

/// What a document was to be saved as is a disk itself.
pub fn a_disk(language: Language, path: &Path) -> Told {
    let Language::English = language;
    Told::refused(
        format!("{} is a disk: the document would be written over what is on it.", shown(path)),
        "Name a file, or a folder on the disk.",
    )
}

/// A document is saved where the file system keeps no permissions.
pub fn open_to_others(language: Language, path: &Path) -> String {
    let Language::English = language;
    format!(
        "this disk keeps no permissions: whoever has it, or can use it, can read {}. Delete the file when you no longer \
         need it there.",
        shown(path)
    )
}

/// Why a file of a list stayed behind with nothing wrong with it.
pub fn left_out(language: Language, path: &Path, is_there: bool) -> String {
    let Language::English = language;
    if is_there {
        format!("{} is in the case already.", shown(path))
    } else {
        format!("{} was not tried any more.", shown(path))
    }
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
