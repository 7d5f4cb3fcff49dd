//! A device on its way back into a case, after its vault was put back from a copy: with documents, with a second laptop,
//! and through death at every sync.

use crate::{
    scene::{CASE, Scene, document, texts, write},
    support::backup::Backup,
};
use alcove_tests::{
    needs::{skip_unless, strace_works},
    samples::{same_bytes, write_seeded},
    world::path,
};

/// Kills at most this many times; each is one run of the program.
const DEATHS_MAX: usize = 12;

#[test]
fn a_way_back_survives_death_at_every_sync_of_the_laptop() {
    if skip_unless(strace_works(), "death at every sync", "strace with ptrace") {
        return;
    }
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    // Their own first changes of their leaves are not to come in between.
    for person in [&scene.leon, &hannah, &scene.rosa] {
        person.run(["status", "--json"]).success();
    }
    let backup = Backup::of(&scene.rosa);
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let frozen = |scene: &Scene| scene.rosa.json(["case", "show", CASE])["frozen"] == true;
    let mut deaths = Vec::new();
    for death in 1..=DEATHS_MAX {
        backup.put_back();
        scene.rosa.run(["status", "--json"]).code(6);
        let rejoin = scene.rosa.command(["case", "rejoin", CASE, "--yes", "--json"]);
        let killed = rejoin.signalled_at_sync("KILL", death).outcome();
        scene.rosa.run(["status", "--json"]);
        let back = !frozen(&scene);
        if killed.code == 0 {
            assert!(back, "the control: whoever lives is back");
            break;
        }
        if !back {
            scene.rosa.run(["case", "rejoin", CASE, "--yes", "--json"]).success();
        }
        deaths.push(back);
        let text = format!("death {death}");
        write(&scene.rosa, &text);
        assert!(texts(&hannah).contains(&text), "death {death}: the others do not read on");
    }
    assert!((1..DEATHS_MAX).contains(&deaths.len()), "some deaths, and one run that lives: {deaths:?}");
    assert!(deaths.is_sorted(), "once it is safe, the next contact goes to its end: {deaths:?}");
    assert_eq!(deaths.last(), Some(&true), "it is safe before the last sync: {deaths:?}");
}

#[test]
fn a_sole_owner_reads_on_has_documents_and_gets_back_what_others_keep() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    for person in [&scene.leon, &hannah, &scene.rosa] {
        person.run(["status", "--json"]).success();
    }
    let files = ["before.pdf", "between.pdf", "after.pdf"].map(|name| scene.world.path(name));
    for (seed, file) in files.iter().enumerate() {
        write_seeded(file, seed as u64, 90_000);
    }
    let send = |index: usize| {
        scene.rosa.run(["doc", "send", CASE, path(&files[index]), "--yes", "--json"]).success();
    };
    write(&scene.rosa, "before");
    send(0);
    let backup = Backup::of(&scene.rosa);
    scene.rosa.run(["member", "remove", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let lost = write(&scene.rosa, "between");
    send(1);
    write(&hannah, "what Hannah wrote");
    backup.put_back();
    scene.rosa.run(["status", "--json"]).code(6);

    // Reading on for what is here, said as of when.
    for list in [["note", "list"], ["doc", "list"], ["member", "list"], ["case", "show"]] {
        let shown = scene.rosa.run([list[0], list[1], CASE]);
        assert!(shown.stdout.contains("AS OF"), "{list:?}: {}", shown.stdout);
    }
    assert_eq!(texts(&scene.rosa), ["before"]);
    let back = scene.world.path("back-before");
    scene.rosa.run(["doc", "get", &document(&scene.rosa, "before.pdf"), "-o", path(&back), "--yes"]);
    assert!(same_bytes(&files[0], &back), "what came before the backup is still there");

    let rejoined = scene.rosa.json(["case", "rejoin", CASE, "--yes"]);
    assert_eq!(rejoined["not_readable"], 3, "{rejoined}");
    for list in [["note", "list"], ["doc", "list"], ["member", "list"], ["case", "show"]] {
        let shown = scene.rosa.run([list[0], list[1], CASE]);
        assert!(!shown.stdout.contains("AS OF"), "the control: {list:?}: {}", shown.stdout);
    }
    send(2);
    let back = scene.world.path("back-after");
    hannah.run(["doc", "get", &document(&hannah, "after.pdf"), "-o", path(&back), "--yes"]).success();
    assert!(same_bytes(&files[2], &back));

    // What Rosa wrote herself another agency gives back; whatever it says, nobody new reads it.
    let between = document(&hannah, "between.pdf");
    hannah.run(["member", "grant", CASE, "Rosa Iglesias-Peña", &lost, &between, "--yes", "--json"]).success();
    assert_eq!(texts(&scene.rosa), ["before", "between"]);
    let back = scene.world.path("back-between");
    scene
        .rosa
        .run(["doc", "get", &document(&scene.rosa, "between.pdf"), "-o", path(&back), "--yes"])
        .success();
    assert!(same_bytes(&files[1], &back));
    assert_eq!(scene.rosa.json(["status"])["alarms"], serde_json::json!([]));
}

#[test]
fn a_second_laptop_vouches_for_the_first_one_and_gives_it_what_it_missed() {
    let scene = Scene::with_case();
    let second = scene.another_laptop_of_leon(2);
    second.run(["status", "--json"]).success();
    scene.leon.run(["device", "add", "2", "--yes"]).success();
    let hannah = scene.hannah();
    for person in [&second, &scene.leon, &scene.rosa] {
        person.run(["status", "--json"]).success();
    }
    let backup = Backup::of(&scene.leon);
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    scene.leon.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.leon);
    write(&scene.leon, "by the first");
    assert_eq!(texts(&hannah), ["by the first"]);
    // The newest change of the case is the second laptop's.
    second.run(["member", "remove", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    let missed = write(&second, "by the second");
    backup.put_back();
    scene.leon.run(["status", "--json"]).code(6);
    scene.leon.run(["case", "rejoin", CASE, "--yes", "--json"]).success();
    write(&scene.leon, "back again");
    for reader in [&scene.rosa, &second] {
        assert_eq!(texts(reader), ["by the first", "by the second", "back again"]);
    }
    second.run(["member", "grant", CASE, "Leon Baptiste", &missed, "--yes", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["by the second", "back again"]);
    for reader in [&scene.rosa, &scene.leon, &second] {
        assert_eq!(reader.json(["status"])["alarms"], serde_json::json!([]), "{}", reader.name);
    }
    hannah.run(["status", "--json"]);
    assert_eq!(texts(&hannah), ["by the first"], "whoever was removed reads nothing that came after");
}
