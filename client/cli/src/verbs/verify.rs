//! `alcove verify`: words that two people compare by phone, and what they found.

use crate::{choose, context::Context, prompt, ui::table::Table};
use alcove_client::{
    session::{AgencyCheck, KeyChangeCause, KeyChangeView, PersonView, Session},
    telling::{Told, times, words},
};
use alcove_programs::{exit::Exit, text::safe_line};
use alcove_proto::{ids::GroupId, names::Person};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) async fn run(
    context: &Context,
    agency: Option<&str>,
    people: Option<&[String]>,
) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    match (agency, people) {
        (Some(query), _) => verify_agency(context, &session, query).await?,
        (None, Some(names)) => accept_keys(context, &session, names).await?,
        (None, None) => list(context, &session)?,
    }
    refresh.end()
}

fn list(context: &Context, session: &Session) -> Result<(), Told> {
    let mut table = Table::new(&["AGENCY", "SIDE", "WORDS", "COMPARED"]);
    for check in session.agency_checks()? {
        agency_object(context, &check)?;
        let compared = match (check.is_own, check.verified_at_ms, check.changed) {
            (true, ..) => "yours".to_owned(),
            (false, Some(at_ms), _) => times::day(at_ms),
            (false, None, true) => "CHANGED since".to_owned(),
            (false, None, false) => "not yet".to_owned(),
        };
        table.row([&check.agency.name, words::side(check.agency.side), &check.words, &compared]);
    }
    context.output.line(table.render().trim_end())?;
    context.output.say(&format!("The words of this device: {}", session.own_words()));
    for change in session.key_changes()? {
        key_object(context, &change, false)?;
        context.output.warn(&described(&change));
    }
    Ok(())
}

async fn verify_agency(context: &Context, session: &Session, query: &str) -> Result<(), Told> {
    let wanted = query.trim().to_lowercase();
    let mut checks = session.agency_checks()?;
    checks.retain(|check| {
        let domain = check.agency.trust_domain.as_str();
        domain == wanted || check.agency.name.to_lowercase().contains(&wanted)
    });
    let check = match checks.as_slice() {
        [check] => check,
        [] => return Err(alcove_client::session::Error::NoSuchAgency.into()),
        several => {
            let names: Vec<String> = several.iter().map(|check| safe_line(&check.agency.name)).collect();
            return Err(Told::new(
                Exit::Conflict,
                format!("Several agencies are called so: {}.", names.join(", ")),
                "Give more of the name, or the trust domain.",
            ));
        }
    };
    context.output.say(&format!(
        "Call somebody at {} whom you know, by a number you have from elsewhere, and have them run `alcove verify`. \
         Beside their own agency they must read:\n\n    {}\n",
        safe_line(&check.agency.name),
        check.words
    ));
    prompt::confirm("Did they read out exactly these words?", context.yes).await?;
    session.verify_agency(&check.agency.trust_domain)?;
    let domain = &check.agency.trust_domain;
    for check in session.agency_checks()?.iter().filter(|check| check.agency.trust_domain == *domain) {
        agency_object(context, check)?;
        context.output.line(&format!("The words of {} were compared.", safe_line(&check.agency.name)))?;
    }
    Ok(())
}

/// Believes the keys of those people who have read out their words: each is a yes of its own.
async fn accept_keys(context: &Context, session: &Session, names: &[String]) -> Result<(), Told> {
    let mut changes: BTreeMap<Person, Vec<KeyChangeView>> = BTreeMap::new();
    for change in session.key_changes()? {
        changes.entry(change.identity.person.clone()).or_default().push(change);
    }
    if changes.is_empty() {
        return context.output.line("No key has changed.");
    }
    if names.is_empty() && context.yes {
        return Err(Told::new(
            Exit::Usage,
            "--yes is said for people by name: whoever is not named has not been asked about.",
            "Name whom you have compared the words with: `alcove verify --people NAME --yes`. `alcove verify` lists them.",
        ));
    }
    let people = if names.is_empty() { changes.keys().cloned().collect() } else { named(&changes, names)? };
    let mut believed = 0;
    for keys in people.iter().filter_map(|person| changes.get(person)) {
        for change in keys {
            context.output.say(&described(change));
        }
        let who = keys.first().map(|change| words::full_name(&change.person)).unwrap_or_default();
        let has_read =
            context.yes || prompt::ask(&format!("Did {who} read out exactly these words?")).await?;
        if has_read {
            session.accept_keys(keys)?;
            believed += keys.len() as u64;
        }
        for change in keys {
            key_object(context, change, has_read)?;
        }
    }
    context
        .output
        .line(&format!("{} from now on.", words::count(believed, "key is believed", "keys are believed")))
}

