//! Cases of people with whom one has never worked: they wait for a yes.

use crate::{
    keys::words_of,
    scene::{CASE, Scene, texts, write},
    support::{
        caller::{Caller, start_of},
        owner::Owner,
    },
};
use alcove_proto::names::Identity;
use alcove_tests::world::Staff;
use serde_json::Value;

fn requests(staff: &Staff) -> Vec<Value> {
    staff.json_lines(["case", "requests"])
}

fn cases(staff: &Staff) -> usize {
    staff.json_lines(["case", "list"]).len()
}

/// Opens a case and puts somebody on it.
fn put_on(adder: &Staff, title: &str, name: &str) {
    adder.run(["case", "new", title, "--json"]).success();
    adder.run(["member", "add", title, name, "--yes", "--json"]).success();
}

/// A stranger makes twelve welcomes, more than the server shows at a time, so that nobody else's are seen behind them.
/// Who: stranger
/// Sees: at most eight requests by the stranger; the case that a partner adds them to is there at once
/// Step: 8, "A welcome that waits for a person is stored in the vault"
#[tokio::test]
async fn twelve_welcomes_of_a_stranger_hide_no_honest_one() {
    let scene = Scene::with_case();
    let leon: Identity = scene.leon.identity().parse().expect("a name");
    let caller = Caller::enrol(&scene.world, "elmgate", scene.server.address());
    let group = caller.create_group().await;
    let at = start_of(&group.id());
    let mut stranger = Owner { caller, group, at };
    for _ in 0..12 {
        stranger.add(&leon).await;
        stranger.group = stranger.caller.create_group().await;
        stranger.at = start_of(&stranger.group.id());
    }
    put_on(&scene.rosa, "AMBER-FINCH-12", "Leon Baptiste");
    assert_eq!(cases(&scene.leon), 2, "whoever shares a case with him is not asked about");
    let waiting = requests(&scene.leon);
    let person = stranger.caller.identity.person.to_string();
    assert_eq!(waiting.len(), 8, "eight of one person");
    assert!(waiting.iter().all(|request| request["by"]["person"] == person.as_str()), "{waiting:?}");
    assert_eq!(scene.leon.json(["status"])["requests"], 8);
    assert_eq!(cases(&scene.leon), 2, "and nothing comes in by itself later");

    // The control: they were good. One yes to that person joins all that wait.
    scene.leon.run(["case", "accept", "--from", &person, "--yes", "--json"]).success();
    assert_eq!((cases(&scene.leon), requests(&scene.leon).len()), (10, 0));
}

/// Somebody of an agency that one works with, but whom one never met, puts one on a case with a title that tells.
/// Who: stranger
/// Sees: who asks, of which agency, and the words of their device; neither title nor readers before a yes
/// Step: 8, "A welcome waits for a person's yes unless its adder"
#[test]
fn a_stranger_of_a_known_agency_waits_and_shows_no_title() {
    let scene = Scene::with_case();
    let address = scene.proxy.address();
    let grace = scene.world.enrol("harborlight", "Grace Adeyemi", "attorney", address);
    put_on(&grace, "WE-KNOW-WHERE-YOU-LIVE", "Leon Baptiste");
    for command in
        [&["case", "list"][..], &["case", "requests"], &["status"], &["case", "requests", "--json"]]
    {
        let run = scene.leon.run(command).success();
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains("WE-KNOW"), "{command:?}: {said}");
        assert!(said.contains("request") || said.contains("Grace Adeyemi"), "{command:?}: {said}");
    }
    let request = requests(&scene.leon).remove(0);
    assert_eq!(request["by"]["name"], "Grace Adeyemi");
    assert_eq!(request["words"], words_of(&grace).as_str(), "she reads out the same");

    // Declined, it is not offered again, and she is told nothing. She may ask again.
    let id = request["id"].as_str().expect("an id");
    scene.leon.run(["case", "decline", id, "--yes", "--json"]).success();
    assert!(requests(&scene.leon).is_empty());
    let readers = grace.json_lines(["member", "list", "WE-KNOW-WHERE-YOU-LIVE"]);
    assert_eq!(readers.len(), 2, "to her he is a member");
    put_on(&grace, "SECOND-TRY-02", "Leon Baptiste");
    scene.leon.accept_from(&grace);
    assert_eq!(cases(&scene.leon), 2);

    // The control: a colleague whom he never met either needs no yes.
    let naomi = scene.world.enrol("childprotection", "Naomi Castellane", "supervisor", address);
    put_on(&naomi, "TALL-OAK-01", "Leon Baptiste");
    assert_eq!((cases(&scene.leon), requests(&scene.leon).len()), (3, 0));
}

