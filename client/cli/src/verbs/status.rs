//! `alcove status`: where this device stands, and what will stop working next.

use super::ledger;
use crate::context::Context;
use alcove_client::{
    session::{CertificateTrouble, Error, ListView, RenewalState, RenewalView, ServerView, StatusView},
    telling::{
        Told, alarms, certificates,
        json::{AlarmJson, RecoveryJson},
        times, words,
    },
};
use alcove_programs::text::safe_line;
use alcove_proto::limits::{CERTIFICATE_BACKDATE_SECONDS, CLOCK_WARNING_MS};
use serde::Serialize;

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Days before the end of a certificate at which the words get more urgent.
const WARNING_DAYS: [(i64, &str); 4] = [
    (1, "ends within a day: renew it NOW"),
    (7, "ends within a week: renew it today"),
    (14, "ends within two weeks: renew it this week"),
    (30, "ends within a month: renew it soon"),
];

/// `alcove.status.v1`.
#[derive(Serialize)]
struct StatusJson<'a> {
    identity: String,
    name: &'a str,
    role: &'a str,
    agency: serde_json::Value,
    collaborative: &'a str,
    charter: serde_json::Value,
    certificate: CertificateJson,
    renewal: RenewalJson<'a>,
    server: ServerJson,
    cases: u64,
    requests: u64,
    leaders: u64,
    queued: u64,
    refused: u64,
    unfinished_uploads: u64,
    unsealed: u64,
    recoveries: Vec<RecoveryJson>,
    /// Nothing while the agency has published none.
    ledger: Option<serde_json::Value>,
    /// Revocation lists that are past half of their time.
    lists: Vec<ListJson>,
    alarms: Vec<AlarmJson>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ListJson {
    agency: String,
    number: u64,
    next_update: String,
    overdue: bool,
}

#[derive(Serialize)]
struct CertificateJson {
    not_after: String,
    days_left: i64,
    revoked: bool,
}

#[derive(Serialize)]
struct RenewalJson<'a> {
    state: &'static str,
    since: Option<String>,
    words: Option<&'a str>,
}

impl<'a> RenewalJson<'a> {
    fn new(view: &'a RenewalView) -> Self {
        let (state, known) = match &view.state {
            RenewalState::None => ("none", None),
            RenewalState::Waiting { since_ms, words } => ("waiting", Some((since_ms, words))),
            RenewalState::Refused { since_ms, words } => ("refused", Some((since_ms, words))),
        };
        let since = known.map(|(since_ms, _)| times::rfc3339(*since_ms));
        Self { state, since, words: known.map(|(_, words)| words.as_str()) }
    }
}

#[derive(Serialize)]
struct ServerJson {
    address: String,
    reachable: bool,
    version: Option<String>,
    clock_difference_ms: Option<i64>,
    round_trip_us: Option<u64>,
}

pub(crate) async fn run(context: &Context, acknowledge: bool) -> Result<(), Told> {
    let session = context.session()?;
    if !context.offline {
        // An alarm it raises is shown below like any other.
        let asked = session.renew_now().await;
        if let Err(error @ Error::Vault(_)) = asked {
            return Err(error.into());
        }
    }
    session.want_recoveries();
    let refresh = context.refresh(&session).await;
    let server = if context.offline { None } else { session.describe_server().await.ok() };
    let status = session.status()?;
    let warnings = warnings(&status, server.as_ref());
    show(context, &status, server.as_ref(), &warnings)?;
    if acknowledge {
        // Only what has just been shown: one that was raised since has been looked at by nobody.
        session.acknowledge(&status.alarms)?;
        if !status.alarms.is_empty() {
            context.output.say("The alarms above are marked as looked at.");
        }
    }
    // The certificate's own trouble says more than the server's refusal that follows from it.
    own_certificate(&status)?;
    if acknowledge { refresh.before_writing() } else { refresh.end() }
}

