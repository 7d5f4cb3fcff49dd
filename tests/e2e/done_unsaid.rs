//! A command that has acted and cannot say so ends with 13, and never in a way that makes somebody repeat it.

use crate::scene::{CASE, Scene, texts, write};
use alcove_tests::{
    faults::{Fault, Proxy},
    process::{Outcome, Run},
    samples::write_seeded,
    world::{World, path},
};
use std::fs;

/// Runs it with its answers going to a full disk.
#[track_caller]
fn onto_a_full_disk(run: Run) -> Outcome {
    run.under(["sh", "-c", "exec \"$@\" > /dev/full", "sh"]).outcome()
}

/// Runs it with a reader of its answers that is gone before the first one.
#[track_caller]
fn into_a_closed_pipe(run: Run) -> Outcome {
    let script = "exec 3> >(:); wait $!; \"$@\" >&3";
    run.under(["bash", "-c", script, "bash"]).outcome()
}

#[test]
fn what_was_sent_and_could_not_be_told_is_there_once_and_says_so() {
    let scene = Scene::with_case();
    let told = scene.rosa.command(["note", "add", CASE, "--yes"]).stdin("the lock was changed");
    let told = onto_a_full_disk(told).code(13);
    assert!(told.stderr.contains("Do not run the command again"), "{}", told.stderr);
    let id = scene.rosa.json_lines(["note", "list", CASE])[0]["id"].as_str().expect("an id").to_owned();
    assert!(told.stderr.contains(&id), "what it had to say stands on standard error: {}", told.stderr);
    assert_eq!(texts(&scene.leon), ["the lock was changed"], "once");

    let told = scene.rosa.command(["note", "add", CASE, "--yes", "--json"]).stdin("and the car sold");
    let told = into_a_closed_pipe(told).code(13);
    let objects: Vec<serde_json::Value> =
        told.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let schemas: Vec<_> =
        objects.iter().map(|object| object["schema"].as_str().unwrap_or_default()).collect();
    assert_eq!(schemas, ["alcove.written.v1", "alcove.error.v1"], "{}", told.stderr);
    assert_eq!((&objects[1]["exit"], &objects[1]["error"]), (&13.into(), &"unwritten".into()));
    assert_eq!(texts(&scene.leon), ["the lock was changed", "and the car sold"]);
}

#[test]
fn every_file_of_a_list_goes_although_nobody_can_be_told() {
    let scene = Scene::with_case();
    let files = ["bus_ticket.jpg", "rent.pdf", "letter.odt"].map(|name| {
        let file = scene.world.path(name);
        write_seeded(&file, 7, 900);
        file
    });
    let mut send = vec!["doc", "send", CASE, "--yes"];
    send.extend(files.iter().map(|file| path(file)));
    onto_a_full_disk(scene.rosa.command(send)).code(13);
    assert_eq!(scene.leon.json_lines(["doc", "list", CASE]).len(), 3);
    onto_a_full_disk(scene.rosa.command(["case", "new", "GREY-HARBOR-12"])).code(13);
    assert_eq!(scene.rosa.json_lines(["case", "list"]).len(), 2, "one more, and one only");
    onto_a_full_disk(scene.rosa.command(["case", "archive", "GREY-HARBOR-12", "--json"])).code(13);
    onto_a_full_disk(scene.rosa.command(["block", "Leon Baptiste", "--json"])).code(13);
}