/// Somebody with whom one shares no case any more puts one on the next one.
/// Who: stranger
/// Sees: a request by their name
/// Step: 8, "neither removed nor leaving nor led on"
#[test]
fn whoever_shared_a_case_that_is_over_is_asked_about_again() {
    let scene = Scene::with_case();
    put_on(&scene.rosa, "AMBER-FINCH-12", "Leon Baptiste");
    assert_eq!(cases(&scene.leon), 2, "the control: while they share one, nobody is asked");
    scene.rosa.run(["member", "remove", "AMBER-FINCH-12", "Leon Baptiste", "--yes", "--json"]).success();
    scene.leon.run(["case", "leave", CASE, "--yes", "--json"]).success();
    put_on(&scene.rosa, "TALL-OAK-01", "Leon Baptiste");
    let waiting = requests(&scene.leon);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(
        (&waiting[0]["by"]["name"], &waiting[0]["known_case"]),
        (&"Rosa Iglesias-Peña".into(), &Value::Null)
    );
    let open = scene.leon.json(["status"])["cases"].clone();
    assert_eq!(open, 0, "neither of the two that are over, nor the new one");
}

/// A stranger's case has the title of one that the person knows: notes for that one are to go to the stranger.
/// Who: stranger
/// Sees: that two cases have one title, with both ids; the title alone names neither
/// Step: 8, "When two open groups have the same title, the person is told"
#[test]
fn a_case_with_the_title_of_a_known_one_is_told_and_takes_no_notes_by_its_title() {
    let scene = Scene::with_case();
    let known = scene.leon.json(["case", "show", CASE])["id"].as_str().expect("an id").to_owned();
    let hannah = scene.hannah();
    put_on(&hannah, CASE, "Leon Baptiste");
    write(&scene.leon, "while it waits, the title is the known case's");
    assert_eq!(texts(&scene.rosa).len(), 1);

    let accepted = scene.leon.run(["case", "accept", "--from", "Hannah Kessler", "--yes"]).success();
    let all = scene.leon.json_lines(["case", "list"]);
    let other =
        all.iter().filter_map(|case| case["id"].as_str()).find(|id| *id != known).expect("a second one");
    for id in [&known[..8], &other[..8]] {
        assert!(accepted.stderr.contains(id), "{id}: {}", accepted.stderr);
    }
    let note = ["note", "add", CASE, "-", "--yes", "--json"];
    scene.leon.command(note).stdin("to whom?").outcome().code(12);
    let by_id = ["note", "add", &known, "-", "--yes", "--json"];
    scene.leon.command(by_id).stdin("by its id").outcome().success();
    assert_eq!(texts(&scene.rosa).len(), 2, "the control");

    // The same of one's own, made beside a partner's, and of one that comes in by itself. Once: it is no alarm.
    put_on(&scene.rosa, "AMBER-FINCH-12", "Leon Baptiste");
    scene.leon.run(["status"]).success();
    let made = scene.leon.run(["case", "new", "AMBER-FINCH-12"]).success();
    assert!(made.stderr.contains("Two cases have the same title"), "{}", made.stderr);
    scene.leon.run(["case", "new", "TALL-OAK-01", "--json"]).success();
    put_on(&scene.rosa, "TALL-OAK-01", "Leon Baptiste");
    let came = scene.leon.run(["status"]).success();
    assert!(came.stderr.contains("Two cases have the same title"), "{}", came.stderr);
    let later = scene.leon.run(["status"]).success();
    assert!(!later.stderr.contains("Two cases have the same title"), "{}", later.stderr);
}
