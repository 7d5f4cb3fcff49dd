//! What is generated from the .proto files is what lies in the tree: the contract's, and each one of stored rows.
//!
//! The code is kept and not made anew with each build: who builds the programs needs no compiler of .proto files and the
//! forty crates under it, and a change of the contract shows in review as what it does to the code.
//! `ALCOVE_WRITE_GENERATED=1` writes it anew.

use prost::Message;
use prost_types::FileDescriptorSet;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The .proto files of one package, and what its messages are beside their fields.
struct Schema {
    package: &'static str,
    /// The folder of its files, from the top of the tree.
    files: &'static str,
    /// The folder from which they are imported.
    root: &'static str,
    /// The folder of the code that is generated from them.
    code: &'static str,
    /// Messages of content and keys: no debugger prints them.
    secret: &'static [&'static str],
    /// Messages of content or keys in clear: wiped when dropped.
    wiped: &'static [&'static str],
    /// Fields of wiped messages that hold nothing to be wiped, and cannot be.
    not_wiped: &'static [&'static str],
    /// Fields that are megabytes and are handed on without a copy.
    bytes: &'static [&'static str],
}

/// The contract between the programs. Its secret messages show nothing but their name in a debugger's print, which
/// `proto/src/secret.rs` writes by hand. A new message of that kind belongs here.
const CONTRACT: Schema = Schema {
    package: "alcove.v1",
    files: "proto/alcove/v1",
    root: "proto",
    code: "proto/src/generated",
    secret: &[
        "Card",
        "SignedCard",
        "DocumentManifest",
        "Grant",
        "EscrowedRecordKey",
        "Invitation",
        "Note",
        "RecordBody",
        "RecoveredEpochKey",
        "ShareValue",
        "SignedRecord",
        "Subject",
    ],
    wiped: &[
        "DocumentManifest",
        "EscrowedRecordKey",
        "Invitation",
        "Note",
        "RecordBody",
        "RecoveredEpochKey",
        "ShareValue",
        "SignedRecord",
        "Subject",
    ],
    not_wiped: &[],
    bytes: &[
        "LogEntry.body",
        "AppendRecordRequest.record",
        "PutChunksRequest.chunk",
        "ReadChunksResponse.chunk",
        "FetchTreeResponse.chunk",
    ],
};

/// The rows of a vault. `client/src/vault/rows` holds the compiler to what is wiped.
const VAULT: Schema = Schema {
    package: "alcove.vault.v1",
    files: "client/proto/alcove/vault/v1",
    root: "client/proto",
    code: "client/src/vault/rows/generated",
    secret: &[
        "CardRow",
        "DeviceRow",
        "EnrolmentRow",
        "EntryRow",
        "EpochRow",
        "FetchRow",
        "FormerKeyRow",
        "GrantInboxRow",
        "GrantPlanRow",
        "GrantedKeyRow",
        "GroupRow",
        "InvitationRow",
        "KeyPackageRow",
        "OutboxRow",
        "RecoveredEpochRow",
        "RecoveredRecordRow",
        "RejoinRow",
        "RenewalRow",
        "UploadRow",
    ],
    wiped: &[
        "DeviceRow",
        "EnrolmentRow",
        "EntryRow",
        "EpochRow",
        "FetchRow",
        "FormerKeyRow",
        "GrantInboxRow",
        "GrantPlanRow",
        "GrantedKeyRow",
        "InvitationRow",
        "KeyPackageRow",
        "MetRow",
        "OutboxRow",
        "RecoveredEpochRow",
        "RecoveredRecordRow",
        "RejoinRow",
        "UploadRow",
    ],
    not_wiped: &["OutboxRow.sealings"],
    bytes: &[],
};

/// What rows of a vault had in format 1.
const VAULT_FORMAT_1: Schema = Schema {
    package: "alcove.vault.format1",
    files: "client/proto/alcove/vault/format1",
    root: "client/proto",
    code: "client/src/vault/migration/generated",
    secret: &["GoneFromEntry", "GoneFromOutbox", "GoneDocument"],
    wiped: &["GoneFromEntry", "GoneFromOutbox", "GoneDocument"],
    not_wiped: &[],
    bytes: &[],
};

/// The rows of the server's store.
const STORE: Schema = Schema {
    package: "alcove.store",
    files: "server/src/store/sled/engine",
    root: "server/src/store/sled/engine",
    code: "server/src/store/sled/engine/generated",
    secret: &[],
    wiped: &[],
    not_wiped: &[],
    bytes: &[
        "AnswerRow.sealed_answer",
        "AttemptRow.order",
        "AttemptRow.signature",
        "AttemptRow.signed_objection",
        "CardRow.sealed_card",
        "CertificateRow.certificate",
        "EntryRow.body",
        "EscrowRow.entry",
        "EscrowedGrantRow.grant",
        "GroupInfoRow.group_info",
        "KeyPackageRow.bytes",
        "LedgerEndRow.signed",
        "LedgerEntryRow.entry",
        "RequestRow.bytes",
    ],
};

