//! What source text may name where.

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
fn the_clock_is_read_in_one_room_of_each_program() {
    only(
        &["server/src/clock.rs", "client/src/session/clock.rs", "certs/issuer/src/cli/clock.rs"],
        &[
            "server/src/service/mod.rs",
            "server/src/trust/files/mod.rs",
            "client/src/session/handle.rs",
            "client/src/session/documents/mod.rs",
            "certs/issuer/src/lib.rs",
            "proto/programs/src/lib.rs",
        ],
        &[
            "fn f() { let _ = std::time::SystemTime::now(); }",
            "fn f() -> i64 { jiff::Timestamp::now().as_millisecond() }",
            "fn f() { let _ = Zoned::now(); }",
            "fn f() { let _ = UNIX_EPOCH.elapsed(); }",
        ],
        |line| {
            let clocks =
                ["SystemTime::now", "Timestamp::now", "Zoned::now", "UtcDateTime::now", "UNIX_EPOCH.elapsed"];
            clocks.iter().any(|clock| names(line, clock))
        },
    );
}

#[test]
fn a_shipped_build_has_no_features_and_no_test_clock() {
    let offends = |line: &str| {
        let line = line.replace(' ', "").to_lowercase();
        line.contains("cfg") && line.contains("feature=")
            || line.contains("cfg!(")
            || line.contains("faketime")
    };
    only(
        &[],
        &[
            "server/src/clock.rs",
            "client/src/session/handle.rs",
            "proto/src/lib.rs",
            "certs/issuer/src/lib.rs",
        ],
        &[
            "#[cfg(feature = \"test-clock\")]",
            "#[cfg(any(unix, feature = \"test-clock\"))]",
            "#[cfg_attr(feature = \"weak\", derive(Debug))]",
            "fn f() -> bool { cfg!(debug_assertions) }",
            "const LIBRARY: &str = \"libfaketime.so.1\";",
        ],
        offends,
    );
    let declares = |text: &str| text.lines().any(|line| line.trim_start_matches('[').starts_with("features"));
    for path in SHIPPED.iter().flat_map(|folder| files(folder, &["Cargo.toml"])) {
        let text = read(&path);
        assert!(!declares(&text), "{} declares features", shown(&path));
        for planted in ["[features]\ntest-clock = []", "features.test-clock = []"] {
            assert!(declares(&format!("{text}\n{planted}\n")), "{planted} in {} is not seen", shown(&path));
        }
    }
}

#[test]
fn the_server_does_not_speak_of_case_work() {
    let speaks = |line: &str| {
        // How letters are written is no case work.
        let line = line.replace("snake_case", "").replace("lower-case", "").replace("upper-case", "");
        words(&line).iter().any(|word| CASE_WORK.contains(&word.as_str()))
    };
    let mut found = offenders(&["server"], &[], speaks);
    // Comments of TOML are not known here, and so they count.
    for path in files("server", &[".toml", ".proto"]) {
        let text = without_comments(&read(&path));
        found
            .extend(text.lines().filter(|line| speaks(line)).map(|line| format!("{}: {line}", shown(&path))));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let rooms =
        ["server/src/service/mod.rs", "server/src/store/mod.rs", "server/src/transport/grpc/status.rs"];
    for file in rooms {
        let text = read(&workspace().join(file));
        assert!(offending(file, &text, speaks).is_empty());
        let spoken = CASE_WORK.map(|word| format!("fn planted({word}_id: u8) {{}}"));
        for line in
            spoken.iter().map(String::as_str).chain(["struct CaseId;", "const SAID: &str = \"a note\";"])
        {
            assert!(!offending(file, &format!("{line}\n{text}"), speaks).is_empty(), "`{line}` is not seen");
        }
        let other = format!("fn showcase() {{}}\n// a case\n{text}");
        assert!(offending(file, &other, speaks).is_empty(), "neither a longer word nor a comment counts");
    }
}
