//! How a command that failed ends: two sentences and the exit code.

use super::{clock::clock_ms, shown::shown};
use alcove_issuer::{IssuerError, telling};
use alcove_programs::{answers, exit::Exit, fold::of_words, language::Language, text::safe_json, usage};
use std::{
    io::{self, Write, stderr},
    process::ExitCode,
};

/// Says on stderr what happened and what to do: two sentences for people, one object for scripts.
pub(crate) fn say(error: &IssuerError, language: Language, json: bool) -> ExitCode {
    let told = telling::tell(language, error, clock_ms());
    say_both(told.exit, telling::code(error), &told.happened, &told.remedy, json)
}

/// Says that everything is done and the answer could not be written.
pub(crate) fn say_unwritten(why: &io::Error, language: Language, json: bool) -> ExitCode {
    let (what, remedy) = answers::unwritten(language, why);
    say_both(Exit::Unwritten, None, &what, remedy, json)
}

/// Says beside a failure that a part is done and the answer about it could not be written.
pub(crate) fn say_unwritten_in_part(why: &io::Error, language: Language, json: bool) {
    let what = answers::unwritten_in_part(language, why);
    print(&if json {
        safe_json(&serde_json::json!({ "schema": "alcove.certs.unwritten.v1", "what": what }).to_string())
    } else {
        shown(&what, of_words())
    });
}

/// Says that the line was not understood: clap's own words for people, with 0 for help and version.
pub(crate) fn not_understood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !usage::wants_json() {
        // Nobody is left to tell when the stream is gone.
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
    }
    let refused = usage::refused(&error.kind(), &error.render().to_string());
    say_both(Exit::Usage, Some(&refused.reason), &refused.what, &refused.remedy, true)
}

fn say_both(exit: Exit, reason: Option<&str>, what: &str, remedy: &str, json: bool) -> ExitCode {
    print(&if json {
        let object = serde_json::json!({
            "schema": "alcove.certs.error.v1",
            "exit": exit.code(),
            "error": exit.word(),
            "reason": reason,
            "what": what,
            "do": remedy,
        });
        safe_json(&object.to_string())
    } else {
        shown(&format!("{what}\n{remedy}"), of_words())
    });
    exit.into()
}

fn print(said: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(stderr(), "{said}");
}
