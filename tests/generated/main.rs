//! What is generated from the .proto files is what lies in the tree.
//!
//! The code is kept and not made anew with each build: who builds the programs needs no compiler of .proto files and the
//! forty crates under it, and a change of the contract shows in review as what it does to the code.
//! `ALCOVE_WRITE_GENERATED=1` writes it anew.

use prost::Message;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Messages of content and keys: they show nothing but their name in a debugger's print, which `proto/src/secret.rs`
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

/// Fields that are megabytes and are handed on without a copy.
const BYTES: [&str; 5] = [
    "alcove.v1.LogEntry.body",
    "alcove.v1.AppendRecordRequest.record",
    "alcove.v1.PutChunksRequest.chunk",
    "alcove.v1.ReadChunksResponse.chunk",
    "alcove.v1.FetchTreeResponse.chunk",
];

/// Fields of the server's rows that are handed on without a copy.
const BYTES_OF_ROWS: [&str; 14] = [
    "alcove.store.AnswerRow.sealed_answer",
    "alcove.store.AttemptRow.order",
    "alcove.store.AttemptRow.signature",
    "alcove.store.AttemptRow.signed_objection",
    "alcove.store.CardRow.sealed_card",
    "alcove.store.CertificateRow.certificate",
    "alcove.store.EntryRow.body",
    "alcove.store.EscrowRow.entry",
    "alcove.store.EscrowedGrantRow.grant",
    "alcove.store.GroupInfoRow.group_info",
    "alcove.store.KeyPackageRow.bytes",
    "alcove.store.LedgerEndRow.signed",
    "alcove.store.LedgerEntryRow.entry",
    "alcove.store.RequestRow.bytes",
];

fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")
}

/// The folder of the server's rows.
fn rows_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/store/sled/engine")
}

/// The contract as protox compiles it.
fn compiled() -> prost_types::FileDescriptorSet {
    let folder = proto().join("alcove/v1");
    let listed = fs::read_dir(folder).expect("the contract is there");
    let mut files: Vec<_> = listed.map(|entry| entry.expect("a file is listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    assert!(files.len() > 10, "all of it: {}", files.len());
    protox::compile(files, [proto()]).expect("the contract compiles")
}

/// The rows, and what they take from the contract.
fn compiled_rows() -> prost_types::FileDescriptorSet {
    protox::compile([rows_folder().join("rows.proto")], [rows_folder(), proto()]).expect("the rows compile")
}

fn rows(forms: prost_types::FileDescriptorSet, into: &Path) {
    prost_build::Config::new()
        .extern_path(".alcove.v1", "::alcove_proto::v1")
        .bytes(BYTES_OF_ROWS)
        .out_dir(into)
        .compile_fds(forms)
        .expect("rows are generated");
}

fn messages(contract: prost_types::FileDescriptorSet, into: &Path) {
    struct NoServices;
    impl prost_build::ServiceGenerator for NoServices {
        fn generate(&mut self, _service: prost_build::Service, _buffer: &mut String) {}
    }
    let mut config = prost_build::Config::new();
    for message in WIPED {
        config.type_attribute(message, "#[derive(zeroize::ZeroizeOnDrop)]");
    }
    config
        .skip_debug(SECRET)
        .bytes(BYTES)
        .service_generator(Box::new(NoServices))
        .out_dir(into)
        .compile_fds(contract)
        .expect("messages are generated");
}

fn stubs(contract: prost_types::FileDescriptorSet, into: &Path) {
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".alcove.v1", "::alcove_proto::v1")
        .out_dir(into)
        .compile_fds(contract)
        .expect("stubs are generated");
}

/// Every generated file: where it lies, and what it has to be.
fn generated() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |file: &str, make: fn(prost_types::FileDescriptorSet, &Path), of| {
        let into = tempfile::tempdir_in(&folder).expect("a folder is made");
        make(of, into.path());
        fs::read(into.path().join(file)).expect("it is generated")
    };
    vec![
        (proto().join("src/generated/alcove.v1.rs"), made("alcove.v1.rs", messages, compiled())),
        (proto().join("rpc/src/generated/alcove.v1.rs"), made("alcove.v1.rs", stubs, compiled())),
        (rows_folder().join("generated/alcove.store.rs"), made("alcove.store.rs", rows, compiled_rows())),
        (proto().join("rpc/src/generated/descriptors.bin"), compiled().encode_to_vec()),
    ]
}

#[test]
fn what_lies_in_the_tree_is_what_the_contract_says() {
    let all = generated();
    if std::env::var_os("ALCOVE_WRITE_GENERATED").is_some() {
        for (file, made) in &all {
            fs::write(file, made).expect("a generated file is written");
        }
    }
    for (file, made) in all {
        let kept = fs::read(&file).unwrap_or_default();
        assert!(kept == made, "{} is out of date: ALCOVE_WRITE_GENERATED=1 writes it anew", file.display());
    }
}

#[test]
fn a_changed_contract_is_other_code() {
    let mut contract = compiled();
    let field = contract.file.iter_mut().find_map(|file| {
        let message = file.message_type.iter_mut().find(|message| message.name() == "Note")?;
        message.field.first_mut()
    });
    field.expect("a note has fields").number = Some(77);
    let folder = tempfile::tempdir().expect("a folder");
    messages(contract, folder.path());
    let made = fs::read(folder.path().join("alcove.v1.rs")).expect("it is generated");
    assert_ne!(made, fs::read(proto().join("src/generated/alcove.v1.rs")).expect("it lies in the tree"));
}
