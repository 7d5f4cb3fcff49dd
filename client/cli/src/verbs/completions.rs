//! `alcove completions`.

use crate::{args::Cli, failure::Failure, output};
use clap::CommandFactory;
use clap_complete::Shell;

pub(crate) fn run(shell: Shell) -> Result<(), Failure> {
    // Rendered first: writing into a pipe that has gone would panic inside.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "alcove", &mut script);
    output::raw(&script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_verbs() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "alcove", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in ["enrol", "member", "completions", "passphrase-file"] {
                assert!(script.contains(verb), "{shell}: {verb}");
            }
        }
    }
}
