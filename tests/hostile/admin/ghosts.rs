//! An agency's CA certifies others in its staff's names: for a device that is there, and for further ones.

use crate::{
    keys::{changes, replace_laptop, words_of},
    scene::{CASE, Scene, texts, write},
    support::rogue::Rogue,
};
use alcove_tests::world::{Staff, path};
use std::process::Command;

const ADD: [&str; 6] = ["note", "add", CASE, "-", "--yes", "--json"];

fn writes(staff: &Staff, text: &str) -> i32 {
    staff.command(ADD).stdin(text).outcome().code
}

/// A case of Rosa, Hannah and somebody who was certified in Leon's name: Hannah has compared nothing and is stopped.
fn with_ghost() -> (Scene, Staff, Staff) {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "from his own laptop");
    assert_eq!(texts(&hannah).len(), 1);
    let ghost = replace_laptop(&scene);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes"]).code(10);
    // Rosa is deceived; Hannah is not.
    scene.rosa.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    assert_eq!(writes(&hannah, "not yet"), 10);
    // Others of its name would take its welcome.
    ghost.accept_from(&scene.rosa);
    (scene, hannah, ghost)
}

/// One more laptop in Leon's name and of his number. The program certifies it only once the one before is revoked, so the
/// admin does that in a copy of the CA's folder, whose list nobody is shown.
fn certified_on_the_quiet(scene: &Scene, home: &str) -> Staff {
    let copy = scene.world.path(&home.replace('/', "-ca-of-"));
    let from = scene.world.agency_folder("childprotection");
    let copied = Command::new("cp").arg("-a").args([&from, &copy]).status().expect("cp starts");
    assert!(copied.success());
    let list = copy.join("of-nobody.crl");
    let identity = scene.leon.identity();
    let revoke = ["revoke", "--ca", path(&copy), "--identity", &identity, "-o", path(&list)];
    scene.world.certs(revoke).success();
    scene.laptop_in_leons_name(home, 1, &copy)
}

/// The agency's CA certifies a second and a third key for a device whose first change of key blocks, and shows them in groups
/// of their own, so that the newest change covers the one that matters.
/// Who: admin
/// Sees: each change with its own words; nothing is sent to the case with the first one in it
/// Step: 8, "a second change lifts nothing of the first"
#[test]
fn a_second_and_a_third_change_of_a_key_lift_nothing() {
    let (scene, hannah, ghost) = with_ghost();
    let blocking = words_of(&ghost);
    for (number, home) in (2..).zip(["staff/second", "staff/third"]) {
        let another = certified_on_the_quiet(&scene, home);
        another.run(["status", "--json"]).success();
        another.run(["case", "new", &format!("LOUD-ELM-0{number}"), "--json"]).success();
        let title = format!("LOUD-ELM-0{number}");
        another.run(["member", "add", &title, "Hannah Kessler", "--yes", "--json"]).success();
        // The name is one that she works with, and the key is not: she is asked, and is deceived.
        hannah.accept_from(&another);
        let seen = changes(&hannah);
        assert_eq!(seen.len(), number, "each by its own words: {seen:?}");
        assert!(seen.iter().any(|(_, words)| *words == blocking), "{seen:?}");
        assert_eq!(writes(&hannah, "she is at 12 Elm Street"), 10, "after key number {number}");
    }
    assert!(!texts(&ghost).contains(&"she is at 12 Elm Street".to_owned()));
    // The control: whoever has compared them writes, and the one in the case reads it.
    hannah.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    assert_eq!(writes(&hannah, "now that we have spoken"), 0);
    assert!(texts(&ghost).contains(&"now that we have spoken".to_owned()));
}

/// A further device in somebody's name sits in the roster that a new member joins.
/// Who: admin
/// Sees: a new device of a person with its words; nothing is sent until they are compared
/// Step: 8, "Nothing is sealed for a seat that this device has no reason to believe"
#[test]
fn a_further_device_in_a_roster_that_one_joins_is_believed_by_nobody() {
    let scene = Scene::with_case();
    write(&scene.leon, "from the first laptop");
    texts(&scene.rosa);
    let ghost = scene.another_laptop_of_leon(2);
    ghost.run(["status", "--json"]).success();
    let added = scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes"]).success();
    let words = words_of(&ghost);
    assert!(added.stderr.contains(&words), "whoever adds it is shown its words: {}", added.stderr);
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    assert_eq!(changes(&hannah), [("Leon Baptiste".to_owned(), words)]);
    assert_eq!(writes(&hannah, "she is at 12 Elm Street"), 10);
    // The control: without the ghost nothing is in the way.
    scene.leon.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    assert_eq!(writes(&hannah, "only among us"), 0);
    assert!(texts(&scene.leon).contains(&"only among us".to_owned()));
}

