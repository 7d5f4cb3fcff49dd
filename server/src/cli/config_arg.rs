//! The argument that names the configuration.

use super::failure::Failure;
use crate::config::Config;
use clap::Args;
use std::path::PathBuf;

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
