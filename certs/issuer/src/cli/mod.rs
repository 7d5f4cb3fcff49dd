//! The command line: what can be asked ([`args`]), and a file for each that does it.
//!
//! Answers go to stdout, everything else to stderr; with `--json` an answer is one object a line.

mod adopt;
mod approve;
mod args;
mod ask;
mod ca;
mod ca_show;
mod charter;
mod clock;
mod crl;
mod desk;
mod duty;
mod exit;
mod input;
mod invite;
mod issue;
mod ledger;
mod list;
mod order;
mod output;
mod passphrase;
mod pauses;
mod pending;
mod proxy;
mod publishing;
mod recovery;
mod rehearse;
mod renew;
mod revoke;
mod roll;
mod run;
mod server;
mod shown;
mod start;
mod start_names;
mod waiting;
mod watched_list;

#[cfg(test)]
mod spoken_commands;

use alcove_programs::{language::Language, memory};
use args::{Cli, Command};
use clap::Parser;
use clock::clock_ms;
use output::Output;
use passphrase::Source;
use run::Run;
use std::process::ExitCode;

/// Parses the arguments, does what they say, and says how it went.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::not_understood(&error),
    };
    cli.common.proxy.put_in_use();
    alcove_issuer::when_waiting(waiting::say);
    let mut run = Run {
        passphrase: Source::new(cli.common.passphrase_file),
        output: Output::new(Language::English, cli.common.json),
        now_ms: clock_ms(),
    };
    let run = &mut run;
    let done = match cli.command {
        Command::Start(command) => command.run(run),
        Command::Ca(command) => command.run(run),
        Command::Server(command) => command.run(run),
        Command::Issue(command) => command.run(run),
        Command::Revoke(command) => command.run(run),
        Command::Crl(command) => command.run(run),
        Command::List(command) => command.run(run),
        Command::Duty(command) => command.run(run),
        Command::Rehearse(command) => command.run(run),
        Command::Invite(command) => command.run(run),
        Command::Pending(command) => command.run(run),
        Command::Approve(command) => command.run(run),
        Command::Refuse(command) => command.run(run),
        Command::Withdraw(command) => command.run(run),
        Command::Renew(command) => command.run(run),
        Command::Ledger(command) => command.run(run),
        Command::Charter(command) => command.run(run),
        Command::Recovery(command) => command.run(run),
    };
    let told = memory::lacking().into_iter().try_for_each(|lacking| run.output.remark(lacks(lacking)));
    match done.and(told) {
        Ok(()) => run.output.end(),
        Err(error) => run.output.fail(&error),
    }
}

/// What a system that does not keep this program's memory to itself means for the admin.
fn lacks(lacking: memory::Lacking) -> &'static str {
    match lacking {
        memory::Lacking::Closed => {
            "Look: a crash of this program may leave the agency's keys on this machine's disk. \
             Tell the person who looks after it that programs cannot switch off core files."
        }
        memory::Lacking::Locked => {
            "Look: the agency's keys may be written to swap while this program runs. \
             Let the machine encrypt its swap, or raise the limit of locked memory (ulimit -l)."
        }
    }
}