/// What devices and the server keep of lists.
const CHARTER: Schema = Schema {
    package: "alcove.charter",
    files: "certs/charter/src/kept",
    root: "certs/charter/src/kept",
    code: "certs/charter/src/kept/generated",
    secret: &[],
    wiped: &[],
    not_wiped: &[],
    bytes: &[],
};

/// What an admin's folder holds.
const ISSUER: Schema = Schema {
    package: "alcove.issuer",
    files: "certs/issuer/src/kept",
    root: "certs/issuer/src/kept",
    code: "certs/issuer/src/kept/generated",
    secret: &["Keystore", "OpenInvitation", "OpenInvitations"],
    wiped: &["Keystore", "OpenInvitation"],
    not_wiped: &[],
    bytes: &[],
};

const SCHEMAS: [&Schema; 6] = [&CONTRACT, &VAULT, &VAULT_FORMAT_1, &STORE, &CHARTER, &ISSUER];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Schema {
    /// Its files, and what they take from the contract, as protox compiles them.
    fn compiled(&self) -> FileDescriptorSet {
        let listed = fs::read_dir(top().join(self.files)).expect("the schema is there");
        let mut files: Vec<_> = listed.map(|entry| entry.expect("a file is listed").path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
        files.sort();
        let roots = BTreeSet::from([self.root, CONTRACT.root]);
        protox::compile(files, roots.iter().map(|root| top().join(root))).expect("the schema compiles")
    }

    /// The name of a message or a field of it, as the generator wants to have it.
    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.package)
    }

    /// The name of what is generated.
    fn file(&self) -> String {
        format!("{}.rs", self.package)
    }

    fn messages(&self, compiled: FileDescriptorSet) -> Vec<u8> {
        struct NoServices;
        impl prost_build::ServiceGenerator for NoServices {
            fn generate(&mut self, _service: prost_build::Service, _buffer: &mut String) {}
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = prost_build::Config::new();
        for message in self.wiped {
            config.type_attribute(self.path(message), "#[derive(zeroize::ZeroizeOnDrop)]");
        }
        for field in self.not_wiped {
            config.field_attribute(self.path(field), "#[zeroize(skip)]");
        }
        if self.package != CONTRACT.package {
            config.extern_path(".alcove.v1", "::alcove_proto::v1");
        }
        config
            .skip_debug(self.secret.iter().map(|message| self.path(message)))
            .bytes(self.bytes.iter().map(|field| self.path(field)))
            .service_generator(Box::new(NoServices))
            .out_dir(folder.path())
            .compile_fds(compiled)
            .expect("messages are generated");
        fs::read(folder.path().join(self.file())).expect("they are there")
    }
}

/// The calls of the contract.
fn stubs() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".alcove.v1", "::alcove_proto::v1")
        .out_dir(folder.path())
        .compile_fds(CONTRACT.compiled())
        .expect("stubs are generated");
    fs::read(folder.path().join(CONTRACT.file())).expect("they are there")
}

/// Every generated file: where it lies, and what it has to be.
fn generated() -> Vec<(PathBuf, Vec<u8>)> {
    let messages =
        |schema: &&Schema| (top().join(schema.code).join(schema.file()), schema.messages(schema.compiled()));
    let calls = top().join("proto/rpc/src/generated");
    let mut all: Vec<_> = SCHEMAS.iter().map(messages).collect();
    all.push((calls.join(CONTRACT.file()), stubs()));
    all.push((calls.join("descriptors.bin"), CONTRACT.compiled().encode_to_vec()));
    all
}

#[test]
fn what_lies_in_the_tree_is_what_the_schemas_say() {
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
fn a_changed_schema_is_other_code() {
    for (schema, name) in [(CONTRACT, "Note"), (VAULT, "EpochRow"), (STORE, "GroupInfoRow")] {
        let mut compiled = schema.compiled();
        let field = compiled.file.iter_mut().find_map(|file| {
            let message = file.message_type.iter_mut().find(|message| message.name() == name)?;
            message.field.first_mut()
        });
        field.expect("it has fields").number = Some(77);
        let kept = fs::read(top().join(schema.code).join(schema.file())).expect("it lies in the tree");
        assert_ne!(schema.messages(compiled), kept, "{name}");
    }
}

/// A name with a slip in it would wipe nothing, and say nothing.
#[test]
fn what_is_secret_or_wiped_is_a_message_of_its_schema() {
    for schema in SCHEMAS {
        let compiled = schema.compiled();
        let messages = compiled.file.iter().flat_map(|file| &file.message_type);
        let named: Vec<&str> = messages.map(|message| message.name()).collect();
        for name in schema.secret.iter().chain(schema.wiped) {
            assert!(named.contains(name), "{} has no {name}", schema.package);
        }
    }
}
