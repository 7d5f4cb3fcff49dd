//! Moments and long numbers as people read them.

/// A moment as a day.
pub fn day(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime("%Y-%m-%d").to_string(),
        Err(_) => "a day out of range".to_owned(),
    }
}

/// A moment as RFC 3339 has it.
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
    fn days_and_groups_read_well() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(i64::MAX), "a day out of range");
        assert_eq!(grouped("0123456789ab"), "0123 4567 89ab");
        assert_eq!(grouped(""), "");
    }
}
