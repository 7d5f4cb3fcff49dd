//! `alcove block` and `alcove unblock`.

use crate::{context::Context, failure::Failure, person::PersonArgs, ui::table::Table};
use alcove_client::{
    session::{Among, PersonView, choose_among, choose_person},
    telling::{blocks, people},
};

/// Blocks somebody, or lists who is blocked.
pub(crate) async fn block(context: &Context, who: Option<&PersonArgs>) -> Result<(), Failure> {
    let session = context.session()?;
    let Some(who) = who else { return list(context, &session.blocked()?) };
    let person = choose_person(session.people().await?, &who.person, who.agency.as_deref())?;
    session.block(&person.person)?;
    context.output.acted();
    told(context, &person, true)?;
    context.output.say(&blocks::blocked(context.language, &person));
    Ok(())
}

/// Takes a block back.
pub(crate) async fn unblock(context: &Context, who: &PersonArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let person = choose_among(Among::Blocked, session.blocked()?, &who.person, who.agency.as_deref())?;
    session.unblock(&person.person)?;
    context.output.acted();
    told(context, &person, false)?;
    context.output.say(&blocks::unblocked(context.language, &person));
    Ok(())
}

fn list(context: &Context, people: &[PersonView]) -> Result<(), Failure> {
    let mut table = Table::new(&["NAME", "ROLE", "AGENCY", "SIDE"]);
    for person in people {
        told(context, person, true)?;
        table.row([
            person.name.as_deref().unwrap_or("(no name known)"),
            person.role.as_deref().unwrap_or(""),
            &person.agency.name,
            people::side(context.language, person.agency.side),
        ]);
    }
    if people.is_empty() {
        context.output.say(blocks::none(context.language));
    } else {
        context.output.line(table.render().trim_end())?;
    }
    Ok(())
}

fn told(context: &Context, person: &PersonView, blocked: bool) -> Result<(), Failure> {
    let object = serde_json::json!({ "person": person, "blocked": blocked });
    context.output.object("alcove.block.v1", object)
}
