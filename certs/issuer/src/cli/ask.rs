//! A question to the person at the terminal.

use super::shown::shown;
use alcove_issuer::{IssuerError, io};
use alcove_programs::fold::of_words;
use std::{
    io::{BufRead, Read, Write, stderr, stdin},
    path::Path,
};

/// Most bytes of an answer that is looked at.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Shows something, asks, and says whether the answer was y.
pub(super) fn ask(lines: &[String], question: &str) -> Result<bool, IssuerError> {
    let answer = ask_line(lines, question)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Shows something, asks, and takes one line; an empty one when nobody is there any more.
pub(super) fn ask_line(lines: &[String], question: &str) -> Result<String, IssuerError> {
    Ok(answer(lines, question)?.unwrap_or_default())
}

/// The same; nothing when nobody is there any more.
pub(super) fn answer(lines: &[String], question: &str) -> Result<Option<String>, IssuerError> {
    let terminal = || io("read from", Path::new("the terminal"));
    let mut answer = String::new();
    if !lines.is_empty() {
        writeln!(stderr(), "{}", shown(&lines.join("\n"), of_words())).map_err(terminal())?;
    }
    write!(stderr(), "{}", shown(question, of_words())).map_err(terminal())?;
    let read = stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer).map_err(terminal())?;
    Ok((read > 0).then_some(answer))
}
