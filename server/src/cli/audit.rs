//! `alcove-server audit list`.

use super::{
    failure::Failure,
    output::{say, say_json, time},
    store::{ConfigArg, with_store},
};
use crate::admin::{self, AdminError, AuditLine, AuditPages, Line, Question};
use alcove_programs::exit::Exit;
use clap::{Args, Subcommand};

/// What of the audit trail.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List acts, oldest first.
    List(ListArgs),
}

/// Which acts to list.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Begin after this entry.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    after: u64,
    /// List at most this many.
    #[arg(long, value_name = "COUNT")]
    max: Option<u64>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl AuditCommand {
    /// Does it.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::List(args) => args.run(),
        }
    }
}

impl ListArgs {
    /// Lists acts from the running server, or from the store when none runs.
    fn run(self) -> Result<Exit, Failure> {
        let config = self.config.load()?;
        let (after, max, json) = (self.after, self.max.unwrap_or(u64::MAX), self.json);
        let asked = admin::ask(&config.data_dir, &Question::Audit { after, max }, |line| match line {
            Line::Audit(line) => print(&line, json),
            Line::Check(_) | Line::Status(_) | Line::End | Line::Refused(_) => Err(AdminError::Answer.into()),
        });
        match asked {
            Err(Failure::Admin(AdminError::NotRunning)) => {}
            other => return other.map(|()| Exit::Ok),
        }
        with_store(&config, async |store| {
            let mut pages = AuditPages { after, left: max };
            while let Some(lines) = pages.next(store).await? {
                lines.iter().try_for_each(|line| print(line, json))?;
            }
            Ok(Exit::Ok)
        })
    }
}

fn print(line: &AuditLine, json: bool) -> Result<(), Failure> {
    if json {
        return say_json(line);
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
