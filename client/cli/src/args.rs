//! The command line: every verb, flag and environment variable, with its help.
//!
//! Nothing secret is ever taken from here: passphrases come from a file or the terminal, notes from
//! standard input or a file.

use crate::{
    context::Global,
    person::PersonArgs,
    verbs::{
        case::Case, device::Device, doc::Doc, enrol::Enrol, member::Member, note::Note, outbox::Outbox,
        recovery::Recovery,
    },
};
use alcove_programs::exit;
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Exchange notes and documents between agencies, end-to-end encrypted.
#[derive(Debug, Parser)]
#[command(name = "alcove", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = exit::table())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Become a member of an agency's staff on this device
    #[command(subcommand)]
    Enrol(Enrol),
    /// Certificate, server, clock, and what still waits to be sent
    Status {
        /// Mark the alarms as looked at, so that sending goes on
        #[arg(long)]
        acknowledge_alarms: bool,
    },
    /// Cases: open, list, show, lead on, put away
    #[command(subcommand)]
    Case(Case),
    /// Who is on a case
    #[command(subcommand)]
    Member(Member),
    /// Do not be put on cases by somebody; without a person, list who is blocked. They are not told
    Block {
        /// The person: a name as `alcove member find` shows it, or spiffe://…/staff/…
        person: Option<String>,
        /// Their agency: its name or domain, or the first part of that
        #[arg(long, value_name = "AGENCY", requires = "person")]
        agency: Option<String>,
    },
    /// Let somebody put you on cases again
    Unblock(PersonArgs),
    /// Your own devices: list them, add a second one to your cases
    #[command(subcommand)]
    Device(Device),
    /// Notes
    #[command(subcommand)]
    Note(Note),
    /// Documents
    #[command(subcommand)]
    Doc(Doc),
    /// Find notes on this device; the words come from standard input, never from the command line
    Search {
        /// The case; every case if left out
        case: Option<String>,
    },
    /// Compare words by phone: of an agency, or of people whose key has changed
    Verify {
        /// The agency, by name or trust domain; without one, everything there is to compare is listed
        agency: Option<String>,
        /// People whose key has changed and who have read out the words, each by name; on a terminal, without names, each
        /// is asked about
        #[arg(long, value_name = "NAME[@AGENCY]", num_args = 0.., conflicts_with = "agency")]
        people: Option<Vec<String>>,
    },
    /// Recovery in your agency: who asks for it, saying no to it, and reading again after everything was lost
    #[command(subcommand)]
    Recovery(Recovery),
    /// Your agency's ledger: what it has certified in your name, and who is in cases and not in it
    Ledger,
    /// What is written here and not yet at the server
    #[command(subcommand)]
    Outbox(Outbox),
    /// Change the passphrase of the vault
    Passwd {
        /// File whose first line is the new passphrase (chmod 600)
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Check this device, step by step, and say what to mend
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_flag_takes_a_secret() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let secret = ["passphrase", "password", "key", "secret", "text", "message"]
                    .iter()
                    .any(|word| name.contains(word));
                assert!(!secret || name.ends_with("_file"), "{} takes {name}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
