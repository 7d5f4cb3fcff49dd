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
    /// Set this device up as yours, with your agency's admin
    #[command(subcommand)]
    Enrol(Enrol),
    /// Show this device's certificate, server, clock, alarms, and what waits to be sent
    Status {
        /// Acknowledge the alarms shown and resume sending
        #[arg(long)]
        acknowledge_alarms: bool,
    },
    /// Cases: open, list, show, continue, archive
    #[command(subcommand)]
    Case(Case),
    /// People on a case: find, add, hand over earlier items, remove
    #[command(subcommand)]
    Member(Member),
    /// Block a person from adding you to cases; without a person, list those blocked. They are not told
    Block {
        /// The person: a name as `alcove member find` shows it, or spiffe://…/staff/…
        person: Option<String>,
        /// Their agency: its name or domain, or the first part of that
        #[arg(long, value_name = "AGENCY", requires = "person")]
        agency: Option<String>,
    },
    /// Let a blocked person add you to cases again
    Unblock(PersonArgs),
    /// Your own devices: list them, add another to your cases
    #[command(subcommand)]
    Device(Device),
    /// Notes: write, list, watch, correct
    #[command(subcommand)]
    Note(Note),
    /// Documents: send, list, save
    #[command(subcommand)]
    Doc(Doc),
    /// Search the notes and the names of documents on this device; type the words when asked, or give them on standard
    /// input
    Search {
        /// The case; every case if left out
        case: Option<String>,
        /// Find words with other accents too: "Pena" also finds "Peña"
        #[arg(long)]
        any_accent: bool,
    },
    /// Check by phone that keys are genuine, by comparing words: an agency's, or those of people whose key has
    /// changed
    Verify {
        /// The agency, by name or trust domain; without one, list everything there is to compare
        agency: Option<String>,
        /// People whose key has changed and who have read out the words, by name; without names, you are asked about
        /// each
        #[arg(long, value_name = "NAME[@AGENCY]", num_args = 0.., conflicts_with = "agency")]
        people: Option<Vec<String>>,
    },
    /// Key recovery: list requests, object to one, or restore access on a new laptop
    #[command(subcommand)]
    Recovery(Recovery),
    /// Your agency's ledger: certificates issued in your name, and devices in your cases that it does not list
    Ledger,
    /// Items that wait to be sent, or that the server refuses
    #[command(subcommand)]
    Outbox(Outbox),
    /// Change the passphrase of the vault
    Passwd {
        /// File whose first line is the new passphrase (chmod 600)
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Check this device step by step, and say how to fix what is wrong
    Doctor,
    /// Print a completion script for a shell, or install it for yourself
    Completions {
        /// The shell
        shell: Shell,
        /// Put it where that shell looks for it
        #[arg(long)]
        install: bool,
    },
    /// Print the manual page, or install one for each command
    Manual {
        /// Put them where `man` looks for your own
        #[arg(long)]
        install: bool,
        /// Another folder to put them in
        #[arg(long, value_name = "DIR", requires = "install")]
        to: Option<PathBuf>,
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
