//! Moments and long numbers: as people read them, and moments as programs do.

pub use alcove_programs::dates::{day, minute};

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
    fn moments_and_groups_read_well() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(i64::MAX), "out of range");
        assert_eq!(grouped("0123456789ab"), "0123 4567 89ab");
        assert_eq!(grouped(""), "");
    }
}
