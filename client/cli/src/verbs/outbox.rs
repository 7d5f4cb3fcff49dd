//! `alcove outbox`: what is written here and not at the server, and what to do about what it refuses.

use crate::{args::Outbox, choose, context::Context, prompt, ui::table::Table};
use alcove_client::{
    session::{Delivery, OutboxView, RefusalCause, Session},
    telling::{Told, json::DeliveryJson, times, words},
};
use serde::Serialize;

/// `alcove.outbox-item.v1`.
#[derive(Serialize)]
struct ItemJson {
    id: String,
    case: String,
    kind: &'static str,
    written_at: String,
    #[serde(flatten)]
    delivery: DeliveryJson,
}

impl ItemJson {
    const SCHEMA: &'static str = "alcove.outbox-item.v1";

    fn new(item: &OutboxView) -> Self {
        Self {
            id: item.id.to_string(),
            case: item.case.to_string(),
            kind: words::outbox_kind(item.kind),
            written_at: times::rfc3339(item.written_at_ms),
            delivery: DeliveryJson::new(item.delivery),
        }
    }
}

pub(crate) async fn run(context: &Context, command: Outbox) -> Result<(), Told> {
    match command {
        Outbox::List => list(context).await,
        Outbox::Drop { id } => drop_item(context, &id).await,
        Outbox::Retry { id } => retry(context, &id).await,
    }
}

async fn list(context: &Context) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let items = session.outbox()?;
    let mut table = Table::new(&["ID", "CASE", "WHAT", "WRITTEN", ""]);
    for item in &items {
        context.output.object(ItemJson::SCHEMA, ItemJson::new(item))?;
        table.row([
            &item.id.to_string()[..8],
            &super::case::title(&session.case(&item.case)?),
            words::outbox_kind(item.kind),
            &times::minute(item.written_at_ms),
            &state(item.delivery),
        ]);
    }
    if items.is_empty() {
        context.output.say("Nothing waits to be sent.");
    } else {
        context.output.line(table.render().trim_end())?;
    }
    refresh.end()
}

async fn drop_item(context: &Context, prefix: &str) -> Result<(), Told> {
    let session = context.session()?;
    let item = chosen(&session, prefix)?;
    context.output.say(&format!(
        "The {} of {} will not be sent. If it has reached the server already, it stays there.",
        words::outbox_kind(item.kind),
        times::minute(item.written_at_ms)
    ));
    prompt::confirm("Take it out of the outbox?", context.yes).await?;
    session.drop_from_outbox(&item.id)?;
    context.output.object(ItemJson::SCHEMA, ItemJson::new(&item))?;
    context.output.say("Taken out.");
    Ok(())
}

async fn retry(context: &Context, prefix: &str) -> Result<(), Told> {
    let session = context.session()?;
    let item = chosen(&session, prefix)?;
    if item.delivery == (Delivery::Refused { cause: RefusalCause::ChangedInLog }) {
        context.output.say(&format!(
            "The server showed something else in the place of the {} of {}. It will be sent again as a new one, to everybody who reads {} now.",
            words::outbox_kind(item.kind),
            times::minute(item.written_at_ms),
            super::case::title(&session.case(&item.case)?)
        ));
        prompt::confirm("Send it again?", context.yes).await?;
    }
    if item.delivery == (Delivery::Refused { cause: RefusalCause::InLogUnread }) {
        context.output.say(&format!(
            "The {} of {} is most likely in the case already, where this laptop cannot read it: ask a colleague whether they have it. If you go on, it is sent once more as a new one, to everybody who reads {} now.",
            words::outbox_kind(item.kind),
            times::minute(item.written_at_ms),
            super::case::title(&session.case(&item.case)?)
        ));
        prompt::confirm("Send it once more?", context.yes).await?;
    }
    if item.delivery == Delivery::NeverSent {
        // Who was to read it when it was written, and who would now, may be two things.
        context.output.say(&format!(
            "It was written before you were out of the case. It will be read by {}",
            words::audience(&session.members(&item.case)?)
        ));
        prompt::confirm("Send it?", context.yes).await?;
    }
    let id = session.try_again(&item.id)?;
    let refresh = context.refresh(&session).await;
    let now = session.outbox()?.into_iter().find(|waiting| waiting.id == id);
    match now {
        None => context.output.say("Sent."),
        Some(item) => {
            context.output.object(ItemJson::SCHEMA, ItemJson::new(&item))?;
            context.output.line(&format!("{}  {}", item.id, state(item.delivery)))?;
        }
    }
    refresh.end()
}

fn chosen(session: &Session, prefix: &str) -> Result<OutboxView, Told> {
    let mut items = session.outbox()?;
    let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    Ok(items.swap_remove(choose::by_id(&ids, prefix, "outbox item")?))
}

fn state(delivery: Delivery) -> String {
    match delivery {
        Delivery::Queued => "waits to be sent".to_owned(),
        Delivery::NeverSent => "never sent: the case ended for you before".to_owned(),
        Delivery::Refused { cause: cause @ RefusalCause::ChangedInLog } => {
            format!("NOT AS YOU WROTE IT: {}", words::refusal(cause))
        }
        Delivery::Refused { cause: cause @ RefusalCause::InLogUnread } => {
            format!("PROBABLY SENT: {}", words::refusal(cause))
        }
        Delivery::Refused { cause } => format!("REFUSED: {}", words::refusal(cause)),
        Delivery::Stored { .. } => "at the server".to_owned(),
    }
}
