//! `alcove recovery`: the attempts in one's agency, the objection to one, and reading again after everything was lost.

use crate::{args::Recovery, choose, context::Context, prompt, ui::table::Table};
use alcove_client::{
    session::{Imported, RecoveredCaseView, RecoveryState, RecoveryView},
    telling::{Told, files, json::RecoveryJson, times, words},
};
use alcove_programs::{exit::Exit, text::safe_line};
use alcove_proto::limits::RECOVERED_KEYS_BYTES_MAX;
use serde::Serialize;
use std::{fs::File, io::Read, path::Path};

pub(crate) async fn run(context: &Context, command: Recovery) -> Result<(), Told> {
    match command {
        Recovery::List => list(context).await,
        Recovery::Object { id } => object(context, &id).await,
        Recovery::Import { file } => import(context, &file).await,
    }
}

async fn list(context: &Context) -> Result<(), Told> {
    let session = context.session()?;
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let attempts = session.recoveries()?;
    let mut table = Table::new(&["ID", "WHOSE", "DEVICE", "ANNOUNCED", "FROM", "STATE"]);
    for attempt in &attempts {
        context.output.object(RecoveryJson::SCHEMA, RecoveryJson::new(attempt))?;
        table.row([
            &short(attempt),
            &words::name(&attempt.person),
            &attempt.device.to_string(),
            &times::minute(attempt.announced_at_ms),
            &times::minute(attempt.open_from_ms),
            words::recovery_state(attempt.state),
        ]);
    }
    if attempts.is_empty() {
        context.output.say("No attempt at recovery in your agency is known here.");
    } else {
        context.output.line(table.render().trim_end())?;
    }
    refresh.end()
}

async fn object(context: &Context, query: &str) -> Result<(), Told> {
    let session = context.session()?;
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let mut attempts = session.recoveries()?;
    let ids: Vec<String> = attempts.iter().map(|attempt| attempt.id.to_string()).collect();
    let attempt = attempts.swap_remove(choose::by_id(&ids, query, "attempt")?);
    context.output.say(&words::recovery(&attempt));
    context.output.say(
        "If you object, nothing is ever handed out by this attempt, and everybody in your agency can see that it was you.",
    );
    prompt::confirm("Object?", context.yes).await?;
    let state = session.object(&attempt.id).await?;
    let attempt = RecoveryView { state, ..attempt };
    context.output.object(RecoveryJson::SCHEMA, RecoveryJson::new(&attempt))?;
    context.output.line(became(state))?;
    match state {
        RecoveryState::Objected | RecoveryState::Withdrawn | RecoveryState::Ended => refresh.end(),
        RecoveryState::Announced | RecoveryState::Open | RecoveryState::HandedOut => Err(Told::new(
            Exit::Conflict,
            "The objection came too late, or was not taken.",
            "Speak to your agency's admin and officers at once: with enough shares they can open it.",
        )),
    }
}

/// What has become of an attempt that was objected to.
fn became(state: RecoveryState) -> &'static str {
    match state {
        RecoveryState::Objected => "You have objected: nothing is handed out by this attempt.",
        RecoveryState::HandedOut => {
            "It had been handed out before, at least in part: the objection changes nothing."
        }
        RecoveryState::Withdrawn => "The admin had withdrawn it before: nothing is handed out.",
        RecoveryState::Ended => "It had ended before: nothing is handed out any more.",
        RecoveryState::Announced | RecoveryState::Open => "The server has not taken the objection down.",
    }
}

/// `alcove.recovered.v1`.
#[derive(Serialize)]
struct RecoveredJson {
    cases: u64,
    epochs: u64,
    records: u64,
    certificates_refused: u64,
    read: Vec<RecoveredCaseJson>,
}

#[derive(Serialize)]
struct RecoveredCaseJson {
    case: String,
    title: Option<String>,
    done: bool,
    member: bool,
    items: u64,
    unreadable: u64,
    poisoned_epochs: Vec<u64>,
}

impl RecoveredCaseJson {
    fn new(view: &RecoveredCaseView) -> Self {
        Self {
            case: view.case.to_string(),
            title: view.title.clone(),
            done: view.done,
            member: view.member,
            items: view.items,
            unreadable: view.unreadable,
            poisoned_epochs: view.poisoned.clone(),
        }
    }
}

