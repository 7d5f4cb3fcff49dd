//! Generates the gRPC stubs of `alcove.v1` over the messages of alcove-proto.

use std::{env, error::Error, fs, path::Path, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(Path::new("../alcove/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    println!("cargo::rerun-if-changed=../alcove/v1");
    let descriptors = protox::compile(files, [".."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".alcove.v1", "::alcove_proto::v1")
        .compile_fds(descriptors)?;
    Ok(())
}
