//! What has come with a refresh, and why there was none, in words.

use super::{
    alarms, cases, numbers,
    people::Names,
    recovery,
    session::{of_sync, told},
    told::Told,
};
use crate::session::{Error, Refreshed, Stale};
use alcove_programs::language::Language;

/// What a refresh leaves to say.
#[derive(Debug, Default)]
pub struct Notices {
    /// What is told at once.
    pub warnings: Vec<String>,
    /// People who had asked to leave a case, and are off it now.
    pub left: Vec<String>,
    /// Requests that came, and wait for a yes.
    pub requests: u64,
    /// That two cases have one title is among the warnings.
    pub same_title: bool,
    /// An alarm that was raised, or an answer that made no sense: the command ends with it.
    pub alarm: Option<Told>,
    /// What keeps this device from the server: the command ends with it, too.
    pub late: Option<Told>,
    /// That keeps nothing from being written, which waits for the server on this device.
    pub lets_write: bool,
}

/// What `refreshed` leaves to say.
pub fn notices(language: Language, names: Names<'_>, refreshed: Refreshed) -> Notices {
    let mut notices = Notices::default();
    if let Some(stale) = refreshed.stale {
        let passing = stale.is_passing();
        notices.lets_write = stale.lets_write();
        let why = stale_told(language, names, stale);
        if passing {
            notices.warnings.push(go_on(language, &why));
        } else {
            notices.late = Some(why);
        }
        return notices;
    }
    let report = refreshed.report;
    let warnings = &mut notices.warnings;
    warnings.extend(report.alarms.iter().map(|alarm| alarms::says(language, names, alarm)));
    for held_up in report.held_up {
        let why = told(language, names, held_up.error);
        warnings.push(cases::held_up(language, &held_up.case, &why));
    }
    notices.left =
        report.left.iter().map(|(case, person)| cases::left(language, names, case, person)).collect();
    warnings.extend(report.same_title.iter().map(|(one, other)| cases::same_title(language, one, other)));
    warnings.extend(report.recoveries.iter().map(|attempt| recovery::recovery(language, attempt)));
    if report.refused > 0 {
        warnings.push(refused(language, report.refused));
    }
    notices.requests = report.requests;
    notices.same_title = !report.same_title.is_empty();
    let alarm = report
        .alarms
        .first()
        .map(|alarm| alarms::alarm(language, names, alarm.case.as_ref(), alarm.kind, alarm.device.as_ref()));
    let bad_answer = report.bad_answer.map(|error| told(language, names, Error::Server(error)));
    notices.alarm = alarm.or(bad_answer);
    notices
}

fn stale_told(language: Language, names: Names<'_>, stale: Stale) -> Told {
    match stale.renewal {
        Some(renewal) => of_sync(language, names, stale.error, &renewal),
        None => told(language, names, stale.error),
    }
}

fn go_on(language: Language, why: &Told) -> String {
    let Language::English = language;
    format!("{} Going on with what this device has.", why.what)
}

fn refused(language: Language, items: u64) -> String {
    let Language::English = language;
    format!(
        "{} refused by the server: see `alcove outbox list`.",
        numbers::count(items, "item of the outbox is", "items of the outbox are")
    )
}
