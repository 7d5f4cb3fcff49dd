//! `alcove recovery`: the attempts in one's agency, the objection to one, and reading again after everything was lost.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::{
    session::RecoveryView,
    telling::{
        files, json, people,
        recovery::{self, RecoveredJson},
        times,
    },
};
use alcove_programs::files::open_named;
use alcove_proto::limits::RECOVERED_KEYS_BYTES_MAX;
use clap::Subcommand;
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// `alcove recovery`.
#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// List the recovery attempts in your agency
    List,
    /// Object to an attempt: nothing is then ever released by it
    Object {
        /// The attempt's id, or the beginning of it
        id: String,
    },
    /// Import the file your agency's officers made for this device, and restore what it opens; after an interruption,
    /// run it again
    Import {
        /// The file
        file: PathBuf,
    },
}

pub(crate) async fn run(context: &Context, command: Recovery) -> Result<(), Failure> {
    match command {
        Recovery::List => list(context).await,
        Recovery::Object { id } => object(context, &id).await,
        Recovery::Import { file } => import(context, &file).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let attempts = session.recoveries()?;
    let mut table = Table::new(&["ID", "WHOSE", "DEVICE", "ANNOUNCED", "FROM", "STATE"]);
    for attempt in &attempts {
        context.output.object(json::RECOVERY, attempt)?;
        table.row([
            &recovery::short(attempt),
            &people::name(context.language, &attempt.person),
            &attempt.device.to_string(),
            &times::minute(attempt.announced_at_ms),
            &times::minute(attempt.open_from_ms),
            recovery::recovery_state(context.language, attempt.state),
        ]);
    }
    if attempts.is_empty() {
        context.output.say(recovery::none(context.language));
    } else {
        context.output.line(table.render().trim_end())?;
    }
    refresh.end()
}

async fn object(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let attempt = session.choose_recovery(query)?;
    context.output.say(&recovery::recovery(context.language, &attempt));
    context.output.say(recovery::objecting(context.language));
    prompt::confirm("Object?", context.yes).await?;
    let state = session.object(&attempt.id).await?;
    context.output.acted();
    let attempt = RecoveryView { state, ..attempt };
    context.output.object(json::RECOVERY, &attempt)?;
    context.output.line(recovery::became(context.language, state))?;
    recovery::objected(context.language, state)?;
    refresh.end()
}

async fn import(context: &Context, path: &Path) -> Result<(), Failure> {
    let file = read(context, path)?;
    let session = context.session()?;
    let imported = session.import_recovered(&file)?;
    context.output.acted();
    context.output.say(&recovery::taken_in(context.language, &imported));
    let refresh = context.refresh(&session).await;
    let cases = session.recovered()?;
    context.output.object(RecoveredJson::SCHEMA, RecoveredJson { imported: &imported, read: &cases })?;
    for case in &cases {
        context.output.line(&recovery::read_again(context.language, case))?;
        for epoch in &case.poisoned {
            context.output.warn(&recovery::poisoned(context.language, case, *epoch));
        }
    }
    if imported.certificates_refused > 0 {
        context.output.warn(&recovery::certificates_refused(context.language, imported.certificates_refused));
    }
    if cases.iter().any(|case| !case.done) {
        context.output.say(recovery::unfinished(context.language));
    }
    refresh.end()
}

/// Reads the file, and no more than such a file can have.
fn read(context: &Context, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = RECOVERED_KEYS_BYTES_MAX as u64 + 1;
    open_named(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| files::file(context.language, path, &error))?;
    Ok(bytes)
}
