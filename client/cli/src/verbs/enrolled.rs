//! The last step of every way onto a device: what it is now is shown, and the server comes to know it.

use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::{
        Passphrase, Session, Side, SystemClock,
        enrol::{EnrolError, Enrolment, device},
    },
    telling::{arrival, times},
};
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
    context.output.say(arrival::new_vault(context.language));
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
    context.output.line(&arrival::shown(context.language, enrolment))
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
        context.output.warn(&arrival::not_known_at_server(context.language, &context.told(error)));
    }
}
