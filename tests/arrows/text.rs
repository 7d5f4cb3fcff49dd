//! House rules about source text.

use crate::{
    imports::spelled_out,
    source::{files, read, shown, without_comments, without_unit_tests, words},
    wire::CASE_WORK,
};
use std::path::Path;

/// Lines of code (comments gone, unit tests gone, imports spelled out) below `folders` that `offends`, except in
/// files below `allowed`.
fn offenders(folders: &[&str], allowed: &[&str], offends: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        for path in files(folder, &[".rs"]) {
            let shown = shown(&path);
            if allowed.iter().any(|room| shown.starts_with(room)) || is_test(&path) {
                continue;
            }
            let text = without_comments(&read(&path));
            for (number, line) in spelled_out(&shown, without_unit_tests(&text)) {
                if offends(&line) {
                    found.push(format!("{shown}:{number}: {}", line.trim()));
                }
            }
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| {
            name == "tests.rs" || name == "scene.rs" || name.to_string_lossy().ends_with("_tests.rs")
        })
}

/// Whether `line` names the path or identifier `name`, not a longer one.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let continues = |character: char| character.is_alphanumeric() || character == '_';
        !line[..at].ends_with(continues) && !line[at + name.len()..].starts_with(continues)
    })
}

#[track_caller]
fn none(found: Vec<String>) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Everything that is shipped.
const SHIPPED: [&str; 4] = ["proto", "certs", "server", "client"];

#[test]
fn the_scan_finds_what_it_looks_for() {
    assert!(names("use sled::Db;", "sled"));
    assert!(!names("use sledge::Hammer;", "sled"));
    assert!(!offenders(&["proto"], &[], |line| names(line, "GroupId")).is_empty(), "GroupId stands in proto");
    assert!(
        offenders(&["proto"], &["proto/src", "certs/mls"], |line| names(line, "GroupId")).is_empty(),
        "and is left out where allowed"
    );
}

#[test]
fn sled_is_named_only_in_its_room() {
    // Our own module has the engine's name; what it offers begins with Sled.
    let own_room = |line: &str| {
        ["mod sled", "store::sled", "SledStore", "SledConfig"].iter().any(|own| line.contains(own))
    };
    let names_sled = |line: &str| names(line, "sled") && !own_room(line);
    assert!(names_sled("let db: sled::Db = sled::open(path)?;"), "the control is found");
    none(offenders(&SHIPPED, &["server/src/store/sled"], names_sled));
    assert!(!offenders(&["server"], &[], names_sled).is_empty(), "the room itself names it");
}

#[test]
fn mls_rs_is_named_only_in_its_rooms() {
    let names_mls = |line: &str| {
        ["mls_rs", "mls_rs_core", "mls_rs_codec", "mls_rs_crypto_awslc", "mls_rs_crypto_traits"]
            .iter()
            .any(|name| names(line, name))
    };
    none(offenders(&SHIPPED, &["certs/mls", "client/e2ee", "server/src/observer"], names_mls));
    assert!(!offenders(&["certs/mls"], &[], names_mls).is_empty());
}

#[test]
fn the_server_only_observes_groups() {
    let acts = |line: &str| {
        ["mls_rs::Client", "mls_rs::Group", "mls_rs::client", "mls_rs::group::Group", "ClientBuilder"]
            .iter()
            .any(|name| names(line, name) && !line.contains("External"))
    };
    none(offenders(&["server"], &[], acts));
    assert!(acts("let group: mls_rs::Group<Config>;"), "the control is found");
    let grouped = spelled_out("server/src/observer/mod.rs", "use mls_rs::{CipherSuite, Group};");
    assert!(grouped.iter().any(|(_, line)| acts(line)), "also in a group");
    assert!(!acts("use mls_rs::external_client::ExternalClient;"));
    // A key that opens something comes from the core, from HPKE or from an AEAD: the server names none of them.
    let opens = |line: &str| {
        ["aead", "hpke", "hkdf", "export_secret", "EpochKey", "RecordKey", "ContentKey", "open_in_place"]
            .iter()
            .any(|name| names(line, name))
    };
    none(offenders(&["server"], &[], opens));
    assert!(!offenders(&["client/e2ee"], &[], opens).is_empty(), "the core itself does");
}

#[test]
fn certificates_are_made_only_where_that_is_the_job() {
    let names_rcgen = |line: &str| names(line, "rcgen");
    none(offenders(&SHIPPED, &["certs/issuer", "client/src/session/enrol", "server/src/init"], names_rcgen));
    assert!(!offenders(&["certs/issuer"], &[], names_rcgen).is_empty());
}

#[test]
fn the_store_knows_no_service_and_neither_service_nor_trust_knows_transport() {
    let above_store =
        |line: &str| names(line, "crate::service") || names(line, "crate::transport") || names(line, "tonic");
    none(offenders(&["server/src/store"], &[], above_store));
    let above_service = |line: &str| {
        ["crate::transport", "crate::cli", "tonic", "prost", "alcove_rpc"]
            .iter()
            .any(|name| names(line, name))
    };
    none(offenders(&["server/src/service", "server/src/trust"], &[], above_service));
    assert!(!offenders(&["server/src/transport"], &[], above_service).is_empty());
    let grouped = spelled_out("server/src/store/mod.rs", "use super::{clock, service::Call};");
    assert!(grouped.iter().any(|(_, line)| above_store(line)), "the control is found");
}

