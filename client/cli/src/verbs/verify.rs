//! `alcove verify`: words that two people compare by phone, and what they found.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::{
    session::{AgencyCheck, KeyChangeCause, KeyChangeView, Session, choose_changed},
    telling::{agencies, keys, people, times},
};
use alcove_programs::exit::Exit;
use alcove_proto::names::Person;
use std::collections::BTreeMap;

pub(crate) async fn run(
    context: &Context,
    agency: Option<&str>,
    people: Option<&[String]>,
) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    match (agency, people) {
        (Some(query), _) => verify_agency(context, &session, query).await?,
        (None, Some(names)) => accept_keys(context, &session, names).await?,
        (None, None) => list(context, &session)?,
    }
    refresh.end()
}

fn list(context: &Context, session: &Session) -> Result<(), Failure> {
    let mut table = Table::new(&["AGENCY", "SIDE", "WORDS", "COMPARED"]);
    for check in session.agency_checks()? {
        agency_object(context, &check)?;
        table.row([
            &check.agency.name,
            people::side(context.language, check.agency.side),
            &check.words,
            &agencies::compared(context.language, &check),
        ]);
    }
    context.output.line(table.render().trim_end())?;
    context.output.say(agencies::which_words(context.language));
    context.output.say(&agencies::own_device(context.language, &session.own_words()));
    for change in session.key_changes()? {
        key_object(context, &change, false)?;
        context.output.warn(&keys::described(context.language, &change));
    }
    Ok(())
}

async fn verify_agency(context: &Context, session: &Session, query: &str) -> Result<(), Failure> {
    let check = session.choose_agency(query)?;
    context.output.say(&agencies::whom_to_call(context.language, &check));
    prompt::confirm("Did they read out exactly these words?", context.yes).await?;
    session.verify_agency(&check.agency.trust_domain)?;
    context.output.acted();
    let domain = &check.agency.trust_domain;
    for check in session.agency_checks()?.iter().filter(|check| check.agency.trust_domain == *domain) {
        agency_object(context, check)?;
        context.output.line(&agencies::verified(context.language, check))?;
    }
    Ok(())
}

/// Believes the keys of those people who have read out their words: each is a yes of its own.
async fn accept_keys(context: &Context, session: &Session, names: &[String]) -> Result<(), Failure> {
    let changes = session.key_changes()?;
    if changes.is_empty() {
        return context.output.line(agencies::no_key_changed(context.language));
    }
    if names.is_empty() && context.yes {
        return Err(Failure::new(
            Exit::Usage,
            "With --yes you have to name the people: nobody else is asked about.",
            "Name the people whose words you have compared: `alcove verify --people NAME --yes`. `alcove verify` lists \
             them.",
        ));
    }
    let mut by_person: BTreeMap<Person, Vec<KeyChangeView>> = BTreeMap::new();
    let named = if names.is_empty() { None } else { Some(choose_changed(&changes, names)?) };
    for change in changes {
        let person = &change.identity.person;
        if named.as_ref().is_none_or(|named| named.contains(person)) {
            by_person.entry(person.clone()).or_default().push(change);
        }
    }
    let mut believed = 0;
    for keys in by_person.values() {
        for change in keys {
            context.output.say(&keys::described(context.language, change));
        }
        let who = keys
            .first()
            .map(|change| people::full_name(context.language, &change.person))
            .unwrap_or_default();
        let has_read =
            context.yes || prompt::ask(&format!("Did {who} read out exactly these words?")).await?;
        if has_read {
            session.accept_keys(keys)?;
            context.output.acted();
            believed += keys.len() as u64;
        }
        for change in keys {
            key_object(context, change, has_read)?;
        }
    }
    context.output.line(&agencies::believed(context.language, believed))
}

fn agency_object(context: &Context, check: &AgencyCheck) -> Result<(), Failure> {
    context.output.object(
        "alcove.agency-words.v1",
        serde_json::json!({
            "trust_domain": check.agency.trust_domain.to_string(),
            "name": check.agency.name,
            "side": check.agency.side.code(),
            "words": check.words,
            "own": check.is_own,
            "verified_at": check.verified_at_ms.map(times::rfc3339),
            "changed": check.changed,
        }),
    )
}

fn key_object(context: &Context, change: &KeyChangeView, believed: bool) -> Result<(), Failure> {
    context.output.object(
        "alcove.key-change.v1",
        serde_json::json!({
            "identity": change.identity.to_string(),
            "name": change.person.name,
            "words": change.words,
            "new_device": change.cause == KeyChangeCause::NewDevice,
            "cause": change.cause,
            "cases": change.cases.iter().map(|(case, _)| case.to_string()).collect::<Vec<_>>(),
            "noticed_at": times::rfc3339(change.noticed_at_ms),
            "believed": believed,
        }),
    )
}