fn show(
    context: &Context,
    status: &StatusView,
    server: Option<&ServerView>,
    warnings: &[String],
) -> Result<(), Told> {
    let ends_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
    let hash = alcove_proto::ids::Digest(status.charter_hash).to_string();
    let json = StatusJson {
        identity: status.identity.to_string(),
        name: &status.name,
        role: &status.role,
        agency: serde_json::json!({
            "trust_domain": status.agency.trust_domain.to_string(),
            "name": status.agency.name,
            "side": words::side_code(status.agency.side),
            "recovery": status.agency.has_recovery,
        }),
        collaborative: &status.collaborative,
        charter: serde_json::json!({
            "version": status.charter_version,
            "hash": hash,
            "not_after": times::rfc3339(status.charter_not_after_ms),
        }),
        certificate: CertificateJson {
            not_after: times::rfc3339(ends_ms),
            days_left: days_left(status),
            revoked: status.revoked,
        },
        renewal: RenewalJson::new(&status.renewal),
        server: ServerJson {
            address: status.server_address.clone(),
            reachable: server.is_some(),
            version: server.map(|server| server.version.clone()),
            clock_difference_ms: server.map(|server| server.clock_difference_ms),
            round_trip_us: server.map(|server| server.round_trip_us),
        },
        cases: status.cases,
        requests: status.requests,
        leaders: status.leaders,
        queued: status.queued,
        refused: status.refused,
        unfinished_uploads: status.unfinished_uploads,
        unsealed: status.unsealed,
        recoveries: status.recoveries.iter().map(RecoveryJson::new).collect(),
        ledger: status.ledger.as_ref().map(ledger::summary_json),
        lists: status.lists.iter().map(list_json).collect(),
        alarms: status.alarms.iter().map(AlarmJson::new).collect(),
        warnings: warnings.to_vec(),
    };
    context.output.object("alcove.status.v1", json)?;
    let mut lines = vec![
        format!(
            "{}, {} of {} ({})",
            safe_line(&status.name),
            safe_line(&status.role),
            safe_line(&status.agency.name),
            words::side(status.agency.side)
        ),
        format!("Device       {}", status.identity),
        format!("Certificate  until {} ({})", times::minute(ends_ms), remaining(status)),
        format!(
            "Charter      version {} of {}, until {}",
            status.charter_version,
            safe_line(&status.collaborative),
            times::day(status.charter_not_after_ms)
        ),
        match server {
            Some(server) => format!(
                "Server       {}, version {}, {:.1} ms away",
                safe_line(&status.server_address),
                safe_line(&server.version),
                server.round_trip_us as f64 / 1000.0
            ),
            None => format!("Server       {}, not asked or not reached", safe_line(&status.server_address)),
        },
        format!("Renewal      {}", renewal_line(&status.renewal)),
        format!("Ledger       {}", ledger::line(status.ledger.as_ref())),
        format!("Cases        {}{}{}", status.cases, requests(status), leaders(status)),
        format!("Waiting      {}", waiting(status)),
        format!("Recovery     {}", recovery_line(status)),
    ];
    lines.extend(status.recoveries.iter().map(|view| format!("RECOVERY     {}", words::recovery(view))));
    lines.extend(status.alarms.iter().map(|alarm| format!("ALARM        {}", alarms::says(alarm))));
    context.output.line(&lines.join("\n"))?;
    warnings.iter().for_each(|warning| context.output.warn(warning));
    Ok(())
}

