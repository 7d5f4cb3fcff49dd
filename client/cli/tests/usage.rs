//! The command line as a shell meets it: usage, exit codes, JSON shapes, files it refuses.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use alcove_tests::laptop::{Laptop, alcove};
use std::fs;

#[test]
fn without_a_verb_the_help_is_shown_and_the_exit_is_usage() {
    let outcome = alcove(&[]).outcome();
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("Usage: alcove"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn what_cannot_be_typed_is_usage() {
    for arguments in [
        &["no-such-verb"][..],
        &["case"],
        &["case", "new"],
        &["case", "new", "A", "B"],
        &["note", "add"],
        &["note", "add", "CASE", "-", "--text", "secret"],
        &["doc", "send", "CASE"],
        &["doc", "get", "ID"],
        &["doc", "get", "-o", "out"],
        &["doc", "get", "CASE", "DOCUMENT", "MORE", "-o", "out"],
        &["doc", "get", "CASE", "DOCUMENT", "--case", "CASE", "-o", "out"],
        &["member", "add", "CASE"],
        &["member", "grant", "CASE", "PERSON"],
        &["enrol", "finish", "--server", "127.0.0.1:8443"],
        &["enrol", "finish", "FILE", "--wait", "5"],
        &["enrol", "accept", "FILE", "MORE"],
        &["--passphrase", "secret", "status"],
        &["completions", "no-such-shell"],
    ] {
        let outcome = alcove(arguments).outcome();
        assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_and_completions_need_no_vault() {
    let device = Laptop::new();
    for arguments in [&["--help"][..], &["--version"], &["note", "add", "--help"], &["completions", "bash"]] {
        let outcome = device.alcove(arguments).outcome();
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        assert_ne!(outcome.stdout, "", "{arguments:?}");
    }
    assert!(!device.home().exists(), "nothing was made");
    let help = alcove(&["--help"]).outcome().stdout;
    assert!(help.contains("6 integrity failure (never retry)"), "{help}");
}

#[test]
fn completions_for_bash_are_a_script_that_bash_takes() {
    let script = alcove(&["completions", "bash"]).outcome().stdout;
    let checked = std::process::Command::new("bash").args(["-n", "-c", &script]).status().unwrap();
    assert!(checked.success());
    assert!(script.contains("complete") && script.contains("enrol"), "{script}");
}

#[test]
fn manuals_and_completions_are_put_where_they_are_looked_for() {
    let device = Laptop::new();
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let (data, config) = (home.path().join("data"), home.path().join("config"));
        let run = device.alcove(arguments).env("HOME", home.path());
        run.env("XDG_DATA_HOME", data).env("XDG_CONFIG_HOME", config).outcome()
    };
    assert_eq!(run(&["manual", "--install"]).code, 0);
    let page = fs::read_to_string(home.path().join("data/man/man1/alcove-note-add.1")).unwrap();
    assert!(page.contains(".TH alcove-note-add 1") && page.contains("\\-\\-grantable"), "{page}");
    let other = home.path().join("other");
    assert_eq!(run(&["manual", "--install", "--to", other.to_str().unwrap()]).code, 0);
    assert!(fs::read_to_string(other.join("alcove.1")).unwrap().contains("do not repeat"), "the exit codes");
    for (shell, place) in [
        ("bash", "data/bash-completion/completions/alcove"),
        ("fish", "config/fish/completions/alcove.fish"),
        ("zsh", "data/zsh/site-functions/_alcove"),
    ] {
        let installed = run(&["completions", shell, "--install", "--json"]);
        assert_eq!(installed.code, 0, "{shell}: {}", installed.stderr);
        let path = home.path().join(place);
        assert_eq!(fs::read_to_string(&path).unwrap(), run(&["completions", shell]).stdout, "{shell}");
        let object: serde_json::Value = serde_json::from_str(&installed.stdout).unwrap();
        assert_eq!(object["path"], path.to_str().unwrap(), "{object}");
    }
    assert_eq!(run(&["completions", "elvish", "--install"]).code, 2, "nobody knows where it looks");
    assert!(run(&["manual"]).stdout.contains(".TH alcove 1"));
}

#[test]
fn a_device_without_a_vault_is_told_where_to_begin() {
    let device = Laptop::new();
    for arguments in [
        &["status"][..],
        &["case", "list"],
        &["case", "new", "BLUE-HERON-41"],
        &["note", "list", "BLUE-HERON-41"],
        &["doc", "get", "0123abcd", "-o", "out"],
        &["member", "find"],
        &["doctor"],
        &["passwd"],
    ] {
        let outcome = device.alcove(arguments).outcome();
        assert_eq!(outcome.code, 3, "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("alcove enrol request"), "{}", outcome.stderr);
    }
    assert!(!device.home().exists(), "nothing was made");
}

#[test]
fn a_failure_under_json_is_one_object_on_stderr() {
    let outcome = Laptop::new().alcove(&["status", "--json"]).outcome();
    assert_eq!(outcome.code, 3);
    assert_eq!(outcome.stdout, "");
    let failure: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(failure["schema"], "alcove.error.v1");
    assert_eq!(failure["exit"], 3);
    assert_eq!(failure["error"], "not-found");
    assert!(failure["what"].is_string() && failure["do"].is_string(), "{failure}");
}

#[test]
fn a_line_that_is_not_understood_is_one_object_too_where_json_is_asked_for() {
    for (arguments, reason) in [
        (&["no-such-verb", "--json"][..], "invalid-subcommand"),
        (&["--json", "case", "new"], "missing-required-argument"),
        (&["case", "new", "A", "B", "--json"], "unknown-argument"),
        (&["verify", "A", "--people", "B", "--json"], "argument-conflict"),
        (&["note", "list", "CASE", "--last", "--json"], "invalid-value"),
        (&["--json"], "missing-subcommand"),
        (&["case", "--json"], "missing-subcommand"),
    ] {
        let outcome = alcove(arguments).outcome();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{arguments:?}");
        let failure: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(
            (&failure["schema"], &failure["exit"]),
            (&"alcove.error.v1".into(), &2.into()),
            "{failure}"
        );
        assert_eq!((&failure["error"], &failure["reason"]), (&"usage".into(), &reason.into()), "{failure}");
        assert!(failure["do"].as_str().unwrap().contains("--help"), "{failure}");
    }
    // The control: people get words, and help is no failure.
    assert!(alcove(&["no-such-verb"]).outcome().stderr.starts_with("error:"));
    assert_eq!(alcove(&["--help", "--json"]).outcome().code, 0);
    let usage = alcove(&["case", "accept"]).outcome().stderr;
    assert!(usage.contains("--from <PERSON>"), "{usage}");
}

#[test]
fn without_a_terminal_nothing_is_asked_and_the_flag_is_named() {
    let device = Laptop::new();
    let outcome = device.bare(&["enrol", "request", "-o", "device.req"]).outcome();
    assert_eq!(outcome.code, 5);
    assert!(outcome.stderr.contains("--passphrase-file FILE"), "{}", outcome.stderr);
    assert!(!device.home().exists(), "no vault without a passphrase");
}

#[test]
fn a_weak_passphrase_makes_no_vault() {
    let device = Laptop::new();
    for weak in ["short", "eleven-char", "aaaaaaaaaaaaaaaaaaaa"] {
        fs::write(device.passphrase_file(), weak).unwrap();
        let outcome = device.alcove(&["enrol", "request", "-o", "device.req"]).outcome();
        assert_eq!(outcome.code, 12, "{weak}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains(weak), "the passphrase is not repeated: {}", outcome.stderr);
    }
    assert!(!device.home().exists());
}

#[cfg(unix)]
#[test]
fn a_passphrase_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let device = Laptop::new();
    let request = ["enrol", "request", "-o", "device.req"];
    for (mode, code) in [(0o644, 12), (0o660, 12), (0o600, 0)] {
        fs::set_permissions(device.passphrase_file(), fs::Permissions::from_mode(mode)).unwrap();
        let outcome = device.alcove(&request).outcome();
        assert_eq!(outcome.code, code, "{mode:o}: {}", outcome.stderr);
        assert!(code == 0 || outcome.stderr.contains("chmod 600"), "{}", outcome.stderr);
    }
}
