//! A line that cannot be understood, told to programs as to people.
//!
//! Whoever asked for JSON gets it also where the line is refused before any command has begun.

use std::{ffi::OsStr, fmt::Debug};

/// Why a line is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// For programs: `missing-required-argument`.
    pub reason: String,
    /// What is wrong with it.
    pub what: String,
    /// How the command is written.
    pub remedy: String,
}

/// Whether JSON is asked for anywhere in the line of this program, which was not understood.
pub fn wants_json() -> bool {
    asks_for_json(std::env::args_os())
}

/// What stands behind `--` is no flag.
fn asks_for_json<A: AsRef<OsStr>>(line: impl IntoIterator<Item = A>) -> bool {
    line.into_iter().take_while(|word| word.as_ref() != "--").any(|word| word.as_ref() == "--json")
}

/// Takes apart what the library that reads lines says to people.
///
/// `kind`: its name of the fault. `said`: its text without colours.
pub fn refused(kind: &impl Debug, said: &str) -> Refused {
    let said = said.trim();
    let (what, usage) = match said.find("Usage:") {
        Some(at) => said.split_at(at),
        None => said.split_once("\n\n").unwrap_or((said, "")),
    };
    let usage = usage.split("\n\n").next().unwrap_or_default();
    let what = match what.trim().strip_prefix("error:") {
        Some(what) => one_line(what),
        // The help, in place of an error: nothing was asked for.
        None => "A command is missing.".to_owned(),
    };
    Refused {
        reason: code(&format!("{kind:?}")),
        what,
        remedy: match one_line(usage) {
            usage if usage.starts_with("Usage:") => format!("{usage} (see --help)"),
            _ => "Run the command with --help: it says how it is written.".to_owned(),
        },
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `UnknownArgument` as `unknown-argument`.
fn code(name: &str) -> String {
    let mut code = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !code.is_empty() {
            code.push('-');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct MissingRequiredArgument;

    #[test]
    fn json_is_asked_for_anywhere_but_behind_the_end_of_flags() {
        for line in [
            &["alcove", "--json", "x"][..],
            &["alcove", "case", "new", "--json"],
            &["a", "--json", "--", "b"],
        ] {
            assert!(asks_for_json(line), "{line:?}");
        }
        for line in
            [&["alcove", "case"][..], &["alcove", "--jso"], &["alcove", "--", "--json"], &["--json=x"]]
        {
            assert!(!asks_for_json(line), "{line:?}");
        }
    }

    #[test]
    fn what_is_wrong_and_how_it_is_written_are_two_sentences() {
        let said = "error: the following required arguments were not provided:\n  <TITLE>\n\n\
                    Usage: alcove case new <TITLE>\n\nFor more information, try '--help'.\n";
        let refused = refused(&MissingRequiredArgument, said);
        assert_eq!(refused.reason, "missing-required-argument");
        assert_eq!(refused.what, "the following required arguments were not provided: <TITLE>");
        assert_eq!(refused.remedy, "Usage: alcove case new <TITLE> (see --help)");
    }

    #[test]
    fn the_help_in_place_of_an_error_says_that_a_command_is_missing() {
        let refused =
            refused(&MissingRequiredArgument, "Sends notes\n\nUsage: alcove <COMMAND>\n\nCommands:\n  case");
        assert_eq!(
            (refused.what.as_str(), refused.remedy.as_str()),
            ("A command is missing.", "Usage: alcove <COMMAND> (see --help)")
        );
    }

    #[test]
    fn a_fault_without_usage_still_says_what_to_do() {
        let refused = refused(
            &MissingRequiredArgument,
            "error: invalid value 'x'\n\nFor more information, try '--help'.",
        );
        assert_eq!(refused.what, "invalid value 'x'");
        assert!(refused.remedy.contains("--help"), "{}", refused.remedy);
    }
}
