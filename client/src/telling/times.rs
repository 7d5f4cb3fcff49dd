//! Times as people read them: by the clock where they are, to the minute; and how long something takes or lasts.

use super::told::Told;
pub use crate::session::rfc3339;
pub use alcove_programs::dates::{day, minute};
use alcove_programs::{
    dates::{self, DateError},
    exit::Exit,
    language::Language,
};

/// When something is to end: a whole day or a time that is still to come, milliseconds since 1970.
///
/// Errors: what is no day or time, or is over, in words.
pub fn until(language: Language, text: &str, now_ms: i64) -> Result<i64, Told> {
    dates::until(text, now_ms).map_err(|error| refused(language, text, error))
}

/// Since when something counts: a whole day or a time that has come, milliseconds since 1970.
///
/// Errors: what is no day or time, or has not come yet, in words.
pub fn since(language: Language, text: &str, now_ms: i64) -> Result<i64, Told> {
    dates::since(text, now_ms).map_err(|error| refused(language, text, error))
}

fn refused(language: Language, text: &str, error: DateError) -> Told {
    let (what, remedy) = dates::told(language, text, error);
    Told::new(Exit::Usage, what, remedy)
}

/// A stretch of time in the largest unit that says enough: `3 days`, `2 hours`, `5 minutes`, `12 s`.
pub fn span(language: Language, ms: i64) -> String {
    let Language::English = language;
    let seconds = ms.unsigned_abs() / 1000;
    let count = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => count(seconds / 60, "minute"),
        7200..=172_799 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_take_the_unit_that_says_enough() {
        assert_eq!(span(Language::English, 90_000), "90 s");
        assert_eq!(span(Language::English, -3_600_000), "60 minutes");
        assert_eq!(span(Language::English, 86_400_000), "24 hours");
        assert_eq!(span(Language::English, 30 * 86_400_000), "30 days");
    }
}
