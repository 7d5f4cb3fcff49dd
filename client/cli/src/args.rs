//! The command line: every verb, flag and environment variable, with its help.
//!
//! Nothing secret is ever taken from here: passphrases come from a file or the terminal, notes from
//! standard input or a file.

use alcove_programs::exit;
use alcove_proto::limits::DEVICE_NUMBER_MAX;
use clap::{Args, Parser, Subcommand};
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

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of the vault [default: the platform's place for data]
    #[arg(long, global = true, env = "ALCOVE_HOME", value_name = "DIR", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// File whose first line is the vault's passphrase (chmod 600)
    #[arg(long, global = true, env = "ALCOVE_PASSPHRASE_FILE", value_name = "FILE", hide_env_values = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Results as JSON on standard output, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask the server: work with what is on this device
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Do not ask for confirmation
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
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

/// `alcove enrol`.
#[derive(Debug, Subcommand)]
pub(crate) enum Enrol {
    /// Make this device's keys and write the request for the agency's admin
    Request {
        /// Where to write the request
        #[arg(long, short, value_name = "FILE", default_value = "device.req")]
        output: PathBuf,
    },
    /// Answer an invitation: make this device's keys and hand in the request for them
    ///
    /// The invitation is a secret: it is read from a file, from standard input (-), or asked for on a terminal.
    Accept {
        /// The file with the invitation, or - for standard input
        file: Option<PathBuf>,
        /// Wait this long for the admin's answer [default: on a terminal until it comes, else 0]
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
    },
    /// Take in the admin's answer: from a file, or from the server after `enrol accept`
    Finish {
        /// The file the admin gave back; without it the server is asked
        file: Option<PathBuf>,
        /// Address of the server, when the answer names none or it has moved
        #[arg(long, value_name = "HOST:PORT", requires = "file")]
        server: Option<String>,
        /// Wait this long for the admin's answer [default: on a terminal until it comes, else 0]
        #[arg(long, value_name = "SECONDS", conflicts_with = "file")]
        wait: Option<u64>,
    },
}

/// `alcove case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Case {
    /// Open a case; you are its owner and only member
    New {
        /// A code name; never the client's name
        title: String,
    },
    /// List the cases of this device
    List {
        /// Archived ones too
        #[arg(long)]
        all: bool,
    },
    /// Show one case and who reads it
    Show {
        /// The case: its id, the beginning of it, or its exact title
        case: String,
    },
    /// Lead a case on in a new one: a frozen one with everybody but whoever froze it, or one whose owners are all revoked
    Succeed {
        /// The case
        case: String,
    },
    /// Follow a member who leads a case on because none of its owners is left; without a case, list them
    Follow {
        /// The case that is led on, or the id of the new one where several lead it on
        case: Option<String>,
    },
    /// Who wants to add you to a case and waits for your yes
    Requests,
    /// Join a case that somebody wants to add you to
    Accept {
        /// The request's id, or the beginning of it
        #[arg(required_unless_present = "from", conflicts_with = "from")]
        id: Option<String>,
        /// Everything this person asks for, but for cases you know: a name, or spiffe://…/staff/…
        #[arg(long, value_name = "PERSON")]
        from: Option<String>,
        /// Their agency: its name or domain, or the first part of that
        #[arg(long, value_name = "AGENCY", requires = "from")]
        agency: Option<String>,
    },
    /// Take a request off the list without joining; nobody is told
    Decline {
        /// The request's id, or the beginning of it
        id: String,
    },
    /// Leave a case with all your devices; an owner's program takes you off
    Leave {
        /// The case
        case: String,
    },
    /// Come back into a case after this laptop's data was put back from a backup
    Rejoin {
        /// The case
        case: String,
        /// The six words that `alcove case compare` shows a member whom you called: asked for when it is needed
        #[arg(long, value_name = "WORDS")]
        words: Option<String>,
    },
    /// Show the words by which two members tell on the phone that the server shows both the same case
    Compare {
        /// The case
        case: String,
    },
    /// Put a case away on this device; it stays with the others
    Archive {
        /// The case
        case: String,
        /// Bring it back
        #[arg(long)]
        undo: bool,
    },
}

