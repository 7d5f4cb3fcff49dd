//! `alcove-server compact`.

use super::{
    failure::Failure,
    output::{say, say_json},
    store::{ConfigArg, store_config},
};
use crate::store::sled::SledStore;
use alcove_programs::exit::Exit;
use clap::Args;
use serde_json::json;

/// What to compact.
#[derive(Debug, Args)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl CompactArgs {
    /// Compacts the database of a server that does not run.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config = self.config.load()?;
        // A data folder that is not there is not made.
        if !config.data_dir.is_dir() {
            return Err(Failure::NoData(config.data_dir.clone()));
        }
        let done = SledStore::compact(&store_config(&config))?;
        if self.json {
            let line = json!({
                "schema": "alcove.compact.v1",
                "rows": done.rows,
                "before_bytes": done.before_bytes,
                "after_bytes": done.after_bytes,
            });
            say_json(&line)?;
            return Ok(Exit::Ok);
        }
        say(&format!(
            "{} rows copied: the database takes {} MB, and took {} MB.",
            done.rows,
            done.after_bytes / 1_000_000,
            done.before_bytes / 1_000_000
        ))?;
        Ok(Exit::Ok)
    }
}