#[test]
fn a_failure_after_the_first_file_is_that_failure_although_nobody_can_be_told_of_the_file() {
    let scene = Scene::with_case();
    let files = [("small.txt", 900), ("large.mp4", 4_000_000)].map(|(name, bytes)| {
        let file = scene.world.path(name);
        write_seeded(&file, 5, bytes);
        file
    });
    for json in [false, true] {
        scene.proxy.set(Fault::CutUpAfter(1_000_000));
        let list = ["doc", "send", CASE, "--yes", "--again", "--wait", "0", path(&files[0]), path(&files[1])];
        let send = scene.rosa.command(list).args(json.then_some("--json"));
        let failed = onto_a_full_disk(send).code(7);
        assert!(!failed.stderr.contains("Do not run the command again"), "{}", failed.stderr);
        assert!(failed.stderr.contains("A part of it is done"), "{}", failed.stderr);
        if json {
            let last = failed.stderr.lines().last().expect("it says why");
            let said: serde_json::Value = serde_json::from_str(last).expect("in JSON");
            assert_eq!((&said["exit"], &said["error"]), (&7.into(), &"unreachable".into()));
        }
    }
    scene.proxy.set(Fault::None);
    assert_eq!(scene.leon.json_lines(["doc", "list", CASE]).len(), 2, "the small one, each time");
}

#[test]
fn a_ledger_that_is_not_published_is_that_failure_although_nobody_can_be_told_of_the_list() {
    let world = World::with_agencies(2);
    let server = world.start_server_with_desk();
    let desk = Proxy::new(server.desk());
    let revoke = |label: &str, name: &str| {
        let device = world.enrol(label, name, "case manager", server.address());
        world.at_desk(label, desk.address(), ["revoke", "--identity", &device.identity(), "--json"])
    };
    revoke("childprotection", "Leon Baptiste").outcome().success();
    // As far as the control came, up to the last bytes of the ledger.
    desk.set(Fault::CutUpAfter(desk.passed().0 - 100));
    let failed = onto_a_full_disk(revoke("harborlight", "Rosa Iglesias-Peña")).code(7);
    let said: Vec<serde_json::Value> =
        failed.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let schemas: Vec<_> = said.iter().map(|object| object["schema"].as_str().unwrap_or_default()).collect();
    let expected = ["alcove.certs.crl.v1", "alcove.certs.unwritten.v1", "alcove.certs.error.v1"];
    assert_eq!(schemas, expected, "{}", failed.stderr);
    assert!(!failed.stderr.contains("Do not run the command again"), "{}", failed.stderr);
}

#[test]
fn reading_that_cannot_be_told_fails_as_ever_and_may_be_repeated() {
    let scene = Scene::with_case();
    write(&scene.rosa, "she is at her aunt's");
    for read in [&["note", "list", CASE][..], &["case", "list"], &["status", "--json"]] {
        let failed = onto_a_full_disk(scene.rosa.command(read)).code(1);
        assert!(!failed.stderr.contains("Do not run"), "{}", failed.stderr);
        into_a_closed_pipe(scene.rosa.command(read)).code(0);
    }
}

#[test]
fn the_other_programs_say_it_too() {
    let scene = Scene::new();
    let certs = |arguments: &[&str]| scene.world.certs_run(arguments);
    let folder = scene.world.path("new-ca");
    let init = ["ca", "init", "-o", path(&folder), "--agency", "lakeside.example", "--name", "Lakeside"];
    let usage = certs(&init).args(["--side", "provider"]).outcome();
    assert_eq!(usage.code, 0, "the control: the command line is right: {}", usage.stderr);
    fs::remove_dir_all(&folder).expect("the control's folder can be removed");
    let told = onto_a_full_disk(certs(&init).args(["--side", "provider", "--json"])).code(13);
    assert!(told.stderr.contains("alcove.certs.error.v1"), "{}", told.stderr);
    assert!(folder.join("keystore").is_file(), "it is done");
    let show = ["ca", "show", "--ca", path(&folder)];
    onto_a_full_disk(certs(&show)).code(11);

    let server = scene.world.path("another-server");
    let init = ["init", "-o", path(&server), "--name", "second.example"];
    let told = onto_a_full_disk(Run::new("alcove-server").args(init)).code(13);
    assert!(told.stderr.contains("Do not run the command again"), "{}", told.stderr);
    assert!(fs::read_dir(&server).is_ok_and(|mut files| files.next().is_some()), "it is done");
}
