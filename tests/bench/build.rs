//! Compiles the straw man's contract.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=straw/straw.proto");
    let descriptors = protox::compile(["straw/straw.proto"], ["straw"])?;
    let mut messages = tonic_prost_build::Config::new();
    messages.bytes(["."]);
    tonic_prost_build::configure().build_transport(false).compile_fds_with_config(descriptors, messages)?;
    Ok(())
}
