//! House rules that hold for every file, with each one's violation planted into copies of real files.

use crate::source::{files, read, shown};

/// No file that ends with one of `endings` has a fault; each of the `planted`, behind a real file's text, is one.
#[track_caller]
fn no_file(endings: &[&str], fault: impl Fn(&str, &str) -> bool, planted: &[&str]) {
    let all: Vec<_> = files("", endings).iter().map(|path| (shown(path), read(path))).collect();
    assert!(!all.is_empty(), "there are such files");
    let found: Vec<_> = all.iter().filter(|(file, text)| fault(file, text)).map(|(file, _)| file).collect();
    assert!(found.is_empty(), "{found:?}");
    for (file, text) in &all {
        for plant in planted {
            assert!(fault(file, &format!("{text}\n{plant}\n")), "`{plant}` in {file} is not seen");
        }
    }
}

#[test]
fn nothing_is_left_to_do() {
    // Put together here, so that this file may be looked at as well.
    let marks = [("todo", "!"), ("unimplemented", "!"), ("TO", "DO"), ("FIX", "ME")];
    let marks = marks.map(|(one, two)| format!("{one}{two}"));
    let planted = marks.each_ref().map(|mark| format!("    {mark}()"));
    no_file(
        &[".rs", ".proto", ".sh", ".py", ".toml"],
        // The workspace's manifest has lints of these names.
        |_, text| {
            let mut lines = text.lines().filter(|line| !line.ends_with(" = \"warn\""));
            lines.any(|line| marks.iter().any(|mark| line.contains(mark)))
        },
        &planted.each_ref().map(String::as_str),
    );
}

/// Whether the root of a crate lets unsafe code in, or does not begin with what it is for.
fn lax_root(file: &str, text: &str) -> bool {
    let root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
    root && !(text.lines().any(|line| line == "#![forbid(unsafe_code)]") && text.starts_with("//!"))
}

/// Whether a package's manifest leaves out the workspace's lints, which forbid it in tests and examples as well.
fn lax_manifest(text: &str) -> bool {
    text.contains("[package]") && !text.contains("\n[lints]\nworkspace = true\n")
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let roots: Vec<_> =
        files("", &["lib.rs", "main.rs"]).iter().map(|path| (shown(path), read(path))).collect();
    let roots: Vec<_> = roots.into_iter().filter(|(file, _)| file.contains("src/")).collect();
    let manifests: Vec<_> = files("", &["Cargo.toml"]).iter().map(|path| (shown(path), read(path))).collect();
    assert!(roots.len() >= manifests.len() - 1, "every package has a root: {}", roots.len());
    for (file, text) in &roots {
        assert!(!lax_root(file, text), "{file}");
        for (rule, instead) in [
            ("#![forbid(unsafe_code)]", ""),
            ("#![forbid(unsafe_code)]", "#![deny(unsafe_code)]"),
            ("#![forbid(unsafe_code)]", "// #![forbid(unsafe_code)]"),
            ("//!", "// "),
        ] {
            assert!(lax_root(file, &text.replace(rule, instead)), "{file}: `{instead}` is not seen");
        }
    }
    for (file, text) in &manifests {
        assert!(!lax_manifest(text), "{file}");
        let without = text.replace("[lints]\nworkspace = true", "");
        assert!(lax_manifest(&without) || !text.contains("[package]"), "{file}: what is missing is not seen");
    }
    let workspace = manifests.iter().find(|(file, _)| file == "Cargo.toml").expect("the workspace has one");
    assert!(workspace.1.contains("\nunsafe_code = \"forbid\"\n"));
}

#[test]
fn a_file_is_one_room() {
    const LINES_MAX: usize = 600;
    let two_rooms = |_: &str, text: &str| text.lines().count() > LINES_MAX;
    no_file(&[".rs"], two_rooms, &[&"// more\n".repeat(LINES_MAX)]);
    assert!(
        !two_rooms("", &"// more\n".repeat(LINES_MAX)) && two_rooms("", &"// more\n".repeat(LINES_MAX + 1))
    );
}

#[test]
fn no_key_or_certificate_is_kept() {
    let kept = |file: &str| {
        let endings = [".pem", ".key", ".der", ".crt", ".p12", ".pfx"];
        endings.iter().any(|ending| file.ends_with(ending))
    };
    let found: Vec<_> = files("", &[""]).iter().map(|path| shown(path)).filter(|file| kept(file)).collect();
    assert!(found.is_empty(), "fixtures are made, not kept: {found:?}");
    assert!(files("", &[""]).iter().all(|path| kept(&format!("{}.key", shown(path)))), "and would be seen");
    let begins = ["-----BEGIN", " "].concat();
    no_file(
        &[".rs", ".json", ".toml", ".md", ".proto"],
        |_, text| text.contains(&begins),
        &[
            &format!("{begins}PRIVATE KEY-----\nMC4CAQAwBQ"),
            &format!("    \"{begins}CERTIFICATE-----\\nMIIB\""),
        ],
    );
}
