//! Death at a chosen write: SIGKILL at the n-th sync or rename, then the same thing again.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::rogue::Rogue,
};
use alcove_tests::{
    needs::{skip_unless, strace_works},
    process::{Outcome, Run, wait_for},
    world::path,
};
use std::time::Duration;

/// Kills at most this many times a scene; each is one run of the program.
const DEATHS_MAX: usize = 12;

/// Runs a command that is killed at its sync of that number, if it comes to it.
fn killed_at(death: usize, run: Run) -> Outcome {
    run.signalled_at_sync("KILL", death).outcome()
}

#[test]
fn a_note_survives_death_at_every_sync_of_the_laptop_and_is_stored_once() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let mut seen = Vec::new();
    let mut survived = false;
    for death in 1..=DEATHS_MAX {
        let text = format!("death {death}");
        let add = ["note", "add", CASE, "-", "--yes", "--json"];
        let killed = killed_at(death, scene.rosa.command(add).stdin(&text));
        // Whatever happened, the next command works and sends what waits.
        scene.rosa.run(["status", "--json"]).success();
        let times = texts(&scene.leon).iter().filter(|seen| **seen == text).count();
        assert!(times <= 1, "death {death}: the note is there {times} times");
        if killed.code == 0 {
            assert_eq!(times, 1, "death {death}: an acknowledged note is lost");
            survived = true;
            break;
        }
        seen.push(times);
    }
    assert!(survived, "the control: after the last sync there is nothing to die at");
    assert!(!seen.is_empty(), "the control: the program dies at its first sync");
    // The sync that makes the note safe is one of them: from there on it is never lost again.
    assert_eq!(seen.last(), Some(&1), "a note is safe before the last sync: {seen:?}");
    assert!(seen.is_sorted(), "once it is safe, no later death loses it: {seen:?}");
    write(&scene.rosa, "and on we go");
    assert!(texts(&scene.leon).contains(&"and on we go".to_owned()));
}

#[test]
fn a_commit_survives_death_at_every_sync_of_the_laptop() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let mut deaths = 0;
    for death in 1..=DEATHS_MAX {
        let add = ["member", "add", CASE, "Hannah Kessler", "--yes", "--json"];
        let killed = killed_at(death, scene.rosa.command(add));
        scene.rosa.run(["status", "--json"]).success();
        if killed.code == 0 {
            break;
        }
        deaths += 1;
        let members = scene.rosa.json_lines(["member", "list", CASE]).len();
        assert!([2, 3].contains(&members), "death {death}: {members} members");
        if members == 3 {
            scene.rosa.run(["member", "remove", CASE, "Hannah Kessler", "--yes", "--json"]).success();
        }
    }
    assert!((1..DEATHS_MAX).contains(&deaths), "the control: some deaths, and one run that lives: {deaths}");
    let there = scene.rosa.json_lines(["member", "list", CASE]).len();
    if there == 2 {
        scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    }
    hannah.accept_from(&scene.rosa);
    write(&scene.rosa, "everybody is here");
    for person in [&scene.leon, &hannah] {
        assert!(texts(person).contains(&"everybody is here".to_owned()), "{}", person.name);
    }
}

#[test]
fn whatever_dies_while_a_lost_laptop_is_removed_nothing_is_sent_before_it_is_out() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.rosa, "before");
    let lost = scene.leon.identity();
    let ca = scene.world.agency_folder("childprotection");
    let list = scene.world.crl_folder().join("childprotection.crl");
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &lost, "-o", path(&list)];
    scene.world.certs(revoke).success();
    scene.server.reload();
    wait_for("the server to refuse the lost laptop", Duration::from_secs(60), || {
        (scene.leon.run(["status"]).code == 8).then_some(())
    });
    // Each run dies one sync further on than the one before it, in whatever that one has left.
    let add = ["note", "add", CASE, "-", "--yes", "--json"];
    let mut runs = Vec::new();
    for death in 1..=DEATHS_MAX {
        let text = format!("death {death}");
        let code = killed_at(death, scene.rosa.command(add).stdin(&text)).code;
        let notes = scene.rosa.json_lines(["note", "list", CASE, "--offline"]);
        let stored = notes.iter().any(|note| note["text"] == text.as_str() && note["delivery"] == "stored");
        let members = scene.rosa.json_lines(["member", "list", CASE, "--offline"]).len();
        assert!(!stored || members == 2, "{text} was sent with the lost laptop in the case");
        runs.push((code, text));
        if code == 0 {
            break;
        }
    }
    assert!(
        (2..DEATHS_MAX).contains(&runs.len()),
        "the control: some deaths, and one run that lives: {runs:?}"
    );
    scene.rosa.run(["status", "--json"]).success();
    let seen = texts(&hannah);
    for (code, text) in &runs {
        let times = seen.iter().filter(|seen| *seen == text).count();
        assert!(
            times <= 1 && (times == 1 || *code != 0),
            "{text} ended with {code} and is there {times} times"
        );
    }
    assert_eq!(hannah.json_lines(["member", "list", CASE]).len(), 2);
}

#[tokio::test]
async fn a_case_is_led_on_once_whatever_dies_meanwhile() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    write(&scene.leon, "before");
    let mut rogue = Rogue::join(&scene, &[]).await;
    rogue.spoil().await;
    let unsent = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    scene.rosa.command(unsent).stdin("written on the train").outcome().success();
    scene.rosa.run(["status", "--json"]).code(6);
    let mut deaths = 0;
    for death in 1..=DEATHS_MAX {
        let led_on = killed_at(death, scene.rosa.command(["case", "continue", CASE, "--yes", "--json"]));
        // Once the new case stands, the title is its, and there is nothing to lead on any more.
        if [0, 9].contains(&led_on.code) {
            break;
        }
        deaths += 1;
    }
    assert!((1..DEATHS_MAX).contains(&deaths), "the control: some deaths, and one run that lives: {deaths}");
    scene.rosa.run(["status", "--json"]);
    for reader in [&scene.rosa, &scene.leon] {
        reader.run(["status", "--json"]);
        let cases = reader.json_lines(["case", "list", "--all", "--offline"]);
        let led_on = cases.iter().filter(|case| case["leads_on"].is_string()).count();
        assert_eq!((cases.len(), led_on), (2, 1), "{}: {cases:?}", reader.name);
        assert_eq!(texts(reader), ["written on the train"], "{}", reader.name);
    }
}
