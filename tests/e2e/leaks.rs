//! What the server wrote: nothing that people said, named or sent.

use crate::scene::{CASE, Scene};
use alcove_tests::{
    canaries::Canaries,
    faults::Fault,
    forward::{Forward, Manner},
    process::{Outcome, Run},
    samples::{SeededBytes, same_bytes},
    world::{World, path},
};
use std::{fs, io::Read, os::unix::fs::PermissionsExt};

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

#[test]
fn what_doctor_tells_programs_names_no_person_case_server_or_folder() {
    let (scene, elsewhere) = (Scene::with_case(), World::with_agencies(1));
    let impostor = elsewhere.start_server();
    let (open, refusing) =
        (Forward::new(Manner::Connects), Forward::new(Manner::Answers("HTTP/1.1 403 Forbidden")));
    let nowhere = scene.world.path("vault-of-rosa");
    let wrong = scene.world.path("wrong-words");
    fs::write(&wrong, "not the passphrase of anything").expect("a file can be written");
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).expect("permissions can be set");
    let own = scene.rosa.home.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
    let names = [
        "Rosa",
        "Iglesias",
        "Leon",
        CASE,
        "harborlight",
        "northmark",
        "127.0.0.1",
        "vault-of-rosa",
        "wrong-words",
        own,
        path(scene.world.folder()),
    ];
    let named = |outcome: &Outcome| {
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        names.into_iter().filter(|name| said.contains(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut controls = Vec::new();
    let mut look = |state: &str, change: &dyn Fn(Run) -> Run| {
        let json = change(scene.rosa.command(["doctor", "--json"])).outcome();
        assert!(
            json.stdout.contains("alcove.") || json.stderr.contains("alcove."),
            "{state}: {}",
            json.stderr
        );
        assert_eq!(named(&json), [""; 0], "{state}: {}{}", json.stdout, json.stderr);
        controls.extend(named(&change(scene.rosa.command(["doctor"])).outcome()));
    };
    look("all is well", &|run| run);
    look("by a proxy", &|run| run.env("HTTPS_PROXY", open.url("")));
    look("by a proxy that refuses", &|run| run.env("HTTPS_PROXY", refusing.url("")));
    look("no vault", &|run| run.env("ALCOVE_HOME", &nowhere));
    look("another passphrase", &|run| run.env("ALCOVE_PASSPHRASE_FILE", &wrong));
    fs::set_permissions(&scene.rosa.home, fs::Permissions::from_mode(0o755)).expect("permissions can be set");
    look("a folder that others may read", &|run| run);
    scene.proxy.retarget(impostor.address());
    look("another server", &|run| run);
    scene.proxy.set(Fault::Refuse);
    look("no server", &|run| run);
    for name in ["127.0.0.1", "vault-of-rosa", own] {
        assert!(controls.iter().any(|found| found == name), "the control: {name} is told to the person");
    }
}
