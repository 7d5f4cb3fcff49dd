//! How a command that failed ends: two sentences and the exit code.

use super::clock::clock_ms;
use alcove_issuer::{IssuerError, telling};
use alcove_programs::{
    language::Language,
    text::{safe_block, safe_json},
};
use std::{
    io::{Write, stderr},
    process::ExitCode,
};

/// Says on stderr what happened and what to do: two sentences for people, one object for scripts.
pub(crate) fn say(error: &IssuerError, language: Language, json: bool) -> ExitCode {
    let told = telling::tell(language, error, clock_ms());
    let said = if json {
        let object = serde_json::json!({
            "schema": "alcove.certs.error.v1",
            "exit": told.exit.code(),
            "error": told.exit.word(),
            "reason": telling::code(error),
            "what": told.happened,
            "do": told.remedy,
        });
        safe_json(&object.to_string())
    } else {
        safe_block(&format!("{}\n{}", told.happened, told.remedy), "")
    };
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(stderr(), "{said}");
    told.exit.into()
}
