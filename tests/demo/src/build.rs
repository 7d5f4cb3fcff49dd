//! Builds the three shipped programs, so that the demo never plays with old ones.

use std::{env, process::Command};

/// Builds with the cargo that runs the demo, whose progress goes to stderr: from nothing it takes minutes. Panics
/// with a sentence when that fails.
pub(crate) fn programs() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked"])
        .args(["-p", "alcove-server", "-p", "alcove-cli", "-p", "alcove-issuer"])
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => panic!("the programs do not build; cargo says why above"),
        Err(error) => panic!("cargo cannot be run: {error}"),
    }
}
