//! The store, as commands open it.

use super::failure::Failure;
use crate::{
    config::Config,
    store::sled::{SledConfig, SledStore},
};
use tokio::runtime;

/// Opens the store that no server runs on, for one act. A data folder that is not there is not made.
pub(super) fn with_store<T>(
    config: &Config,
    act: impl AsyncFnOnce(&SledStore) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !config.data_dir.is_dir() {
        return Err(Failure::NoData { path: config.data_dir.clone() });
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
