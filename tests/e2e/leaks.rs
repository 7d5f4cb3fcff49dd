//! What the server wrote: nothing that people said, named or sent.

use crate::scene::Scene;
use alcove_tests::{
    canaries::Canaries,
    samples::{SeededBytes, same_bytes},
    world::path,
};
use std::{fs, io::Read};

#[test]
fn the_server_writes_nothing_of_what_people_say_send_or_are_called() {
    let mut scene = Scene::new();
    let mut canaries = Canaries::default();
    let title = canaries.plant("AMBER-LANTERN-31");
    let text = canaries.plant("Ximena Quispe Ñahui waits at the Elm Street shelter.");
    let correction = canaries.plant("She has moved to the Oak Street shelter.");
    let name = canaries.plant("declaración_jurada_QX7.pdf");
    for person in ["Rosa Iglesias-Peña", "Leon Baptiste", "Hannah Kessler", "child-safety worker"] {
        canaries.plant(person);
    }
    // The beginning and the middle of a document of more than one chunk.
    let first = canaries.plant("CANARY-IN-THE-FIRST-CHUNK");
    let second = canaries.plant("CANARY-IN-THE-SECOND-CHUNK");
    let mut bytes = vec![0; 2 << 20];
    SeededBytes::new(31).read_exact(&mut bytes).expect("seeded bytes have no end");
    bytes[4000..][..first.len()].copy_from_slice(first.as_bytes());
    bytes[1_500_000..][..second.len()].copy_from_slice(second.as_bytes());
    let file = scene.world.path(&name);
    fs::write(&file, &bytes).expect("the sample can be written");

    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "new", &title, "--json"]).success();
    scene.rosa.run(["member", "add", &title, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    let note = scene.rosa.command(["note", "add", &title, "-", "--yes", "--json"]).stdin(&text).outcome();
    let note = note.success().json()["id"].as_str().expect("a note has an id").to_owned();
    let correct = ["note", "correct", &title, &note, "-", "--yes", "--json"];
    scene.rosa.command(correct).stdin(&correction).outcome().success();
    scene.rosa.run(["doc", "send", &title, path(&file), "--yes", "--json"]).success();
    scene.kill_and_restart_server();
    let hannah = scene.hannah();
    scene.leon.run(["case", "list", "--json"]).success();
    scene.rosa.run(["member", "add", &title, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    scene.rosa.run(["member", "grant", &title, "Hannah Kessler", &note, "--yes", "--json"]).success();
    assert_eq!(hannah.json_lines(["note", "list", &title])[0]["text"], *text, "the control: it was all said");
    let documents = scene.leon.json_lines(["doc", "list", &title]);
    assert_eq!(documents[0]["name"], *name);
    let id = documents[0]["id"].as_str().expect("a document has an id");
    let back = scene.world.path("back");
    scene.leon.run(["doc", "get", id, "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&file, &back));
    // What goes wrong must not talk either.
    scene.leon.run(["member", "remove", &title, "Rosa Iglesias-Peña", "--yes", "--json"]);

    let folder = scene.world.server_folder();
    let log = scene.server.log();
    assert!(log.contains("serving"), "the log is in the folder that is searched");
    scene.server.kill();
    let (found, searched) = canaries.search_with_control(&folder);
    assert!(found.is_empty(), "{found:?}");
    assert!(searched > 2 << 20, "{searched} bytes: less than the document alone");
}
