//! `alcove-server status`.

use super::{
    failure::Failure,
    output::{say, say_json, time},
    store::ConfigArg,
};
use crate::{
    admin::{self, EndingLine, Line, Question, StatusLine},
    clock::now_ms,
    config::Config,
};
use alcove_programs::exit::Exit;
use clap::Args;

/// Which server to ask.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    /// Asks the running server how it is.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let status = ask(&self.config.load()?)?;
        if self.json {
            say_json(&status)?;
        } else {
            print(&status)?;
        }
        Ok(if status.writable { Exit::Ok } else { Exit::NoSpace })
    }
}

/// How the running server is.
pub(super) fn ask(config: &Config) -> Result<Box<StatusLine>, Failure> {
    let status = |line| match line {
        Line::Status(line) => Some(line),
        Line::Audit(_) | Line::Check(_) | Line::End | Line::Refused(_) => None,
    };
    Ok(admin::ask_one(&config.data_dir, &Question::Status, status)?)
}

fn print(status: &StatusLine) -> Result<(), Failure> {
    say(&format!(
        "Alcove server {} runs as process {} on {} since {}.\n\
         desk          {}\n\
         connections   {}\n\
         charter       version {}, until {}\n\
         certificate   {}\n\
         denials       {}\n\
         store         {}, database {} bytes, disk {} bytes free of which {} stay in reserve",
        status.version,
        status.pid,
        status.address,
        time(status.started_at_ms),
        status.desk_address.as_deref().unwrap_or("none"),
        status.connections,
        status.charter_version,
        time(status.charter_end_ms),
        status.tls_certificate_end_ms.map_or_else(
            || "does NOT hold: have a new one issued".to_owned(),
            |end| format!("until {}", time(end))
        ),
        status.denials,
        if status.writable { "takes writes" } else { "takes NO writes: free some space" },
        status.database_bytes,
        status.disk_available_bytes,
        status.disk_reserve_bytes,
    ))?;
    status.crls.iter().try_for_each(|crl| {
        say(&format!(
            "CRL           {} number {}, {} revoked, next due {}",
            crl.agency,
            crl.number,
            crl.revoked,
            time(crl.next_update_ms)
        ))
    })?;
    status.endings.iter().try_for_each(|ending| say(&warning(ending, now_ms())))
}

/// What ends, in words, and what to do.
fn warning(ending: &EndingLine, now_ms: i64) -> String {
    let level = if ending.urgent { "URGENT" } else { "warning" };
    let (what, advice) = match ending.subject.as_str() {
        "certificates" => ("server certificates", "have the server's request certified again"),
        other if other.starts_with("CRL") => (other, "that agency has to publish its next one"),
        other => (other, "have the agencies sign the next version"),
    };
    let left_hours = (ending.end_ms - now_ms).div_euclid(3600 * 1000);
    let when = match left_hours {
        ..0 => format!("since {}", time(ending.end_ms)),
        0..48 => format!("in {left_hours} hours"),
        48.. => format!("in {} days", left_hours / 24),
    };
    let ends = if left_hours < 0 { "over" } else { "ends" };
    format!("{level:<13} {what}: {ends} {when}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Stage;

    const HOUR_MS: i64 = 3600 * 1000;

    fn said(subject: &str, left_hours: i64, urgent: bool) -> String {
        let end_ms = 1_000_000 * HOUR_MS;
        let line = EndingLine { subject: subject.to_owned(), end_ms, stage: Stage::Days30, urgent };
        warning(&line, end_ms - left_hours * HOUR_MS)
    }

    #[test]
    fn a_warning_says_what_ends_when_and_what_to_do() {
        let charter = said("charter", 6 * 24, false);
        assert!(charter.starts_with("warning") && charter.contains("charter: ends in 6 days"), "{charter}");
        let hours = said("certificates", 20, true);
        assert!(hours.starts_with("URGENT") && hours.contains("certificates: ends in 20 hours"), "{hours}");
        let lapsed = said("CRL of harborlight.northmark.example", -1, true);
        assert!(
            lapsed.contains("CRL of harborlight.northmark.example") && lapsed.contains("over since"),
            "{lapsed}"
        );
    }
}
