//! The last step of every way onto a device: what it is now is shown, and the server comes to know it.

use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::{
        Passphrase, Session, Side, SystemClock,
        enrol::{EnrolError, Enrolment, device},
    },
    telling::{people, times},
};
use alcove_programs::text::safe_line;
use ring::rand::SystemRandom;
use serde::Serialize;
use std::sync::Arc;

/// `alcove.enrolment.v1`.
#[derive(Serialize)]
struct EnrolmentJson {
    state: &'static str,
    identity: String,
    name: String,
    role: String,
    agency: serde_json::Value,
    server: String,
    not_after: String,
    charter: serde_json::Value,
}

/// Does something with the passphrase of the vault that is there, or of one that is about to be made.
pub(crate) fn with_vault<T>(
    context: &Context,
    mut open: impl FnMut(&Passphrase) -> Result<T, EnrolError>,
) -> Result<(T, Passphrase), Failure> {
    if device::has_vault(&context.home) {
        return context.passphrase.open(|passphrase| Ok(open(passphrase)?));
    }
    context.output.say(
        "This creates the vault of this device. Nobody can open it without its passphrase, and nobody can reset the \
         passphrase.",
    );
    let passphrase = context.passphrase.fresh()?;
    Ok((open(&passphrase)?, passphrase))
}

/// Shows what this device is now, and makes it known at the server.
pub(crate) async fn enrolled(
    context: &Context,
    passphrase: &Passphrase,
    enrolment: &Enrolment,
) -> Result<(), Failure> {
    context.output.acted();
    show(context, enrolment)?;
    if !context.offline {
        publish(context, passphrase).await;
    }
    Ok(())
}

fn show(context: &Context, enrolment: &Enrolment) -> Result<(), Failure> {
    let charter = enrolment.charters.newest();
    let domain = &enrolment.identity.person.trust_domain;
    let (agency, side) = charter
        .agency(domain)
        .map_or((domain.as_str(), Side::Unspecified), |agency| (agency.display_name.as_str(), agency.side));
    let not_after_ms = enrolment.tls_not_after_ms.min(enrolment.mls_not_after_ms);
    context.output.object(
        "alcove.enrolment.v1",
        EnrolmentJson {
            state: "enrolled",
            identity: enrolment.identity.to_string(),
            name: enrolment.card.name.clone(),
            role: enrolment.card.role.clone(),
            agency: serde_json::json!({
                "trust_domain": domain.to_string(), "name": agency, "side": side.code(),
            }),
            server: enrolment.server_address.clone(),
            not_after: times::rfc3339(not_after_ms),
            charter: serde_json::json!({
                "collaborative": charter.collaborative.to_string(),
                "version": charter.version,
                "hash": charter.hash().to_string(),
                "agencies": charter.agencies.iter().map(|agency| &agency.display_name).collect::<Vec<_>>(),
            }),
        },
    )?;
    let mut lines = vec![
        format!(
            "This device is {}, {} of {} ({}).",
            safe_line(&enrolment.card.name),
            safe_line(&enrolment.card.role),
            safe_line(agency),
            people::side(context.language, side)
        ),
        format!("Server       {}", safe_line(&enrolment.server_address)),
        format!("Certificate  until {}", times::minute(not_after_ms)),
        format!("Charter      version {} of {}, signed by:", charter.version, charter.collaborative),
    ];
    lines.extend(charter.agencies.iter().map(|agency| {
        format!("  {} ({})", safe_line(&agency.display_name), people::side(context.language, agency.side))
    }));
    context.output.line(&lines.join("\n"))
}

/// Makes the device known at the server, so that others can add it at once.
async fn publish(context: &Context, passphrase: &Passphrase) {
    let published = async {
        let clock = Arc::new(SystemClock);
        let session = Session::open(&context.home, passphrase, clock, Arc::new(SystemRandom::new()))?;
        session.sync().await
    };
    if let Err(error) = published.await {
        // The enrolment itself is done; every later command tries this again.
        let failure = context.told(error);
        context.output.warn(&format!(
            "the server does not know this device yet. {} Others can add you after the next `alcove status`.",
            failure.what
        ));
    }
}
