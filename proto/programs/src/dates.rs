//! Days and times: as people type them, and as they are shown, both by the clock where the person is.
//!
//! A day means the whole day: what ends with it ends with its last moment, and what begins with it begins with its first,
//! also on the days of a year that are an hour shorter or longer. What programs read stays in UTC; this is for people. A
//! system that does not say where it is counts as UTC, and every time that is shown says by which clock it is.

use crate::{language::Language, text::safe_line};
use jiff::{
    Span, Timestamp, ToSpan, ZonedDateTime,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Why what was typed is no day or time that can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// It is not written as one.
    #[error("not a date")]
    NotADate,
    /// It is written as one, and no calendar has it: 30 February.
    #[error("no such day")]
    NoSuchDay,
    /// The day is one, and no clock has the time: 25:00.
    #[error("no such time")]
    NoSuchTime,
    /// It is further away than can be reckoned with.
    #[error("too far away")]
    TooFar,
    /// A stretch of no length.
    #[error("no stretch of time")]
    Nothing,
    /// Something is to end then, and it is over.
    #[error("over")]
    Over,
    /// Something is to have begun then, and it has not come.
    #[error("has not come yet")]
    NotYet,
}

/// Which moment of a day is meant, and in which direction "3 days" is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

/// When something is to end, milliseconds since 1970: the last moment of a day, or a time.
///
/// Errors: [`DateError`]; what is over is refused.
pub fn until(text: &str, now_ms: i64) -> Result<i64, DateError> {
    let moment_ms = read(text, Edge::Last, &zoned(now_ms, TimeZone::system()))?;
    if moment_ms > now_ms { Ok(moment_ms) } else { Err(DateError::Over) }
}

/// Since when something counts, milliseconds since 1970: the first moment of a day, or a time.
///
/// Errors: [`DateError`]; what has not come yet is refused.
pub fn since(text: &str, now_ms: i64) -> Result<i64, DateError> {
    let moment_ms = read(text, Edge::First, &zoned(now_ms, TimeZone::system()))?;
    if moment_ms <= now_ms { Ok(moment_ms) } else { Err(DateError::NotYet) }
}

/// A day or time, whether it has come or not: of a day its first moment. Errors: [`DateError`].
pub fn any(text: &str, now_ms: i64) -> Result<i64, DateError> {
    read(text, Edge::First, &zoned(now_ms, TimeZone::system()))
}

/// `ms` since 1970 by the clock where the person is: `2026-03-04 15:01 UTC+1`.
pub fn minute(ms: i64) -> String {
    minute_in(ms, TimeZone::system())
}

/// The day of `ms` where the person is: `2026-03-04`.
pub fn day(ms: i64) -> String {
    day_in(ms, TimeZone::system())
}

/// What is said of a day or time that cannot be meant, and what to do.
pub fn told(language: Language, text: &str, error: DateError) -> (String, &'static str) {
    let Language::English = language;
    let text = safe_line(text);
    match error {
        DateError::NotADate => (
            format!("\"{text}\" is not a date."),
            "Write a day as 2026-11-30, today, yesterday, tomorrow or \"3 days\", or a time as \"2026-11-30 14:00\".",
        ),
        DateError::NoSuchDay => (
            format!("There is no {text} in the calendar."),
            "Check it: the year comes first, then the month, then the day, as in 2026-11-30.",
        ),
        DateError::NoSuchTime => (
            format!("There is no such time of day as in {text}."),
            "Write hours from 00 to 23 and minutes from 00 to 59, as in \"2026-11-30 14:00\".",
        ),
        DateError::TooFar => (format!("{text} is too far away."), "Name a day or a time that is nearer."),
        DateError::Nothing => (
            format!("{text} is no stretch of time, so nothing was done."),
            "Write at least 1, as in \"1 day\", or today.",
        ),
        DateError::Over => {
            (format!("{text} is over, so nothing was done."), "Name a day or a time that is still to come.")
        }
        DateError::NotYet => (
            format!("{text} has not come yet, so nothing was done."),
            "Name a day or a time that has passed, such as yesterday.",
        ),
    }
}

