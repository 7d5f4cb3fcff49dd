//! `alcove-server audit list`.

use super::{Failure, say};
use crate::{
    admin::{self, AdminError, AuditLine, AuditPages, Line, Question},
    config::Config,
};
use jiff::Timestamp;

/// Lists acts from the running server, or from the store when none runs.
pub(super) fn list(config: &Config, after: u64, max: Option<u64>, json: bool) -> Result<(), Failure> {
    let max = max.unwrap_or(u64::MAX);
    let asked = admin::ask(&config.data_dir, &Question::Audit { after, max }, |line| match line {
        Line::Audit(line) => print(&line, json),
        Line::Check(_) | Line::Status(_) | Line::End | Line::Refused(_) => Err(AdminError::Answer.into()),
    });
    match asked {
        Err(Failure::Admin(AdminError::NotRunning)) => {}
        other => return other,
    }
    super::check::with_store(config, async |store| {
        let mut pages = AuditPages { after, left: max };
        while let Some(lines) = pages.next(store).await? {
            lines.iter().try_for_each(|line| print(line, json))?;
        }
        Ok(())
    })
}

fn print(line: &AuditLine, json: bool) -> Result<(), Failure> {
    if json {
        return say(&serde_json::to_string(line).map_err(|error| Failure::Output(error.into()))?);
    }
    let mut text = format!("{:>8}  {}  {:<20}", line.sequence, time(line.time_ms), line.act);
    for (label, value) in [
        ("by", Some(&line.identity)),
        ("group", line.group.as_ref()),
        ("subject", line.subject.as_ref()),
        ("concerning", line.concerning.as_ref()),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("  {label} {value}"));
        }
    }
    if let Some(position) = line.position {
        text.push_str(&format!("  position {position}"));
    }
    say(&text)
}

/// A time for people: RFC 3339 in UTC, to the second.
pub(super) fn time(time_ms: i64) -> String {
    // Times beyond the calendar are shown as what they are.
    Timestamp::from_second(time_ms.div_euclid(1000))
        .map_or_else(|_| format!("{time_ms} ms"), |time| time.to_string())
}
