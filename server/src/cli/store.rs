//! The configuration and the store, as commands open them.

use super::failure::Failure;
use crate::{
    config::Config,
    store::sled::{SledConfig, SledStore},
};
use clap::Args;
use std::path::PathBuf;
use tokio::runtime;

/// The argument that names the configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file.
    #[arg(long = "config", value_name = "FILE", env = "ALCOVE_SERVER_CONFIG")]
    path: PathBuf,
}

impl ConfigArg {
    /// Reads it.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.path)?)
    }
}

/// Opens the store that no server runs on, for one act. A data folder that is not there is not made.
pub(super) fn with_store<T>(
    config: &Config,
    act: impl AsyncFnOnce(&SledStore) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !config.data_dir.is_dir() {
        return Err(Failure::NoData(config.data_dir.clone()));
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::System)?;
    runtime.block_on(async {
        let store = SledStore::open(store_config(config))?;
        let result = act(&store).await;
        store.close();
        result
    })
}

/// The store's settings as the store wants them.
pub(super) fn store_config(config: &Config) -> SledConfig {
    SledConfig {
        cache_bytes: config.store.cache_capacity_bytes,
        free_bytes_min: config.store.free_space_floor_bytes,
        ..SledConfig::new(&config.data_dir)
    }
}