/// What will stop working, or does already.
fn warnings(status: &StatusView, server: Option<&ServerView>) -> Vec<String> {
    let mut warnings = Vec::new();
    let left_ms = status.tls_not_after_ms.min(status.mls_not_after_ms) - status.now_ms;
    if left_ms > 0
        && let Some((_, urgency)) = WARNING_DAYS.iter().find(|(days, _)| left_ms <= days * DAY_MS)
    {
        let urgency = match status.renewal.state {
            // Nobody is told to do what has been done.
            RenewalState::Waiting { .. } => urgency.split(':').next().unwrap_or(urgency),
            RenewalState::None | RenewalState::Refused { .. } => urgency,
        };
        warnings.push(format!("Your certificate {urgency}. {}", certificates::renewal(&status.renewal)));
    } else if left_ms > 0 && (is_refused(&status.renewal) || status.renewal.bad_answer) {
        warnings.push(certificates::renewal(&status.renewal));
    }
    if status.charter_not_after_ms - status.now_ms <= 30 * DAY_MS {
        warnings.push(format!(
            "The charter ends on {}: the agencies' admins have to sign the next version.",
            times::day(status.charter_not_after_ms)
        ));
    }
    if let Some(server) = server
        && server.clock_difference_ms.abs() > CLOCK_WARNING_MS
    {
        let difference = server.clock_difference_ms;
        warnings.push(format!(
            "This machine's clock is {} {} the server's. Set it: certificates allow for {} and no more.",
            times::span(difference),
            if difference > 0 { "ahead of" } else { "behind" },
            times::span(CERTIFICATE_BACKDATE_SECONDS as i64 * 1000),
        ));
    }
    warnings.extend(status.ledger.as_ref().and_then(ledger::unknown_warning));
    warnings.extend(status.lists.iter().map(list_warning));
    if !status.alarms.is_empty() {
        warnings.push(
            "Alarms stand. Speak to the server's operator and your admin; when you have looked at them, \
             `alcove status --acknowledge-alarms` lets sending go on."
                .to_owned(),
        );
    }
    warnings
}

fn list_json(list: &ListView) -> ListJson {
    ListJson {
        agency: list.agency.trust_domain.to_string(),
        number: list.number,
        next_update: times::rfc3339(list.next_update_ms),
        overdue: list.overdue,
    }
}

/// What it means that no newer list of an agency has come.
fn list_warning(list: &ListView) -> String {
    let (agency, by) = (safe_line(&list.agency.name), times::minute(list.next_update_ms));
    if list.overdue {
        format!(
            "{agency} promised a new revocation list by {by}, and none has come: it forgot, or the server keeps it back. Nobody \
             of this agency can be added until it is here. Ask its admin whether one was published."
        )
    } else {
        format!("The next revocation list of {agency} is due by {by}, and has not come yet.")
    }
}

fn is_refused(renewal: &RenewalView) -> bool {
    match renewal.state {
        RenewalState::Refused { .. } => true,
        RenewalState::None | RenewalState::Waiting { .. } => false,
    }
}

/// Fails when this device's certificate is not in force.
fn own_certificate(status: &StatusView) -> Result<(), Told> {
    let not_after_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
    if status.revoked {
        Err(certificates::certificate(CertificateTrouble::Revoked))
    } else if status.not_of_charter {
        Err(certificates::certificate_and_renewal(CertificateTrouble::NotOfCharter, &status.renewal))
    } else if status.now_ms > not_after_ms {
        Err(certificates::certificate_and_renewal(
            CertificateTrouble::Expired { not_after_ms },
            &status.renewal,
        ))
    } else {
        Ok(())
    }
}

fn days_left(status: &StatusView) -> i64 {
    (status.tls_not_after_ms.min(status.mls_not_after_ms) - status.now_ms).div_euclid(DAY_MS)
}

fn remaining(status: &StatusView) -> String {
    let left_ms = status.tls_not_after_ms.min(status.mls_not_after_ms) - status.now_ms;
    if status.revoked {
        "REVOKED".to_owned()
    } else if status.not_of_charter {
        "NOT OF THE CHARTER".to_owned()
    } else if left_ms < 0 {
        "EXPIRED".to_owned()
    } else {
        format!("{} left", times::span(left_ms))
    }
}

