//! Leaving a case: MLS lets nobody remove itself, so an owner's program completes it.

use crate::{
    scene::{CASE, Scene, texts, write},
    support::rogue::Rogue,
};
use alcove_e2ee::records::{Leave, Payload};

#[test]
fn whoever_leaves_stops_sending_and_is_taken_off_by_an_owners_program() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "my last word");
    let leaving = scene.leon.run(["case", "leave", CASE, "--yes", "--json"]).success().json();
    assert_eq!((&leaving["leaving"], &leaving["closed"]), (&true.into(), &false.into()), "{leaving}");
    let refused = scene.leon.command(["note", "add", CASE, "-", "--yes"]).stdin("no more").outcome().code(12);
    assert!(refused.stderr.contains("asked to leave"), "{}", refused.stderr);
    scene.leon.run(["case", "leave", CASE, "--yes"]).success();

    // A member who is no owner leaves it to one.
    hannah.run(["status", "--json"]).success();
    assert_eq!(hannah.json_lines(["member", "list", CASE]).len(), 3);
    let told = scene.rosa.run(["status"]).success();
    assert!(
        told.stderr.contains("Leon Baptiste of") && told.stderr.contains("has left the case"),
        "{}",
        told.stderr
    );
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2, "the owner's program did it");
    write(&scene.rosa, "without him");
    let left = scene.leon.json(["case", "show", CASE]);
    assert_eq!((&left["leaving"], &left["closed"]), (&true.into(), &true.into()), "{left}");
    assert_eq!(texts(&scene.leon), ["my last word"], "what he had stays");
    assert_eq!(texts(&hannah), ["my last word", "without him"]);

    // He left by his own wish, so he is asked. Then he is a member like any other: the wish ended with the stay.
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--yes", "--json"]).success();
    let asked = scene.leon.json(["case", "requests"]);
    assert_eq!((&asked["known_case"], &asked["leads_on"]), (&left["id"], &true.into()), "{asked}");
    assert_eq!(scene.leon.json(["case", "show", CASE])["closed"], true, "nothing was done unasked");
    scene.leon.accept_from(&scene.rosa);
    assert_eq!(texts(&scene.leon), ["my last word"], "the case as before: it leads on");
    write(&scene.leon, "back again");
    scene.rosa.run(["status", "--json"]).success();
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 3, "and stays");
}

#[test]
fn the_last_owner_leaves_when_somebody_else_is_one() {
    let scene = Scene::with_case();
    let refused = scene.rosa.run(["case", "leave", CASE, "--yes"]).code(12);
    assert!(refused.stderr.contains("owner first"), "{}", refused.stderr);
    write(&scene.rosa, "and nothing has changed");
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "leave", CASE, "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    assert_eq!(scene.leon.json_lines(["member", "list", CASE]).len(), 1);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["closed"], true);
    scene.leon.run(["case", "leave", CASE, "--yes"]).code(12);
}

#[tokio::test]
async fn of_two_owners_who_leave_at_one_time_the_one_who_is_left_goes_on_and_is_told() {
    let scene = Scene::with_case();
    for reader in [&scene.leon, &scene.rosa] {
        reader.run(["status", "--json"]).success();
    }
    let other = Rogue::join(&scene, &["--owner"]).await;
    scene.rosa.run(["case", "leave", CASE, "--yes", "--json"]).success();
    let refused = scene.rosa.command(["note", "add", CASE, "-", "--yes"]).stdin("no more").outcome().code(12);
    assert!(refused.stderr.contains("asked to leave"), "{}", refused.stderr);
    other.say(&Payload::Leave(Leave), None, other.join.pin).await;

    // Her program takes the other one off, and nobody is left who could do the same for her.
    let told = scene.rosa.run(["status"]).success();
    assert!(told.stderr.contains("you are now the only one"), "{}", told.stderr);
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["leaving"], false);
    write(&scene.rosa, "I am still here");
    assert_eq!(texts(&scene.leon), ["I am still here"]);
    let again = scene.rosa.run(["status"]).success();
    assert!(!again.stderr.contains("you are now the only one"), "once: {}", again.stderr);
    scene.rosa.run(["case", "leave", CASE, "--yes"]).code(12);

    // The control: as she was told, she leaves it to somebody.
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "leave", CASE, "--yes", "--json"]).success();
    scene.leon.run(["status", "--json"]).success();
    assert_eq!(scene.rosa.json(["case", "show", CASE])["closed"], true);
}

#[test]
fn nobody_leaves_a_case_to_an_owner_who_leaves_too() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Leon Baptiste", "--owner", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["case", "leave", CASE, "--yes", "--json"]).success();
    let refused = scene.leon.run(["case", "leave", CASE, "--yes"]).code(12);
    assert!(refused.stderr.contains("No other owner would stay"), "{}", refused.stderr);
    assert!(refused.stderr.contains("member add CASE PERSON --owner"), "{}", refused.stderr);
    write(&scene.leon, "and nothing has changed");
    assert_eq!(texts(&hannah), ["and nothing has changed"]);
    assert_eq!(scene.rosa.json(["case", "show", CASE])["closed"], true, "her wish was first");
}

#[tokio::test]
async fn whoever_has_asked_to_leave_is_not_taken_along_into_the_case_that_leads_on() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    // Their own first changes of their leaves are not to come in between.
    for reader in [&scene.leon, &scene.rosa] {
        reader.run(["status", "--json"]).success();
    }
    let mut rogue = Rogue::join(&scene, &[]).await;
    scene.leon.run(["case", "leave", CASE, "--yes", "--json"]).success();
    rogue.spoil().await;
    scene.rosa.run(["status", "--json"]).code(6);
    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    let stays = led_on["not_taken_along"][0]["person"].as_str().expect("somebody stays behind");
    assert!(scene.leon.identity().starts_with(stays), "{led_on}");
    // The control: whoever has not asked is there.
    assert_eq!(scene.rosa.json_lines(["member", "list", CASE]).len(), 2);
    write(&scene.rosa, "we go on here");
    hannah.run(["status", "--json"]).code(6);
    assert_eq!(texts(&hannah), ["we go on here"]);
}
