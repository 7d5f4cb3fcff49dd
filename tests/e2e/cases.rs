//! Cases, notes and members.

use crate::{
    clocks::at,
    scene::{CASE, Scene, texts, write},
};
use alcove_tests::{
    faults::Fault,
    needs::{faketime_library, skip_unless},
    process::wait_for,
    world::path,
};
use serde_json::Value;
use std::{fs, thread, time::Duration};

#[test]
fn notes_go_both_ways_in_the_order_they_were_written() {
    let scene = Scene::with_case();
    write(&scene.rosa, "one");
    assert_eq!(texts(&scene.leon), ["one"]);
    write(&scene.leon, "two");
    write(&scene.rosa, "three");
    for person in [&scene.rosa, &scene.leon] {
        assert_eq!(texts(person), ["one", "two", "three"], "{}", person.name);
    }

    // People read the time of their own clock, and by which it is; programs read UTC.
    let shown = |zone: &str, arguments: &[&str]| {
        scene.rosa.command(["note", "list", CASE]).args(arguments).env("TZ", zone).outcome()
    };
    for (zone, by) in
        [("NST3:30", " UTC-3:30  "), ("XYZ-14", " UTC+14  "), ("No/Such", " UTC  "), ("", " UTC  ")]
    {
        let shown = shown(zone, &[]).success().stdout;
        assert!(shown.contains(by), "{zone}: {shown}");
    }
    let note = &shown("XYZ-14", &["--json"]).success().json_lines()[0];
    assert!(note["written_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{note}");
    for (since, notes) in [("today", 3), ("yesterday", 3), ("2 weeks", 3)] {
        assert_eq!(
            shown("UTC", &["--since", since, "--json"]).success().json_lines().len(),
            notes,
            "{since}"
        );
    }
    let newest = &scene.rosa.json_lines(["note", "list", CASE])[2];
    let at = newest["received_at"].as_str().expect("the server took it");
    let since = shown("XYZ-14", &["--since", at, "--json"]).success().json_lines();
    assert_eq!(since.len(), 1, "the control: {since:?}");
    for (no_day, why) in
        [("tomorrow", "not come yet"), ("2026-02-30", "There is no"), ("30.11.2026", "not a date")]
    {
        let refused = shown("UTC", &["--since", no_day]).code(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn a_case_is_shown_as_it_happened() {
    let scene = Scene::with_case();
    let file = scene.rosa.home.join("lease.txt");
    let first = write(&scene.rosa, "before the lease");
    fs::write(&file, "a lease").expect("a file can be written");
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes"]).success();
    let corrected = ["note", "correct", CASE, &first, "--yes", "--json"];
    scene.rosa.command(corrected).stdin("before the new lease").outcome().success();
    let log = scene.leon.json_lines(["case", "log", CASE]);
    let what: Vec<_> = log.iter().map(|item| item["text"].as_str().or(item["name"].as_str())).collect();
    assert_eq!(what, [Some("before the lease"), Some("lease.txt"), Some("before the new lease")]);
    assert_eq!(log[0]["corrected_by"], log[2]["id"], "{log:?}");
    let since = log[1]["received_at"].as_str().expect("the server took it");
    assert_eq!(scene.leon.json_lines(["case", "log", CASE, "--since", since]).len(), 2, "and no more");
    let last = log[2]["received_at"].as_str().expect("the server took it");
    let documents = |since: &str| scene.leon.json_lines(["doc", "list", CASE, "--since", since]).len();
    assert_eq!((documents(since), documents(last)), (1, 0));
}

#[test]
fn a_note_arrives_live_and_a_correction_names_what_it_corrects() {
    let scene = Scene::with_case();
    let mut watch = scene.leon.command(["note", "watch", CASE, "--json"]).start(&scene.world.path("watch"));
    watch.wait_for("caught-up");
    let first = write(&scene.rosa, "The hearing is on Monday.");
    watch.wait_for("The hearing is on Monday.");
    scene
        .rosa
        .command(["note", "correct", CASE, &first, "-", "--yes", "--json"])
        .stdin("The hearing is on Tuesday.")
        .outcome()
        .success();
    watch.wait_for("The hearing is on Tuesday.");
    watch.kill();
    let notes = scene.leon.json_lines(["note", "list", CASE]);
    let correction = notes.iter().find(|note| note["corrects"] == first.as_str());
    assert!(correction.is_some(), "the correction names the first note: {notes:?}");
    assert!(notes.iter().any(|note| note["id"] == first.as_str()), "the first version stays");
}

#[test]
fn whoever_watches_is_told_of_everything_that_happens_each_by_its_name() {
    let mut scene = Scene::new();
    let hannah = scene.hannah();
    scene.leon.run(["status", "--json"]).success();
    let mut watch = scene.leon.command(["note", "watch", "--json"]).start(&scene.world.path("watch"));
    watch.wait_for("alcove.caught-up.v1");
    scene.rosa.run(["case", "new", CASE, "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    watch.wait_for("alcove.requests.v1");
    scene.leon.accept_from(&scene.rosa);
    watch.wait_for("alcove.joined.v1");
    write(&scene.rosa, "one");
    watch.wait_for("alcove.note.v1");
    let file = scene.world.path("plan.pdf");
    fs::write(&file, "a plan").expect("a file can be written");
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    watch.wait_for("alcove.document.v1");
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    watch.wait_for("alcove.members-changed.v1");
    scene.kill_and_restart_server();
    watch.wait_for("alcove.reconnecting.v1");
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let printed = watch.wait_for("alcove.closed.v1");
    watch.kill();

    let objects: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("a line is one object")).collect();
    let of = |schema: &str| -> Vec<&Value> {
        objects.iter().filter(|object| object["schema"] == schema).collect()
    };
    let joined = of("alcove.joined.v1")[0];
    assert_eq!((&joined["title"], joined["members"].as_array().map(Vec::len)), (&CASE.into(), Some(2)));
    assert_eq!(of("alcove.note.v1")[0]["text"], "one");
    assert_eq!(of("alcove.document.v1")[0]["name"], "plan.pdf");
    let changed = of("alcove.members-changed.v1");
    assert!(
        changed.iter().any(|change| change["members"].as_array().is_some_and(|all| all.len() == 3)),
        "{changed:?}"
    );
    assert_eq!(of("alcove.closed.v1")[0]["case"], joined["id"]);
}

#[test]
fn a_joiner_reads_nothing_from_before_until_it_is_granted() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let early = write(&scene.rosa, "early, by Rosa");
    write(&scene.leon, "early, by Leon");
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    assert_eq!(texts(&hannah), Vec::<String>::new(), "nothing from before");
    write(&scene.leon, "late");
    assert_eq!(texts(&hannah), ["late"]);
    scene.rosa.run(["member", "grant", CASE, "Hannah Kessler", &early, "--yes", "--json"]).success();
    assert_eq!(
        texts(&hannah),
        ["early, by Rosa", "late"],
        "what was granted, in its place, and nothing else"
    );
}

#[test]
fn another_agencys_record_cannot_be_granted_unless_its_author_allowed_it() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let kept = write(&scene.leon, "for this circle");
    let marked = scene
        .leon
        .command(["note", "add", CASE, "-", "--grantable", "--yes", "--json"])
        .stdin("may be passed on")
        .outcome()
        .success();
    let marked = marked.json()["id"].as_str().expect("a note has an id").to_owned();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    // Rosa is of another agency than the author: she may pass on the marked note only.
    assert_eq!(texts(&scene.rosa).len(), 2);
    scene.rosa.run(["member", "grant", CASE, "Hannah Kessler", &kept, "--yes", "--json"]).code(12);
    scene.rosa.run(["member", "grant", CASE, "Hannah Kessler", &marked, "--yes", "--json"]).success();
    assert_eq!(texts(&hannah), ["may be passed on"]);
}

#[test]
fn a_new_member_is_given_as_much_of_the_history_as_was_said() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let grace = scene.world.enrol("harborlight", "Grace Adeyemi", "attorney", scene.proxy.address());
    grace.run(["status", "--json"]).success();
    write(&scene.rosa, "one");
    write(&scene.leon, "another agency's");
    let second = write(&scene.rosa, "two");
    let notes = scene.rosa.json_lines(["note", "list", CASE]);
    let since =
        notes.iter().find(|note| note["id"] == second.as_str()).and_then(|note| note["received_at"].as_str());
    let since = format!("since={}", since.expect("the server took it at some time"));
    let all = ["member", "add", CASE, "Grace Adeyemi", "--history", "all", "--yes"];
    let all = scene.rosa.json(all);
    assert_eq!(all["granted"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(all["withheld"].as_array().map(Vec::len), Some(1), "not hers to give: {all}");
    scene
        .rosa
        .run(["member", "add", CASE, "Hannah Kessler", "--history", &since, "--yes", "--json"])
        .success();
    hannah.accept_from(&scene.rosa);
    assert_eq!(texts(&grace), ["one", "two"]);
    assert_eq!(texts(&hannah), ["two"]);
}

#[test]
fn a_grant_that_has_ended_or_was_ended_gives_nothing_more() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let grace = scene.world.enrol("harborlight", "Grace Adeyemi", "attorney", scene.proxy.address());
    grace.run(["status", "--json"]).success();
    let marked =
        scene.rosa.command(["note", "add", CASE, "-", "--grantable", "--yes", "--json"]).stdin("one");
    let first = marked.outcome().success().json()["id"].as_str().expect("a note has an id").to_owned();
    let second = write(&scene.rosa, "two");
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    hannah.run(["status", "--json"]).success();
    let library = faketime_library();
    if !skip_unless(library.is_some(), "a grant that has ended at the server", "libfaketime") {
        // By a clock that is behind it has yet to end.
        let notes = scene.rosa.json_lines(["note", "list", CASE]);
        let over = notes.last().and_then(|note| note["received_at"].as_str()).expect("it is at the server");
        let grant = ["member", "grant", CASE, "Hannah Kessler", &second, "--until", over, "--yes", "--json"];
        at(&scene.rosa, "-5m", &library.expect("it is there"), &grant).outcome().success();
        assert_eq!(texts(&hannah), Vec::<String>::new(), "it had ended before she came for it");
    }
    let grant = |id: &str, until: &str| {
        let grant = ["member", "grant", CASE, "Hannah Kessler", id, "--until", until, "--yes", "--json"];
        scene.rosa.run(grant)
    };
    for (no_day, why) in [("2001-01-01", "is over"), ("2026-02-30", "There is no"), ("soon", "not a date")] {
        let refused = grant(&second, no_day).code(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    assert_eq!(texts(&hannah), Vec::<String>::new(), "nothing was handed over");
    grant(&first, "2099-12-31").success();
    assert_eq!(texts(&hannah), ["one"], "the control: one that has not ended");
    let end = ["member", "ungrant", CASE, "Hannah Kessler", "--yes", "--json"];
    let ended = scene.rosa.run(end).success();
    assert!(ended.stdout.contains("They keep what they already received."), "{}", ended.stdout);
    scene.rosa.run(end).code(3);
    assert_eq!(texts(&hannah), ["one"], "she keeps what she had");

    // She may pass it on, since Rosa said so; what is closed to her now she cannot open to others.
    scene.rosa.run(["member", "add", CASE, "Grace Adeyemi", "--yes", "--json"]).success();
    let refused = hannah.run(["member", "grant", CASE, "Grace Adeyemi", &first, "--yes", "--json"]).code(3);
    assert!(refused.stderr.contains("alcove outbox drop"), "{}", refused.stderr);
    let kept = hannah.json(["outbox", "list"]);
    assert_eq!(
        (&kept["delivery"], &kept["refused_because"]),
        (&"refused".into(), &"out-of-reach".into()),
        "{kept}"
    );
    write(&hannah, "and it stands in nobody's way");
    assert_eq!(texts(&grace), ["and it stands in nobody's way"]);
    let id = kept["id"].as_str().expect("an item has an id").to_owned();
    hannah.run(["outbox", "retry", &id, "--json"]).success();
    assert_eq!(hannah.json(["outbox", "list"])["delivery"], "refused", "asked again, refused again");
    hannah.run(["outbox", "drop", &id, "--yes", "--json"]).success();
    assert_eq!(hannah.json_lines(["outbox", "list"]).len(), 0);
}

#[test]
fn the_last_owner_can_go_once_somebody_else_was_made_one() {
    let scene = Scene::with_case();
    let owner = ["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"];
    scene.rosa.run(owner).success();
    scene.rosa.run(owner).code(9);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).code(9);
    let members = scene.leon.json_lines(["member", "list", CASE]);
    assert!(members.iter().all(|member| member["may"] == "owner"), "{members:?}");
    scene.leon.run(["member", "remove", CASE, "Rosa Iglesias-Peña", "--yes", "--json"]).success();
    write(&scene.leon, "alone");
    assert_eq!(texts(&scene.rosa), Vec::<String>::new());
}

#[test]
fn words_are_found_and_never_stand_on_a_command_line() {
    let scene = Scene::with_case();
    write(&scene.rosa, "The hearing is on Monday.");
    write(&scene.rosa, "Bring the lease of Sen\u{303}ora Pen\u{303}a.");
    let file = scene.rosa.home.join("PEÑA lease.txt");
    std::fs::write(&file, "a lease").unwrap();
    scene.rosa.run(["doc", "send", CASE, file.to_str().unwrap(), "--yes"]).success();
    let search = |words: &str, arguments: &[&str]| {
        scene.rosa.command(["search"]).args(arguments).stdin(words).outcome()
    };
    let found = search("HEARING\n", &[CASE, "--json"]).success().json_lines();
    assert_eq!(found[0]["text"], "The hearing is on Monday.");
    assert_eq!((&found[1]["searched"], &found[1]["of"]), (&3.into(), &3.into()), "{found:?}");
    assert!(search("hearing\n", &[]).success().stderr.contains("searched 3 of 3 notes and documents"));
    // However the accents were put together.
    let found = search("peña\n", &[CASE, "--json"]).success().json_lines();
    assert_eq!((found.len(), &found[1]["name"]), (3, &"PEÑA lease.txt".into()), "{found:?}");
    let nothing = search("pena\n", &[CASE]).success();
    assert!(nothing.stderr.contains("--any-accent"), "{}", nothing.stderr);
    let found = search("pena\n", &[CASE, "--any-accent", "--json"]).success().json_lines();
    assert_eq!(found[2]["found"], 2, "{found:?}");
    search("hearing\n", &[CASE, "hearing"]).code(2);
    for nothing in ["  \n", "\u{200b}\u{ad}\n"] {
        search(nothing, &[CASE]).code(12);
    }
}

#[test]
fn a_missing_or_unreadable_file_is_told_apart_from_a_failure() {
    let scene = Scene::with_case();
    let missing = scene.world.path("no-such-file");
    scene.rosa.run(["note", "add", CASE, alcove_tests::world::path(&missing), "--yes"]).code(3);
    scene.rosa.run(["note", "add", CASE, alcove_tests::world::path(scene.world.folder()), "--yes"]).code(12);
    assert_eq!(texts(&scene.leon), Vec::<String>::new());
}

#[test]
fn a_removed_member_reads_nothing_new_and_keeps_what_it_had() {
    let scene = Scene::with_case();
    write(&scene.rosa, "before");
    assert_eq!(texts(&scene.leon), ["before"]);
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    write(&scene.rosa, "after");
    assert_eq!(texts(&scene.leon), ["before"]);
    scene.leon.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("let me in").outcome().code(3);
    assert_eq!(texts(&scene.rosa), ["before", "after"]);
}

#[test]
fn somebody_who_is_not_on_a_case_cannot_tell_that_it_exists() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let id = scene.rosa.json(["case", "show", CASE])["id"].as_str().expect("a case has an id").to_owned();
    let forbidden = hannah.run(["note", "list", &id, "--json"]).code(3);
    let unknown = hannah.run(["note", "list", &"0".repeat(32), "--json"]).code(3);
    assert_eq!(forbidden.stderr.replace(&id, "X"), unknown.stderr.replace(&"0".repeat(32), "X"));
}

#[test]
fn a_member_without_the_right_cannot_add_or_remove() {
    let scene = Scene::with_case();
    let _hannah = scene.hannah();
    write(&scene.rosa, "one");
    texts(&scene.leon);
    scene.leon.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).code(3);
    scene.leon.run(["member", "remove", CASE, "Rosa Iglesias-Peña", "--yes", "--json"]).code(3);
    scene.leon.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).code(3);
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2);
}

