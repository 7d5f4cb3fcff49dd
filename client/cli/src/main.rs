//! `alcove`: the program of case workers, legal teams and admins, at a terminal.
//!
//! Of the house it names the session, what is told of it, ids, names and limits, and what all programs promise: nothing
//! below. `args` says what can be typed, `verbs` has a file for each verb. Start with `run`.

#![forbid(unsafe_code)]

mod args;
mod context;
mod editor;
mod failure;
mod output;
mod passphrase;
mod person;
mod place;
mod prompt;
mod proxy;
mod run;
mod typing;
mod ui;
mod verbs;
mod waiting;
mod writing;

use std::process::ExitCode;

fn main() -> ExitCode {
    alcove_programs::memory::harden();
    run::main()
}
