//! Why somebody could not be added, and what to do.

use super::{people::Names, times, told::Told};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use alcove_proto::names::{Identity, Person};

/// None of their devices has left anything to be added by.
pub(crate) fn no_key_package(language: Language, names: Names<'_>, person: &Person) -> Told {
    match language {
        Language::English => Told::new(
            Exit::NotFound,
            format!(
                "No device of {} can be added yet: none has been online.",
                names.person(language, person)
            ),
            "Ask them to run `alcove status`, then add them again.",
        ),
    }
}

/// A case cannot take in what devices have left to be added by. Everybody else is in it.
pub(crate) fn unfit(language: Language, names: Names<'_>, devices: &[Identity]) -> Told {
    match language {
        Language::English => {
            let named: Vec<String> = devices.iter().map(|device| names.device(language, device)).collect();
            // A sync shows this sentence alone.
            let what = format!(
                "What these devices have left at the server to be added by cannot be used in the case, so they are not in it; everybody \
                 else is: {}. Add them again tomorrow (`alcove member add`); if it stays so, ask them to bring Alcove up to date.",
                named.join(", ")
            );
            Told::new(
                Exit::NotFound,
                what,
                "If their program is up to date and it stays so, the device is not as it should be: tell the admin of their agency.",
            )
        }
    }
}

/// The agency's revocation list is past its time.
pub(crate) fn list_overdue(language: Language, agency: &str, number: u64, next_update_ms: i64) -> Told {
    match language {
        Language::English => Told::new(
            Exit::Certificate,
            format!(
                "{} promised a new revocation list by {}, and none has come since list {number}. A lost device of theirs could be \
                     let in unseen, so nobody of this agency is added now.",
                safe_line(agency),
                times::minute(next_update_ms)
            ),
            "Ask that agency's admin to publish a list (`alcove-certs crl`), run `alcove status`, then add them again. If they have \
                 published one, the server keeps it back: tell your agency's admin.",
        ),
    }
}
