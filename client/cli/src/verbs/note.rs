//! `alcove note`: text from standard input or a file, never from the command line, where a shell's
//! history and other people's process lists would see it.

use crate::{
    context::{self, Context},
    editor::EditorArgs,
    failure::Failure,
    output,
    writing::Source,
};
use alcove_client::{
    session::{
        Clock, ConversationView, Delivery, Error, Live, NoteView, Session, Shown, SystemClock,
        UnreadableView, WatchEvent, Written,
    },
    telling::{
        Told, alarms, cases, items,
        json::{AlarmJson, CaseJson, DocumentJson, HeldUpJson, MemberJson, NoteJson, UnreadableJson},
        people, requests, times, watching,
    },
};
use alcove_programs::{exit::Exit, text::safe_block};
use alcove_proto::ids::{GroupId, RecordId};
use clap::Subcommand;
use serde::Serialize;
use std::{
    path::PathBuf,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

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
        #[command(flatten)]
        editor: EditorArgs,
        /// Members of other agencies may pass it on
        #[arg(long)]
        grantable: bool,
    },
    /// List the notes of a case, oldest first
    List {
        /// The case
        case: String,
        /// Show only the last N
        #[arg(long, value_name = "N")]
        last: Option<usize>,
        /// Show only what was written or came since a day or time: yesterday, 2026-11-30, "3 days", "2026-11-30 14:00"
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
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
        /// Stop after N notes
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
        #[command(flatten)]
        editor: EditorArgs,
    },
}

pub(crate) async fn run(context: &Context, command: Note) -> Result<(), Failure> {
    match command {
        Note::Add { case, file, editor, grantable } => {
            add(context, &case, Source::begin(&file, editor)?, grantable).await
        }
        Note::List { case, last, since } => list(context, &case, last, since.as_deref()).await,
        Note::Show { case, note } => show(context, &case, &note).await,
        Note::Watch { case, count } => watch(context, case.as_deref(), count).await,
        Note::Correct { case, note, file, editor } => {
            correct(context, &case, &note, Source::begin(&file, editor)?).await
        }
    }
}

async fn add(context: &Context, query: &str, source: Source, grantable: bool) -> Result<(), Failure> {
    let session = context.session()?;
    let place = || session.choose_open_conversation(query).ok().map(|case| (case.id, None));
    let source = source.taken(context, place).await?;
    context.refresh_briefly(&session).await.before_writing()?;
    let case = session.choose_open_conversation(query)?;
    say_readers(context, &session, &case.id)?;
    let text = source.text(context, &session, &case.id, None, "").await?;
    let written = session.add_note(&case.id, &text, grantable).await;
    report(context, &case.id, written)
}

async fn correct(context: &Context, query: &str, note: &str, source: Source) -> Result<(), Failure> {
    let session = context.session()?;
    let place = || {
        let case = session.choose_open_conversation(query).ok()?;
        Some((case.id, Some(session.choose_note(&case.id, note).ok()?)))
    };
    let source = source.taken(context, place).await?;
    context.refresh_briefly(&session).await.before_writing()?;
    let case = session.choose_open_conversation(query)?;
    let note = session.choose_note(&case.id, note)?;
    say_readers(context, &session, &case.id)?;
    context.output.say(items::first_version_stays(context.language));
    let before = session.note(&case.id, &note)?.text;
    let text = source.text(context, &session, &case.id, Some(&note), &before).await?;
    let written = session.correct_note(&case.id, &note, &text).await;
    report(context, &case.id, written)
}

async fn list(
    context: &Context,
    query: &str,
    last: Option<usize>,
    since: Option<&str>,
) -> Result<(), Failure> {
    let since_ms = since_ms(context, since)?;
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    print_head(context, &case)?;
    // The last of those that count.
    let mut notes = session.notes(&case.id, last.filter(|_| since_ms.is_none()))?;
    if let Some(since_ms) = since_ms {
        notes.retain(|note| since_ms <= note.written_at_ms.max(note.received_at_ms));
        notes.drain(..notes.len().saturating_sub(last.unwrap_or(usize::MAX)));
    }
    for note in &notes {
        print(context, &session, note)?;
    }
    if notes.is_empty() {
        context.output.say(items::no_notes(context.language));
    }
    let is_new = |item: &UnreadableView| since_ms.is_none_or(|since_ms| since_ms <= item.received_at_ms);
    for unreadable in session.unreadable(&case.id)?.into_iter().filter(is_new) {
        print_unreadable(context, &session, &unreadable)?;
    }
    if case.unreadable_before > 0 {
        let before = serde_json::json!({ "case": case.id.to_string(), "entries": case.unreadable_before });
        context.output.object("alcove.before-you-came.v1", before)?;
    }
    refresh.end()
}