async fn import(context: &Context, path: &Path) -> Result<(), Told> {
    let file = read(path)?;
    let session = context.session()?;
    let imported = session.import_recovered(&file)?;
    context.output.say(&taken_in(&imported));
    let refresh = context.refresh(&session).await;
    let cases = session.recovered_cases()?;
    context.output.object(
        "alcove.recovered.v1",
        RecoveredJson {
            cases: imported.cases,
            epochs: imported.epochs,
            records: imported.records,
            certificates_refused: imported.certificates_refused,
            read: cases.iter().map(RecoveredCaseJson::new).collect(),
        },
    )?;
    for case in &cases {
        context.output.line(&read_again(case))?;
        for epoch in &case.poisoned {
            context.output.warn(&poisoned(case, *epoch));
        }
    }
    if imported.certificates_refused > 0 {
        context.output.warn(&format!(
            "{} of no agency of the charter: what was signed under them is not shown.",
            words::count(imported.certificates_refused, "certificate is", "certificates are")
        ));
    }
    if cases.iter().any(|case| !case.done) {
        context.output.say(
            "What is not read yet is read by the next command that reaches the server. Keep the file until then, \
             and delete it afterwards.",
        );
    }
    refresh.end()
}

fn taken_in(imported: &Imported) -> String {
    format!(
        "Recovered keys of {} in {} taken in{}.",
        words::count(imported.epochs, "epoch", "epochs"),
        words::count(imported.cases, "case", "cases"),
        match imported.records {
            0 => String::new(),
            records => format!(", and of {} that had been granted", words::count(records, "item", "items")),
        }
    )
}

fn read_again(case: &RecoveredCaseView) -> String {
    let mut line = format!(
        "{:.8}  {}: {}",
        case.case.to_string(),
        case.title.as_deref().map_or_else(|| "(its title was not recovered)".to_owned(), safe_line),
        words::count(case.items, "note or document read again", "notes and documents read again")
    );
    if case.unreadable > 0 {
        line.push_str(&format!(", {} cannot be read", case.unreadable));
    }
    if !case.done {
        line.push_str(", not at its end yet");
    }
    if !case.member {
        line.push_str("; read only: ask a member to add you");
    }
    line
}

fn poisoned(case: &RecoveredCaseView, epoch: u64) -> String {
    format!(
        "Somebody of your agency sealed a false key for epoch {epoch} of case {:.8}. The true one was found and what it \
         opens was read; tell your agency's admin.",
        case.case.to_string()
    )
}

/// The first digits of an attempt's id: enough to name it by.
fn short(attempt: &RecoveryView) -> String {
    attempt.id.to_string().chars().take(8).collect()
}

/// Reads the file, and no more than such a file can have.
fn read(path: &Path) -> Result<Vec<u8>, Told> {
    let mut bytes = Vec::new();
    let limit = RECOVERED_KEYS_BYTES_MAX as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| files::file(path, &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::ids::GroupId;

    fn case() -> RecoveredCaseView {
        RecoveredCaseView {
            case: GroupId([0xab; 16]),
            title: Some("QUIET-MAPLE-07".to_owned()),
            done: true,
            member: false,
            items: 2,
            unreadable: 0,
            poisoned: vec![],
        }
    }

    #[test]
    fn what_was_read_again_says_how_much_and_what_one_may_do() {
        assert_eq!(
            read_again(&case()),
            "abababab  QUIET-MAPLE-07: 2 notes and documents read again; read only: ask a member to add you"
        );
        let cut = RecoveredCaseView { done: false, member: true, title: None, unreadable: 1, ..case() };
        assert_eq!(
            read_again(&cut),
            "abababab  (its title was not recovered): 2 notes and documents read again, 1 cannot be read, \
             not at its end yet"
        );
    }

    #[test]
    fn an_objection_tells_what_became_of_the_attempt_and_never_more() {
        assert!(became(RecoveryState::Objected).contains("nothing is handed out"));
        assert!(became(RecoveryState::HandedOut).contains("changes nothing"));
        for state in [RecoveryState::Announced, RecoveryState::Open] {
            assert!(!became(state).contains("nothing is handed out"));
        }
    }
}