fn renewal_line(renewal: &RenewalView) -> String {
    match &renewal.state {
        RenewalState::Waiting { since_ms, words } => {
            format!("waiting for your agency's admin since {}; words: {words}", times::minute(*since_ms))
        }
        RenewalState::Refused { since_ms, .. } => format!("REFUSED, found on {}", times::minute(*since_ms)),
        RenewalState::None if renewal.desk_known => {
            format!("by itself, from {} on", times::day(renewal.due_at_ms))
        }
        RenewalState::None => "by files: this device knows no desk".to_owned(),
    }
}

fn recovery_line(status: &StatusView) -> String {
    match (status.agency.has_recovery, status.unsealed) {
        (false, _) => "your agency has set up none".to_owned(),
        (true, 0) => "what this device reads is sealed to your agency's recovery key".to_owned(),
        (true, unsealed) => {
            format!(
                "{} to be sealed",
                words::count(unsealed, "epoch or grant has yet", "epochs and grants have yet")
            )
        }
    }
}

fn requests(status: &StatusView) -> String {
    match status.requests {
        0 => String::new(),
        _ => format!(
            "; {} to add you to one: see `alcove case requests`",
            words::count(status.requests, "request", "requests")
        ),
    }
}

fn leaders(status: &StatusView) -> String {
    match status.leaders {
        0 => String::new(),
        _ => format!(
            "; {} without an owner that somebody leads on: see `alcove case follow`",
            words::count(status.leaders, "case", "cases")
        ),
    }
}

