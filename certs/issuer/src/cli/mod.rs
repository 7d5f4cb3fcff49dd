//! The command line: what can be asked, and which room does it.
//!
//! Answers go to stdout, everything else to stderr; with `--json` an answer is one object a line.

mod adopt;
mod approve;
mod ask;
mod ca;
mod charter;
mod desk;
mod differences;
mod duty;
mod exit;
mod exit_desk;
mod exit_lists;
mod hear;
mod invite;
mod ledger;
mod output;
mod own_words;
mod passphrase;
mod pending;
mod publish;
mod recovery;
mod recovery_desk;
mod recovery_exit;
mod rehearse;
mod renew;
mod revoke;
mod roll;
mod watched_list;

use alcove_programs::memory;
use clap::{Args, Parser, Subcommand};
use output::Output;
use std::{path::PathBuf, process::ExitCode};

/// Certifies an agency's staff, revokes, and signs charters. For an admin's machine only.
#[derive(Debug, Parser)]
#[command(name = "alcove-certs", version, arg_required_else_help = true, after_help = alcove_programs::exit::table())]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// Read the passphrase from this file instead of asking.
    #[arg(long, global = true, value_name = "FILE", env = "ALCOVE_CERTS_PASSPHRASE_FILE")]
    passphrase_file: Option<PathBuf>,
    /// Answer with one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The CA itself.
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// The server's certificates.
    #[command(subcommand)]
    Server(ca::ServerCommand),
    /// Certify a device: D.req in, D.cert out.
    Issue(ca::Issue),
    /// Revoke a certificate, a device or a person, and make the list that says so.
    Revoke(revoke::Revoke),
    /// Make a new revocation list.
    Crl(revoke::Crl),
    /// List what was handed out.
    List(ca::List),
    /// Invite a person: their device enrols at the server's desk.
    Invite(invite::Invite),
    /// Show what waits at the desk.
    Pending(pending::Pending),
    /// Certify a request that came in on an invitation, once its words have been compared.
    Approve(approve::Approve),
    /// Say no to a request that waits.
    Refuse(approve::Refuse),
    /// Take an invitation back.
    Withdraw(approve::Withdraw),
    /// Certify the new keys of devices that are certified already.
    Renew(renew::Renew),
    /// The published ledger, in which every device of the agency looks up the certificates it sees.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// The charter: who belongs to the collaborative.
    #[command(subcommand)]
    Charter(charter::CharterCommand),
    /// The duty officer, who shuts devices out while the CA is not at hand.
    #[command(subcommand)]
    Duty(duty::DutyCommand),
    /// Say what the coming days end and what a charter to come would refuse; changes nothing.
    Rehearse(rehearse::Rehearse),
    /// The recovery key: split among officers, checked, and used on the day of need.
    #[command(subcommand)]
    Recovery(recovery::RecoveryCommand),
}

/// Parses the arguments, does what they say, and says how it went.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.common.json;
    let mut output = Output::new(json);
    let passphrase = passphrase::Source::new(cli.common.passphrase_file);
    let now_ms = clock_ms();
    let done = match cli.command {
        Command::Ca(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Server(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Issue(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Revoke(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Crl(command) => command.run(&passphrase, now_ms, &mut output),
        Command::List(command) => command.run(now_ms, &mut output),
        Command::Duty(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Rehearse(command) => command.run(now_ms, &mut output),
        Command::Invite(command) => command.run(&passphrase, &mut output),
        Command::Pending(command) => command.run(&passphrase, &mut output),
        Command::Approve(command) => command.run(&passphrase, &mut output),
        Command::Refuse(command) => command.run(&passphrase, &mut output),
        Command::Withdraw(command) => command.run(&passphrase, &mut output),
        Command::Renew(command) => command.run(&passphrase, &mut output),
        Command::Ledger(command) => command.run(&passphrase, &mut output),
        Command::Charter(command) => command.run(&passphrase, now_ms, &mut output),
        Command::Recovery(command) => command.run(&passphrase, &mut output),
    };
    let told = memory::lacking().into_iter().try_for_each(|lacking| output.remark(lacks(lacking)));
    match done.and(told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::say(&error, json),
    }
}

/// What a system that does not keep this program's memory to itself means for the admin.
fn lacks(lacking: memory::Lacking) -> &'static str {
    match lacking {
        memory::Lacking::Closed => {
            "Look: a crash of this program may leave the agency's keys on this machine's disk. \
             Tell whoever looks after it that programs cannot switch off core files."
        }
        memory::Lacking::Locked => {
            "Look: the agency's keys may be written to swap while this program runs. \
             Let the machine encrypt its swap, or raise the limit of locked memory (ulimit -l)."
        }
    }
}

/// This machine's clock, milliseconds since 1970.
fn clock_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