#[test]
fn two_commands_at_once_both_succeed_one_after_the_other() {
    let scene = Scene::with_case();
    thread::scope(|scope| {
        for number in 0..4 {
            let rosa = &scene.rosa;
            scope.spawn(move || write(rosa, &format!("from process {number}")));
        }
    });
    let mut seen = texts(&scene.leon);
    seen.sort();
    assert_eq!(seen, ["from process 0", "from process 1", "from process 2", "from process 3"]);
}

#[test]
fn two_owners_committing_at_once_both_get_their_way() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let grace = scene.world.enrol("harborlight", "Grace Adeyemi", "attorney", scene.proxy.address());
    grace.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Grace Adeyemi", "--owner", "--yes", "--json"]).success();
    let danylo = scene.world.enrol("elmgate", "Danylo Hrytsenko", "case manager", scene.proxy.address());
    danylo.run(["status", "--json"]).success();
    grace.run(["case", "list", "--json"]).success();
    thread::scope(|scope| {
        let one =
            scope.spawn(|| scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]));
        let other = scope.spawn(|| grace.run(["member", "add", CASE, "Danylo Hrytsenko", "--yes", "--json"]));
        one.join().expect("the first ends").success();
        other.join().expect("the second ends").success();
    });
    hannah.accept_from(&scene.rosa);
    danylo.accept_from(&grace);
    write(&scene.rosa, "all five");
    for person in [&scene.leon, &grace, &hannah, &danylo] {
        assert_eq!(texts(person), ["all five"], "{}", person.name);
        assert_eq!(person.json_lines(["member", "list", CASE]).len(), 5, "{}", person.name);
    }
}

