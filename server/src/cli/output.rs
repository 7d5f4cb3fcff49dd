//! What commands print.

use super::failure::Failure;
use alcove_programs::exit::Exit;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write};

/// Prints a line for people or programs.
pub(super) fn say(line: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{line}") {
        // `| head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::Output),
    }
}

/// Prints what was done. A reader that has gone has not seen it, and nobody may take it for not done.
pub(super) fn done(line: &str) -> Result<Exit, Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| {
        // Beside the error; nobody is left to tell when standard error is gone too.
        let _ = writeln!(io::stderr(), "{line}");
        Failure::Unwritten(error)
    })?;
    Ok(Exit::Ok)
}

/// Prints one JSON object.
pub(super) fn say_json(object: &impl Serialize) -> Result<(), Failure> {
    say(&serde_json::to_string(object).map_err(|error| Failure::Output(error.into()))?)
}

/// A time for people: RFC 3339 in UTC, to the second.
pub(super) fn time(time_ms: i64) -> String {
    // Times beyond the calendar are shown as what they are.
    Timestamp::from_second(time_ms.div_euclid(1000))
        .map_or_else(|_| format!("{time_ms} ms"), |time| time.to_string())
}
