//! Where a device stands, and what will stop working next, in words.

mod json;
#[cfg(test)]
mod tests;

pub use json::StatusJson;

use super::{
    alarms, certificates, ledger, numbers,
    people::{self, Names},
    recovery, times,
    told::Told,
};
use crate::session::{CertificateTrouble, ListView, RenewalState, RenewalView, ServerView, StatusView};
use alcove_programs::{language::Language, text::safe_line};
use alcove_proto::limits::{CERTIFICATE_BACKDATE_SECONDS, CLOCK_WARNING_MS};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Days before the end of a certificate at which the words get more urgent.
const WARNING_DAYS: [(i64, &str); 4] = [
    (1, "ends within a day: renew it NOW"),
    (7, "ends within a week: renew it today"),
    (14, "ends within two weeks: renew it this week"),
    (30, "ends within a month: renew it soon"),
];

/// What `alcove status` shows, line by line.
pub fn lines(
    language: Language,
    names: Names<'_>,
    status: &StatusView,
    server: Option<&ServerView>,
) -> Vec<String> {
    let Language::English = language;
    let ends_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
    let mut lines = vec![
        format!(
            "{}, {} of {} ({})",
            safe_line(&status.name),
            safe_line(&status.role),
            safe_line(&status.agency.name),
            people::side(language, status.agency.side)
        ),
        format!("Device       {}", status.identity),
        format!("Certificate  until {} ({})", times::minute(ends_ms), remaining(language, status)),
        format!(
            "Charter      version {} of {}, until {}",
            status.charter_version,
            safe_line(&status.collaborative),
            times::minute(status.charter_not_after_ms)
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
        format!("Renewal      {}", renewal_line(language, &status.renewal)),
        format!("Ledger       {}", ledger::line(language, status.ledger.as_ref())),
        format!("Cases        {}{}{}", status.cases, requests(language, status), leaders(language, status)),
        format!("Waiting      {}", waiting(language, status)),
        format!("Recovery     {}", recovery_line(language, status)),
    ];
    lines.extend(
        status.recoveries.iter().map(|view| format!("RECOVERY     {}", recovery::recovery(language, view))),
    );
    lines.extend(
        status.alarms.iter().map(|alarm| format!("ALARM        {}", alarms::says(language, names, alarm))),
    );
    lines
}

/// What will stop working, or does already.
pub fn warnings(language: Language, status: &StatusView, server: Option<&ServerView>) -> Vec<String> {
    let Language::English = language;
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
        warnings.push(format!(
            "Your certificate {urgency}. {}",
            certificates::renewal(language, &status.renewal)
        ));
    } else if left_ms > 0 && (is_refused(&status.renewal) || status.renewal.bad_answer) {
        warnings.push(certificates::renewal(language, &status.renewal));
    }
    if status.charter_not_after_ms - status.now_ms <= 30 * DAY_MS {
        warnings.push(format!(
            "The charter ends on {}: the agencies' admins have to sign the next version.",
            times::minute(status.charter_not_after_ms)
        ));
    }
    if let Some(server) = server
        && server.clock_difference_ms.abs() > CLOCK_WARNING_MS
    {
        let difference = server.clock_difference_ms;
        warnings.push(format!(
            "This machine's clock is {} {} the server's. Set it: certificates tolerate a difference of {} at most.",
            times::span(language, difference),
            if difference > 0 { "ahead of" } else { "behind" },
            times::span(language, CERTIFICATE_BACKDATE_SECONDS as i64 * 1000),
        ));
    }
    warnings
        .extend(status.ledger.as_ref().and_then(|summary| ledger::unknown_warning(language, summary, false)));
    warnings.extend(status.lists.iter().map(|list| list_warning(language, list)));
    if !status.alarms.is_empty() {
        warnings.push(
            "There are alarms. Speak to the server's operator and your admin. Once they are explained, `alcove \
             status --acknowledge-alarms` resumes sending."
                .to_owned(),
        );
    }
    warnings
}