/// A device that the agency's CA certified in somebody's name asks to be taken off a case, and with it everybody of that name.
/// Who: admin
/// Sees: a change of key; an owner's program that does not believe the key takes nobody off
/// Step: 8, "Nor does a program obey a member who is revoked or outside"
#[test]
fn a_ghost_does_not_leave_in_the_name_of_somebody() {
    let (scene, hannah, ghost) = with_ghost();
    let as_owner = ["member", "add", CASE, "Hannah Kessler", "--owner", "--yes", "--json"];
    scene.rosa.run(as_owner).success();
    ghost.run(["case", "leave", CASE, "--yes"]).success();
    let members = |staff: &Staff| staff.json_lines(["member", "list", CASE, "--offline"]).len();
    for _ in 0..2 {
        hannah.run(["status", "--json"]);
    }
    assert_eq!(members(&hannah), 3, "she has compared nothing");
    // The control: Rosa, who was deceived, has it done.
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(members(&scene.rosa), 2);
}

/// Somebody's own commit (here the addition of a third person) is taken for a look at a ghost that sits in the roster.
/// Who: admin
/// Sees: the change stands as before; nothing is sent
/// Step: 8, "A commit of this device's own does not end a change just because it is its own"
#[test]
fn an_own_commit_is_no_look_at_a_ghost() {
    let scene = Scene::with_case();
    write(&scene.leon, "from the first laptop");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    let hannah = scene.hannah();
    scene.leon.run(["status", "--json"]).success();
    let ghost = scene.another_laptop_of_leon(2);
    ghost.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    assert_eq!(writes(&scene.leon, "who is that"), 10);
    scene.leon.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.leon);
    assert_eq!(writes(&scene.leon, "she is at 12 Elm Street"), 10, "his own commit was no look");
    assert_eq!(changes(&scene.leon).len(), 1);
    // The control: his look is one.
    scene.leon.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    assert_eq!(writes(&scene.leon, "it is mine"), 0);
    assert!(texts(&hannah).contains(&"it is mine".to_owned()));
}

/// A ghost that nobody has looked at sits in a case that froze, and is to be carried into the one that leads it on.
/// Who: admin
/// Sees: it is not taken along, by name; nothing that is written in the new case is for it
/// Step: 8, "nobody is believed for having been taken along"
#[tokio::test]
async fn a_ghost_is_not_carried_into_a_successor() {
    let scene = Scene::with_case();
    write(&scene.leon, "from the first laptop");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    let ghost = scene.another_laptop_of_leon(2);
    ghost.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    ghost.accept_from(&scene.rosa);
    assert_eq!(writes(&scene.leon, "who is that"), 10);
    for staff in [&scene.rosa, &ghost] {
        staff.run(["status", "--json"]).success();
    }
    Rogue::join(&scene, &[]).await.spoil().await;
    scene.leon.run(["status", "--json"]).code(6);
    let led_on = scene.leon.json(["case", "continue", CASE, "--yes"]);
    let left = led_on["not_taken_along"].as_array().expect("a list").clone();
    assert!(left.iter().any(|person| person["devices"] == serde_json::json!([2])), "{led_on}");
    assert_eq!(writes(&scene.leon, "only among us"), 0);
    let read = ghost.run(["note", "list", "--json", CASE]).stdout;
    assert!(!read.contains("only among us"), "{read}");
    // The control: Rosa has come over and reads it.
    scene.rosa.run(["status", "--json"]);
    assert_eq!(texts(&scene.rosa), ["only among us"]);
}

/// A ghost is put into the case that leads another one on, by its owner, who was deceived.
/// Who: admin
/// Sees: a new device of a person with its words; the note waits until they are compared
/// Step: 8, "Nothing is sealed for a seat that this device has no reason to believe"
#[tokio::test]
async fn a_ghost_that_an_owner_puts_into_a_successor_is_believed_by_nobody_else() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "from the first laptop");
    for staff in [&scene.rosa, &hannah, &scene.leon] {
        staff.run(["status", "--json"]).success();
    }
    Rogue::join(&scene, &[]).await.spoil().await;
    scene.rosa.run(["status", "--json"]).code(6);
    scene.rosa.json(["case", "continue", CASE, "--yes"]);
    let ghost = scene.another_laptop_of_leon(2);
    ghost.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    hannah.run(["status", "--json"]);
    assert_eq!(changes(&hannah), [("Leon Baptiste".to_owned(), words_of(&ghost))]);
    assert_eq!(writes(&hannah, "she is at 12 Elm Street"), 10);
    // The control: whoever has compared them writes, and it reads that.
    hannah.run(["verify", "--people", "Leon Baptiste", "--yes"]).success();
    assert_eq!(writes(&hannah, "now that we have spoken"), 0);
    ghost.accept_from(&scene.rosa);
    assert_eq!(texts(&ghost), ["now that we have spoken"]);
}
