//! Compiles the messages of `alcove.v1` without a system protoc. Services are left to alcove-rpc.

use std::{error::Error, fs, path::Path};

/// Messages of content and keys: they show nothing but their name in a debugger's print, which `src/secret.rs`
/// writes by hand. A new message of that kind belongs here.
const SECRET: [&str; 12] = [
    "alcove.v1.Card",
    "alcove.v1.SignedCard",
    "alcove.v1.DocumentManifest",
    "alcove.v1.Grant",
    "alcove.v1.EscrowedRecordKey",
    "alcove.v1.Invitation",
    "alcove.v1.Note",
    "alcove.v1.RecordBody",
    "alcove.v1.RecoveredEpochKey",
    "alcove.v1.ShareValue",
    "alcove.v1.SignedRecord",
    "alcove.v1.Subject",
];

/// Those of them that hold content or keys in clear and nothing else of use: wiped when dropped.
const WIPED: [&str; 9] = [
    "alcove.v1.DocumentManifest",
    "alcove.v1.EscrowedRecordKey",
    "alcove.v1.Invitation",
    "alcove.v1.Note",
    "alcove.v1.RecordBody",
    "alcove.v1.RecoveredEpochKey",
    "alcove.v1.ShareValue",
    "alcove.v1.SignedRecord",
    "alcove.v1.Subject",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(Path::new("alcove/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    println!("cargo::rerun-if-changed=alcove/v1");
    let descriptors = protox::compile(files, ["."])?;
    let mut config = prost_build::Config::new();
    for message in WIPED {
        config.type_attribute(message, "#[derive(zeroize::ZeroizeOnDrop)]");
    }
    config
        .skip_debug(SECRET)
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
