//! How answers look: sentences for people, objects for scripts.

use super::{clock::clock_ms, exit};
use alcove_issuer::{IssuerError, io, telling};
use alcove_programs::{
    answers::Answers,
    language::Language,
    text::{safe_block, safe_json},
};
use serde_json::Value;
use std::{path::Path, process::ExitCode};

/// Where answers go.
pub(crate) struct Output {
    pub(crate) language: Language,
    json: bool,
    answers: Answers,
}

impl Output {
    pub(crate) fn new(language: Language, json: bool) -> Self {
        Self { language, json, answers: Answers::default() }
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

    /// Something is done from here on: no answer that cannot be written stops what is left to do ([`Answers`]).
    pub(crate) fn acted(&mut self) {
        self.answers.acted();
    }

    /// Gives the answer to something that is done.
    pub(crate) fn done(&mut self, object: &Value, lines: &[String]) -> Result<(), IssuerError> {
        self.acted();
        self.answer(object, lines)
    }

    /// How a command ends that has not failed.
    pub(crate) fn end(&self) -> ExitCode {
        match self.answers.unwritten() {
            None => ExitCode::SUCCESS,
            Some(why) => exit::say_unwritten(why, self.language, self.json),
        }
    }

    /// How a command ends that has failed. What it had done until then may be unsaid; what is to be done, the failure says.
    pub(crate) fn fail(&self, error: &IssuerError) -> ExitCode {
        if let Some(why) = self.answers.unwritten() {
            exit::say_unwritten_in_part(why, self.language, self.json);
        }
        exit::say(error, self.language, self.json)
    }

    /// Gives one answer: `object` with `--json`, else the lines.
    pub(crate) fn answer(&mut self, object: &Value, lines: &[String]) -> Result<(), IssuerError> {
        let written = if self.json {
            self.answers.line(&safe_json(&object.to_string()))
        } else {
            lines.iter().try_for_each(|line| self.answers.line(&safe_block(line, "")))
        };
        written.map_err(io("write to", Path::new("standard output")))
    }
}
