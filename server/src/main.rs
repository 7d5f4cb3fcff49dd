//! `alcove-server`: see the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    alcove_programs::memory::harden();
    alcove_server::cli::main()
}