fn waiting(status: &StatusView) -> String {
    let mut waiting = words::count(status.queued, "item to be sent", "items to be sent");
    if status.refused > 0 {
        waiting.push_str(&format!(", {} REFUSED by the server: see `alcove outbox list`", status.refused));
    }
    if status.unfinished_uploads > 0 {
        waiting.push_str(&format!(
            ", {} cut half way: send the same file again and it goes on",
            words::count(status.unfinished_uploads, "upload", "uploads")
        ));
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_client::session::AgencyView;
    use alcove_programs::exit::Exit;
    use alcove_proto::v1::Side;

    fn status(days_left: f64) -> StatusView {
        let identity: alcove_proto::names::Identity =
            "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa/device/1".parse().unwrap();
        let ends = (days_left * DAY_MS as f64) as i64;
        StatusView {
            agency: AgencyView {
                trust_domain: identity.person.trust_domain.clone(),
                name: "Harborlight Immigrant Services".to_owned(),
                side: Side::Provider,
                has_recovery: false,
            },
            identity,
            name: "Rosa Iglesias-Peña".to_owned(),
            role: "case manager".to_owned(),
            collaborative: "northmark.example".to_owned(),
            charter_version: 1,
            charter_hash: [0; 32],
            charter_not_after_ms: 700 * DAY_MS,
            server_address: "127.0.0.1:1".to_owned(),
            tls_not_after_ms: ends,
            mls_not_after_ms: ends + 1,
            now_ms: 0,
            revoked: false,
            not_of_charter: false,
            renewal: renewal(RenewalState::None),
            queued: 0,
            refused: 0,
            unfinished_uploads: 0,
            cases: 0,
            requests: 0,
            leaders: 0,
            unsealed: 0,
            recoveries: vec![],
            ledger: None,
            lists: vec![],
            alarms: vec![],
        }
    }

    fn renewal(state: RenewalState) -> RenewalView {
        RenewalView { state, due_at_ms: 0, desk_known: false, desk_silent: false, bad_answer: false }
    }

    fn waiting() -> RenewalState {
        RenewalState::Waiting { since_ms: 0, words: "erase entry write avocado case prison".to_owned() }
    }

    #[test]
    fn the_warning_says_what_is_true_of_the_renewal() {
        let told = |state, change: fn(&mut RenewalView)| {
            let mut status = StatusView { renewal: renewal(state), ..status(6.5) };
            change(&mut status.renewal);
            let warnings = warnings(&status, Some(&server(0)));
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            warnings[0].clone()
        };
        let by_files = told(RenewalState::None, |_| {});
        assert!(by_files.contains("renew it today. Run `alcove enrol request`"), "{by_files}");
        let waits = told(waiting(), |_| {});
        assert!(
            waits.contains("within a week. A renewal has been waiting"),
            "nothing is left to do: {waits}"
        );
        assert!(waits.contains("1970-01-01 00:00 UTC; its words are: erase entry"), "{waits}");
        let silent = told(RenewalState::None, |renewal| {
            renewal.desk_known = true;
            renewal.desk_silent = true;
        });
        assert!(silent.contains("desk cannot be reached or has no room for it"), "{silent}");
        assert!(silent.contains("tell your agency's admin") && silent.contains("enrol request"), "{silent}");
        let refused = RenewalState::Refused { since_ms: 0, words: String::new() };
        let refused = told(refused, |renewal| renewal.desk_known = true);
        assert!(refused.contains("was refused on 1970-01-01 00:00 UTC"), "{refused}");
        let wrong = told(waiting(), |renewal| renewal.bad_answer = true);
        assert!(wrong.contains("is not this device's"), "{wrong}");
    }

    #[test]
    fn a_renewal_that_waits_is_spoken_of_only_when_it_matters_and_always_in_json() {
        let status = StatusView { renewal: renewal(waiting()), ..status(31.0) };
        assert_eq!(warnings(&status, Some(&server(0))), Vec::<String>::new());
        let json = serde_json::to_value(RenewalJson::new(&status.renewal)).unwrap();
        assert_eq!(json["state"], "waiting");
        assert_eq!(json["since"], "1970-01-01T00:00:00Z");
        assert_eq!(json["words"], "erase entry write avocado case prison");
        let none = serde_json::to_value(RenewalJson::new(&renewal(RenewalState::None))).unwrap();
        assert_eq!(none, serde_json::json!({ "state": "none", "since": null, "words": null }));
        let ended = StatusView { renewal: renewal(waiting()), ..super::tests::status(-1.0) };
        let failure = own_certificate(&ended).unwrap_err();
        assert!(failure.remedy.contains("its words are: erase"), "{}", failure.remedy);
    }

    fn server(clock_difference_ms: i64) -> ServerView {
        ServerView { version: "0.1.0".to_owned(), clock_difference_ms, round_trip_us: 60 }
    }

    #[test]
    fn the_warning_gets_more_urgent_as_the_end_comes_near() {
        for (days, words) in [
            (31.0, None),
            (29.0, Some("within a month")),
            (13.5, Some("within two weeks")),
            (6.5, Some("within a week")),
            (0.5, Some("NOW")),
        ] {
            let warnings = warnings(&status(days), Some(&server(0)));
            match words {
                None => assert_eq!(warnings, Vec::<String>::new(), "{days}"),
                Some(words) => {
                    assert!(warnings.len() == 1 && warnings[0].contains(words), "{days}: {warnings:?}")
                }
            }
        }
    }

    #[test]
    fn an_expired_or_revoked_certificate_ends_with_its_own_exit_code() {
        assert!(own_certificate(&status(1.0)).is_ok());
        assert_eq!(own_certificate(&status(-1.0)).unwrap_err().exit, Exit::Certificate);
        let revoked = StatusView { revoked: true, ..status(1.0) };
        assert_eq!(own_certificate(&revoked).unwrap_err().exit, Exit::Certificate);
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction() {
        assert!(warnings(&status(90.0), Some(&server(60_000))).is_empty());
        let ahead = warnings(&status(90.0), Some(&server(3_600_000)));
        assert!(ahead[0].contains("60 minutes ahead of"), "{ahead:?}");
        let behind = warnings(&status(90.0), Some(&server(-3_600_000)));
        assert!(behind[0].contains("60 minutes behind"), "{behind:?}");
    }
}