/// Times that no calendar holds are taken for the nearest that one does.
fn zoned(ms: i64, zone: TimeZone) -> ZonedDateTime {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(nearest).to_zoned_datetime(zone)
}

fn read(text: &str, edge: Edge, now: &ZonedDateTime) -> Result<i64, DateError> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let date = match text.to_ascii_lowercase().as_str() {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().map_err(too_far)?,
        "tomorrow" => now.date().tomorrow().map_err(too_far)?,
        other => match stretch(other)? {
            Some(Stretch::Hours(hours)) => return moved(now, hours, edge),
            Some(Stretch::Days(days)) => match edge {
                Edge::First => now.date().checked_sub(days),
                Edge::Last => now.date().checked_add(days),
            }
            .map_err(too_far)?,
            None => return written(text, edge, now.time_zone()),
        },
    };
    whole(date, edge, now.time_zone())
}

/// `3 hours` counts from this very moment, everything longer in whole days.
enum Stretch {
    Hours(Span),
    Days(Span),
}

fn stretch(text: &str) -> Result<Option<Stretch>, DateError> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let (digits, unit) = text.split_at(unit_at);
    let of_number: fn(i64) -> Stretch = match unit.trim_start() {
        _ if digits.is_empty() => return Ok(None),
        "hour" | "hours" => |number: i64| Stretch::Hours(number.hours()),
        "day" | "days" => |number: i64| Stretch::Days(number.days()),
        "week" | "weeks" => |number: i64| Stretch::Days(number.weeks()),
        "month" | "months" => |number: i64| Stretch::Days(number.months()),
        _ => return Ok(None),
    };
    match digits.parse::<u16>() {
        Ok(0) => Err(DateError::Nothing),
        Ok(number) => Ok(Some(of_number(number.into()))),
        // Digits alone are too many, if anything.
        Err(_) => Err(DateError::TooFar),
    }
}

fn moved(now: &ZonedDateTime, hours: Span, edge: Edge) -> Result<i64, DateError> {
    let moved = match edge {
        Edge::First => now.checked_sub(hours),
        Edge::Last => now.checked_add(hours),
    };
    Ok(moved.map_err(too_far)?.timestamp().as_millisecond())
}

/// `2026-03-04`, and `2026-03-04 14:00` with a blank or a T.
fn written(text: &str, edge: Edge, zone: &TimeZone) -> Result<i64, DateError> {
    // A zone in brackets, which the library reads over, would be another time than the one that is written.
    let is_plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | 't' | ' ');
    let has_shape = text.len() >= 10
        && text.chars().all(is_plain)
        && text.bytes().take(10).enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !has_shape {
        return Err(DateError::NotADate);
    }
    if text.len() == 10 {
        return whole(date_of(text)?, edge, zone);
    }
    let clock: DateTime = match text.parse() {
        Ok(clock) => clock,
        Err(_) => return Err(date_of(&text[..10]).err().unwrap_or(DateError::NoSuchTime)),
    };
    let twice_or_never = zone.to_ambiguous_timestamp(clock);
    let moment = match edge {
        Edge::First => twice_or_never.earlier(),
        Edge::Last => twice_or_never.later(),
    };
    Ok(moment.map_err(too_far)?.as_millisecond())
}

fn date_of(text: &str) -> Result<Date, DateError> {
    text.parse().map_err(|_| DateError::NoSuchDay)
}

fn whole(date: Date, edge: Edge, zone: &TimeZone) -> Result<i64, DateError> {
    let first = date.to_zoned_datetime(zone.clone()).map_err(too_far)?;
    let moment = match edge {
        Edge::First => first,
        Edge::Last => first.end_of_day().map_err(too_far)?,
    };
    Ok(moment.timestamp().as_millisecond())
}