#[test]
fn a_note_written_while_the_server_is_away_waits_and_arrives_once() {
    let mut scene = Scene::with_case();
    scene.server.kill();
    let waiting =
        scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("patience").outcome();
    // It is safe on the laptop, so trying again would write it twice: done, and said to be queued.
    assert_eq!(waiting.success().json()["delivery"], "queued");
    scene.kill_and_restart_server();
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["patience"]);
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["patience"], "once");
}

#[test]
fn a_lost_answer_is_asked_for_again_and_the_note_is_stored_once() {
    let scene = Scene::with_case();
    // The request gets through; the answer is cut off somewhere.
    for bytes in [0, 1_000, 2_500, 4_000, 6_000] {
        scene.proxy.set(Fault::CutDownAfter(bytes));
        let text = format!("cut after {bytes}");
        scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin(&text).outcome().success();
        scene.proxy.set(Fault::None);
        scene.rosa.run(["status", "--json"]).success();
    }
    let seen = texts(&scene.leon);
    assert_eq!(seen, [0, 1_000, 2_500, 4_000, 6_000].map(|bytes| format!("cut after {bytes}")));
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let mut scene = Scene::with_case();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for number in 0..3 {
            let text = format!("round {round}, note {number}");
            write(&scene.rosa, &text);
            acknowledged.push(text);
        }
        scene.kill_and_restart_server();
        assert_eq!(texts(&scene.leon), acknowledged, "after kill {round}");
    }
}

#[test]
fn a_server_that_answers_nothing_is_given_up_on() {
    let scene = Scene::with_case();
    scene.proxy.set(Fault::BlackHole);
    let run = scene.rosa.command(["note", "add", CASE, "-", "--yes", "--json"]).stdin("into the dark");
    assert_eq!(run.outcome().success().json()["delivery"], "queued");
    scene.proxy.set(Fault::None);
    scene.rosa.run(["status", "--json"]).success();
    wait_for("the note to arrive", Duration::from_secs(30), || {
        texts(&scene.leon).contains(&"into the dark".to_owned()).then_some(())
    });
}
