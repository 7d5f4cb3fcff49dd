//! Enrolment by invitation, with the real programs: the three steps, and everything that is refused.

use alcove_tests::{
    process::Outcome,
    world::{Server, Staff, World, path},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An invitation of Harborlight's admin for somebody.
#[track_caller]
fn invite(world: &World, server: &Server, name: &str) -> PathBuf {
    let file = world.path(&format!("invitation-{}", name.len()));
    let (desk, address) = (server.desk(), server.address().to_string());
    let invite =
        ["invite", "--name", name, "--role", "case manager", "--server", &address, "-o", path(&file)];
    world.at_desk("harborlight", desk, invite).outcome().success();
    file
}

#[track_caller]
fn accept(staff: &Staff, invitation: &Path) -> Value {
    staff.json(["enrol", "accept", path(invitation)])
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is missing in {value}"))
}

/// How far somebody's request is, which has not been answered.
#[track_caller]
fn not_yet(staff: &Staff) -> String {
    let outcome = staff.command(["enrol", "finish", "--json"]).outcome().code(7);
    text(&outcome.json(), "state").to_owned()
}

/// What the admin sees waiting.
#[track_caller]
fn pending(world: &World, server: &Server) -> Vec<Value> {
    let outcome = world.at_desk("harborlight", server.desk(), ["pending", "--json"]).outcome().success();
    outcome.json_lines()
}

#[track_caller]
fn approve(world: &World, server: &Server, identity: &str, words: &str) -> Outcome {
    world.at_desk("harborlight", server.desk(), ["approve", identity, "--words", words]).outcome()
}

#[test]
fn a_person_is_enrolled_in_three_steps_and_works() {
    let world = World::with_agencies(2);
    let server = world.start_server_with_desk();
    let invitation = invite(&world, &server, "Rosa Iglesias-Peña");
    let said = fs::read_to_string(&invitation).expect("the invitation is there");
    assert!(
        said.starts_with("alcove-invitation-1-") && !said.contains("Rosa"),
        "a line of text without a name"
    );

    let rosa = world.laptop("Rosa Iglesias-Peña");
    let waiting = accept(&rosa, &invitation);
    assert_eq!(text(&waiting, "state"), "waiting");
    // Asking again is the same request, and nothing has been decided yet.
    assert_eq!(accept(&rosa, &invitation)["words"], waiting["words"]);
    // The same out of the mail that it came with, and never one of two.
    let alone = fs::read_to_string(&invitation).expect("the invitation is there");
    let mail = world.path("mail");
    let (start, end) = alone.trim().split_at(70);
    let quoted = format!("\u{feff}Hello Rosa,\r\n\r\n> \u{201c}{start}=\r\n> {end}\u{201d}\r\n\r\nNora\r\n");
    fs::write(&mail, quoted).expect("a mail can be written");
    assert_eq!(accept(&rosa, &mail)["words"], waiting["words"]);
    let other = fs::read_to_string(invite(&world, &server, "Mateo Rivera")).expect("the invitation is there");
    fs::write(&mail, format!("{alone}{other}")).expect("a mail can be written");
    rosa.run(["enrol", "accept", path(&mail), "--json"]).code(12);
    assert_eq!(not_yet(&rosa), "waiting");

    let seen = pending(&world, &server);
    let request = seen.iter().find(|object| object["words"] == waiting["words"]);
    let request = request.unwrap_or_else(|| panic!("the admin sees the same words: {seen:?}"));
    assert_eq!(text(request, "identity"), text(&waiting, "identity"));
    let wrong = "apple apple apple apple apple apple";
    assert_ne!(approve(&world, &server, text(&waiting, "identity"), wrong).code, 0);
    assert_eq!(not_yet(&rosa), "waiting", "wrong words sign nothing");

    approve(&world, &server, text(&waiting, "identity"), text(&waiting, "words")).success();
    rosa.run(["enrol", "finish"]).success();
    assert_eq!(text(&rosa.json(["status"]), "name"), "Rosa Iglesias-Peña");

    // The server has seen neither name nor role, and both can work together with somebody enrolled by files.
    let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", server.address());
    leon.run(["status", "--json"]).success();
    rosa.run(["case", "new", "QUIET-MAPLE-07", "--json"]).success();
    rosa.run(["member", "add", "QUIET-MAPLE-07", "Leon Baptiste", "--yes", "--json"]).success();
    leon.accept_from(&rosa);
    let note = ["note", "add", "QUIET-MAPLE-07", "-", "--yes", "--json"];
    rosa.command(note).stdin("hello").outcome().success();
    let read = leon.json_lines(["note", "list", "QUIET-MAPLE-07"]);
    assert!(read.iter().any(|note| note["text"] == "hello"), "{read:?}");
}

#[test]
fn a_used_a_guessed_and_a_withdrawn_invitation_are_refused_and_the_admin_sees_each() {
    let world = World::with_agencies(1);
    let server = world.start_server_with_desk();
    let invitation = invite(&world, &server, "Rosa Iglesias-Peña");
    let (rosa, thief) = (world.laptop("Rosa Iglesias-Peña"), world.laptop("somebody else"));
    let waiting = accept(&rosa, &invitation);

    // A second device on the same code: an invitation that was read on its way.
    let used = thief.run(["enrol", "accept", path(&invitation)]).code(9);
    assert!(used.stderr.contains("already"), "{}", used.stderr);
    // A letter that is wrong never leaves the laptop.
    let mut broken = fs::read_to_string(&invitation).expect("the invitation is there");
    broken = broken.replacen("A", "B", 1);
    let damaged = world.path("damaged");
    fs::write(&damaged, &broken).expect("it can be written");
    world.laptop("nobody").run(["enrol", "accept", path(&damaged)]).code(12);

    // Withdrawn before it was used.
    let other = invite(&world, &server, "Mateo Rivera");
    let invited = pending(&world, &server);
    // Each is told once: a second look tells what has happened since.
    let mut log = serde_json::to_string(&invited).expect("it is JSON");
    let open = invited.iter().find(|object| object["used"] == false);
    let open = open.unwrap_or_else(|| panic!("an open invitation is listed: {invited:?}"));
    let identity = text(open, "identity").to_owned();
    world.at_desk("harborlight", server.desk(), ["withdraw", &identity]).outcome().success();
    world.laptop("Mateo Rivera").run(["enrol", "accept", path(&other)]).code(3);

    // Refused by the admin: told so, and it stays so.
    world.at_desk("harborlight", server.desk(), ["refuse", text(&waiting, "identity")]).outcome().success();
    let refused = rosa.run(["enrol", "finish"]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(refused.stderr.contains("admin"), "{}", refused.stderr);
    log += &serde_json::to_string(&pending(&world, &server)).expect("it is JSON");
    for kind in ["handed-in", "used-code", "not-invited"] {
        assert!(log.contains(kind), "the admin sees {kind}: {log}");
    }
}
