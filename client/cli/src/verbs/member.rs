//! `alcove member`: who reads a case. Every change says beforehand who will see what.

use crate::{context::Context, failure::Failure, person::PersonArgs, prompt, ui::table::Table};
use alcove_client::{
    session::{
        Among, Clock, ConversationView, GrantOutcome, History, PersonView, Role, Session, SystemClock,
        choose_among, choose_person, matches,
    },
    telling::{
        Told, cases,
        json::{self, HeldUpJson, MemberJson},
        numbers, people, times,
    },
};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use alcove_proto::ids::RecordId;
use clap::Subcommand;
use serde::Serialize;

/// `alcove member`.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// Find people by part of their name
    Find {
        /// Part of a name; everyone if left out
        name: Option<String>,
        /// Only this agency
        #[arg(long, value_name = "AGENCY")]
        agency: Option<String>,
    },
    /// Add a person with all their devices; with --owner, make a member an owner
    Add {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
        /// What they may read of what was written earlier: none, all, or since=2026-03-04 (that whole day too)
        #[arg(long, default_value = "none", value_name = "HISTORY")]
        history: String,
        /// Let them add and remove people too
        #[arg(long)]
        owner: bool,
    },
    /// Hand over notes and documents from before a member joined
    Grant {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
        /// What to hand over: ids as `note list` and `doc list` show them
        #[arg(required = true, value_name = "ID")]
        records: Vec<String>,
        /// When the access ends: 2026-12-31 (with the end of that day), "3 days", or "2026-12-31 14:00"
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
    },
    /// End access to what this device handed over; they keep what they already received
    Ungrant {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Remove a person with all their devices
    Remove {
        /// The case
        case: String,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// List the people on a case, with agency and side
    List {
        /// The case
        case: String,
    },
}

pub(crate) async fn run(context: &Context, command: Member) -> Result<(), Failure> {
    let now_ms = SystemClock.now_ms();
    match command {
        Member::Find { name, agency } => find(context, name.as_deref(), agency.as_deref()).await,
        Member::Add { case, person, history, owner } => {
            let history = parse_history(&history, now_ms)?;
            let role = if owner { Role::Owner } else { Role::Member };
            add(context, &case, &person, history, role).await
        }
        Member::Grant { case, person, records, until } => {
            let until =
                until.as_deref().map(|text| times::until(context.language, text, now_ms)).transpose()?;
            grant(context, &case, &person, &records, until).await
        }
        Member::Ungrant { case, person } => ungrant(context, &case, &person).await,
        Member::Remove { case, person } => remove(context, &case, &person).await,
        Member::List { case } => list(context, &case).await,
    }
}

async fn find(context: &Context, name: Option<&str>, agency: Option<&str>) -> Result<(), Failure> {
    let session = context.session()?;
    let people = session.people().await?;
    let mut table = Table::new(&["NAME", "ROLE", "AGENCY", "SIDE", "IDENTITY"]);
    let mut found = 0;
    for person in people.iter().filter(|person| matches(person, name, agency)) {
        found += 1;
        context.output.object(json::PERSON, person)?;
        table.row([
            person.name.as_deref().unwrap_or("(no name known)"),
            person.role.as_deref().unwrap_or(""),
            &person.agency.name,
            people::side(context.language, person.agency.side),
            &person.person.to_string(),
        ]);
    }
    if found == 0 {
        return Err(Failure::new(
            Exit::NotFound,
            "Nobody with that name is in the directory.",
            "Leave the name out to see everyone. A person appears after `alcove enrol finish` and one `alcove status`.",
        ));
    }
    context.output.line(table.render().trim_end())
}

/// What became of an addition or a grant.
#[derive(Serialize)]
struct Disclosure<'a> {
    case: String,
    person: &'a PersonView,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    without_key_package: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfit: Option<Vec<String>>,
    /// They read nothing before they have said yes, and nobody hears of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_first: Option<bool>,
    granted: Vec<String>,
    withheld: Vec<String>,
    out_of_reach: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_up: Option<HeldUpJson>,
}

