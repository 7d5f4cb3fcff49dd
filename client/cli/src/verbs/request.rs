//! `alcove case requests`, `accept` and `decline`: who wants to add this device to a case, and one's yes or no.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::telling::{
    cases,
    json::{self, CaseJson},
    people, times,
};
use alcove_programs::text::safe_line;

pub(crate) async fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let requests = session.requests()?;
    let mut table = Table::new(&["ID", "WHO", "AGENCY", "SIDE", "SINCE", "WORDS", ""]);
    for request in &requests {
        context.output.object(json::REQUEST, request)?;
        table.row([
            &request.id.to_string()[..8],
            &people::name(context.language, &request.person),
            &safe_line(&request.person.agency.name),
            people::side(context.language, request.person.agency.side),
            &times::minute(request.since_ms),
            &request.words,
            &cases::requested(context.language, request),
        ]);
    }
    if requests.is_empty() {
        context.output.say("No requests are waiting.");
    } else {
        context.output.line(table.render().trim_end())?;
        context.output.say(
            "These people want to add you to a case, and you share no case with them. Its title and its readers are \
             shown once you accept. Ask them by phone whether they sent the request, and compare the words. `alcove \
             case accept ID` joins the case; `alcove case decline ID` removes the request. They are told neither. \
             `alcove block` stops all their requests.",
        );
    }
    refresh.end()
}

/// Says yes to one, or to everything that one person asks for about cases that are new here.
pub(crate) async fn accept(
    context: &Context,
    id: Option<&str>,
    from: Option<&str>,
    agency: Option<&str>,
) -> Result<(), Failure> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let requests = match from {
        Some(from) => session.choose_requests_from(from, agency)?,
        None => vec![session.choose_request(id.unwrap_or_default())?],
    };
    for request in &requests {
        context.output.say(&format!(
            "{} wants to add you to a case. The words of their device are: {}.",
            people::full_name(context.language, &request.person),
            request.words
        ));
        if let Some(case) = request.known.filter(|_| request.leads_on) {
            context.output.say(&format!("It is the case {:.8}, which you have left.", case.to_string()));
        } else if let Some(case) = &request.known {
            context.output.warn(&format!(
                "You know a case with this id, {:.8}, and as far as you were shown, this one does not continue it. \
                 Compare the words by phone first. What you have stays readable, marked as not continued; neither it \
                 nor what was not sent goes to anyone.",
                case.to_string()
            ));
        }
    }
    prompt::confirm("Join?", context.yes).await?;
    let (mut joined, mut failed) = (Vec::new(), None);
    for request in &requests {
        match session.accept_request(&request.id).await {
            Ok(case) => joined.push(case),
            // Those that were joined before it are shown all the same.
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        context.output.acted();
    }
    let refresh = context.refresh(&session).await;
    for case in &joined {
        let view = session.conversation(case)?;
        let members = session.members(case)?;
        let object = CaseJson::new(context.language, context.names(), &view, Some(&members));
        context.output.object(CaseJson::SCHEMA, object)?;
        context.output.line(&format!("{}  {}", case, cases::title(context.language, &view)))?;
        context.output.line(&format!("Read by {}", people::audience(context.language, &members)))?;
        context.tell_of_same_title(&session, &view)?;
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    refresh.end()
}

pub(crate) async fn decline(context: &Context, id: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let request = session.choose_request(id)?;
    context.output.say(&format!(
        "{} wants to add you to a case. If you decline, they are not told, and you can be asked again.",
        people::full_name(context.language, &request.person)
    ));
    prompt::confirm("Decline?", context.yes).await?;
    session.decline_request(&request.id)?;
    context.output.acted();
    context.output.object(json::REQUEST, &request)?;
    context.output.say("Declined.");
    Ok(())
}
