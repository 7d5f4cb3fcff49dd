//! `alcove case requests`, `accept` and `decline`: who wants to add this device to a case, and one's yes or no.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::telling::{
    cases,
    json::{self, CaseJson},
    people, requests, times,
};
use alcove_programs::text::safe_line;

pub(crate) async fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let waiting = session.requests()?;
    let mut table = Table::new(&["ID", "WHO", "AGENCY", "SIDE", "SINCE", "WORDS", ""]);
    for request in &waiting {
        context.output.object(json::REQUEST, request)?;
        table.row([
            &request.id.to_string()[..8],
            &people::name(context.language, &request.person),
            &safe_line(&request.person.agency.name),
            people::side(context.language, request.person.agency.side),
            &times::minute(request.since_ms),
            &request.words,
            &requests::about(context.language, request),
        ]);
    }
    if waiting.is_empty() {
        context.output.say(requests::none(context.language));
    } else {
        context.output.line(table.render().trim_end())?;
        context.output.say(requests::what_they_are(context.language));
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
    let chosen = match from {
        Some(from) => session.choose_requests_from(from, agency)?,
        None => vec![session.choose_request(id.unwrap_or_default())?],
    };
    for request in &chosen {
        context.output.say(&requests::accepting(context.language, request));
        match &request.known {
            Some(case) if request.leads_on => {
                context.output.say(&requests::comes_back(context.language, case));
            }
            Some(case) => context.output.warn(&requests::replaces(context.language, case)),
            None => {}
        }
    }
    prompt::confirm("Join?", context.yes).await?;
    let (mut joined, mut failed) = (Vec::new(), None);
    for request in &chosen {
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
        context.output.line(&people::read_by(context.language, &members))?;
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
    context.output.say(&requests::declining(context.language, &request));
    prompt::confirm("Decline?", context.yes).await?;
    session.decline_request(&request.id)?;
    context.output.acted();
    context.output.object(json::REQUEST, &request)?;
    context.output.say("Declined.");
    Ok(())
}
