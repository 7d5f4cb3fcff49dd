//! `alcove-server compact`.

use super::{Failure, check::store_config, say};
use crate::{config::Config, store::sled::SledStore};
use serde_json::json;

/// Compacts the database of a server that does not run.
pub(super) fn compact(config: &Config, json: bool) -> Result<(), Failure> {
    // A data folder that is not there is not made.
    if !config.data_dir.is_dir() {
        return Err(Failure::NoData { path: config.data_dir.clone() });
    }
    let done = SledStore::compact(&store_config(config))?;
    if json {
        let line = json!({
            "schema": "alcove.compact.v1",
            "rows": done.rows,
            "before_bytes": done.before_bytes,
            "after_bytes": done.after_bytes,
        });
        return say(&line.to_string());
    }
    say(&format!(
        "{} rows copied: the database takes {} MB, and took {} MB.",
        done.rows,
        done.after_bytes / 1_000_000,
        done.before_bytes / 1_000_000
    ))
}
