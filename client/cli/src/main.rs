//! `alcove`: the program of case workers, legal teams and admins, at a terminal.
//!
//! Of the house it names the session, ids, names and limits, and what all programs promise: nothing below. `args` says
//! what can be typed, `verbs` has a file for each verb, `exit` how it may end, `failure` turns every error into an exit
//! code and two sentences. Start with `run`.

#![forbid(unsafe_code)]

mod args;
mod choose;
mod context;
mod exit;
mod failure;
mod json;
mod output;
mod passphrase;
mod prompt;
mod run;
mod ui;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    alcove_programs::memory::harden();
    run::main()
}