/// Above what is shown of a case: as of when that is, and how much came before this person did.
pub(crate) fn print_head(context: &Context, case: &ConversationView) -> Result<(), Failure> {
    if let Some(as_of) = cases::as_of(context.language, case) {
        context.output.line(&as_of)?;
    }
    if case.unreadable_before > 0 {
        context.output.say(&items::before_you_came(context.language, case.unreadable_before));
    }
    Ok(())
}

/// From what day or time on, if one was given.
pub(crate) fn since_ms(context: &Context, since: Option<&str>) -> Result<Option<i64>, Failure> {
    let now_ms = SystemClock.now_ms();
    Ok(since.map(|text| times::since(context.language, text, now_ms)).transpose()?)
}

async fn show(context: &Context, query: &str, note: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    let note = session.note(&case.id, &session.choose_note(&case.id, note)?)?;
    print(context, &session, &note)?;
    refresh.end()
}

async fn watch(context: &Context, query: Option<&str>, count: Option<u64>) -> Result<(), Failure> {
    if context.offline {
        return Err(Failure::new(
            Exit::Usage,
            "Nothing new arrives while offline.",
            "Leave --offline out, or read what is here with `alcove note list --offline`.",
        ));
    }
    let session = context.session()?;
    // Before the refresh: what that fetches is new to whoever watches.
    let marks = session.marks()?;
    context.refresh(&session).await.end()?;
    let case = query.map(|query| session.choose_conversation(query)).transpose()?;
    let mut left = count.unwrap_or(u64::MAX);
    let live = Live::new(Arc::clone(&session));
    let mut follower = live.follow(case.as_ref().map(|case| &case.id), marks)?;
    let mut reader_gone = pin!(output::reader_gone());
    while left > 0 {
        let event = tokio::select! {
            biased;
            // Nobody would see what comes.
            () = &mut reader_gone => return Ok(()),
            event = follower.next() => event?,
        };
        // From here on an outage is told by its own event.
        context.tell_of_waits_no_more();
        print_event(context, &session, &event)?;
        left -= u64::from(matches!(event, WatchEvent::Arrived(Shown::Note(_))));
    }
    Ok(())
}

fn print_event(context: &Context, session: &Session, event: &WatchEvent) -> Result<(), Failure> {
    let title = |case: &GroupId| {
        session
            .conversation(case)
            .map(|case| cases::title(context.language, &case))
            .unwrap_or_else(|_| case.to_string())
    };
    match event {
        WatchEvent::CaughtUp => {
            context.output.object("alcove.caught-up.v1", serde_json::json!({}))?;
            context.output.say(watching::caught_up(context.language));
        }
        WatchEvent::Arrived(shown) => print_shown(context, session, shown)?,
        WatchEvent::Joined(case) => {
            let joined = session.conversation(case)?;
            context.output.object(
                "alcove.joined.v1",
                CaseJson::new(context.language, context.names(), &joined, Some(&session.members(case)?)),
            )?;
            context.output.say(&watching::joined(context.language, &joined));
            context.tell_of_same_title(session, &joined)?;
        }
        WatchEvent::Requests(count) => {
            context.output.object("alcove.requests.v1", serde_json::json!({ "requests": count }))?;
            context.output.say(&requests::waiting(context.language, *count));
        }
        WatchEvent::MembersChanged(case) => {
            let members = session.members(case)?;
            let id = case.to_string();
            let readers: Vec<MemberJson<'_>> =
                members.iter().map(|member| MemberJson::new(&id, member)).collect();
            context
                .output
                .object("alcove.members-changed.v1", serde_json::json!({ "case": id, "members": readers }))?;
            context.output.say(&watching::members_changed(context.language, &title(case), &members));
        }
        WatchEvent::Closed(case) => {
            context.output.object("alcove.closed.v1", serde_json::json!({ "case": case.to_string() }))?;
            context.output.say(&watching::closed(context.language, &title(case)));
        }
        WatchEvent::Alarm(alarm) => {
            context
                .output
                .object(AlarmJson::SCHEMA, AlarmJson::new(context.language, context.names(), alarm))?;
            context.output.warn(&alarms::says(context.language, context.names(), alarm));
        }
        WatchEvent::Reconnecting { in_its_place } => {
            let what = serde_json::json!({ "in_its_place": in_its_place });
            context.output.object("alcove.reconnecting.v1", what)?;
            context.output.say(watching::reconnecting(context.language, *in_its_place));
        }
        WatchEvent::Reconnected => {
            context.output.object("alcove.reconnected.v1", serde_json::json!({}))?;
            context.output.say(watching::reconnected(context.language));
        }
        WatchEvent::Missed => {
            context.output.object("alcove.missed.v1", serde_json::json!({}))?;
            context.output.say(watching::missed(context.language));
        }
    }
    Ok(())
}

