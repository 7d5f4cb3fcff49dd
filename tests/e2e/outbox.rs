//! The outbox: what was written waits where the server cannot take it, whatever the reason, is never asked for twice,
//! and what the server refuses for good stands in nobody's way.

use crate::scene::{CASE, Scene, texts, write};
use alcove_tests::{
    faults::Fault,
    needs::{skip_unless, strace_works},
};

/// The server is to keep a TiB free, the most that can be asked for: on a smaller disk it refuses to write.
const FULL: &str = "[store]\nfree_space_floor_bytes = 1099511627776\n";

#[test]
fn a_note_that_a_full_server_does_not_take_waits_and_is_stored_once() {
    let mut scene = Scene::with_case();
    scene.restart_server_with(FULL);
    let kept = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("patience").outcome();
    let kept = kept.success().json();
    assert_eq!(kept["delivery"], "queued", "it is safe on the laptop: {kept}");
    assert_eq!(kept["held_up"]["error"], "no-space", "and it says why: {kept}");
    let told =
        scene.rosa.command(["note", "add", CASE, "-", "--yes"]).stdin("more patience").outcome().success();
    assert!(told.stderr.contains("do not write it again"), "{}", told.stderr);
    assert_eq!(scene.rosa.json(["status"])["queued"], 2);

    scene.restart_server_with("");
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["patience", "more patience"]);
    assert_eq!(scene.rosa.json(["status"])["queued"], 0);
}

#[test]
fn a_case_that_a_full_server_does_not_take_is_open_and_reaches_it_later() {
    let mut scene = Scene::new();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    scene.restart_server_with(FULL);
    let opened = scene.rosa.json(["case", "new", CASE]);
    assert_eq!(opened["held_up"]["error"], "no-space", "{opened}");
    scene.restart_server_with("");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    write(&scene.rosa, "we are open");
    assert_eq!(texts(&scene.leon), ["we are open"]);
    assert_eq!(scene.rosa.json_lines(["case", "list"]).len(), 1, "once");
}

#[test]
fn offline_writing_waits_and_asks_nobody() {
    let scene = Scene::with_case();
    scene.proxy.set(Fault::Refuse);
    let before = scene.proxy.connections();
    let run = |arguments: &[&str]| {
        scene.rosa.command(arguments).args(["--offline"]).stdin("from the train").outcome()
    };
    let kept = run(&["note", "add", CASE, "-", "--yes", "--json"]).success().json();
    assert_eq!(kept["delivery"], "queued");
    run(&["doctor", "--json"]).success();
    run(&["case", "new", "LOUD-ELM-08", "--json"]).success();
    let needs = run(&["member", "add", CASE, "Hannah Kessler", "--yes"]).code(7);
    assert!(needs.stderr.contains("--offline"), "{}", needs.stderr);
    assert_eq!(scene.proxy.connections(), before, "nobody was asked");

    scene.proxy.set(Fault::None);
    scene.rosa.run(["status", "--json"]).success();
    assert!(scene.proxy.connections() > before, "the control: connections are counted");
    assert_eq!(texts(&scene.leon), ["from the train"]);
}

#[test]
fn what_was_written_before_others_changed_the_case_is_sealed_anew_and_keeps_its_id() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let queued = |text: &str| {
        let run = scene.leon.command(["note", "add", CASE, "-", "--yes", "--json", "--offline"]).stdin(text);
        run.outcome().success().json()["id"].as_str().expect("a note has an id").to_owned()
    };
    // His log is at its end; then the case moves on without him.
    texts(&scene.leon);
    let (first, second) = (queued("first"), queued("second"));
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    scene.leon.run(["status", "--json"]).success();
    for reader in [&scene.rosa, &hannah] {
        assert_eq!(
            texts(reader),
            ["first", "second"],
            "{}: sealed for the members there are now",
            reader.name
        );
    }
    let ids = scene.rosa.json_lines(["note", "list", CASE]);
    let ids: Vec<_> = ids.iter().filter_map(|note| note["id"].as_str()).collect();
    assert_eq!(ids, [first, second]);
}

#[test]
fn what_can_never_be_sent_stands_in_nobodys_way_and_can_be_dropped() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let early = write(&scene.leon, "early");
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    let late = write(&scene.leon, "late");
    // It is his own note, and still on his laptop; to the server he came after it.
    let refused = scene.leon.run(["member", "grant", CASE, "Hannah Kessler", &early, "--yes", "--json"]);
    refused.code(12);
    let both = scene.leon.json(["member", "grant", CASE, "Hannah Kessler", &early, &late, "--yes"]);
    assert_eq!(both["out_of_reach"].as_array().map(Vec::len), Some(1), "{both}");
    assert_eq!(both["granted"].as_array().map(Vec::len), Some(1), "{both}");
    scene.leon.run(["status", "--json"]).success();
    write(&scene.leon, "and on we go");
    assert_eq!(texts(&hannah), ["late", "and on we go"]);
}

#[test]
fn an_item_in_the_outbox_is_listed_and_dropped() {
    let scene = Scene::with_case();
    let queued =
        scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json", "--offline"]).stdin("not so fast");
    let id = queued.outcome().success().json()["id"].as_str().expect("a note has an id").to_owned();
    let listed = scene.rosa.json(["outbox", "list", "--offline"]);
    assert_eq!((&listed["id"], &listed["kind"]), (&id.as_str().into(), &"note".into()));
    assert_eq!(listed["delivery"], "queued");
    scene.rosa.run(["outbox", "drop", &id[..8], "--offline"]).code(2);
    scene.rosa.run(["outbox", "drop", &id[..8], "--yes", "--offline", "--json"]).success();
    scene.rosa.run(["outbox", "drop", &id[..8], "--yes", "--offline", "--json"]).code(3);
    write(&scene.rosa, "this one");
    assert_eq!(texts(&scene.leon), ["this one"]);
}

#[test]
fn whoever_stops_a_note_is_told_whether_it_is_safe() {
    if skip_unless(strace_works(), "a signal at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let (mut thrown_away, mut kept) = (0, 0);
    for sync in 1..=12 {
        let text = format!("stopped at sync {sync}");
        let signal = ["INT", "TERM", "HUP"][sync % 3];
        let add = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(&text);
        let stopped = add.signalled_at_sync(signal, sync).outcome();
        let safe = match stopped.code {
            0 => true,
            130 => false,
            other => panic!("sync {sync}: code {other}\n{}", stopped.stderr),
        };
        scene.rosa.run(["status", "--json"]).success();
        let times = texts(&scene.leon).iter().filter(|seen| **seen == text).count();
        assert_eq!(times, usize::from(safe), "sync {sync}: what was said is what is so\n{}", stopped.stdout);
        if !safe {
            thrown_away += 1;
        } else if stopped.json()["held_up"]["error"] == "interrupted" {
            kept += 1;
        } else if sync > 3 {
            break;
        }
    }
    assert!(thrown_away > 0 && kept > 0, "the control: {thrown_away} before it was safe, {kept} after");
}
