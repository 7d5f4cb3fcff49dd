//! `alcove doc`.

use super::note;
use crate::{
    context::{self, Context},
    failure::Failure,
    place::Place,
    prompt,
    ui::{progress::Transfer, table::Table},
};
use alcove_client::{
    session::{Delivery, DocumentView, Error, Look, Progress, Session},
    telling::{
        Told, cases, documents, files,
        json::{DocumentJson, HeldUpJson, PathJson},
        numbers, people, times,
    },
};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use alcove_proto::ids::GroupId;
use clap::Subcommand;
use serde::Serialize;
use std::{
    fs,
    io::{self, IsTerminal},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

/// Seconds a transfer waits for a server that cannot be reached, if nothing else is said.
const WAIT_SECONDS: u32 = 120;

/// `alcove doc`.
#[derive(Debug, Subcommand)]
pub(crate) enum Doc {
    /// Send files; after an interruption, run it again and it continues where it stopped
    Send {
        /// The case
        case: String,
        /// The files; all are looked at before the first leaves
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Leave out what cannot be sent and what is in the case already, and send the rest
        #[arg(long)]
        skip_bad: bool,
        /// Send what is in the case already, under the same name with the same content, once more
        #[arg(long)]
        again: bool,
        /// Members of other agencies may pass it on
        #[arg(long)]
        grantable: bool,
        /// How long to keep trying while the server cannot be reached
        #[arg(long, value_name = "SECONDS", default_value_t = WAIT_SECONDS)]
        wait: u32,
    },
    /// List the documents of a case
    List {
        /// The case
        case: String,
        /// Show only what was sent or came since a day or time: yesterday, 2026-11-30, "3 days", "2026-11-30 14:00"
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
    },
    /// Fetch a document, verify it and save it; after an interruption, run it again and it continues where it stopped
    #[command(override_usage = "alcove doc get [OPTIONS] --output <PATH> [CASE] <DOCUMENT>")]
    Get {
        /// The document: its name, or its id or the beginning of it; before it the case, if several have one of that name
        #[arg(required = true, num_args = 1..=2, value_name = "DOCUMENT")]
        document: Vec<String>,
        /// A new file, or a folder (NEW/ is made) to save it in under its own name, or - for a pipe; existing files are never
        /// overwritten
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
        /// The case, as before the document
        #[arg(long, value_name = "CASE")]
        case: Option<String>,
        /// How long to keep trying while the server cannot be reached
        #[arg(long, value_name = "SECONDS", default_value_t = WAIT_SECONDS)]
        wait: u32,
    },
}

pub(crate) async fn run(context: &Context, command: Doc) -> Result<(), Failure> {
    match command {
        Doc::Send { case, paths, skip_bad, again, grantable, wait } => {
            let how = Sending { grantable, skip_bad, again, patience: seconds(wait) };
            send(context, &case, &paths, &how).await
        }
        Doc::List { case, since } => list(context, &case, since.as_deref()).await,
        Doc::Get { document, output, case, wait } => {
            let (case, document) = match (document.as_slice(), &case) {
                ([document], case) => (case.as_deref(), document),
                ([case, document], None) => (Some(case.as_str()), document),
                _ => {
                    return Err(Failure::new(
                        Exit::Usage,
                        "The case is named twice.",
                        "Name it before the document, or with --case.",
                    ));
                }
            };
            get(context, document, &output, case, seconds(wait)).await
        }
    }
}

/// A document that was sent.
#[derive(Serialize)]
struct SentJson {
    id: String,
    case: String,
    #[serde(flatten)]
    path: PathJson,
    #[serde(flatten)]
    delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

/// The same of one that was not sent.
#[derive(Serialize)]
struct NotSentJson {
    case: String,
    #[serde(flatten)]
    path: PathJson,
    reason: &'static str,
    what: String,
}

/// A file of the list that was not sent.
struct NotSent<'a> {
    path: &'a Path,
    /// In one word, for programs.
    reason: &'static str,
    /// What is wrong with it; nothing for one that is there already, or that was not tried.
    told: Option<Told>,
}

const BAD: &str = "bad";
const ALREADY_THERE: &str = "already-there";
const NOT_TRIED: &str = "not-tried";

impl NotSent<'_> {
    fn why(&self, language: Language) -> String {
        match &self.told {
            Some(told) => told.what.clone(),
            None => files::left_out(language, self.path, self.reason == ALREADY_THERE),
        }
    }
}

/// How a list is sent.
pub(crate) struct Sending {
    grantable: bool,
    skip_bad: bool,
    again: bool,
    patience: Duration,
}

