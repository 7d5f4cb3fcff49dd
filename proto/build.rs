//! Compiles the messages of `alcove.v1` without a system protoc. Services are left to alcove-rpc.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(Path::new("alcove/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    println!("cargo::rerun-if-changed=alcove/v1");
    let descriptors = protox::compile(files, ["."])?;
    prost_build::Config::new()
        .bytes([
            "alcove.v1.LogEntry.body",
            "alcove.v1.AppendRecordRequest.record",
            "alcove.v1.PutChunksRequest.chunk",
            "alcove.v1.ReadChunksResponse.chunk",
            "alcove.v1.FetchTreeResponse.chunk",
        ])
        .service_generator(Box::new(NoServices))
        .compile_fds(descriptors)?;
    Ok(())
}

struct NoServices;

impl prost_build::ServiceGenerator for NoServices {
    fn generate(&mut self, _service: prost_build::Service, _buffer: &mut String) {}
}