fn too_far(_beyond: jiff::Error) -> DateError {
    DateError::TooFar
}

fn minute_in(ms: i64, zone: TimeZone) -> String {
    let Ok(moment) = Timestamp::from_millisecond(ms) else { return format!("{ms} ms") };
    let there = moment.to_zoned_datetime(zone);
    format!("{} {}", there.strftime("%Y-%m-%d %H:%M"), offset(there.offset().seconds()))
}

fn day_in(ms: i64, zone: TimeZone) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.to_zoned_datetime(zone).date().to_string(),
        Err(_) => "a day out of range".to_owned(),
    }
}

/// How far a clock is from UTC: letters such as CST or IST mean several places.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central Europe, by its rule: no machine has to know its name.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    /// Newfoundland, half an hour beside all others.
    fn st_johns() -> TimeZone {
        TimeZone::posix("NST3:30NDT,M3.2.0,M11.1.0").unwrap()
    }

    fn ms(rfc3339: &str) -> i64 {
        rfc3339.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn read_in(zone: TimeZone, text: &str, edge: Edge) -> Result<String, DateError> {
        let now = zoned(ms("2026-11-29T23:30:00Z"), zone);
        read(text, edge, &now).map(|ms| Timestamp::from_millisecond(ms).unwrap().to_string())
    }

    #[test]
    fn a_day_is_the_whole_day_where_the_person_is() {
        let cases = [
            (berlin(), "2026-11-30", "2026-11-29T23:00:00Z", "2026-11-30T22:59:59.999Z"),
            (st_johns(), "2026-11-30", "2026-11-30T03:30:00Z", "2026-12-01T03:29:59.999Z"),
            (TimeZone::UTC, "2026-11-30", "2026-11-30T00:00:00Z", "2026-11-30T23:59:59.999Z"),
            // The days on which the clock is moved have 23 and 25 hours.
            (berlin(), "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z"),
            (berlin(), "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59.999Z"),
            // Half past midnight in Berlin, the evening before in Newfoundland.
            (berlin(), "today", "2026-11-29T23:00:00Z", "2026-11-30T22:59:59.999Z"),
            (st_johns(), "Today", "2026-11-29T03:30:00Z", "2026-11-30T03:29:59.999Z"),
            (berlin(), " yesterday ", "2026-11-28T23:00:00Z", "2026-11-29T22:59:59.999Z"),
            (berlin(), "tomorrow", "2026-11-30T23:00:00Z", "2026-12-01T22:59:59.999Z"),
        ];
        for (zone, text, first, last) in cases {
            assert_eq!(read_in(zone.clone(), text, Edge::First).as_deref(), Ok(first), "{text}");
            assert_eq!(read_in(zone, text, Edge::Last).as_deref(), Ok(last), "{text}");
        }
    }

    #[test]
    fn a_time_is_by_the_clock_on_the_wall_unless_it_says_by_which() {
        let cases = [
            ("2026-11-30 14:00", Edge::Last, "2026-11-30T13:00:00Z"),
            ("2026-07-30T14:00", Edge::First, "2026-07-30T12:00:00Z"),
            ("2026-11-30T14:00:00Z", Edge::Last, "2026-11-30T14:00:00Z"),
            ("2026-11-30T14:00:00-05:00", Edge::Last, "2026-11-30T19:00:00Z"),
            // The clock shows it twice: nothing ends too early, and nothing is left out.
            ("2026-10-25 02:30", Edge::First, "2026-10-25T00:30:00Z"),
            ("2026-10-25 02:30", Edge::Last, "2026-10-25T01:30:00Z"),
            // The clock never shows it.
            ("2026-03-29 02:30", Edge::First, "2026-03-29T00:30:00Z"),
            ("2026-03-29 02:30", Edge::Last, "2026-03-29T01:30:00Z"),
        ];
        for (text, edge, moment) in cases {
            assert_eq!(read_in(berlin(), text, edge).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn a_stretch_is_counted_from_now_in_whole_days() {
        let cases = [
            ("3 days", Edge::Last, "2026-12-03T22:59:59.999Z"),
            ("3 days", Edge::First, "2026-11-26T23:00:00Z"),
            ("1 week", Edge::Last, "2026-12-07T22:59:59.999Z"),
            ("2 months", Edge::First, "2026-09-29T22:00:00Z"),
            ("12 hours", Edge::Last, "2026-11-30T11:30:00Z"),
            ("12hours", Edge::First, "2026-11-29T11:30:00Z"),
        ];
        for (text, edge, moment) in cases {
            assert_eq!(read_in(berlin(), text, edge).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused_with_its_reason() {
        for text in [
            "",
            "soon",
            "2026-3-4",
            "04.03.2026",
            "11/30/2026",
            "1709510400",
            "days",
            "-3 days",
            "3",
            "3 fortnights",
            "2026-11-30 14:00[America/New_York]",
            "2026-11-3٠",
        ] {
            assert_eq!(read_in(berlin(), text, Edge::Last), Err(DateError::NotADate), "{text}");
        }
        for (error, texts) in [
            (
                DateError::NoSuchDay,
                &["2026-02-30", "2026-13-01", "2026-00-10", "2025-02-29", "2026-11-31T10:00"][..],
            ),
            (DateError::NoSuchTime, &["2026-11-30 25:00", "2026-11-30T14:61"]),
            (
                DateError::TooFar,
                &["9999-12-31", "9999-12-31 23:59", "99999 days", "65536 months", "70000 hours"],
            ),
            (DateError::Nothing, &["0 days", "0 hours", "00 weeks", "0months"]),
        ] {
            for text in texts {
                assert_eq!(read_in(berlin(), text, Edge::Last), Err(error), "{text}");
            }
        }
    }

    #[test]
    fn what_is_over_ends_nothing_and_what_has_not_come_begins_nothing() {
        let now_ms = ms("2026-11-30T12:00:00Z");
        for over in ["2026-11-28", "2026-11-30T12:00:00Z", "2020-01-01 00:00"] {
            assert_eq!(until(over, now_ms), Err(DateError::Over), "{over}");
            assert!(since(over, now_ms).is_ok(), "{over}");
        }
        for to_come in ["2026-12-02", "2026-11-30T12:00:01Z", "tomorrow"] {
            assert_eq!(since(to_come, now_ms), Err(DateError::NotYet), "{to_come}");
            assert!(until(to_come, now_ms).is_ok(), "{to_come}");
        }
        // The day that goes on is neither over nor to come.
        assert!(until("today", now_ms).is_ok() && since("today", now_ms).is_ok());
    }

    #[test]
    fn a_time_is_shown_by_the_clock_on_the_wall_and_says_by_which() {
        let moment_ms = ms("2026-11-30T23:30:00Z");
        assert_eq!(minute_in(moment_ms, berlin()), "2026-12-01 00:30 UTC+1");
        assert_eq!(minute_in(moment_ms, st_johns()), "2026-11-30 20:00 UTC-3:30");
        assert_eq!(minute_in(moment_ms, TimeZone::unknown()), "2026-11-30 23:30 UTC");
        assert_eq!(minute_in(ms("2026-07-01T10:00:00Z"), berlin()), "2026-07-01 12:00 UTC+2");
        assert_eq!(
            [berlin(), TimeZone::UTC].map(|zone| day_in(moment_ms, zone)),
            ["2026-12-01", "2026-11-30"]
        );
        assert_eq!(minute_in(i64::MAX, berlin()), format!("{} ms", i64::MAX));
        assert_eq!(day_in(i64::MAX, berlin()), "a day out of range");
    }
}
