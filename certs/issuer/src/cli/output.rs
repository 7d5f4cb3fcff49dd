//! How answers look: sentences for people, objects for scripts.

use super::{clock::clock_ms, exit, shown::shown};
use alcove_issuer::{CaLife, IssuerError, io, telling};
use alcove_programs::{
    answers::Answers,
    fold::{of_results, of_words},
    language::Language,
    text::safe_json,
};
use serde_json::Value;
use std::{
    io::{Write, stderr},
    path::Path,
    process::ExitCode,
};

/// Where answers go.
pub(crate) struct Output {
    pub(crate) language: Language,
    json: bool,
    answers: Answers,
    /// What scripts are told of the end of the CA that is open, while it is near.
    ca_ends: Option<Value>,
}

impl Output {
    pub(crate) fn new(language: Language, json: bool) -> Self {
        Self { language, json, answers: Answers::default(), ca_ends: None }
    }

    /// Whether a script reads the answers.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Says what went wrong and what to do, where the command goes on.
    pub(crate) fn say(&mut self, error: &IssuerError) -> Result<(), IssuerError> {
        let told = telling::tell(self.language, error, clock_ms());
        self.remarks(&[told.happened, told.remedy])
    }

    /// Tells of a CA that was opened and ends within a year: people at once and once, on standard error, since an answer may
    /// be nothing but six words; scripts in each answer.
    pub(crate) fn tell_end(&mut self, life: &CaLife) {
        let Some(ending) = telling::ending(self.language, life, clock_ms()) else { return };
        if self.ca_ends.replace(ending.object).is_none() && !self.json {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(stderr(), "{}", shown(&ending.text, of_words()));
        }
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

    /// As [`Self::done`], and says what comes next and who has to do it.
    pub(crate) fn done_and_next(
        &mut self,
        object: Value,
        lines: Vec<String>,
        done: &telling::Done<'_>,
    ) -> Result<(), IssuerError> {
        self.acted();
        self.answer_and_next(object, lines, done)
    }

    /// As [`Self::answer`], and says what comes next and who has to do it.
    pub(crate) fn answer_and_next(
        &mut self,
        mut object: Value,
        mut lines: Vec<String>,
        done: &telling::Done<'_>,
    ) -> Result<(), IssuerError> {
        let next = telling::next(self.language, done);
        object["next"] = next.iter().map(telling::Next::object).collect();
        lines.extend(next.iter().flat_map(telling::Next::lines));
        self.answer(&object, &lines)
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
            let mut object = object.clone();
            if let (Some(fields), Some(ends)) = (object.as_object_mut(), &self.ca_ends) {
                fields.insert("ca_ends".to_owned(), ends.clone());
            }
            self.answers.line(&safe_json(&object.to_string()))
        } else {
            lines.iter().try_for_each(|line| self.answers.line(&shown(line, of_results())))
        };
        written.map_err(io("write to", Path::new("standard output")))
    }
}