/// A note, a document or what cannot be opened, among others of a case.
pub(crate) fn print_shown(context: &Context, session: &Session, shown: &Shown) -> Result<(), Failure> {
    match shown {
        Shown::Note(note) => print(context, session, note),
        Shown::Document(document) => {
            let author = context::author(session, &document.author)?;
            context.output.object(DocumentJson::SCHEMA, DocumentJson::new(document, &author))?;
            context.output.line(&items::document(context.language, document, &author))
        }
        Shown::Unreadable(unreadable) => print_unreadable(context, session, unreadable),
    }
}

pub(crate) fn print(context: &Context, session: &Session, note: &NoteView) -> Result<(), Failure> {
    let author = context::author(session, &note.author)?;
    context.output.object(NoteJson::SCHEMA, NoteJson::new(note, &author))?;
    context.output.line(&items::heading(context.language, note, &author))?;
    context.output.text(&format!("{}\n", safe_block(&note.text, "    ")))
}

fn print_unreadable(context: &Context, session: &Session, item: &UnreadableView) -> Result<(), Failure> {
    let author = context::author(session, &item.author)?;
    context.output.object(UnreadableJson::SCHEMA, UnreadableJson::new(context.language, item, &author))?;
    context.output.line(&items::not_shown(context.language, item, &author))
}

/// What became of something written.
#[derive(Serialize)]
struct WrittenJson {
    id: String,
    case: String,
    #[serde(flatten)]
    delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

fn report(context: &Context, case: &GroupId, written: Result<Written, Error>) -> Result<(), Failure> {
    // What the server refuses stays in the outbox: offered as a draft as well, it would be written twice.
    let is_kept = matches!(written, Ok(_) | Err(Error::Refused { .. }));
    if let Some(drafting) = context.drafting.get().filter(|_| is_kept) {
        drafting.written.store(true, Ordering::Relaxed);
    }
    let written = written?;
    let held_up = written.held_up.map(|error| context.told(error));
    report_kept(context, case, &written.id, written.delivery, held_up.as_ref())
}

/// Tells where something that was written is.
pub(crate) fn report_kept(
    context: &Context,
    case: &GroupId,
    id: &RecordId,
    delivery: Delivery,
    held_up: Option<&Told>,
) -> Result<(), Failure> {
    context.output.acted();
    context.output.object(
        "alcove.written.v1",
        WrittenJson {
            id: id.to_string(),
            case: case.to_string(),
            delivery,
            held_up: held_up.map(HeldUpJson::new),
        },
    )?;
    context.output.line(&id.to_string())?;
    context.output.say_delivery(context.language, delivery, held_up);
    Ok(())
}

fn say_readers(context: &Context, session: &Session, case: &GroupId) -> Result<(), Failure> {
    context.output.say(&people::will_be_read_by(context.language, &session.members(case)?));
    Ok(())
}
