//! `alcove case requests`, `accept` and `decline`: who wants to add this device to a case, and one's yes or no.

use crate::{choose, context::Context, prompt, ui::table::Table};
use alcove_client::{
    session::{RequestView, Session},
    telling::{Told, json::PersonJson, times, words},
};
use alcove_programs::text::safe_line;
use serde::Serialize;

/// `alcove.request.v1`.
#[derive(Serialize)]
struct RequestJson {
    id: String,
    by: PersonJson,
    words: String,
    since: String,
    /// A case here that has the same id.
    known_case: Option<String>,
    /// Whether this leads on from it: one has left it. Else it is another one under its id.
    leads_on: bool,
}

impl RequestJson {
    const SCHEMA: &'static str = "alcove.request.v1";

    fn new(view: &RequestView) -> Self {
        Self {
            id: view.id.to_string(),
            by: PersonJson::new(&view.person),
            words: view.words.clone(),
            since: times::rfc3339(view.since_ms),
            known_case: view.known.map(|case| case.to_string()),
            leads_on: view.leads_on,
        }
    }
}

pub(crate) async fn list(context: &Context) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let requests = session.requests()?;
    let mut table = Table::new(&["ID", "WHO", "AGENCY", "SIDE", "SINCE", "WORDS", ""]);
    for request in &requests {
        context.output.object(RequestJson::SCHEMA, RequestJson::new(request))?;
        table.row([
            &request.id.to_string()[..8],
            &words::name(&request.person),
            &safe_line(&request.person.agency.name),
            words::side(request.person.agency.side),
            &times::minute(request.since_ms),
            &request.words,
            &note(request),
        ]);
    }
    if requests.is_empty() {
        context.output.say("Nobody waits for your yes.");
    } else {
        context.output.line(table.render().trim_end())?;
        context.output.say(
            "They want to add you to a case, and you share none with them; what it is called and who reads it shows when you \
             accept. Ask them by phone whether it was they, and compare the words. `alcove case accept ID` joins it, `alcove \
             case decline ID` takes it off this list, and they are told neither; `alcove block` ends it for good.",
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
) -> Result<(), Told> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let requests = chosen(&session, id, from, agency)?;
    for request in &requests {
        context.output.say(&format!(
            "{} wants to add you to a case. The words of their device are: {}.",
            words::full_name(&request.person),
            request.words
        ));
        if let Some(case) = request.known.filter(|_| request.leads_on) {
            context.output.say(&format!("It is the case {:.8}, which you have left.", case.to_string()));
        } else if let Some(case) = &request.known {
            context.output.warn(&format!(
                "You know a case under this id, {:.8}, and this does not lead on from it as far as you were shown. Compare \
                 the words by phone first. What you have stays readable, marked as not continued; it and what was not sent \
                 go to nobody.",
                case.to_string()
            ));
        }
    }
    prompt::confirm("Join?", context.yes).await?;
    let mut joined = Vec::new();
    for request in &requests {
        joined.push(session.accept_request(&request.id).await?);
    }
    let refresh = context.refresh(&session).await;
    for case in &joined {
        let view = session.case(case)?;
        let members = session.members(case)?;
        context.output.object(
            alcove_client::telling::json::CaseJson::SCHEMA,
            alcove_client::telling::json::CaseJson::new(&view, Some(&members)),
        )?;
        context.output.line(&format!("{}  {}", case, super::case::title(&view)))?;
        context.output.line(&format!("Read by {}", words::audience(&members)))?;
        super::case::tell_of_same_title(context, &session, &view)?;
    }
    refresh.end()
}

pub(crate) async fn decline(context: &Context, id: &str) -> Result<(), Told> {
    let session = context.session()?;
    let requests = chosen(&session, Some(id), None, None)?;
    for request in &requests {
        context.output.say(&format!(
            "{} wants to add you to a case. If you decline, they are not told, and you can be asked again.",
            words::full_name(&request.person)
        ));
        prompt::confirm("Decline?", context.yes).await?;
        session.decline_request(&request.id)?;
        context.output.object(RequestJson::SCHEMA, RequestJson::new(request))?;
        context.output.say("Declined.");
    }
    Ok(())
}

fn chosen(
    session: &Session,
    id: Option<&str>,
    from: Option<&str>,
    agency: Option<&str>,
) -> Result<Vec<RequestView>, Told> {
    let mut requests = session.requests()?;
    if let Some(from) = from {
        // What does not lead on from a case here is accepted one by one.
        requests.retain(|request| request.known.is_none() || request.leads_on);
        let mut people: Vec<_> = requests.iter().map(|request| request.person.clone()).collect();
        people.sort_by(|one, other| one.person.cmp(&other.person));
        people.dedup_by(|one, other| one.person == other.person);
        let labels: Vec<(String, String)> = people
            .iter()
            .map(|person| (person.name.clone().unwrap_or_default(), person.agency.name.clone()))
            .collect();
        let candidates: Vec<_> = people
            .iter()
            .zip(&labels)
            .map(|(person, (name, agency))| choose::Candidate {
                person: &person.person,
                name,
                agency,
                side: words::side(person.agency.side),
            })
            .collect();
        let who = people[choose::person(&candidates, from, agency)?].person.clone();
        requests.retain(|request| request.person.person == who);
        return Ok(requests);
    }
    let ids: Vec<String> = requests.iter().map(|request| request.id.to_string()).collect();
    let index = choose::by_id(&ids, id.unwrap_or_default(), "request")?;
    Ok(vec![requests.swap_remove(index)])
}

fn note(request: &RequestView) -> String {
    match &request.known {
        Some(case) if request.leads_on => format!("the case {:.8}, which you have left", case.to_string()),
        Some(case) => format!("NOT the case {:.8} as you know it: compare words first", case.to_string()),
        None => String::new(),
    }
}
