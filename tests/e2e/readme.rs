//! The README's section "By hand", run as it stands: what it tells people to type works.

use alcove_tests::process::program;
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// The address the README names.
const ADDRESS: &str = "127.0.0.1:4433";

/// The shell blocks of the section, the first left out: it builds the programs and makes the folder.
fn by_hand() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(readme).expect("the README is there");
    let section = text.split("\n## ").find(|section| section.starts_with("By hand\n"));
    let blocks = section.expect("the README has the section").split("```sh\n").skip(2);
    blocks.filter_map(|block| block.split_once("```")).map(|(block, _)| block).collect()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let script = by_hand();
    assert!(script.contains(ADDRESS) && script.contains("note watch"), "the section is whole");
    // A port that was free a moment ago, so that several runs of this test can share a machine.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let script = script.replace(ADDRESS, &free.expect("a port is free").to_string());
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let passphrase = home.path().join("passphrase");
    fs::write(&passphrase, "seven quiet herons at dawn\n").expect("the passphrase can be written");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
    // Whatever happens the server ends with the script; the watcher ends by itself after one note.
    let script = format!("trap 'kill %1; wait' EXIT\n{script}\nwait %2 2>/dev/null || true\n");
    let programs = program("alcove").parent().expect("a program lies in a folder").to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("PATH", path)
        .env("ALCOVE_PASSPHRASE_FILE", &passphrase)
        .env("ALCOVE_CERTS_PASSPHRASE_FILE", &passphrase)
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let seen = said.matches("Interpreter booked for Tuesday.").count();
    assert_eq!(seen, 2, "Leon sees the note live and in his list: {said}");
    assert!(!said.contains("He reads nothing new."), "Leon was removed before that: {said}");
    let read = |name: &str| fs::read(home.path().join(name)).expect("the file is there");
    assert_eq!(read("charter"), read("copy"), "the document came back bit for bit");
}
