//! What is said of the words of agencies and devices, which two people compare by phone.

use super::{numbers::count, times};
use crate::session::AgencyCheck;
use alcove_programs::{language::Language, text::safe_line};

/// When the words of an agency were compared, or why that counts for nothing now.
pub fn compared(language: Language, check: &AgencyCheck) -> String {
    let Language::English = language;
    match (check.is_own, check.verified_at_ms, check.changed) {
        (true, ..) => "yours".to_owned(),
        (false, Some(at_ms), _) => times::day(at_ms),
        (false, None, true) => "CHANGED since".to_owned(),
        (false, None, false) => "not yet".to_owned(),
    }
}

/// Whose words they are, and which they are not.
pub fn which_words(language: Language) -> &'static str {
    let Language::English = language;
    "WORDS are those of each agency's charter key: its staff read them out from `alcove verify`. The words that an admin \
     reads out from `alcove-certs ca show` are others; they are compared when a charter is signed."
}

/// The words that this device must show to others.
pub fn own_device(language: Language, words: &str) -> String {
    let Language::English = language;
    format!("The words of this device: {words}")
}

/// Whom to call, and what they must read.
pub fn whom_to_call(language: Language, check: &AgencyCheck) -> String {
    let Language::English = language;
    format!(
        "Call a person you know at {}, on a number you have from elsewhere, and have them run `alcove verify`. Next to \
         their own agency they must read:\n\n    {}\n",
        safe_line(&check.agency.name),
        check.words
    )
}

/// That the words were the same.
pub fn verified(language: Language, check: &AgencyCheck) -> String {
    let Language::English = language;
    format!("You have compared the words of {}.", safe_line(&check.agency.name))
}

/// That there is no key to compare.
pub fn no_key_changed(language: Language) -> &'static str {
    let Language::English = language;
    "No key has changed."
}

/// How many keys are believed after their words were compared.
pub fn believed(language: Language, keys: u64) -> String {
    let Language::English = language;
    format!("{} from now on.", count(keys, "key is trusted", "keys are trusted"))
}
