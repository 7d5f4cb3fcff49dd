//! The command line: one file a verb, each speaking to the session and nothing below it.
//!
//! [`args`] says what can be typed, [`exit`] how it may end, [`failure`] turns every error into an exit
//! code and two sentences. Start with [`main`].

mod args;
mod case;
mod choose;
mod completions;
mod context;
mod doc;
mod doctor;
mod enrol;
mod exit;
mod failure;
mod json;
mod member;
mod note;
mod output;
mod passphrase;
mod passwd;
mod prompt;
mod status;

use args::{Cli, Command};
use clap::Parser;
use context::Context;
use exit::{Exit, Failure};
use output::Output;
use std::{process::ExitCode, time::Duration};

/// How long threads that read and write files get to clear up after Ctrl-C.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// Runs the program and says how it ended.
pub(crate) fn main() -> ExitCode {
    // clap prints its own words and ends with 0 (help, version) or 2 (usage).
    let cli = Cli::parse();
    let output = Output { json: cli.global.json };
    match started(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn started(cli: Cli) -> Result<(), Failure> {
    let context = Context::new(cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(Exit::Unexpected, format!("The program cannot start: {error}."), "Try again.")
    })?;
    let result = runtime.block_on(async {
        tokio::select! {
            // Heard first, so that Ctrl-C is also caught while a passphrase is typed: the terminal gets its
            // echo back.
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
            // Dropped by Ctrl-C wherever it waits. Every act in the vault is whole or not at all, and a draft of
            // a file is deleted when it is dropped; an upload goes on at the next try.
            result = run(&context, cli.command) => result,
        }
    });
    // Threads that were writing notice that nobody feeds them, and take their draft along.
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    result
}

async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Enrol(command) => enrol::run(context, command).await,
        Command::Status { acknowledge_alarms } => status::run(context, acknowledge_alarms).await,
        Command::Case(command) => case::run(context, command).await,
        Command::Member(command) => member::run(context, command).await,
        Command::Note(command) => note::run(context, command).await,
        Command::Doc(command) => doc::run(context, command).await,
        Command::Passwd { new_passphrase_file } => passwd::run(context, new_passphrase_file.as_deref()),
        Command::Doctor => doctor::run(context).await,
        Command::Completions { shell } => completions::run(shell),
    }
}
