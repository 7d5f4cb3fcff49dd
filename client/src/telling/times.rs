//! Times as people read and type them: UTC, to the minute.

pub use crate::session::rfc3339;
use alcove_programs::language::Language;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// `ms` since 1970 as `2026-03-04 14:01 UTC`; a time no calendar holds is shown as a number.
pub fn minute(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// The day of `ms` as `2026-03-04`.
pub fn day(ms: i64) -> String {
    minute(ms).chars().take(10).collect()
}

/// Parses `2026-03-04` (midnight UTC) or an RFC 3339 time into milliseconds since 1970.
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_millisecond())
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
    fn a_day_is_read_as_its_first_moment_and_shown_again() {
        let ms = parse("2026-03-04").unwrap();
        assert_eq!(minute(ms), "2026-03-04 00:00 UTC");
        assert_eq!(day(ms), "2026-03-04");
        assert_eq!(rfc3339(ms), "2026-03-04T00:00:00Z");
        assert_eq!(parse("2026-03-04T00:00:00Z"), Some(ms));
        assert_eq!(parse("2026-03-04T01:30:00+01:30"), Some(ms));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "yesterday", "2026-3-4", "2026-02-30", "04.03.2026", "2026-03-04 ", "1709510400"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_outside_every_calendar_is_shown_as_a_number() {
        assert_eq!(minute(i64::MAX), format!("{} ms", i64::MAX));
    }

    #[test]
    fn spans_take_the_unit_that_says_enough() {
        assert_eq!(span(Language::English, 90_000), "90 s");
        assert_eq!(span(Language::English, -3_600_000), "60 minutes");
        assert_eq!(span(Language::English, 86_400_000), "24 hours");
        assert_eq!(span(Language::English, 30 * 86_400_000), "30 days");
    }
}
