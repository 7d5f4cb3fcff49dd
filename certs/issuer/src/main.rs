//! `alcove-certs`: an agency admin's program. See the library beside it.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    alcove_programs::memory::harden();
    cli::run()
}
