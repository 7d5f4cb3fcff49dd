//! How answers look: sentences for people, objects for scripts.

use super::clock::clock_ms;
use alcove_programs::{
    language::Language,
    text::{safe_block, safe_json},
};
use serde_json::Value;
use std::{
    io::{self, Write},
    path::Path,
};

use alcove_issuer::{FolderError, IssuerError, telling};

/// Where answers go.
pub(crate) struct Output {
    pub(crate) language: Language,
    json: bool,
}

impl Output {
    pub(crate) fn new(language: Language, json: bool) -> Self {
        Self { language, json }
    }

    /// What is wrong, in one sentence.
    pub(crate) fn fault(&self, error: &IssuerError) -> String {
        telling::fault(self.language, error, clock_ms())
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
        written.and_then(|()| stdout.flush()).map_err(|source| {
            IssuerError::Folder(FolderError::Io {
                act: "write to",
                path: Path::new("standard output").to_owned(),
                source,
            })
        })
    }
}
