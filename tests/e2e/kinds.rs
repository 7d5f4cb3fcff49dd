//! Records of kinds that a program does not know: kept as they were signed, and opened by the first program that does.

use crate::scene::{CASE, Scene, document, texts, write};
use alcove_client::session::{Kinds, Passphrase, Session, SystemClock, UnreadableCause};
use alcove_proto::{ids::GroupId, v1::RecordKind};
use alcove_tests::world::{PASSPHRASE, Staff};
use ring::rand::SystemRandom;
use std::{fs, sync::Arc};
use tokio::runtime::Runtime;

/// A program that knows these kinds, on somebody's vault.
fn program(kinds: Kinds, staff: &Staff) -> Session {
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom::new()));
    Session::open_knowing(kinds, &staff.home, &passphrase, clock, random)
        .expect("every program opens its vault")
}

/// Brings the vault up to date; answers the one case in it, and how much of that needs a newer program.
fn read(program: &Session, runtime: &Runtime) -> (GroupId, usize) {
    runtime.block_on(program.sync()).expect("the server can be reached");
    let cases = program.conversations(true).expect("the vault can be read");
    let [case] = cases.as_slice() else { panic!("one case: {cases:?}") };
    let unreadable = program.unreadable(&case.id).expect("the vault can be read");
    assert!(unreadable.iter().all(|item| item.cause == UnreadableCause::NeedsNewerAlcove), "{unreadable:?}");
    (case.id, unreadable.len())
}

fn items(staff: &Staff) -> serde_json::Value {
    staff.json_lines(["case", "list"])[0]["items"].clone()
}

#[test]
fn notes_that_an_older_program_kept_stand_in_their_place_once_it_is_replaced() {
    let scene = Scene::with_case();
    let runtime = Runtime::new().expect("a runtime");
    write(&scene.rosa, "the first");
    let path = scene.world.path("list.txt");
    fs::write(&path, "a list").expect("it can be written");
    let path = path.to_str().expect("a path of the tests");
    scene.rosa.run(["doc", "send", CASE, path, "--yes", "--json"]).success();
    write(&scene.rosa, "the second");

    let before = program(Kinds::without(RecordKind::Note), &scene.leon);
    let (case, unreadable) = read(&before, &runtime);
    assert_eq!(unreadable, 2);
    assert!(before.notes(&case, None).expect("the vault can be read").is_empty());
    assert_eq!(before.documents(&case).expect("the vault can be read").len(), 1, "the rest is read");
    drop(before);

    let after = program(Kinds::all(), &scene.leon);
    let news = || runtime.block_on(after.sync()).expect("the server can be reached").notes;
    assert_eq!([news(), news()], [2, 0], "the reader is told of them, once");
    drop(after);
    assert_eq!(texts(&scene.leon), ["the first", "the second"]);
    document(&scene.leon, "list.txt");
    assert_eq!(items(&scene.leon), 3);
    assert_eq!(items(&scene.leon), 3, "once");
    // What was kept may be handed over like everything else, and what follows it follows.
    write(&scene.leon, "the third");
    assert_eq!(texts(&scene.rosa), ["the first", "the second", "the third"]);
    let after = program(Kinds::without(RecordKind::Document), &scene.leon);
    assert_eq!(read(&after, &runtime).1, 1, "a program of before it shows it as what it is");
    drop(after);
    assert_eq!(items(&scene.leon), 4, "and nothing is taken twice");
}

#[test]
fn a_grant_that_an_older_program_kept_brings_its_records_once_it_is_replaced() {
    let scene = Scene::new();
    let runtime = Runtime::new().expect("a runtime");
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "new", CASE, "--json"]).success();
    let early = write(&scene.rosa, "from before Leon came");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.accept_from(&scene.rosa);
    scene.rosa.run(["member", "grant", CASE, "Leon Baptiste", &early, "--yes", "--json"]).success();

    let before = program(Kinds::without(RecordKind::Grant), &scene.leon);
    let (case, unreadable) = read(&before, &runtime);
    assert_eq!(unreadable, 1);
    assert!(before.notes(&case, None).expect("the vault can be read").is_empty());
    drop(before);

    scene.leon.run(["status", "--json"]).success();
    assert_eq!(texts(&scene.leon), ["from before Leon came"]);
    assert_eq!(items(&scene.leon), 1);
}
