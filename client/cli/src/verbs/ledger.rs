//! `alcove ledger`: what the own agency's CA has signed in this person's name, and whom it has not signed for.

use crate::{context::Context, ui::table::Table};
use alcove_client::{
    session::{LedgerSummary, LedgerView, ListedCertificate, OwnKey},
    telling::{Told, times, words},
};

pub(crate) async fn run(context: &Context) -> Result<(), Told> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let view = session.ledger()?;
    let now_ms = session.status()?.now_ms;
    objects(context, &view)?;
    let Some(summary) = &view.summary else {
        context.output.line("Your agency has not published a ledger.")?;
        return refresh.end();
    };
    context.output.line(&described(summary))?;
    if !view.own.is_empty() {
        let mut table = Table::new(&["ENTRY", "DEVICE", "FOR", "SIGNED", "UNTIL", "KEY"]);
        for certificate in &view.own {
            table.row([
                certificate.number.to_string().as_str(),
                &certificate.identity.device.to_string(),
                if certificate.is_mls { "signing" } else { "connecting" },
                &times::minute(certificate.issued_at_ms),
                &until(certificate, now_ms),
                key_text(certificate.key),
            ]);
        }
        context.output.line("Certified in your name:")?;
        context.output.line(table.render().trim_end())?;
    }
    for missing in &view.unlisted {
        context.output.warn(&format!(
            "{} ({}) is in a case and not in the ledger, seen since {}.",
            words::full_name(&missing.person),
            missing.identity,
            times::minute(missing.since_ms)
        ));
    }
    if let Some(warning) = unknown_warning(summary) {
        context.output.warn(&warning);
    }
    refresh.end()
}

/// One line for `alcove status`.
pub(crate) fn line(summary: Option<&LedgerSummary>) -> String {
    match summary {
        None => "your agency has not published one".to_owned(),
        Some(summary) if summary.unlisted == 0 => {
            format!("{} Everybody of your agency in your cases is in it.", described(summary))
        }
        Some(summary) => format!(
            "{} {} of your agency in your cases {} NOT in it: see `alcove ledger`.",
            described(summary),
            words::count(summary.unlisted, "certificate", "certificates"),
            if summary.unlisted == 1 { "is" } else { "are" }
        ),
    }
}

/// Somebody was certified in this person's name.
pub(crate) fn unknown_warning(summary: &LedgerSummary) -> Option<String> {
    (summary.unknown > 0).then(|| {
        format!(
            "{} in your name with a key that this device does not know: see `alcove ledger`. If you have no other \
             device, or did not enrol one then, tell your agency's admin at once.",
            words::count(summary.unknown, "certificate was signed", "certificates were signed")
        )
    })
}

fn described(summary: &LedgerSummary) -> String {
    format!(
        "{}, complete until {}.",
        words::count(summary.entries, "entry", "entries"),
        times::minute(summary.complete_until_ms)
    )
}

fn until(certificate: &ListedCertificate, now_ms: i64) -> String {
    match certificate.revoked_at_ms {
        Some(at_ms) => format!("revoked {}", times::minute(at_ms)),
        None if certificate.not_after_ms < now_ms => {
            format!("ended {}", times::day(certificate.not_after_ms))
        }
        None => times::day(certificate.not_after_ms),
    }
}

fn key_text(key: OwnKey) -> &'static str {
    match key {
        OwnKey::Unknown => "NOT KNOWN HERE",
        OwnKey::Known => "yours",
        OwnKey::Earlier => "from before",
    }
}

fn key_code(key: OwnKey) -> &'static str {
    match key {
        OwnKey::Unknown => "unknown",
        OwnKey::Known => "known",
        OwnKey::Earlier => "earlier",
    }
}

/// The numbers as `alcove status` shows them too.
pub(crate) fn summary_json(summary: &LedgerSummary) -> serde_json::Value {
    serde_json::json!({
        "entries": summary.entries,
        "complete_until": times::rfc3339(summary.complete_until_ms),
        "not_in_ledger": summary.unlisted,
        "unknown_keys": summary.unknown,
    })
}

fn objects(context: &Context, view: &LedgerView) -> Result<(), Told> {
    let published = serde_json::json!({ "published": view.summary.as_ref().map(summary_json) });
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
                "key": key_code(certificate.key),
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
