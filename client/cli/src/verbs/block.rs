//! `alcove block` and `alcove unblock`.

use super::member::chosen;
use crate::{args::PersonArgs, context::Context, ui::table::Table};
use alcove_client::{
    session::PersonView,
    telling::{Told, json::PersonJson, words},
};

/// Blocks somebody, or lists who is blocked.
pub(crate) async fn block(context: &Context, who: Option<&PersonArgs>) -> Result<(), Told> {
    let session = context.session()?;
    let Some(who) = who else { return list(context, &session.blocked()?) };
    let person = chosen(session.people().await?, who)?;
    session.block(&person.person)?;
    told(context, &person, true)?;
    context.output.say(&format!(
        "{} cannot put you on cases any more, and what they asked for is declined. They are not told. Cases you share \
         already stay as they are; `alcove case leave` leaves one.",
        words::full_name(&person)
    ));
    Ok(())
}

/// Takes a block back.
pub(crate) async fn unblock(context: &Context, who: &PersonArgs) -> Result<(), Told> {
    let session = context.session()?;
    let person = chosen(session.blocked()?, who)?;
    session.unblock(&person.person)?;
    told(context, &person, false)?;
    context.output.say(&format!("{} can put you on cases again.", words::full_name(&person)));
    Ok(())
}

fn list(context: &Context, people: &[PersonView]) -> Result<(), Told> {
    let mut table = Table::new(&["NAME", "ROLE", "AGENCY", "SIDE"]);
    for person in people {
        told(context, person, true)?;
        table.row([
            person.name.as_deref().unwrap_or("(no name known)"),
            person.role.as_deref().unwrap_or(""),
            &person.agency.name,
            words::side(person.agency.side),
        ]);
    }
    if people.is_empty() {
        context.output.say("You have blocked nobody.");
    } else {
        context.output.line(table.render().trim_end())?;
    }
    Ok(())
}

fn told(context: &Context, person: &PersonView, blocked: bool) -> Result<(), Told> {
    let object = serde_json::json!({ "person": PersonJson::new(person), "blocked": blocked });
    context.output.object("alcove.block.v1", object)
}
