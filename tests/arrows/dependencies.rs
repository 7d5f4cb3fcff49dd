//! Who depends on whom, as cargo resolves it.

use crate::source::workspace;
use std::{collections::BTreeSet, process::Command};

/// The packages `package` is built with, itself left out.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "-p",
            package,
            "-e",
            "normal,build",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let name = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    text.lines().map(name).filter(|name| !name.is_empty() && name != package).collect()
}

/// `package` must be built without any of `forbidden`, and with `control`: a listing that misses the control proves nothing.
#[track_caller]
fn never(package: &str, forbidden: &[&str], control: &str) {
    let all = dependencies(package);
    assert!(all.contains(control), "{package} is listed without {control}: the listing is wrong");
    let found: Vec<_> = forbidden.iter().filter(|name| all.contains(**name)).collect();
    assert!(found.is_empty(), "{package} depends on {found:?}");
}

#[test]
fn the_server_holds_no_code_that_opens_or_signs_certificates() {
    never("alcove-server", &["alcove-e2ee", "alcove-client", "alcove-issuer"], "alcove-mls");
}

#[test]
fn no_running_service_holds_the_issuer() {
    for package in ["alcove-client", "alcove-trust", "alcove-charter", "alcove-mls", "alcove-e2ee"] {
        never(package, &["alcove-issuer"], "alcove-proto");
    }
}

#[test]
fn client_and_server_meet_only_in_tests() {
    never("alcove-client", &["alcove-server"], "alcove-e2ee");
    never("alcove-server", &["alcove-client", "alcove-cli"], "alcove-trust");
}

#[test]
fn proto_and_charter_know_no_network_and_no_store() {
    let forbidden = ["tokio", "tonic", "rustls", "sled", "hyper"];
    never("alcove-proto", &forbidden, "prost");
    never("alcove-charter", &forbidden, "ring");
}

#[test]
fn the_cryptographic_core_knows_no_network() {
    let forbidden = ["tokio", "tonic", "hyper", "rustls", "sled", "rusqlite"];
    never("alcove-mls", &forbidden, "mls-rs");
    never("alcove-e2ee", &forbidden, "mls-rs");
}

#[test]
fn sled_and_mls_stay_in_their_rooms() {
    let forbidden = ["sled", "mls-rs"];
    for (package, control) in [
        ("alcove-proto", "prost"),
        ("alcove-rpc", "tonic"),
        ("alcove-programs", "region"),
        ("alcove-charter", "ring"),
        ("alcove-trust", "rustls"),
        ("alcove-issuer", "rcgen"),
    ] {
        never(package, &forbidden, control);
    }
    never("alcove-client", &["sled"], "rusqlite");
}

#[test]
fn what_all_programs_stand_on_knows_nothing_of_the_house() {
    let house = dependencies("alcove-programs").into_iter().filter(|name| name.starts_with("alcove-"));
    assert_eq!(house.collect::<Vec<_>>(), Vec::<String>::new());
    never("alcove-programs", &["tokio", "tonic", "rustls", "prost"], "region");
    for program in ["alcove-cli", "alcove-server", "alcove-issuer"] {
        assert!(dependencies(program).contains("alcove-programs"), "{program}: the control is found");
    }
    for package in ["alcove-proto", "alcove-charter", "alcove-mls", "alcove-e2ee"] {
        never(package, &["alcove-programs"], "prost");
    }
}

#[test]
fn the_demo_is_a_black_box() {
    let own = [
        "alcove-proto",
        "alcove-cli",
        "alcove-client",
        "alcove-server",
        "alcove-issuer",
        "alcove-e2ee",
        "alcove-rpc",
    ];
    never("alcove-demo", &own, "serde_json");
}

#[test]
fn a_forbidden_dependency_is_found() {
    assert!(dependencies("alcove-server").contains("sled"), "the listing shows what is there");
    let caught = std::panic::catch_unwind(|| never("alcove-server", &["sled"], "tokio"));
    assert!(caught.is_err(), "never() must fail on a dependency that exists");
}
