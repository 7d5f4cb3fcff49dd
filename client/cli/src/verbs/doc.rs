//! `alcove doc`.

use crate::{
    context::{self, Context},
    failure::Failure,
    prompt,
    ui::{progress::Transfer, table::Table},
};
use alcove_client::{
    session::{Delivery, Destination, DocumentView, Progress, Session},
    telling::{
        cases,
        json::{DeliveryJson, DocumentJson, HeldUpJson},
        numbers, people, times,
    },
};
use alcove_programs::text::safe_line;
use clap::Subcommand;
use serde::Serialize;
use std::{
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
        /// The files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
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
    },
    /// Fetch a document, verify it and save it; after an interruption, run it again and it continues where it stopped
    Get {
        /// The document's id, or the beginning of it
        id: String,
        /// A new file, or a folder to save it in under its own name; existing files are never overwritten
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
        /// The case, if documents of several cases have ids that begin so
        #[arg(long, value_name = "CASE")]
        case: Option<String>,
        /// How long to keep trying while the server cannot be reached
        #[arg(long, value_name = "SECONDS", default_value_t = WAIT_SECONDS)]
        wait: u32,
    },
}

pub(crate) async fn run(context: &Context, command: Doc) -> Result<(), Failure> {
    match command {
        Doc::Send { case, paths, grantable, wait } => {
            send(context, &case, &paths, grantable, seconds(wait)).await
        }
        Doc::List { case } => list(context, &case).await,
        Doc::Get { id, output, case, wait } => {
            get(context, &id, &output, case.as_deref(), seconds(wait)).await
        }
    }
}

/// A document that was sent.
#[derive(Serialize)]
struct SentJson {
    id: String,
    case: String,
    path: String,
    #[serde(flatten)]
    delivery: DeliveryJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

async fn send(
    context: &Context,
    query: &str,
    paths: &[PathBuf],
    grantable: bool,
    patience: Duration,
) -> Result<(), Failure> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let case = session.choose_open_conversation(query)?;
    context.output.say(&format!(
        "{} will be read by {}",
        numbers::count(paths.len() as u64, "document", "documents"),
        people::audience(context.language, &session.members(&case.id)?)
    ));
    // A script has named case and file; a person at a terminal gets the chance to look at the readers.
    if io::stdin().is_terminal() && !context.output.json {
        prompt::confirm("Send?", context.yes).await?;
    }
    for path in paths {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let transfer = Transfer::new("Sending", &name, !context.output.json);
        let mut on_progress = progress(&transfer);
        let sent = session.send_document(&case.id, path, grantable, patience, &mut on_progress).await;
        transfer.clear();
        let written = sent?;
        context.output.acted();
        let held_up = written.held_up.map(|error| context.told(error));
        context.output.object(
            "alcove.sent.v1",
            SentJson {
                id: written.id.to_string(),
                case: case.id.to_string(),
                path: path.display().to_string(),
                delivery: DeliveryJson::new(written.delivery),
                held_up: held_up.as_ref().map(HeldUpJson::new),
            },
        )?;
        context.output.line(&format!("{}  {}", written.id, safe_line(&name)))?;
        if written.delivery == Delivery::Queued {
            context.output.say_delivery(context.language, written.delivery, held_up.as_ref());
        }
    }
    Ok(())
}

async fn list(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    if let Some(as_of) = cases::as_of(context.language, &case) {
        context.output.line(&as_of)?;
    }
    let documents = session.documents(&case.id)?;
    if documents.is_empty() {
        context.output.say("There are no documents in this case.");
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
    id: &str,
    output: &Path,
    case: Option<&str>,
    patience: Duration,
) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let within = case.map(|query| session.choose_conversation(query)).transpose()?;
    let (case, document) = session.choose_document(id, within.as_ref().map(|case| &case.id))?;
    let view = session.document(&case, &document)?;
    let destination = if output.is_dir() {
        Destination::Folder(output.to_owned())
    } else {
        Destination::File(output.to_owned())
    };
    let transfer = Transfer::new("Fetching", &view.name, !context.output.json);
    let mut on_progress = progress(&transfer);
    let saved = session.get_document(&case, &document, &destination, patience, &mut on_progress).await;
    transfer.clear();
    let saved = saved?;
    context.output.acted();
    let author = context::author(&session, &view.author)?;
    context
        .output
        .object(DocumentJson::SCHEMA, DocumentJson::new(&saved.document, &author).saved_at(&saved.path))?;
    let path = safe_line(&saved.path.display().to_string());
    context.output.line(&path)?;
    context.output.say(&format!(
        "{} from {}, complete and verified.",
        numbers::bytes(saved.document.size),
        people::full_name(context.language, &author)
    ));
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
