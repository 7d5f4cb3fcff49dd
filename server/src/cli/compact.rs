//! `alcove-server compact`.

use super::{
    failure::Failure,
    output,
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
        let compacted = SledStore::compact(&store_config(&config))?;
        if self.json {
            let line = json!({
                "schema": "alcove.compact.v1",
                "rows": compacted.rows,
                "before_bytes": compacted.before_bytes,
                "after_bytes": compacted.after_bytes,
            });
            return output::done(&line.to_string());
        }
        output::done(&format!(
            "{} rows copied: the database takes {} MB, and took {} MB.",
            compacted.rows,
            compacted.after_bytes / 1_000_000,
            compacted.before_bytes / 1_000_000
        ))
    }
}
