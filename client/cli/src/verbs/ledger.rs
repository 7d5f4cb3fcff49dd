//! `alcove ledger`: what the own agency's CA has signed in this person's name, and whom it has not signed for.

use crate::{context::Context, failure::Failure, ui::table::Table};
use alcove_client::{
    session::LedgerView,
    telling::{ledger, times},
};

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let view = session.ledger()?;
    let now_ms = session.status()?.now_ms;
    objects(context, &view)?;
    let Some(summary) = &view.summary else {
        context.output.line(ledger::none(context.language))?;
        return refresh.end();
    };
    context.output.line(&ledger::described(context.language, summary))?;
    if !view.own.is_empty() {
        let mut table = Table::new(&["ENTRY", "DEVICE", "FOR", "SIGNED", "UNTIL", "KEY"]);
        for certificate in &view.own {
            table.row([
                certificate.number.to_string().as_str(),
                &certificate.identity.device.to_string(),
                if certificate.is_mls { "signing" } else { "connecting" },
                &times::minute(certificate.issued_at_ms),
                &ledger::until(context.language, certificate, now_ms),
                ledger::key_text(context.language, certificate.key),
            ]);
        }
        context.output.line(ledger::in_your_name(context.language))?;
        context.output.line(table.render().trim_end())?;
    }
    for missing in &view.unlisted {
        context.output.warn(&ledger::unlisted(context.language, missing));
    }
    if let Some(warning) = ledger::unknown_warning(context.language, summary, true) {
        context.output.warn(&warning);
    }
    refresh.end()
}

fn objects(context: &Context, view: &LedgerView) -> Result<(), Failure> {
    let published = serde_json::json!({ "published": view.summary });
    context.output.object("alcove.ledger.v1", published)?;
    for certificate in &view.own {
        context.output.object(
            "alcove.ledger-certificate.v1",
            serde_json::json!({
                "number": certificate.number,
                "identity": certificate.identity.to_string(),
                "kind": if certificate.is_mls { "mls" } else { "tls" },
                "serial": certificate.serial,
                "issued_at": times::rfc3339(certificate.issued_at_ms),
                "not_after": times::rfc3339(certificate.not_after_ms),
                "revoked_at": certificate.revoked_at_ms.map(times::rfc3339),
                "key": certificate.key,
            }),
        )?;
    }
    for missing in &view.unlisted {
        context.output.object(
            "alcove.ledger-missing.v1",
            serde_json::json!({
                "identity": missing.identity.to_string(),
                "name": missing.person.name,
                "since": times::rfc3339(missing.since_ms),
            }),
        )?;
    }
    Ok(())
}
