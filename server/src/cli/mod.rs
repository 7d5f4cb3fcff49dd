//! The command line of `alcove-server`.
//!
//! Commands print what they found on standard output (with `--json` one object, or one a line), and what went
//! wrong on standard error: what happened, and what to do. Exit codes: [`Exit`].

mod args;
mod audit;
mod check;
mod check_config;
mod compact;
mod failure;
mod init;
mod metrics;
mod output;
mod run;
mod status;
mod store;

pub use failure::Failure;

use crate::report::report;
use alcove_programs::{exit::Exit, text::safe_json, usage};
use args::Cli;
use clap::Parser;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let json = usage::wants_json();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if json && error.use_stderr() => {
            let refused = usage::refused(&error.kind(), &error.render().to_string());
            return fail_json(Exit::Usage, Some(&refused.reason), &refused.what, &refused.remedy);
        }
        Err(error) => {
            // Help and version come this way too and are no failure.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _nobody_reads = error.print();
            return exit.into();
        }
    };
    match cli.command.run() {
        Ok(exit) => exit.into(),
        Err(failure) if json => {
            fail_json(failure.exit(), None, &format!("{}.", report(&failure)), failure.advice())
        }
        Err(failure) => {
            let advice = failure.advice();
            let _nobody_reads = writeln!(io::stderr(), "alcove-server: {}.\n{advice}", report(&failure));
            failure.exit().into()
        }
    }
}

/// Says to programs why a command failed.
fn fail_json(exit: Exit, reason: Option<&str>, what: &str, remedy: &str) -> ExitCode {
    let object = serde_json::json!({
        "schema": "alcove.server.error.v1",
        "exit": exit.code(),
        "error": exit.word(),
        "reason": reason,
        "what": what,
        "do": remedy,
    });
    let _nobody_reads = writeln!(io::stderr(), "{}", safe_json(&object.to_string()));
    exit.into()
}