async fn send(context: &Context, query: &str, paths: &[PathBuf], how: &Sending) -> Result<(), Failure> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let case = session.choose_open_conversation(query)?;
    let (ready, mut not_sent) = sort(context, &session, &case.id, paths, how).await?;
    if ready.is_empty() {
        context.output.say(documents::nothing_to_send(context.language));
    } else {
        let members = session.members(&case.id)?;
        context.output.say(&documents::will_be_read_by(context.language, ready.len() as u64, &members));
    }
    // A script has named case and file; a person at a terminal gets the chance to look at the readers.
    if io::stdin().is_terminal() && !context.output.json && !ready.is_empty() {
        prompt::confirm("Send?", context.yes).await?;
    }
    let mut failed: Option<Told> = None;
    let mut goes_on = true;
    for path in ready {
        if !goes_on {
            not_sent.push(NotSent { path, reason: NOT_TRIED, told: None });
        } else if let Err(error) = send_one(context, &session, &case.id, path, how).await? {
            // What is wrong with one file keeps no other back; what is wrong with the server or the case keeps all.
            goes_on = is_about_one_file(&error);
            let told = context.told(error);
            not_sent.push(NotSent { path, reason: told.exit.word(), told: Some(told.clone()) });
            failed.get_or_insert(told);
        }
    }
    tell_not_sent(context, &case.id, &not_sent)?;
    let sent = paths.len() - not_sent.len();
    if paths.len() > 1 && !not_sent.is_empty() {
        let why: Vec<_> = not_sent.iter().map(|file| file.why(context.language)).collect();
        context.output.say(&documents::not_all_sent(context.language, sent, paths.len(), &why));
    }
    let bad: Vec<_> = not_sent.into_iter().filter_map(|file| file.told).collect();
    match failed {
        Some(told) => Err(told.into()),
        // Left out as was asked for; but nobody may take it for sent.
        None if sent == 0 && !bad.is_empty() => Err(files::nothing_left(context.language, &bad).into()),
        None => Ok(()),
    }
}

fn is_about_one_file(error: &Error) -> bool {
    matches!(
        error,
        Error::File { .. }
            | Error::FileChanged { .. }
            | Error::FileName { .. }
            | Error::FileTooLarge { .. }
            | Error::NotAFile { .. }
    )
}

/// Looks at all files before the first leaves: those to send, and those to leave out.
async fn sort<'a>(
    context: &Context,
    session: &Session,
    case: &GroupId,
    paths: &'a [PathBuf],
    how: &Sending,
) -> Result<(Vec<&'a Path>, Vec<NotSent<'a>>), Failure> {
    let (mut ready, mut there, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for (path, look) in paths.iter().zip(session.look_at(case, paths).await?) {
        match look {
            Look::Ready => ready.push(path.as_path()),
            Look::AlreadyThere if how.again => ready.push(path.as_path()),
            Look::AlreadyThere => there.push(path.as_path()),
            Look::Bad(error) => {
                bad.push(NotSent { path, reason: BAD, told: Some(context.told(error)) });
            }
        }
    }
    if !bad.is_empty() && !how.skip_bad {
        tell_not_sent(context, case, &bad)?;
        let mut told: Vec<_> = bad.into_iter().filter_map(|file| file.told).collect();
        return Err(match told.pop() {
            Some(only) if paths.len() == 1 => only.into(),
            last => {
                told.extend(last);
                files::none_sent(context.language, &told, paths.len()).into()
            }
        });
    }
    if !there.is_empty() && !how.skip_bad {
        if !io::stdin().is_terminal() || context.output.json || context.yes {
            return Err(files::there_already(context.language, &there).into());
        }
        context.output.say(&files::same_documents(context.language, &there));
        if prompt::ask("Send them once more?").await? {
            ready.append(&mut there);
        }
    }
    bad.extend(there.into_iter().map(|path| NotSent { path, reason: ALREADY_THERE, told: None }));
    Ok((ready, bad))
}

/// Sends one file and tells of it. Inside: why it was not sent.
async fn send_one(
    context: &Context,
    session: &Session,
    case: &GroupId,
    path: &Path,
    how: &Sending,
) -> Result<Result<(), Error>, Failure> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let transfer = Transfer::new("Sending", &name, !context.output.json);
    let mut on_progress = progress(&transfer);
    let sent = session.send_document(case, path, how.grantable, how.patience, &mut on_progress).await;
    transfer.clear();
    let written = match sent {
        Ok(written) => written,
        Err(Error::Cancelled) => return Err(Failure::interrupted()),
        Err(error) => return Ok(Err(error)),
    };
    context.output.acted();
    let held_up = written.held_up.map(|error| context.told(error));
    context.output.object(
        "alcove.sent.v1",
        SentJson {
            id: written.id.to_string(),
            case: case.to_string(),
            path: PathJson::new(path),
            delivery: written.delivery,
            held_up: held_up.as_ref().map(HeldUpJson::new),
        },
    )?;
    context.output.line(&format!("{}  {}", written.id, safe_line(&name)))?;
    if written.delivery == Delivery::Queued {
        context.output.say_delivery(context.language, written.delivery, held_up.as_ref());
    }
    Ok(Ok(()))
}

