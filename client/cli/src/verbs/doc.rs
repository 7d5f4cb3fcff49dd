//! `alcove doc`.

use crate::{
    args::Doc,
    choose,
    context::{self, Context},
    prompt,
    ui::{progress::Transfer, table::Table},
};
use alcove_client::{
    session::{Delivery, Destination, Progress, Session},
    telling::{
        Told,
        json::{DeliveryJson, DocumentJson, HeldUpJson},
        times, words,
    },
};
use alcove_programs::text::safe_line;
use alcove_proto::ids::{GroupId, RecordId};
use serde::Serialize;
use std::{
    io::{self, IsTerminal},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) async fn run(context: &Context, command: Doc) -> Result<(), Told> {
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
) -> Result<(), Told> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let case = context.open_case(&session, query)?;
    context.output.say(&format!(
        "{} will be read by {}",
        words::count(paths.len() as u64, "document", "documents"),
        words::audience(&session.members(&case.id)?)
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
        let held_up = written.held_up.map(|error| context.held_up(error));
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
            context.output.say_delivery(written.delivery, held_up.as_ref());
        }
    }
    Ok(())
}

async fn list(context: &Context, query: &str) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = context.case(&session, query)?;
    if let Some(as_of) = super::case::as_of(&case) {
        context.output.line(&as_of)?;
    }
    let documents = session.documents(&case.id)?;
    let mut table = Table::new(&["ID", "SENT", "FROM", "SIZE", "NAME"]);
    for document in &documents {
        let author = context::author(&session, &document.author)?;
        context.output.object(DocumentJson::SCHEMA, DocumentJson::new(document, &author))?;
        table.row([
            &document.id.to_string()[..8],
            &times::minute(document.written_at_ms),
            &words::full_name(&author),
            &words::bytes(document.size),
            &document.name,
        ]);
    }
    if documents.is_empty() {
        context.output.say("There are no documents in this case.");
    } else {
        context.output.line(table.render().trim_end())?;
    }
    refresh.end()
}

async fn get(
    context: &Context,
    id: &str,
    output: &Path,
    case: Option<&str>,
    patience: Duration,
) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let (case, document) = find(context, &session, id, case)?;
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
    let author = context::author(&session, &view.author)?;
    context
        .output
        .object(DocumentJson::SCHEMA, DocumentJson::new(&saved.document, &author).saved_at(&saved.path))?;
    let path = safe_line(&saved.path.display().to_string());
    context.output.line(&path)?;
    context.output.say(&format!(
        "{} from {}, complete and verified.",
        words::bytes(saved.document.size),
        words::full_name(&author)
    ));
    refresh.end()
}

/// The one document that the beginning of an id names, in one case or in all.
fn find(
    context: &Context,
    session: &Session,
    prefix: &str,
    case: Option<&str>,
) -> Result<(GroupId, RecordId), Told> {
    let cases: Vec<GroupId> = match case {
        Some(query) => vec![context.case(session, query)?.id],
        None => session.cases(true)?.iter().map(|case| case.id).collect(),
    };
    let mut known: Vec<(GroupId, RecordId)> = Vec::new();
    for case in cases {
        known.extend(session.documents(&case)?.iter().map(|document| (case, document.id)));
    }
    let ids: Vec<String> = known.iter().map(|(_, id)| id.to_string()).collect();
    Ok(known[choose::by_id(&ids, prefix, "document")?])
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
