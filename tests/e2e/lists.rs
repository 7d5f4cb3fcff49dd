//! Lists of files: all are looked at before the first leaves, and nothing goes twice unless somebody says so.

use crate::scene::{CASE, Scene, document};
use alcove_tests::{
    needs::skip_unless,
    process::Outcome,
    samples::write_seeded,
    terminal,
    world::{Staff, path},
};
use std::{fs, path::PathBuf, process::Command};

/// Three good files, a folder, a name that is not there, in the middle.
fn mixed(scene: &Scene) -> Vec<PathBuf> {
    let folder = scene.world.path("evidence");
    fs::create_dir_all(folder.join("photos")).expect("folders can be made");
    for (seed, name) in [(1, "one.txt"), (2, "two.txt"), (3, "last.txt")] {
        write_seeded(&folder.join(name), seed, 700 * seed);
    }
    ["one.txt", "two.txt", "photos", "none.txt", "last.txt"].map(|name| folder.join(name)).to_vec()
}

fn send(who: &Staff, files: &[PathBuf], flags: &[&str]) -> Outcome {
    let mut arguments = vec!["doc", "send", CASE];
    arguments.extend(flags);
    arguments.extend(files.iter().map(|file| path(file)));
    who.run(arguments)
}

fn names(reader: &Staff) -> Vec<String> {
    let documents = reader.json_lines(["doc", "list", CASE]);
    documents.iter().map(|document| document["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_list_with_something_wrong_in_it_sends_nothing_and_says_all_of_it() {
    let scene = Scene::with_case();
    let files = mixed(&scene);
    let refused = send(&scene.rosa, &files, &["--yes"]).code(12);
    for name in ["photos", "none.txt"] {
        assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
    let refused = send(&scene.rosa, &files, &["--yes", "--json"]).code(12);
    let said = refused.json_lines();
    assert_eq!(said.len(), 2, "{}", refused.stdout);
    assert!(said.iter().all(|file| file["schema"] == "alcove.not-sent.v1" && file["reason"] == "bad"));
    assert_eq!(names(&scene.leon), Vec::<String>::new(), "nothing went");

    let sent = send(&scene.rosa, &files, &["--yes", "--skip-bad"]).success();
    assert!(sent.stderr.contains("Sent 3 of 5"), "{}", sent.stderr);
    assert_eq!(names(&scene.leon), ["one.txt", "two.txt", "last.txt"]);

    // Where nothing at all went nobody may take it for sent; what is there already is.
    for list in [&files[2..3], &files[2..4], &files[1..3]] {
        let nothing = send(&scene.rosa, list, &["--yes", "--skip-bad"]).code(12);
        assert!(nothing.stderr.contains("photos"), "{}", nothing.stderr);
    }
    send(&scene.rosa, &files[..2], &["--yes", "--skip-bad"]).success();

    // Nobody writes to the pipe: it is refused, not waited for. Nor is anything sent that does not say how long it is.
    let pipe = scene.world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    let no_files = [pipe, "/proc/self/status".into(), "/dev/zero".into(), "-".into(), files[4].clone()];
    let refused = send(&scene.rosa, &no_files, &["--yes", "--again"]).code(12);
    assert!(refused.stderr.contains("4 of 5"), "{}", refused.stderr);
    assert_eq!(refused.stderr.matches("is not a plain file").count(), 4, "{}", refused.stderr);
}

#[test]
fn a_list_that_is_sent_again_sends_nothing_twice_without_being_told() {
    let scene = Scene::with_case();
    let files = mixed(&scene);
    let [one, two, .., last] = &files[..] else { unreachable!("five") };
    send(&scene.rosa, &[one.clone(), two.clone()], &["--yes"]).success();
    let list = [one.clone(), two.clone(), last.clone()];
    let conflict = send(&scene.rosa, &list, &["--yes", "--json"]).code(9);
    assert!(
        conflict.stderr.contains("one.txt") && conflict.stderr.contains("--again"),
        "{}",
        conflict.stderr
    );
    assert_eq!(names(&scene.leon), ["one.txt", "two.txt"]);
    // The rest is sent, what is there is said to be there.
    let rest = send(&scene.rosa, &list, &["--yes", "--json", "--skip-bad"]).success().json_lines();
    let reasons: Vec<_> = rest.iter().map(|file| file["reason"].as_str().unwrap_or("sent")).collect();
    assert_eq!(reasons, ["sent", "already-there", "already-there"], "{rest:?}");
    assert_eq!(names(&scene.leon), ["one.txt", "two.txt", "last.txt"]);
    // Another content under the name is another document, and so is the same one by somebody's word.
    write_seeded(one, 9, 700);
    send(&scene.rosa, std::slice::from_ref(one), &["--yes"]).success();
    send(&scene.rosa, std::slice::from_ref(two), &["--yes", "--again"]).success();
    assert_eq!(names(&scene.leon), ["one.txt", "two.txt", "last.txt", "one.txt", "two.txt"]);
    // A colleague who saved it and sends it back meets the same question; one list that names a file twice too.
    let copy = scene.world.path("back/last.txt");
    fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder can be made");
    scene.leon.run(["doc", "get", &document(&scene.leon, "last.txt"), "-o", path(&copy)]).success();
    send(&scene.leon, std::slice::from_ref(&copy), &["--yes"]).code(9);
    let new = scene.world.path("new.txt");
    write_seeded(&new, 11, 50);
    send(&scene.rosa, &[new.clone(), new], &["--yes"]).code(9);
}

#[test]
fn what_waits_in_the_outbox_counts_as_sent_and_a_lost_server_stops_a_list_at_once() {
    let scene = Scene::with_case();
    let files = mixed(&scene);
    let [one, two, .., last] = &files[..] else { unreachable!("five") };
    scene.proxy.set(alcove_tests::faults::Fault::Refuse);
    let cut =
        send(&scene.rosa, &[one.clone(), two.clone(), last.clone()], &["--yes", "--json", "--wait", "0"]);
    let cut = cut.code(7).json_lines();
    let reasons: Vec<_> = cut.iter().map(|file| file["reason"].as_str().unwrap_or_default()).collect();
    assert_eq!(reasons, ["unreachable", "not-tried", "not-tried"]);
}

#[test]
fn a_person_at_a_terminal_is_asked_before_anything_goes_twice() {
    if skip_unless(terminal::can_be_made(), "a list at a terminal", "script(1)") {
        return;
    }
    let scene = Scene::with_case();
    let file = scene.world.path("passport.png");
    write_seeded(&file, 4, 4_000);
    send(&scene.rosa, std::slice::from_ref(&file), &["--yes"]).success();
    for (answer, documents) in [("n\r", 1), ("y\r", 2)] {
        let mut terminal = scene.rosa.command(["doc", "send", CASE, path(&file)]).at_terminal();
        terminal.wait_for("Send them once more?");
        terminal.types(answer);
        if documents == 2 {
            terminal.wait_for("Send?");
            terminal.types("y\r");
        }
        terminal.end().success();
        assert_eq!(names(&scene.leon).len(), documents);
    }
}
