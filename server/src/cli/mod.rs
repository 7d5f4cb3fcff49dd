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
use alcove_programs::exit::Exit;
use args::Cli;
use clap::Parser;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too and are no failure.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _nobody_reads = error.print();
            return exit.into();
        }
    };
    match cli.command.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let advice = failure.advice();
            let _nobody_reads = writeln!(io::stderr(), "alcove-server: {}.\n{advice}", report(&failure));
            failure.exit().into()
        }
    }
}