async fn add(
    context: &Context,
    query: &str,
    who: &PersonArgs,
    history: History,
    role: Role,
) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let case = session.choose_open_conversation(query)?;
    let person = choose_person(session.people().await?, &who.person, who.agency.as_deref())?;
    let members = session.members(&case.id)?;
    let member = members.iter().find(|member| member.person.person == person.person);
    let reading = member.map(|member| member.person.devices.as_slice()).unwrap_or_default();
    let joining: Vec<u16> =
        person.devices.iter().filter(|number| !reading.contains(number)).copied().collect();
    if member.is_some() && joining.is_empty() {
        return promote(context, &session, &case, &person, role).await;
    }
    context.output.say(&format!(
        "{} will read {} from now on, on {} (number {}), together with {}",
        people::full_name(context.language, &person),
        cases::title(context.language, &case),
        numbers::count(joining.len() as u64, "device", "devices"),
        numbers(&joining),
        people::audience(context.language, &members)
    ));
    context.output.say(&match history {
        History::None => "They will see nothing that was written before.".to_owned(),
        History::All => {
            "They will also see everything written before, as far as you may pass it on.".to_owned()
        }
        History::Since(ms) => format!(
            "They will also see what arrived since {}, as far as you may pass it on; nothing older.",
            times::minute(ms)
        ),
    });
    if role == Role::Owner {
        context.output.say("They will be an owner: they can add and remove people.");
    }
    let asked_first = member.is_none() && session.is_asked_first(&person.person)?;
    if asked_first {
        context.output.say(
            "You share no case with them yet, so their program asks them first. They read nothing until they have said \
             yes with `alcove case accept`. You are not told what they answer: call them.",
        );
    }
    let new_devices = session.new_devices(&person.person, &joining).await?;
    for device in &new_devices {
        context.output.object(
            "alcove.new-device.v1",
            serde_json::json!({ "identity": device.identity.to_string(), "words": device.words }),
        )?;
        context.output.say(&format!(
            "Their device {} is new to you, and none of their devices that you know has signed for it. Its words are: \
             {}. Have them read out the same words from it, by phone (`alcove verify`).",
            device.identity.device, device.words
        ));
    }
    prompt::confirm("Add them?", context.yes).await?;
    session.believe_shown(&new_devices)?;
    let mut outcome = session.add_member(&case.id, &person.person, &joining, role, history).await?;
    context.output.acted();
    let held_up = outcome.history.held_up.take().map(|error| context.told(error));
    for device in &outcome.without_key_package {
        context.output.warn(&format!(
            "device {} of {} could not be added: it has not been online yet. Add them again once it has.",
            device.device,
            people::name(context.language, &person)
        ));
    }
    for device in &outcome.unfit {
        context.output.warn(&format!(
            "device {} of {} could not be added: the keys it left at the server cannot be used. Add them again later; \
             if that does not help, ask them to update Alcove on it.",
            device.device,
            people::name(context.language, &person)
        ));
    }
    context.output.object(
        "alcove.addition.v1",
        Disclosure {
            case: case.id.to_string(),
            person: &person,
            added: Some(outcome.added.iter().map(ToString::to_string).collect()),
            without_key_package: Some(outcome.without_key_package.iter().map(ToString::to_string).collect()),
            unfit: Some(outcome.unfit.iter().map(ToString::to_string).collect()),
            asked_first: Some(asked_first),
            granted: ids(&outcome.history.granted),
            withheld: ids(&outcome.history.withheld),
            out_of_reach: ids(&outcome.history.out_of_reach),
            held_up: held_up.as_ref().map(HeldUpJson::new),
        },
    )?;
    let name = people::full_name(context.language, &person);
    context.output.line(&if asked_first {
        format!("{name} is on the case, and may not have accepted yet.")
    } else {
        format!("{name} is on the case.")
    })?;
    if history != History::None {
        report_grant(context, &outcome.history, held_up.as_ref())?;
    }
    Ok(())
}

