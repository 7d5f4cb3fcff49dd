//! `alcove-server check`.

use super::{
    failure::Failure,
    output::{say, say_json},
    store::{ConfigArg, with_store},
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
        let check = |line| match line {
            Line::Check(line) => Some(line),
            Line::Audit(_) | Line::Status(_) | Line::End | Line::Refused(_) => None,
        };
        let report = match admin::ask_one(&config.data_dir, &Question::Check, check) {
            Err(AdminError::NotRunning) => {
                with_store(&config, async |store| Ok(CheckLine::from(store.check().await?)))?
            }
            asked => asked?,
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
