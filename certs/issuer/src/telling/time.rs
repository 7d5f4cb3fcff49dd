//! Moments and long numbers: as people read them, and moments as programs do.

pub use alcove_programs::dates::{day, minute};

/// Within how many milliseconds of a moment its time is told.
const NEAR_MS: u64 = 24 * 3600 * 1000;

/// When something ends or has ended: the day, and near it the time as well, since the day alone would leave people guessing.
pub fn end(ms: i64, now_ms: i64) -> String {
    if ms.abs_diff(now_ms) < NEAR_MS { minute(ms) } else { day(ms) }
}

/// A moment for programs, as RFC 3339 has it.
pub fn moment(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.to_string(),
        Err(_) => "out of range".to_owned(),
    }
}

/// Hexadecimal in groups of four, for reading out.
pub fn grouped(hexadecimal: &str) -> String {
    let characters: Vec<char> = hexadecimal.chars().collect();
    let groups = characters.chunks(4).map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_within_a_day_has_its_time_and_its_zone() {
        const AT_MS: i64 = 1_772_600_000_000;
        const DAY_MS: i64 = 24 * 3600 * 1000;
        for now_ms in [AT_MS - DAY_MS + 1, AT_MS, AT_MS + DAY_MS - 1] {
            assert_eq!(end(AT_MS, now_ms), minute(AT_MS));
        }
        assert!(minute(AT_MS).contains(" UTC"), "the zone");
        for now_ms in [AT_MS - DAY_MS, AT_MS + DAY_MS, i64::MIN, i64::MAX] {
            assert_eq!(end(AT_MS, now_ms), day(AT_MS), "the control");
        }
    }

    #[test]
    fn moments_and_groups_read_well() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(i64::MAX), "out of range");
        assert_eq!(grouped("0123456789ab"), "0123 4567 89ab");
        assert_eq!(grouped(""), "");
    }
}