/// Somebody is on the case with all their devices: what can still change is that they become an owner.
async fn promote(
    context: &Context,
    session: &Session,
    case: &ConversationView,
    person: &PersonView,
    role: Role,
) -> Result<(), Failure> {
    if role == Role::Owner {
        context.output.say(&format!(
            "{} will be an owner of {}: they can add and remove people.",
            people::full_name(context.language, person),
            cases::title(context.language, case)
        ));
        prompt::confirm("Make them an owner?", context.yes).await?;
    }
    session.add_member(&case.id, &person.person, &person.devices, role, History::None).await?;
    context.output.acted();
    context.output.object(
        "alcove.addition.v1",
        Disclosure {
            case: case.id.to_string(),
            person,
            added: Some(Vec::new()),
            without_key_package: Some(Vec::new()),
            unfit: Some(Vec::new()),
            asked_first: Some(false),
            granted: Vec::new(),
            withheld: Vec::new(),
            out_of_reach: Vec::new(),
            held_up: None,
        },
    )?;
    context.output.line(&format!("{} is an owner of the case.", people::full_name(context.language, person)))
}

async fn ungrant(context: &Context, query: &str, who: &PersonArgs) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let case = session.choose_open_conversation(query)?;
    let members = session.members(&case.id)?.into_iter().map(|member| member.person).collect();
    let person = choose_among(Among::Members, members, &who.person, who.agency.as_deref())?;
    context.output.say(&format!(
        "The access of {} to what you handed over from before they joined will end. {}",
        people::full_name(context.language, &person),
        cases::revocation(context.language)
    ));
    prompt::confirm("End it?", context.yes).await?;
    let ended = session.end_grants(&case.id, &person.person).await?;
    context.output.acted();
    context.output.object(
        "alcove.grant-end.v1",
        serde_json::json!({
            "case": case.id.to_string(),
            "person": person,
            "ended": ended,
            "says": cases::revocation(context.language),
        }),
    )?;
    context.output.line(&format!(
        "{} ended. {}",
        numbers::count(ended, "grant", "grants"),
        cases::revocation(context.language)
    ))
}

async fn grant(
    context: &Context,
    query: &str,
    who: &PersonArgs,
    records: &[String],
    until: Option<i64>,
) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let case = session.choose_open_conversation(query)?;
    let members = session.members(&case.id)?.into_iter().map(|member| member.person).collect();
    let person = choose_among(Among::Members, members, &who.person, who.agency.as_deref())?;
    let records = session.choose_records(&case.id, records)?;
    context.output.say(&format!(
        "{} will read {} from before they joined{}.",
        people::full_name(context.language, &person),
        numbers::count(records.len() as u64, "item", "items"),
        until.map(|ms| format!(", until {}", times::minute(ms))).unwrap_or_default()
    ));
    context.output.say("What they have read cannot be taken back.");
    prompt::confirm("Hand it over?", context.yes).await?;
    let mut outcome = session.grant(&case.id, &person.person, &records, until).await?;
    context.output.acted();
    let held_up = outcome.held_up.take().map(|error| context.told(error));
    context.output.object(
        "alcove.grant.v1",
        Disclosure {
            case: case.id.to_string(),
            person: &person,
            added: None,
            without_key_package: None,
            unfit: None,
            asked_first: None,
            granted: ids(&outcome.granted),
            withheld: ids(&outcome.withheld),
            out_of_reach: ids(&outcome.out_of_reach),
            held_up: held_up.as_ref().map(HeldUpJson::new),
        },
    )?;
    report_grant(context, &outcome, held_up.as_ref())
}

async fn remove(context: &Context, query: &str, who: &PersonArgs) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let case = session.choose_open_conversation(query)?;
    let members = session.members(&case.id)?;
    let person = choose_among(
        Among::Members,
        members.iter().map(|member| member.person.clone()).collect(),
        &who.person,
        who.agency.as_deref(),
    )?;
    let staying: Vec<_> =
        members.into_iter().filter(|member| member.person.person != person.person).collect();
    context.output.say(&format!(
        "{} will leave {}. {}",
        people::full_name(context.language, &person),
        cases::title(context.language, &case),
        cases::revocation(context.language)
    ));
    if !staying.is_empty() {
        context.output.say(&format!("The case stays with {}", people::audience(context.language, &staying)));
    }
    prompt::confirm("Remove them?", context.yes).await?;
    session.remove_member(&case.id, &person.person).await?;
    context.output.acted();
    context.output.object(
        "alcove.removal.v1",
        serde_json::json!({
            "case": case.id.to_string(),
            "person": person,
            "says": cases::revocation(context.language),
        }),
    )?;
    context.output.line(&format!(
        "{} is no longer on the case. {}",
        people::full_name(context.language, &person),
        cases::revocation(context.language)
    ))
}

