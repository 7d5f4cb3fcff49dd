//! House rules about source text.

use crate::{
    imports::spelled_out,
    source::{files, is_test, read, shown, without_comments, without_unit_tests, words, workspace},
    wire::CASE_WORK,
};

/// Lines of a text (comments gone, unit tests gone, imports spelled out) that `offends`.
fn offending(file: &str, text: &str, offends: impl Fn(&str) -> bool) -> Vec<String> {
    let text = without_comments(text);
    let lines = spelled_out(file, &without_unit_tests(&text)).into_iter();
    let found = lines.filter(|(_, line)| offends(line));
    found.map(|(number, line)| format!("{file}:{number}: {}", line.trim())).collect()
}

/// The same of all files below `folders`, except those below `allowed`.
fn offenders(folders: &[&str], allowed: &[&str], offends: impl Fn(&str) -> bool) -> Vec<String> {
    let all = folders.iter().flat_map(|folder| files(folder, &[".rs"])).filter(|path| !is_test(path));
    all.map(|path| (shown(&path), read(&path)))
        .filter(|(file, _)| !allowed.iter().any(|room| file.starts_with(room)))
        .flat_map(|(file, text)| offending(&file, &text, &offends))
        .collect()
}

/// Nothing but `allowed` offends; and each of `planted`, put before a copy of a real file of `forbidden`, is seen there.
#[track_caller]
fn only(allowed: &[&str], forbidden: &[&str], planted: &[&str], offends: impl Fn(&str) -> bool) {
    let found = offenders(&SHIPPED, allowed, &offends);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for room in allowed {
        assert!(!offenders(&[room], &[], &offends).is_empty(), "{room} is allowed what it does not do");
    }
    for file in forbidden {
        let text = read(&workspace().join(file));
        for line in planted {
            let found = offending(file, &format!("{line}\n{text}"), &offends);
            assert!(!found.is_empty(), "`{line}` in {file} is not seen");
        }
    }
}

/// Whether `line` names the path or identifier `name`, not a longer one.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let continues = |character: char| character.is_alphanumeric() || character == '_';
        !line[..at].ends_with(continues) && !line[at + name.len()..].starts_with(continues)
    })
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
    only(
        &["server/src/store/sled"],
        &["server/src/store/mod.rs", "server/src/service/mod.rs", "client/src/session/mod.rs"],
        &["use sled::Db;", "use ::sled::{Db, Tree as Shelf};", "fn f() { let _ = sled::open(path); }"],
        |line| names(line, "sled") && !own_room(line),
    );
}

#[test]
fn mls_rs_is_named_only_in_its_rooms() {
    only(
        &["certs/mls", "client/e2ee", "server/src/observer"],
        &["client/src/session/mod.rs", "server/src/service/mod.rs", "certs/charter/src/lib.rs"],
        &["use mls_rs::Group;", "use mls_rs_core::identity::SigningIdentity;", "type G = mls_rs::Group<C>;"],
        |line| {
            ["mls_rs", "mls_rs_core", "mls_rs_codec", "mls_rs_crypto_awslc", "mls_rs_crypto_traits"]
                .iter()
                .any(|name| names(line, name))
        },
    );
}

#[test]
fn the_server_names_of_mls_what_an_observer_needs() {
    const OBSERVES: &str = "mls_rs::MlsMessage";
    let acts = |line: &str| {
        let rest = line.split("mls_rs::").skip(1);
        rest.map(|rest| format!("mls_rs::{rest}")).any(|path| !path.starts_with(OBSERVES))
    };
    let file = "server/src/observer/judge.rs";
    let found = offenders(&["server"], &[], acts);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let text = read(&workspace().join(file));
    for line in [
        "let group: mls_rs::Group<Config>;",
        "use mls_rs::{CipherSuite, Group};",
        "use mls_rs::client_builder;",
    ] {
        assert!(!offending(file, &format!("{line}\n{text}"), acts).is_empty(), "`{line}` is not seen");
    }
}

#[test]
fn the_server_names_nothing_that_opens() {
    // A key that opens something comes from the core, from HPKE or from an AEAD.
    let opens = |line: &str| {
        ["aead", "hpke", "hkdf", "export_secret", "EpochKey", "RecordKey", "ContentKey", "open_in_place"]
            .iter()
            .any(|name| names(line, name))
    };
    let found = offenders(&["server"], &[], opens);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(!offenders(&["client/e2ee"], &[], opens).is_empty(), "the core itself does");
    let file = "server/src/service/mod.rs";
    let planted = format!("use ring::aead::LessSafeKey;\n{}", read(&workspace().join(file)));
    assert!(!offending(file, &planted, opens).is_empty());
}

#[test]
fn certificates_are_made_only_where_that_is_the_job() {
    only(
        &["certs/issuer", "client/src/session/enrol", "server/src/init.rs"],
        &["client/src/session/mod.rs", "server/src/service/mod.rs", "certs/charter/src/lib.rs"],
        &["use rcgen::CertificateParams;", "fn f() { rcgen::KeyPair::generate(); }"],
        |line| names(line, "rcgen"),
    );
}

#[test]
fn one_file_turns_errors_into_status_and_reason() {
    let maps = |line: &str| names(line, "reason::Reason") || names(line, "ErrorDetail");
    let one_file = "server/src/transport/grpc/status.rs";
    let found = offenders(&["server/src"], &[one_file], maps);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(!offenders(&[one_file], &[], maps).is_empty(), "the file itself does");
    let other = "server/src/transport/grpc/groups.rs";
    let planted = format!("use alcove_proto::{{ids, v1::ErrorDetail}};\n{}", read(&workspace().join(other)));
    assert!(!offending(other, &planted, maps).is_empty());
}

#[test]
fn a_shipped_build_has_no_features_and_no_test_clock() {
    let offends = |line: &str| {
        let line = line.replace(' ', "");
        line.contains("cfg(feature") || line.contains("cfg!(") || line.to_lowercase().contains("faketime")
    };
    let found = offenders(&SHIPPED, &[], offends);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(offends("#[cfg(feature = \"test-clock\")]"), "the control is found");
    let declares = |text: &str| text.lines().any(|line| line.trim() == "[features]");
    let manifests = SHIPPED.iter().flat_map(|folder| files(folder, &["Cargo.toml"]));
    for path in manifests {
        assert!(!declares(&read(&path)), "{} declares features", shown(&path));
    }
    assert!(declares("[package]\n[features]\n"), "the control is found");
}

#[test]
fn the_server_does_not_speak_of_case_work() {
    let speaks = |line: &str| {
        // How letters are written is no case work.
        let line = line.replace("snake_case", "").replace("lower-case", "").replace("upper-case", "");
        words(&line).iter().any(|word| CASE_WORK.contains(&word.as_str()))
    };
    let found = offenders(&["server"], &[], speaks);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for path in files("server/src", &[".toml"]) {
        let text = read(&path);
        let spoken = text.lines().find(|line| speaks(line));
        assert_eq!(spoken, None, "{}", shown(&path));
    }
    assert!(speaks("let case_id = 1;") && speaks("\"a note\"") && !speaks("let showcase = 1;"));
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