/// Tells programs what was not sent, and why.
fn tell_not_sent(context: &Context, case: &GroupId, not_sent: &[NotSent<'_>]) -> Result<(), Failure> {
    not_sent.iter().try_for_each(|file| {
        context.output.object(
            "alcove.not-sent.v1",
            NotSentJson {
                case: case.to_string(),
                path: PathJson::new(file.path),
                reason: file.reason,
                what: file.why(context.language),
            },
        )
    })
}

async fn list(context: &Context, query: &str, since: Option<&str>) -> Result<(), Failure> {
    let since_ms = note::since_ms(context, since)?.unwrap_or(i64::MIN);
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    if let Some(as_of) = cases::as_of(context.language, &case) {
        context.output.line(&as_of)?;
    }
    let mut documents = session.documents(&case.id)?;
    documents.retain(|document| since_ms <= document.written_at_ms.max(document.received_at_ms));
    if documents.is_empty() {
        context.output.say(documents::none(context.language));
    }
    print(context, &session, &documents)?;
    refresh.end()
}

/// Documents as a list.
pub(super) fn print(context: &Context, session: &Session, documents: &[DocumentView]) -> Result<(), Failure> {
    let mut table = Table::new(&["ID", "SENT", "FROM", "SIZE", "NAME"]);
    for document in documents {
        let author = context::author(session, &document.author)?;
        context.output.object(DocumentJson::SCHEMA, DocumentJson::new(document, &author))?;
        table.row([
            &document.id.to_string()[..8],
            &times::minute(document.written_at_ms),
            &people::full_name(context.language, &author),
            &numbers::bytes(document.size),
            &document.name,
        ]);
    }
    if !documents.is_empty() {
        context.output.line(table.render().trim_end())?;
    }
    Ok(())
}

async fn get(
    context: &Context,
    query: &str,
    output: &Path,
    case: Option<&str>,
    patience: Duration,
) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let within = case.map(|query| session.choose_conversation(query)).transpose()?;
    let (case, document) = session.choose_document(query, within.as_ref().map(|case| &case.id))?;
    let view = session.document(&case, &document)?;
    let place = Place::of(context, output).await?;
    let transfer = Transfer::new("Fetching", &view.name, !context.output.json);
    let mut on_progress = progress(&transfer);
    let author = context::author(&session, &view.author)?;
    let verified = documents::verified(context.language, &view, &author);
    let saved = match place {
        Place::Saved { destination, new_folder } => {
            let saved =
                session.get_document(&case, &document, &destination, patience, &mut on_progress).await;
            transfer.clear();
            if saved.is_err() && new_folder {
                // Empty, it is of no use; what is in it stays.
                let _used = fs::remove_dir(output);
            }
            saved?
        }
        Place::Pipe(pipe) => {
            let poured = session.pour_document(&case, &document, pipe, patience, &mut on_progress).await;
            transfer.clear();
            poured?;
            context.output.say(&verified);
            return refresh.end();
        }
    };
    context.output.acted();
    context
        .output
        .object(DocumentJson::SCHEMA, DocumentJson::new(&saved.document, &author).saved_at(&saved.path))?;
    if !saved.is_private {
        context.output.warn(&files::open_to_others(context.language, &saved.path));
    }
    let path = safe_line(&saved.path.display().to_string());
    context.output.line(&path)?;
    context.output.say(&verified);
    refresh.end()
}

fn seconds(wait: u32) -> Duration {
    Duration::from_secs(wait.into())
}

fn progress(transfer: &Transfer) -> impl FnMut(Progress) -> ControlFlow<()> + Send + use<> {
    let transfer = transfer.clone();
    // Ctrl-C drops the transfer as a whole: see `crate::run`.
    move |progress| {
        transfer.at(progress.done, progress.total);
        transfer.waits(progress.waiting);
        ControlFlow::Continue(())
    }
}
