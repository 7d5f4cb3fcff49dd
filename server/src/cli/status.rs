//! `alcove-server status`.

use super::{Exit, Failure, audit::time, say};
use crate::{
    admin::{self, AdminError, Line, Question, StatusLine},
    config::Config,
};

/// Asks the running server how it is.
pub(super) fn status(config: &Config, json: bool) -> Result<Exit, Failure> {
    let mut status = None;
    admin::ask(&config.data_dir, &Question::Status, |line| match line {
        Line::Status(line) => {
            status = Some(line);
            Ok(())
        }
        Line::Audit(_) | Line::Check(_) | Line::End | Line::Refused(_) => {
            Err(Failure::from(AdminError::Answer))
        }
    })?;
    let status = status.ok_or(AdminError::Answer)?;
    if json {
        say(&serde_json::to_string(&status).map_err(|error| Failure::Output(error.into()))?)?;
    } else {
        print(&status)?;
    }
    Ok(if status.writable { Exit::Ok } else { Exit::NoSpace })
}

fn print(status: &StatusLine) -> Result<(), Failure> {
    say(&format!(
        "Alcove server {} runs as process {} on {} since {}.\n\
         connections   {}\n\
         charter       version {}, until {}\n\
         certificate   {}\n\
         store         {}, database {} bytes, disk {} bytes free of which {} stay in reserve",
        status.version,
        status.pid,
        status.address,
        time(status.started_at_ms),
        status.connections,
        status.charter_version,
        time(status.charter_end_ms),
        status.tls_certificate_end_ms.map_or_else(
            || "does NOT hold: have a new one issued".to_owned(),
            |end| format!("until {}", time(end))
        ),
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
    })
}