/// One person, told apart from everybody else.
#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// The person: a name as `alcove member find` shows it, or spiffe://…/staff/…
    pub(crate) person: String,
    /// Their agency: its name or domain, or the first part of that
    #[arg(long, value_name = "AGENCY")]
    pub(crate) agency: Option<String>,
}

/// `alcove member`.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Find people of the collaborative by part of their name
    Find {
        /// Part of a name; everybody if left out
        name: Option<String>,
        /// Only this agency
        #[arg(long, value_name = "AGENCY")]
        agency: Option<String>,
    },
    /// Add a person with all their devices; with --owner, make a member an owner
    Add {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
        /// What they may read of what was written before: none, all, or since=2026-03-04
        #[arg(long, default_value = "none", value_name = "HISTORY")]
        history: String,
        /// Let them add and remove people too
        #[arg(long)]
        owner: bool,
    },
    /// Hand a member chosen notes and documents from before they came
    Grant {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
        /// What to hand over: ids as `note list` and `doc list` show them
        #[arg(required = true, value_name = "ID")]
        records: Vec<String>,
        /// When it ends: 2026-12-31
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
    },
    /// End what was handed over from this device: they keep what they already received
    Ungrant {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Remove a person with all their devices
    Remove {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Who is on a case, with agency and side
    List {
        /// The case
        case: String,
    },
}

/// `alcove device`.
#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// Your devices, and how many of your cases each is in
    List,
    /// Add a device of yours to every case this one is in, with everything this one reads
    Add {
        /// Its number, as `alcove device list` shows it
        #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(DEVICE_NUMBER_MAX)))]
        number: u16,
    },
}

/// `alcove note`.
#[derive(Debug, Subcommand)]
pub(crate) enum Note {
    /// Write a note, from standard input or a file
    Add {
        /// The case
        case: String,
        /// The file with the text, or - for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
        /// Members of other agencies may pass it on
        #[arg(long)]
        grantable: bool,
    },
    /// List the notes of a case, oldest first
    List {
        /// The case
        case: String,
        /// Only the last so many
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Show one note whole
    Show {
        /// The case
        case: String,
        /// The note's id, or the beginning of it
        note: String,
    },
    /// Show notes as they arrive, until Ctrl-C
    Watch {
        /// The case; every case if left out
        case: Option<String>,
        /// End after so many notes
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Correct a note; the first version stays visible
    Correct {
        /// The case
        case: String,
        /// The note's id, or the beginning of it
        note: String,
        /// The file with the text, or - for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

/// `alcove doc`.
#[derive(Debug, Subcommand)]
pub(crate) enum Doc {
    /// Send files; run it again after a cut and it goes on where it stopped
    Send {
        /// The case
        case: String,
        /// The files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Members of other agencies may pass it on
        #[arg(long)]
        grantable: bool,
        /// How long to go on trying while the server cannot be reached
        #[arg(long, value_name = "SECONDS", default_value_t = WAIT_SECONDS)]
        wait: u32,
    },
    /// List the documents of a case
    List {
        /// The case
        case: String,
    },
    /// Fetch a document, check it, and save it; run it again after a cut and it goes on where it stopped
    Get {
        /// The document's id, or the beginning of it
        id: String,
        /// A new file, or a folder to save it in under its own name; nothing is overwritten
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
        /// The case, when the beginning of the id fits documents of several
        #[arg(long, value_name = "CASE")]
        case: Option<String>,
        /// How long to go on trying while the server cannot be reached
        #[arg(long, value_name = "SECONDS", default_value_t = WAIT_SECONDS)]
        wait: u32,
    },
}

/// `alcove recovery`.
#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// List the attempts at recovery in your agency
    List,
    /// Object to an attempt: nothing is ever handed out by it
    Object {
        /// The attempt's id, or the beginning of it
        id: String,
    },
    /// Take in the file your agency's officers made for this device, and read what it opens; run it again after a cut
    Import {
        /// The file
        file: PathBuf,
    },
}

/// `alcove outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List what waits to be sent, and what the server refuses
    List,
    /// Take an item out: it is not sent any more
    Drop {
        /// The item's id, or the beginning of it
        id: String,
    },
    /// Send an item once more that the server has refused, or a note that was not sent before you were out of its case
    Retry {
        /// The item's id, or the beginning of it
        id: String,
    },
}

/// Seconds a transfer waits for a server that cannot be reached, if nothing else is said.
const WAIT_SECONDS: u32 = 120;

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
