//! From the command line to a verb, and from how that ended to an exit code.

use crate::{
    args::{Cli, Command},
    context::Context,
    failure::Failure,
    output::Output,
    person::PersonArgs,
    verbs::{
        block, case, completions, device,
        doc::{self, Doc},
        doctor, enrol, ledger, manual, member, note, outbox, passwd, recovery, search, status, verify,
    },
};
use alcove_client::{
    session::{Accents, Delivery, OutboxView, RecordKind},
    telling::Told,
};
use alcove_programs::{exit::Exit, usage};
use clap::Parser;
use std::{process::ExitCode, sync::atomic::Ordering, time::Duration};

/// How long threads that read and write files get to clear up after Ctrl-C.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// Runs the program and says how it ended.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let output = Output::new(cli.global.json);
    match started(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            output.failure(&told);
            told.exit.into()
        }
    }
}

/// clap's own words for people, with 0 for help and version; an object for programs.
fn not_understood(error: &clap::Error) -> ExitCode {
    let json = usage::wants_json();
    if !error.use_stderr() || !json {
        // Nobody is left to tell when the stream is gone.
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
    }
    Output::new(json).refused_line(&usage::refused(&error.kind(), &error.render().to_string()));
    Exit::Usage.into()
}

fn started(cli: Cli) -> Result<(), Told> {
    let more_to_do = matches!(&cli.command, Command::Doc(Doc::Send { paths, .. }) if paths.len() > 1);
    let context = Context::new(cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Told::new(Exit::Unexpected, format!("The program cannot start: {error}."), "Try again.")
    })?;
    let result = runtime.block_on(async {
        tokio::select! {
            // Heard first, so that Ctrl-C is also caught while a passphrase is typed: the terminal gets its
            // echo back.
            biased;
            () = stopped(&context) => Err(context.told(Failure::interrupted())),
            // Dropped by a signal wherever it waits. Every act in the vault is whole or not at all, and a draft of
            // a file is deleted when it is dropped; an upload goes on at the next try.
            result = run(&context, cli.command) => result.map_err(|failure| context.told(failure)),
        }
    });
    let was_stopped = matches!(&result, Err(told) if told.exit == Exit::Interrupted);
    let result = match result {
        Err(told) if was_stopped => interrupted(&context, told, more_to_do),
        other => other,
    };
    settle_draft(&context, was_stopped);
    let result = context.output.end(context.language, result);
    // Threads that were writing notice that nobody feeds them, and take their draft along.
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    result
}

/// Waits until somebody, or the system, wants the program to end: Ctrl-C, Ctrl-\, a closed terminal, a shutdown.
async fn stopped(context: &Context) {
    // What is pressed in an editor is meant for it, and what else comes meanwhile `editor` passes on and ends by.
    let is_editing = || context.editing.load(Ordering::Relaxed);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds =
            [SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate(), SignalKind::hangup()];
        if let [Ok(mut interrupt), Ok(mut quit), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = quit.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                if !is_editing() {
                    return;
                }
            }
        }
    }
    while tokio::signal::ctrl_c().await.is_ok() {
        if !is_editing() {
            return;
        }
    }
    // Nothing can be heard: the program ends by itself or not at all.
    std::future::pending::<()>().await;
}

/// Says what is safe already, so that nobody writes it again. If that was all there was to do, it is no failure.
fn interrupted(context: &Context, told: Told, more_to_do: bool) -> Result<(), Told> {
    let stopped = Told::new(Exit::Interrupted, "Stopped before it reached the server.", told.remedy.clone());
    match report_kept(context, &stopped) {
        Ok(true) if !more_to_do => Ok(()),
        Ok(_) => Err(told),
        Err(failure) => Err(context.told(failure)),
    }
}

/// Keeps what was typed and not written, and says so.
fn settle_draft(context: &Context, was_stopped: bool) {
    let (Some(session), Some(drafting)) = (context.opened(), context.drafting.get()) else { return };
    let resumed = drafting.resumed.as_ref();
    // What is in the outbox is no draft any more, also where the run was stopped before it could say so.
    if drafting.written.load(Ordering::Relaxed) || !session.in_hand().is_empty() {
        if let Some(Err(error)) = resumed.map(|draft| session.drop_draft(draft)) {
            context.output.warn(&format!(
                "the draft could not be removed, so what you have just written will be offered to you again. {}",
                context.told(error).what
            ));
        }
        return;
    }
    let text = drafting.typed.bytes();
    if text.trim_ascii().is_empty() || (drafting.is_piped && !was_stopped) {
        return;
    }
    match session.keep_draft(&drafting.case, drafting.corrects.as_ref(), resumed, text) {
        Ok(()) => context.output.say(if drafting.is_piped {
            "What came in is kept on this device, sealed. Run the command again at a terminal to go on with it."
        } else {
            "What you typed is kept on this device, sealed. Run the command again to go on with it."
        }),
        Err(error) => {
            context.output.warn(&format!("what you typed could not be kept. {}", context.told(error).what));
        }
    }
}

/// Whether anything was kept.
fn report_kept(context: &Context, stopped: &Told) -> Result<bool, Failure> {
    let Some(session) = context.opened() else { return Ok(false) };
    let kept = session.in_hand();
    for (case, id) in &kept {
        let is_title = |item: &OutboxView| item.id == *id && item.kind == Some(RecordKind::Subject);
        if session.outbox()?.iter().any(is_title) {
            case::report_opened(context, session, case, Some(stopped))?;
        } else {
            note::report_kept(context, case, id, Delivery::Queued, Some(stopped))?;
        }
    }
    Ok(!kept.is_empty())
}

async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Enrol(command) => enrol::run(context, command).await,
        Command::Status { acknowledge_alarms } => status::run(context, acknowledge_alarms).await,
        Command::Case(command) => case::run(context, command).await,
        Command::Member(command) => member::run(context, command).await,
        Command::Block { person, agency } => {
            let who = person.map(|person| PersonArgs { person, agency });
            block::block(context, who.as_ref()).await
        }
        Command::Unblock(who) => block::unblock(context, &who).await,
        Command::Device(command) => device::run(context, command).await,
        Command::Note(command) => note::run(context, command).await,
        Command::Doc(command) => doc::run(context, command).await,
        Command::Search { case, any_accent } => {
            let accents = if any_accent { Accents::Ignored } else { Accents::Count };
            search::run(context, case.as_deref(), accents).await
        }
        Command::Verify { agency, people } => {
            verify::run(context, agency.as_deref(), people.as_deref()).await
        }
        Command::Recovery(command) => recovery::run(context, command).await,
        Command::Ledger => ledger::run(context).await,
        Command::Outbox(command) => outbox::run(context, command).await,
        Command::Passwd { new_passphrase_file } => passwd::run(context, new_passphrase_file.as_deref()),
        Command::Doctor => doctor::run(context).await,
        Command::Completions { shell, install } => completions::run(context, shell, install),
        Command::Manual { install, to } => manual::run(context, install, to.as_deref()),
    }
}
