//! `alcove outbox`: what is written here and not at the server, and what to do about what it refuses.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::{
    session::{Delivery, RefusalCause},
    telling::{cases, delivery, items, json, times},
};
use clap::Subcommand;

/// `alcove outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List items that wait to be sent, and those the server refuses
    List,
    /// Remove an item; it will not be sent
    Drop {
        /// The item's id, or the beginning of it
        id: String,
    },
    /// Send again an item the server has refused, or a note that was never sent because you were out of its case
    Retry {
        /// The item's id, or the beginning of it
        id: String,
    },
}

pub(crate) async fn run(context: &Context, command: Outbox) -> Result<(), Failure> {
    match command {
        Outbox::List => list(context).await,
        Outbox::Drop { id } => drop_item(context, &id).await,
        Outbox::Retry { id } => retry(context, &id).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let items = session.outbox()?;
    let mut table = Table::new(&["ID", "CASE", "WHAT", "WRITTEN", ""]);
    for item in &items {
        context.output.object(json::OUTBOX_ITEM, item)?;
        table.row([
            &item.id.to_string()[..8],
            &cases::title(context.language, &session.conversation(&item.case)?),
            items::outbox_kind(context.language, item.kind),
            &times::minute(item.written_at_ms),
            &items::progress(context.language, item.delivery),
        ]);
    }
    if items.is_empty() {
        context.output.say(delivery::nothing_waits(context.language));
    } else {
        context.output.line(table.render().trim_end())?;
    }
    refresh.end()
}

async fn drop_item(context: &Context, prefix: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let item = session.choose_outbox_item(prefix)?;
    context.output.say(&delivery::dropping(context.language, &item));
    prompt::confirm("Remove it from the outbox?", context.yes).await?;
    session.drop_from_outbox(&item.id)?;
    context.output.acted();
    context.output.object(json::OUTBOX_ITEM, &item)?;
    context.output.say("Removed.");
    Ok(())
}

async fn retry(context: &Context, prefix: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let item = session.choose_outbox_item(prefix)?;
    let asked = match item.delivery {
        Delivery::Refused { cause: RefusalCause::ChangedInLog } => {
            let case = session.conversation(&item.case)?;
            Some((delivery::again_after_change(context.language, &item, &case), "Send it again?"))
        }
        Delivery::Refused { cause: RefusalCause::InLogUnread } => {
            let case = session.conversation(&item.case)?;
            Some((delivery::again_although_there(context.language, &item, &case), "Send it again?"))
        }
        Delivery::NeverSent => {
            let members = session.members(&item.case)?;
            Some((delivery::to_those_there_now(context.language, &members), "Send it?"))
        }
        Delivery::Stored { .. } | Delivery::Queued | Delivery::Refused { .. } => None,
    };
    if let Some((consequence, question)) = asked {
        context.output.say(&consequence);
        prompt::confirm(question, context.yes).await?;
    }
    let id = session.try_again(&item.id)?;
    context.output.acted();
    let refresh = context.refresh(&session).await;
    let now = session.outbox()?.into_iter().find(|waiting| waiting.id == id);
    match now {
        None => context.output.say("Sent."),
        Some(item) => {
            context.output.object(json::OUTBOX_ITEM, &item)?;
            context.output.line(&format!(
                "{}  {}",
                item.id,
                items::progress(context.language, item.delivery)
            ))?;
        }
    }
    refresh.end()
}
