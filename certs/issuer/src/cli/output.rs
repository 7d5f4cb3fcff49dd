//! How answers look: sentences for people, objects for scripts.

use alcove_programs::text::{safe_block, safe_json};
use serde_json::Value;
use std::{
    io::{self, Write},
    path::Path,
};

use alcove_issuer::IssuerError;

/// Where answers go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Adds lines for people; with `--json` nothing, since the answers have said it.
    pub(crate) fn remarks(&mut self, lines: &[String]) -> Result<(), IssuerError> {
        if self.json { Ok(()) } else { self.answer(&Value::Null, lines) }
    }

    /// Says something to people alone; scripts see it in what is or is not answered.
    pub(crate) fn remark(&mut self, line: &str) -> Result<(), IssuerError> {
        if self.json { Ok(()) } else { self.answer(&Value::Null, &[line.to_owned()]) }
    }

    /// Gives one answer: `object` with `--json`, else the lines.
    pub(crate) fn answer(&mut self, object: &Value, lines: &[String]) -> Result<(), IssuerError> {
        let mut stdout = io::stdout().lock();
        let written = if self.json {
            writeln!(stdout, "{}", safe_json(&object.to_string()))
        } else {
            lines.iter().try_for_each(|line| writeln!(stdout, "{}", safe_block(line, "")))
        };
        written.and_then(|()| stdout.flush()).map_err(|source| IssuerError::Io {
            act: "write to",
            path: Path::new("standard output").to_owned(),
            source,
        })
    }
}

/// A moment as a day.
pub(crate) fn day(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime("%Y-%m-%d").to_string(),
        Err(_) => "a day out of range".to_owned(),
    }
}

/// A moment as RFC 3339 has it.
pub(crate) fn moment(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.to_string(),
        Err(_) => "out of range".to_owned(),
    }
}

/// Hexadecimal in groups of four, for reading out.
pub(crate) fn grouped(hexadecimal: &str) -> String {
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
