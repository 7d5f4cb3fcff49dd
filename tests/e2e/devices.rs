//! A person's second device: added by the first, and then it reads what the first one reads.

use crate::{
    rollover::Life,
    scene::{CASE, Scene, document, texts, write},
};
use alcove_tests::{
    samples::{same_bytes, write_seeded},
    world::path,
};

#[test]
fn a_second_device_is_added_by_the_first_and_has_the_whole_history() {
    let scene = Scene::with_case();
    // Nothing of this is marked as to be passed on: it is the same person who reads it.
    write(&scene.rosa, "from another agency");
    write(&scene.leon, "from the first device");
    let file = scene.world.path("statement.pdf");
    write_seeded(&file, 7, 300_000);
    scene.rosa.run(["doc", "send", CASE, path(&file), "--yes", "--json"]).success();
    assert_eq!(texts(&scene.leon).len(), 2);

    let second = scene.another_laptop_of_leon(2);
    scene.leon.run(["device", "add", "3", "--yes"]).code(3);
    second.run(["status", "--json"]).success();
    let listed = scene.leon.json_lines(["device", "list"]);
    let summary = |device: &serde_json::Value| {
        (device["number"].clone(), device["this"].clone(), device["cases"].clone())
    };
    assert_eq!(
        listed.iter().map(summary).collect::<Vec<_>>(),
        [(1.into(), true.into(), 1.into()), (2.into(), false.into(), 0.into())]
    );

    // The words that are shown are those the second device shows.
    let said = second.run(["verify", "--offline"]).success();
    let asked = scene.leon.run(["device", "add", "2"]).code(2);
    let words = said.stderr.lines().find_map(|line| line.split("The words of this device: ").nth(1));
    let words = words.expect("it says its words").trim();
    assert!(asked.stderr.contains(words), "{} in {}", words, asked.stderr);

    let added = scene.leon.json(["device", "add", "2", "--yes"]);
    assert_eq!((&added["handed_over"], &added["not_handed_over"]), (&3.into(), &0.into()), "{added}");
    assert_eq!(texts(&second), ["from another agency", "from the first device"]);
    let back = scene.world.path("back");
    second.run(["doc", "get", &document(&second, "statement.pdf"), "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
    // Both write, and nobody has to look at a key.
    write(&second, "from the second device");
    assert_eq!(texts(&scene.rosa).last().map(String::as_str), Some("from the second device"));
    write(&scene.rosa, "to both");
    for device in [&scene.leon, &second] {
        assert_eq!(texts(device).last().map(String::as_str), Some("to both"));
    }
    assert!(scene.leon.json_lines(["device", "add", "2", "--yes"]).is_empty(), "there is nothing left to do");
}

#[test]
fn what_another_agency_wrote_is_still_handed_to_nobody_else() {
    let scene = Scene::with_case();
    write(&scene.rosa, "for Leon's agency");
    assert_eq!(texts(&scene.leon).len(), 1);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    let hannah = scene.hannah();
    let add = ["member", "add", CASE, "Hannah Kessler", "--history", "all", "--yes", "--json"];
    let added = scene.leon.run(add).success().json();
    assert_eq!(added["granted"].as_array().map(Vec::len), Some(0), "{added}");
    assert_eq!(added["withheld"].as_array().map(Vec::len), Some(1), "{added}");
    hannah.accept_from(&scene.leon);
    assert!(texts(&hannah).is_empty());
}

#[test]
fn a_revocation_by_mistake_is_mended_by_a_new_certificate_into_the_same_vault() {
    let life = Life::begin();
    life.exchange("before the mistake");
    let ca = life.world.agency_folder("childprotection");
    let revoke = ["revoke", "--ca", path(&ca), "--identity", &life.leon.identity()];
    life.world.at_desk("childprotection", life.desk.address(), revoke).outcome().success();
    assert_ne!(life.leon.command(["status", "--json"]).outcome().code, 0, "the control: it is shut out");
    life.rosa.run(["status", "--json"]).success();

    // By files, into the vault that is there: the desk takes no renewal by a certificate that is revoked.
    let (request, answer) = (life.world.path("again.req"), life.world.path("again.cert"));
    life.leon.run(["enrol", "request", "-o", path(&request)]).success();
    let (charter, server, handle) =
        (life.world.charter(), life.door.address().to_string(), life.leon.handle());
    let issue = ["issue", path(&request), "--ca", path(&ca), "--charter", path(&charter)];
    let who = ["--handle", &handle, "--device", "1", "--name", "Leon Baptiste", "--role", "case manager"];
    let more = ["--server", &server, "-o", path(&answer)];
    life.world.certs(issue.into_iter().chain(who).chain(more)).success();
    life.leon.run(["enrol", "finish", path(&answer)]).success();
    life.leon.run(["status", "--json"]).success();
    let notes = life.leon.json_lines(["note", "list", CASE]);
    assert!(!notes.is_empty(), "what it had read is there");

    // Its leaf was removed; who adds it is told the words of its new key.
    life.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    life.leon.run(["status", "--json"]).success();
    life.exchange("after the mistake");
}
