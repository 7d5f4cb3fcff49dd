//! The vault: wrong passphrases, damage, an older copy put back.

use crate::{
    full_disks::SmallDisk,
    scene::{CASE, Scene, texts, write},
};
use alcove_tests::{
    needs::{is_root, skip_unless},
    world::Staff,
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

fn vault(scene: &Scene) -> PathBuf {
    let found = fs::read_dir(&scene.rosa.home)
        .expect("the home is there")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "db"));
    found.expect("a vault is a .db file in ALCOVE_HOME")
}

/// Folds SQLite's write-ahead log into the file, so that the file alone is the vault.
fn rest(scene: &Scene) {
    let vault = vault(scene);
    for ending in ["-wal", "-shm"] {
        let beside = PathBuf::from(format!("{}{ending}", vault.display()));
        assert!(
            fs::metadata(&beside).map_or(0, |metadata| metadata.len()) == 0 || ending == "-shm",
            "a command that has ended leaves no write-ahead log behind"
        );
    }
}

#[test]
fn a_wrong_passphrase_is_told_apart_from_damage() {
    let scene = Scene::with_case();
    let wrong = scene.world.path("wrong");
    fs::write(&wrong, "not the passphrase\n").expect("a file can be written");
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
    let locked = scene.rosa.command(["case", "list"]).env("ALCOVE_PASSPHRASE_FILE", &wrong).outcome();
    locked.code(5);
    scene.rosa.run(["case", "list"]).success();
}

#[test]
fn a_truncated_vault_is_an_integrity_failure_and_nothing_is_written_to_it() {
    let scene = Scene::with_case();
    rest(&scene);
    let vault = vault(&scene);
    let whole = fs::read(&vault).expect("the vault can be read");
    for keep in [0, 1, 100, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&vault, &whole[..keep]).expect("the vault can be cut");
        let cut = scene.rosa.run(["note", "list", CASE, "--offline"]).code(6);
        assert_eq!(fs::read(&vault).expect("it is there").len(), keep, "nothing is written to it");
        assert!(!cut.stderr.contains("panicked"), "{}", cut.stderr);
    }
    fs::write(&vault, &whole).expect("the vault can be put back");
    scene.rosa.run(["note", "list", CASE, "--offline"]).success();
}

#[test]
fn a_flipped_bit_never_shows_other_text_and_never_panics() {
    let scene = Scene::with_case();
    write(&scene.rosa, "the text as it was written");
    rest(&scene);
    let vault = vault(&scene);
    let whole = fs::read(&vault).expect("the vault can be read");
    let mut noticed = 0;
    for step in 0..40 {
        let at = (step * 997 * 13 + 17) % whole.len();
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(&vault, &flipped).expect("the vault can be written");
        let run = scene.rosa.run(["note", "list", CASE, "--offline", "--json"]);
        assert!(!run.stderr.contains("panicked"), "byte {at}: {}", run.stderr);
        if run.code == 0 {
            // Nothing that is read was hit: then nothing is missing either.
            assert_eq!(run.json_lines()[0]["text"], "the text as it was written", "byte {at}");
        } else {
            assert!([5, 6, 12].contains(&run.code), "byte {at}: code {}\n{}", run.code, run.stderr);
            noticed += 1;
        }
    }
    assert!(noticed > 0, "the control: some flips hit what is read");
    fs::write(&vault, &whole).expect("the vault can be put back");
    assert_eq!(texts(&scene.rosa), ["the text as it was written"]);
}

#[test]
fn an_older_vault_put_back_catches_up_and_repeats_nothing() {
    let scene = Scene::with_case();
    write(&scene.rosa, "one");
    rest(&scene);
    let vault = vault(&scene);
    let old = fs::read(&vault).expect("the vault can be read");
    write(&scene.rosa, "two");
    write(&scene.leon, "three");
    fs::write(&vault, &old).expect("the vault can be put back");
    for ending in ["-wal", "-shm"] {
        let _none = fs::remove_file(format!("{}{ending}", vault.display()));
    }
    // Noticed, and nothing is sent until somebody has looked: not by the command that notices, nor by the next.
    for _ in 0..2 {
        let refused =
            scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("too soon").outcome();
        assert!(refused.code(6).stderr.contains("vault-restored"));
    }
    let standing = scene.rosa.json(["status"]);
    assert_eq!(standing["alarms"][0]["alarm"], "vault-restored", "until somebody has looked: {standing}");
    let shown = scene.rosa.run(["status", "--acknowledge-alarms"]).success();
    assert!(shown.stdout.contains("ALARM"), "what is marked has been shown: {}", shown.stdout);
    assert_eq!(scene.rosa.json(["status"])["alarms"].as_array().map(Vec::len), Some(0));
    write(&scene.rosa, "four");
    assert_eq!(texts(&scene.rosa), ["one", "two", "three", "four"]);
    assert_eq!(texts(&scene.leon), ["one", "two", "three", "four"]);
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let scene = Scene::with_case();
    let new = scene.world.path("new-passphrase");
    fs::write(&new, "nine loud herons at dusk\n").expect("a file can be written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
    let new_path = new.to_str().expect("UTF-8");
    scene.rosa.run(["passwd", "--new-passphrase-file", new_path]).success();
    scene.rosa.run(["case", "list"]).code(5);
    scene.rosa.command(["case", "list"]).env("ALCOVE_PASSPHRASE_FILE", &new).outcome().success();
}

#[test]
fn nothing_that_was_written_lies_open_on_the_laptop() {
    let mut canaries = alcove_tests::canaries::Canaries::default();
    let scene = Scene::with_case();
    let text = canaries.plant("Nobody but the two of us reads this sentence.");
    write(&scene.rosa, &text);
    assert_eq!(texts(&scene.leon), [text]);
    for home in [&scene.rosa.home, &scene.leon.home] {
        let (found, _) = canaries.search_with_control(home);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn a_full_laptop_takes_no_note_and_loses_none() {
    let scene = Scene::with_case();
    let small = is_root().then(|| SmallDisk::mount(&scene.world.path("small"), 8)).flatten();
    if skip_unless(small.is_some(), "a full laptop", "root and a mount") {
        return;
    }
    let small = scene.world.path("small");
    write(&scene.rosa, "there was room");
    let home = small.join("home");
    let copied = Command::new("cp").arg("-a").arg(&scene.rosa.home).arg(&home).status();
    assert!(copied.is_ok_and(|status| status.success()), "the vault moves to the small disk");
    let rosa = Staff { home, ..scene.rosa.clone() };
    let filler = small.join("filler");
    let mut file = fs::File::create(&filler).expect("a file can be made");
    while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {}

    let long = "a line of a long note\n".repeat(1000);
    let full = rosa.command(["note", "add", CASE, "-", "--yes", "--offline"]).stdin(&long).outcome().code(11);
    assert!(full.stderr.contains("space"), "it says why: {}", full.stderr);
    drop(file);
    fs::remove_file(&filler).expect("room can be made");
    let kept = rosa.command(["note", "add", CASE, "-", "--yes"]).stdin(&long).outcome().success();
    assert!(kept.stderr.contains("On the server"), "{}", kept.stderr);
    assert_eq!(texts(&scene.leon), ["there was room", long.trim_end()], "once");
}
