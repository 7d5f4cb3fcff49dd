//! `alcove`: the program of case workers, legal teams and admins.

#![forbid(unsafe_code)]

mod cli;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    alcove_programs::memory::harden();
    cli::main()
}
