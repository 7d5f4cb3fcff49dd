//! Death at a chosen write: SIGKILL at the n-th sync or rename, then the same thing again.

use crate::scene::{CASE, Scene, texts, write};
use alcove_tests::needs::{skip_unless, strace_works};

/// Kills at most this many times a scene; each is one run of the program.
const DEATHS_MAX: usize = 12;

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
        let inject = format!("inject=fdatasync,fsync:signal=KILL:when={death}");
        let trace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &inject];
        let killed = scene
            .rosa
            .command(["note", "add", CASE, "-", "--yes", "--json"])
            .stdin(&text)
            .under(trace)
            .outcome();
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
        let inject = format!("inject=fdatasync,fsync:signal=KILL:when={death}");
        let trace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &inject];
        let add = ["member", "add", CASE, "Hannah Kessler", "--yes", "--json"];
        let killed = scene.rosa.command(add).under(trace).outcome();
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
    write(&scene.rosa, "everybody is here");
    for person in [&scene.leon, &hannah] {
        assert!(texts(person).contains(&"everybody is here".to_owned()), "{}", person.name);
    }
}
