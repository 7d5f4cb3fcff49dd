//! Why somebody could not be added, and what to do.

use super::{people::Names, times, told::Told};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use alcove_proto::names::{Identity, Person};

/// None of their devices has left anything to be added by.
pub(crate) fn no_key_package(language: Language, names: Names<'_>, person: &Person) -> Told {
    let Language::English = language;
    Told::new(
        Exit::NotFound,
        format!(
            "{} cannot be added yet: none of their devices has been online.",
            names.person(language, person)
        ),
        "Ask them to run `alcove status`, then add them again.",
    )
}

/// A case cannot take in what devices have left to be added by. Everybody else is in it.
pub(crate) fn unfit(language: Language, names: Names<'_>, devices: &[Identity]) -> Told {
    let Language::English = language;
    let named: Vec<String> = devices.iter().map(|device| names.device(language, device)).collect();
    // A sync shows this sentence alone.
    let what = format!(
        "These devices could not be added, because the keys they left at the server cannot be used in this \
         case: {}. Everyone else is in the case. Add them again tomorrow (`alcove member add`); if that does not \
         help, ask their owners to update Alcove.",
        named.join(", ")
    );
    Told::new(
        Exit::NotFound,
        what,
        "If their program is up to date and it still fails, something is wrong with the device: tell the admin \
         of their agency.",
    )
}

/// The agency's revocation list is past its time.
pub(crate) fn list_overdue(language: Language, agency: &str, number: u64, next_update_ms: i64) -> Told {
    let Language::English = language;
    Told::new(
        Exit::Certificate,
        format!(
            "{} promised a new revocation list by {}, but none has arrived since list {number}. A lost device of \
             theirs could be let in unnoticed, so people of this agency cannot be added now.",
            safe_line(agency),
            times::minute(next_update_ms)
        ),
        "Ask that agency's admin to publish a list (`alcove-certs crl`), run `alcove status`, then add them again. \
         If they have published one, the server is withholding it: tell your agency's admin.",
    )
}