/// What it means that no newer list of an agency has come.
fn list_warning(language: Language, list: &ListView) -> String {
    let Language::English = language;
    let (agency, by) = (safe_line(&list.agency.name), times::minute(list.next_update_ms));
    if list.overdue {
        format!(
            "{agency} promised a new revocation list by {by}, but none has arrived: the agency forgot, or the \
             server is withholding it. People of this agency cannot be added until it arrives. Ask its admin \
             whether one was published."
        )
    } else {
        format!("The next revocation list of {agency} is due by {by} and has not arrived yet.")
    }
}

fn remaining(language: Language, status: &StatusView) -> String {
    let Language::English = language;
    let left_ms = status.tls_not_after_ms.min(status.mls_not_after_ms) - status.now_ms;
    if status.revoked {
        "REVOKED".to_owned()
    } else if status.not_of_charter {
        "NOT COVERED BY THE CHARTER".to_owned()
    } else if left_ms < 0 {
        "EXPIRED".to_owned()
    } else {
        format!("{} left", times::span(language, left_ms))
    }
}

fn renewal_line(language: Language, renewal: &RenewalView) -> String {
    let Language::English = language;
    match &renewal.state {
        RenewalState::Waiting { since_ms, words } => {
            format!("waiting for your agency's admin since {}; words: {words}", times::minute(*since_ms))
        }
        RenewalState::Refused { since_ms, .. } => {
            format!("REFUSED, noticed on {}", times::minute(*since_ms))
        }
        RenewalState::None if renewal.desk_known => {
            format!("automatic, from {}", times::day(renewal.due_at_ms))
        }
        RenewalState::None => "by files: this device knows no desk".to_owned(),
    }
}

fn recovery_line(language: Language, status: &StatusView) -> String {
    let Language::English = language;
    match (status.agency.has_recovery, status.unsealed) {
        (false, _) => "your agency has not set it up".to_owned(),
        (true, 0) => "what this device reads is sealed to your agency's recovery key".to_owned(),
        (true, unsealed) => {
            format!(
                "{} to be sealed",
                numbers::count(unsealed, "epoch or grant has yet", "epochs and grants have yet")
            )
        }
    }
}

fn requests(language: Language, status: &StatusView) -> String {
    let Language::English = language;
    match status.requests {
        0 => String::new(),
        _ => format!(
            "; {} to add you to one: see `alcove case requests`",
            numbers::count(status.requests, "request", "requests")
        ),
    }
}

fn leaders(language: Language, status: &StatusView) -> String {
    let Language::English = language;
    match status.leaders {
        0 => String::new(),
        _ => format!(
            "; {} without an owner that a member continues: see `alcove case follow`",
            numbers::count(status.leaders, "case", "cases")
        ),
    }
}

fn waiting(language: Language, status: &StatusView) -> String {
    let Language::English = language;
    let mut waiting = numbers::count(status.queued, "item to be sent", "items to be sent");
    if status.refused > 0 {
        waiting.push_str(&format!(", {} REFUSED by the server: see `alcove outbox list`", status.refused));
    }
    if status.unfinished_uploads > 0 {
        waiting.push_str(&format!(
            ", {} interrupted: send the same file again to continue",
            numbers::count(status.unfinished_uploads, "upload", "uploads")
        ));
    }
    waiting
}

/// Fails when this device's certificate is not in force.
pub fn own_certificate(language: Language, status: &StatusView) -> Result<(), Told> {
    let Language::English = language;
    let not_after_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
    if status.revoked {
        Err(certificates::certificate(language, CertificateTrouble::Revoked))
    } else if status.not_of_charter {
        Err(certificates::certificate_and_renewal(
            language,
            CertificateTrouble::NotOfCharter,
            &status.renewal,
        ))
    } else if status.now_ms > not_after_ms {
        Err(certificates::certificate_and_renewal(
            language,
            CertificateTrouble::Expired { not_after_ms },
            &status.renewal,
        ))
    } else {
        Ok(())
    }
}

fn is_refused(renewal: &RenewalView) -> bool {
    match renewal.state {
        RenewalState::Refused { .. } => true,
        RenewalState::None | RenewalState::Waiting { .. } => false,
    }
}
