//! `alcove-server check`.

use super::{
    config_arg::ConfigArg,
    failure::Failure,
    output::{say, say_json},
    store::with_store,
};
use crate::{
    admin::{self, AdminError, CheckLine, Line, Question},
    store::Operation,
};
use alcove_programs::exit::Exit;
use clap::Args;

/// What to check.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    /// Checks everything the store holds.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = self.config.load()?;
        let mut report = None;
        let asked = admin::ask(&config.data_dir, &Question::Check, |line| match line {
            Line::Check(line) => {
                report = Some(line);
                Ok(())
            }
            Line::Audit(_) | Line::Status(_) | Line::End | Line::Refused(_) => {
                Err(Failure::from(AdminError::Answer))
            }
        });
        let report = match (asked, report) {
            (Ok(()), Some(report)) => report,
            (Ok(()), None) => return Err(AdminError::Answer.into()),
            (Err(Failure::Admin(AdminError::NotRunning)), _) => {
                with_store(&config, async |store| Ok(CheckLine::from(store.check().await?)))?
            }
            (Err(failure), _) => return Err(failure),
        };
        if self.json {
            say_json(&report)?;
        } else {
            for problem in &report.problems {
                say(&format!("problem: {problem}"))?;
            }
            say(&format!(
                "{} groups, {} entries, {} blobs, {} chunks: {} problems",
                report.groups,
                report.entries,
                report.blobs,
                report.chunks,
                report.problems.len()
            ))?;
        }
        Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Integrity })
    }
}