#[test]
fn one_file_turns_errors_into_status_and_reason() {
    let maps = |line: &str| names(line, "reason::Reason") || names(line, "ErrorDetail");
    let one_file = ["server/src/transport/grpc/status.rs"];
    none(offenders(&["server/src"], &one_file, maps));
    assert!(!offenders(&["server/src/transport/grpc"], &[], maps).is_empty(), "the file itself does");
}

#[test]
fn a_shipped_build_has_no_features_and_no_test_clock() {
    let offends = |line: &str| {
        let line = line.replace(' ', "");
        line.contains("cfg(feature") || line.contains("cfg!(") || line.to_lowercase().contains("faketime")
    };
    none(offenders(&SHIPPED, &[], offends));
    assert!(offends("#[cfg(feature = \"test-clock\")]"), "the control is found");
    let declares = |text: &str| text.lines().any(|line| line.trim() == "[features]");
    let manifests = SHIPPED.iter().flat_map(|folder| files(folder, &["Cargo.toml"]));
    for path in manifests {
        assert!(!declares(&read(&path)), "{} declares features", shown(&path));
    }
    assert!(declares("[package]\n[features]\n"), "the control is found");
    // What a program reads from its environment stands on its help page, where clap declares it.
    let reads_environment = |line: &str| names(line, "std::env") || names(line, "env::var");
    none(offenders(
        &["server/src", "certs", "proto/src", "certs/mls/src", "client/e2ee/src"],
        &[],
        reads_environment,
    ));
    assert!(reads_environment("use std::env;"), "the control is found");
}

#[test]
fn the_command_line_speaks_only_to_the_session() {
    let below = |line: &str| {
        [
            "alcove_e2ee",
            "alcove_rpc",
            "alcove_trust",
            "alcove_client::vault",
            "alcove_client::transport",
            "rusqlite",
            "tonic",
        ]
        .iter()
        .any(|name| names(line, name))
    };
    none(offenders(&["client/cli"], &[], below));
    let grouped =
        spelled_out("client/cli/src/run.rs", "use alcove_client::{session::Session, vault::Vault};");
    assert!(grouped.iter().any(|(_, line)| below(line)), "the control is found");
}

#[test]
fn the_server_does_not_speak_of_case_work() {
    let speaks = |line: &str| {
        // How letters are written is no case work.
        let line = line.replace("snake_case", "").replace("lower-case", "").replace("upper-case", "");
        words(&line).iter().any(|word| CASE_WORK.contains(&word.as_str()))
    };
    none(offenders(&["server"], &[], speaks));
    for path in files("server/src", &[".toml"]) {
        let text = read(&path);
        let spoken = text.lines().find(|line| speaks(line));
        assert_eq!(spoken, None, "{}", shown(&path));
    }
    assert!(speaks("let case_id = 1;") && speaks("\"a note\"") && !speaks("let showcase = 1;"));
}

#[test]
fn time_and_randomness_are_parameters_in_the_core() {
    let hidden = |line: &str| {
        [
            "SystemTime",
            "Instant",
            "SystemRandom",
            "getrandom",
            "thread_rng",
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "std::io",
        ]
        .iter()
        .any(|name| names(line, name))
    };
    none(offenders(&["proto/src", "certs/mls/src", "certs/charter/src", "client/e2ee/src"], &[], hidden));
    assert!(hidden("let now = std::time::SystemTime::now();"), "the control is found");
}

#[test]
fn nothing_is_left_to_do() {
    let left =
        |line: &str| ["todo!", "unimplemented!", "TODO", "FIXME"].iter().any(|mark| line.contains(mark));
    for path in files("", &[".rs", ".proto", ".sh", ".py", ".toml"]) {
        if shown(&path) == "tests/arrows/text.rs" || shown(&path) == "Cargo.toml" {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            assert!(!left(line), "{}:{}: {line}", shown(&path), number + 1);
        }
    }
    assert!(left("    todo!()"));
}

#[test]
fn every_crate_forbids_unsafe_code() {
    for path in files("", &["lib.rs", "main.rs"]) {
        let text = read(&path);
        let root = path.parent().is_some_and(|folder| folder.ends_with("src"));
        if root {
            assert!(text.contains("#![forbid(unsafe_code)]"), "{}", shown(&path));
            assert!(text.trim_start().starts_with("//!"), "{} begins with what it is for", shown(&path));
        }
    }
}

#[test]
fn a_file_is_one_room() {
    const LINES_MAX: usize = 600;
    for path in files("", &[".rs"]) {
        let lines = read(&path).lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: two rooms in one?", shown(&path));
    }
}

#[test]
fn no_key_or_certificate_is_kept() {
    let kept = files("", &[".pem", ".key", ".der", ".crt", ".p12", ".pfx"]);
    assert!(kept.is_empty(), "fixtures are made, not kept: {kept:?}");
    let begins = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    for path in files("", &[".rs", ".json", ".toml", ".md"]) {
        assert!(!read(&path).contains(&begins), "{}", shown(&path));
    }
}
