//! `alcove case follow`: who leads a case on because none of its owners is left, and one's yes to it.

use crate::{choose, context::Context, prompt};
use alcove_client::{
    session::{LeaderView, PersonView, Session},
    telling::{
        Told,
        json::{MemberJson, PersonJson},
        times, words,
    },
};
use alcove_programs::{exit::Exit, text::safe_line};
use serde::Serialize;

/// `alcove.leader.v1`.
#[derive(Serialize)]
struct LeaderJson {
    case: String,
    title: Option<String>,
    leads_on: String,
    leader: PersonJson,
    words: String,
    since: String,
    members: Vec<MemberJson>,
    gone: Vec<PersonJson>,
    new: Vec<PersonJson>,
    /// Why it cannot be followed.
    fault: Option<&'static str>,
    followed: bool,
}

impl LeaderJson {
    const SCHEMA: &'static str = "alcove.leader.v1";

    fn new(view: &LeaderView) -> Self {
        let case = view.case.to_string();
        Self {
            title: view.title.clone(),
            leads_on: view.leads_on.to_string(),
            leader: PersonJson::new(&view.leader),
            words: view.words.clone(),
            since: times::rfc3339(view.since_ms),
            members: view.members.iter().map(|member| MemberJson::new(&case, member)).collect(),
            gone: view.gone.iter().map(PersonJson::new).collect(),
            new: view.new.iter().map(PersonJson::new).collect(),
            fault: view.fault.map(words::follow_fault_code),
            followed: view.followed,
            case,
        }
    }
}

pub(crate) async fn run(context: &Context, query: Option<&str>) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    match query {
        None => list(context, &session.leaders()?)?,
        Some(query) => {
            refresh.before_writing()?;
            return follow(context, &session, query).await;
        }
    }
    refresh.end()
}

fn list(context: &Context, leaders: &[LeaderView]) -> Result<(), Told> {
    for leader in leaders {
        context.output.object(LeaderJson::SCHEMA, LeaderJson::new(leader))?;
        context.output.line(&described(leader))?;
    }
    if leaders.is_empty() {
        context.output.say("Nobody leads a case of yours on who is no owner of it.");
    }
    Ok(())
}

async fn follow(context: &Context, session: &Session, query: &str) -> Result<(), Told> {
    let leader = chosen(session, query)?;
    context.output.say(&described(&leader));
    if leader.fault.is_none() && !leader.followed {
        context.output.say(
            "What you wrote in the old case and was not sent goes to the new one; documents that were not sent have to be \
             sent again. What was written so far stays readable in the old case.",
        );
        prompt::confirm("Did they read out these words, and do you follow them?", context.yes).await?;
    }
    session.follow_leader(&leader.case)?;
    let refresh = context.refresh(session).await;
    let followed = session.leaders()?.into_iter().find(|view| view.case == leader.case).unwrap_or(leader);
    context.output.object(LeaderJson::SCHEMA, LeaderJson::new(&followed))?;
    context.output.line(&followed.case.to_string())?;
    context
        .output
        .say(&format!("You follow {}: write in this case from now on.", words::full_name(&followed.leader)));
    refresh.end()
}

/// The one that is meant: by the new case's id, or by the old one where only one leads it on.
fn chosen(session: &Session, query: &str) -> Result<LeaderView, Told> {
    let mut leaders = session.leaders()?;
    let new: Vec<(String, String)> =
        leaders.iter().map(|leader| (leader.case.to_string(), String::new())).collect();
    if let Ok(index) = choose::case(&new, query) {
        return Ok(leaders.swap_remove(index));
    }
    let titles = leaders
        .iter()
        .map(|leader| {
            let title = session.case(&leader.leads_on)?.title.or_else(|| leader.title.clone());
            Ok((leader.leads_on.to_string(), title.unwrap_or_default()))
        })
        .collect::<Result<Vec<_>, Told>>()?;
    let means = |old: &(String, String)| choose::case(std::slice::from_ref(old), query).is_ok();
    let meant: Vec<usize> = (0..leaders.len()).filter(|index| means(&titles[*index])).collect();
    match meant.as_slice() {
        [one] => Ok(leaders.swap_remove(*one)),
        [] => Err(Told::new(
            Exit::NotFound,
            format!("Nobody who is no owner leads the case {} on.", safe_line(query)),
            "See `alcove case follow`. Whoever leads on has to add you first; ask the members by phone.",
        )),
        several => Err(Told::new(
            Exit::Conflict,
            format!(
                "{} lead this case on:\n{}",
                several.len(),
                several.iter().map(|index| described(&leaders[*index])).collect::<Vec<_>>().join("\n")
            ),
            "Agree by phone on one of them, and name the id of their case: `alcove case follow ID`.",
        )),
    }
}

/// Who leads on, in which case, with whom.
fn described(leader: &LeaderView) -> String {
    let mut said = vec![format!(
        "{:.8}  {} leads the case {:.8} on since {}, by their word alone. The words of their device are: {}. Read by {}",
        leader.case.to_string(),
        words::full_name(&leader.leader),
        leader.leads_on.to_string(),
        times::minute(leader.since_ms),
        leader.words,
        words::audience(&leader.members)
    )];
    if !leader.gone.is_empty() {
        said.push(format!("Not in it any more: {}.", devices(&leader.gone)));
    }
    if !leader.new.is_empty() {
        said.push(format!("New in it: {}.", devices(&leader.new)));
    }
    if leader.followed {
        said.push("You follow them.".to_owned());
    } else if let Some(fault) = leader.fault {
        said.push(format!("It cannot be followed: {fault}."));
    }
    said.join("\n  ")
}

fn devices(people: &[PersonView]) -> String {
    let named: Vec<String> = people
        .iter()
        .map(|person| {
            let numbers: Vec<String> = person.devices.iter().map(u16::to_string).collect();
            format!("{} (device {})", words::full_name(person), numbers.join(", "))
        })
        .collect();
    named.join("; ")
}
