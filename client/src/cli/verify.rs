//! `alcove verify`: words that two people compare by phone, and what they found.

use super::{
    context::Context,
    exit::{Exit, Failure},
    prompt,
};
use crate::ui::{table::Table, text::safe_line, when, words};
use alcove_client::session::{AgencyCheck, KeyChangeView, Session};

pub(super) async fn run(context: &Context, agency: Option<&str>, people: bool) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    match agency {
        Some(query) => verify_agency(context, &session, query).await?,
        None if people => accept_keys(context, &session).await?,
        None => list(context, &session)?,
    }
    refresh.end()
}

fn list(context: &Context, session: &Session) -> Result<(), Failure> {
    let mut table = Table::new(&["AGENCY", "SIDE", "WORDS", "COMPARED"]);
    for check in session.agency_checks()? {
        agency_object(context, &check)?;
        let compared = match (check.is_own, check.verified_at_ms, check.changed) {
            (true, ..) => "yours".to_owned(),
            (false, Some(at_ms), _) => when::day(at_ms),
            (false, None, true) => "CHANGED since".to_owned(),
            (false, None, false) => "not yet".to_owned(),
        };
        table.row([&check.agency.name, words::side(check.agency.side), &check.words, &compared]);
    }
    context.output.line(table.render().trim_end())?;
    context.output.say(&format!("The words of this device: {}", session.own_words()));
    for change in session.key_changes()? {
        key_object(context, &change)?;
        context.output.warn(&described(&change));
    }
    Ok(())
}

async fn verify_agency(context: &Context, session: &Session, query: &str) -> Result<(), Failure> {
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
            return Err(Failure::new(
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

async fn accept_keys(context: &Context, session: &Session) -> Result<(), Failure> {
    let changes = session.key_changes()?;
    for change in &changes {
        key_object(context, change)?;
        context.output.say(&described(change));
    }
    if changes.is_empty() {
        return context.output.line("No key has changed.");
    }
    prompt::confirm("Did every one of them read out exactly these words?", context.yes).await?;
    session.accept_keys(&changes)?;
    context.output.line(&format!(
        "{} from now on.",
        words::count(changes.len() as u64, "key is believed", "keys are believed")
    ))
}

fn described(change: &KeyChangeView) -> String {
    let what = if change.new_device {
        format!("has a new device (number {}) that none of theirs added", change.identity.device)
    } else {
        format!(
            "signs on device {} with another key, and the earlier one did not sign for it",
            change.identity.device
        )
    };
    format!(
        "{} {what}, since {}. Their words must be: {} (they see them with `alcove verify`). Until you have compared \
         them nothing is sent to a case with that device in it.",
        words::full_name(&change.person),
        when::minute(change.noticed_at_ms),
        change.words
    )
}

fn agency_object(context: &Context, check: &AgencyCheck) -> Result<(), Failure> {
    context.output.object(
        "alcove.agency-words.v1",
        serde_json::json!({
            "trust_domain": check.agency.trust_domain.to_string(),
            "name": check.agency.name,
            "side": words::side_code(check.agency.side),
            "words": check.words,
            "own": check.is_own,
            "verified_at": check.verified_at_ms.map(when::rfc3339),
            "changed": check.changed,
        }),
    )
}

fn key_object(context: &Context, change: &KeyChangeView) -> Result<(), Failure> {
    context.output.object(
        "alcove.key-change.v1",
        serde_json::json!({
            "identity": change.identity.to_string(),
            "name": change.person.name,
            "words": change.words,
            "new_device": change.new_device,
            "noticed_at": when::rfc3339(change.noticed_at_ms),
        }),
    )
}