/// Those of the people with changed keys who are meant, each once. A name may end with `@` and the agency.
fn named(changes: &BTreeMap<Person, Vec<KeyChangeView>>, names: &[String]) -> Result<BTreeSet<Person>, Told> {
    let views: Vec<&PersonView> =
        changes.values().filter_map(|keys| keys.first()).map(|change| &change.person).collect();
    let candidates: Vec<choose::Candidate<'_>> = views
        .iter()
        .map(|view| choose::Candidate {
            person: &view.person,
            name: view.name.as_deref().unwrap_or_default(),
            agency: &view.agency.name,
            side: words::side(view.agency.side),
        })
        .collect();
    names
        .iter()
        .map(|query| {
            let (name, agency) = match query.rsplit_once('@') {
                Some((name, agency)) => (name, Some(agency)),
                None => (query.as_str(), None),
            };
            choose::person(&candidates, name, agency).map(|index| views[index].person.clone())
        })
        .collect()
}

fn described(change: &KeyChangeView) -> String {
    const NOTHING_IS_SENT: &str =
        "Until you have compared them nothing is sent to a case with that device in it.";
    let number = change.identity.device;
    let named = |(case, title): &(GroupId, String)| {
        let id = case.to_string();
        let short = id.get(..8).unwrap_or(&id);
        if title.is_empty() {
            format!("the case {short}")
        } else {
            format!("the case {} ({short})", safe_line(title))
        }
    };
    let cases = change.cases.iter().map(named).collect::<Vec<_>>().join(", ");
    let (what, until) = match change.cause {
        KeyChangeCause::NewDevice => {
            (format!("has a new device (number {number}) that none of theirs added"), NOTHING_IS_SENT)
        }
        KeyChangeCause::AnotherKey => (
            format!("signs on device {number} with another key, and the earlier one did not sign for it"),
            NOTHING_IS_SENT,
        ),
        KeyChangeCause::BroughtByOutsider => (
            format!("was added to {cases} by a laptop that is revoked, or by somebody whom it made an owner"),
            "Until you have asked whether they belong there, and compared the words, nothing is sent there; `alcove member remove` \
             takes them off.",
        ),
        KeyChangeCause::MadeOwnerByOutsider => (
            format!("was made an owner of {cases} by a laptop that is revoked"),
            "Until you have asked whether that is right, you will be asked about everybody whom they add.",
        ),
    };
    format!(
        "{} {what}, since {}. Their words must be: {} (they see them with `alcove verify`). {until}",
        words::full_name(&change.person),
        times::minute(change.noticed_at_ms),
        change.words
    )
}

fn agency_object(context: &Context, check: &AgencyCheck) -> Result<(), Told> {
    context.output.object(
        "alcove.agency-words.v1",
        serde_json::json!({
            "trust_domain": check.agency.trust_domain.to_string(),
            "name": check.agency.name,
            "side": words::side_code(check.agency.side),
            "words": check.words,
            "own": check.is_own,
            "verified_at": check.verified_at_ms.map(times::rfc3339),
            "changed": check.changed,
        }),
    )
}

fn key_object(context: &Context, change: &KeyChangeView, believed: bool) -> Result<(), Told> {
    context.output.object(
        "alcove.key-change.v1",
        serde_json::json!({
            "identity": change.identity.to_string(),
            "name": change.person.name,
            "words": change.words,
            "new_device": change.cause == KeyChangeCause::NewDevice,
            "cause": cause_code(change.cause),
            "cases": change.cases.iter().map(|(case, _)| case.to_string()).collect::<Vec<_>>(),
            "noticed_at": times::rfc3339(change.noticed_at_ms),
            "believed": believed,
        }),
    )
}

fn cause_code(cause: KeyChangeCause) -> &'static str {
    match cause {
        KeyChangeCause::AnotherKey => "another-key",
        KeyChangeCause::NewDevice => "new-device",
        KeyChangeCause::BroughtByOutsider => "brought-by-revoked",
        KeyChangeCause::MadeOwnerByOutsider => "made-owner-by-revoked",
    }
}