async fn list(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    if let Some(as_of) = cases::as_of(context.language, &case) {
        context.output.line(&as_of)?;
    }
    let mut table = Table::new(&["NAME", "ROLE", "AGENCY", "SIDE", "MAY", ""]);
    let id = case.id.to_string();
    let members = session.members(&case.id)?;
    for member in &members {
        context.output.object(MemberJson::SCHEMA, MemberJson::new(&id, member))?;
        let mut remarks = Vec::new();
        if member.is_self {
            remarks.push("you".to_owned());
        }
        if !member.lapsed_devices.is_empty() {
            let devices: Vec<String> = member.lapsed_devices.iter().map(ToString::to_string).collect();
            remarks.push(format!("certificate of device {} has lapsed", devices.join(", ")));
        }
        if !member.changed_devices.is_empty() {
            remarks.push(format!(
                "KEY CHANGED on device {}: see `alcove verify`",
                numbers(&member.changed_devices)
            ));
        }
        table.row([
            member.person.name.as_deref().unwrap_or("(no name known)"),
            member.person.role.as_deref().unwrap_or(""),
            &member.person.agency.name,
            people::side(context.language, member.person.agency.side),
            people::role(context.language, member.role),
            &remarks.join("; "),
        ]);
    }
    context.output.line(table.render().trim_end())?;
    for agency in people::with_recovery(&members) {
        context.output.line(&people::recovery_set_up(context.language, &agency))?;
    }
    refresh.end()
}

fn report_grant(context: &Context, outcome: &GrantOutcome, held_up: Option<&Told>) -> Result<(), Failure> {
    context
        .output
        .line(&format!("{} handed over.", numbers::count(outcome.granted.len() as u64, "item", "items")))?;
    if !outcome.withheld.is_empty() {
        context.output.warn(&format!(
            "{} not handed over: another agency wrote them and did not allow it. Ask its members to hand them over.",
            numbers::count(outcome.withheld.len() as u64, "item was", "items were")
        ));
    }
    if !outcome.out_of_reach.is_empty() {
        context.output.warn(&format!(
            "{} not handed over: you were not on the case when they were written. Ask a member who was.",
            numbers::count(outcome.out_of_reach.len() as u64, "item was", "items were")
        ));
    }
    if let Some(failure) = held_up {
        context.output.say(&format!("It waits in the outbox. {} The next command sends it.", failure.what));
    }
    Ok(())
}

/// `1`, or `1, 2 and 5`.
fn numbers(devices: &[u16]) -> String {
    let texts: Vec<String> = devices.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}

fn ids(records: &[RecordId]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

/// `none`, `all` or `since=DATE`.
fn parse_history(text: &str, now_ms: i64) -> Result<History, Told> {
    match text {
        "none" => Ok(History::None),
        "all" => Ok(History::All),
        other => match other.strip_prefix("since=") {
            Some(date) => Ok(History::Since(times::since(Language::English, date, now_ms)?)),
            None => Err(Told::new(
                Exit::Usage,
                format!("--history does not know {}.", safe_line(other)),
                "Say --history none, --history all, or --history since=2026-03-04.",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_read_well() {
        assert_eq!([&[][..], &[1], &[1, 2], &[1, 2, 5]].map(numbers), ["", "1", "1 and 2", "1, 2 and 5"]);
    }

    #[test]
    fn history_is_one_of_three_things() {
        let now_ms = 86_400_000;
        let parse = |text| parse_history(text, now_ms);
        assert_eq!(parse("none").unwrap(), History::None);
        assert_eq!(parse("all").unwrap(), History::All);
        assert_eq!(parse("since=1970-01-01T00:00:01Z").unwrap(), History::Since(1000));
        for text in ["", "some", "since", "since=", "since=soon", "since=1971-01-02", "ALL", "1970-01-02"] {
            assert_eq!(parse(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
