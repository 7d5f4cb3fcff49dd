//! Leaving a case: MLS lets nobody remove itself, so an owner's program completes it.

use crate::scene::{CASE, Scene, texts, write};

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
    assert!(refused.stderr.contains("asked to be taken off"), "{}", refused.stderr);
    scene.leon.run(["case", "leave", CASE, "--yes"]).success();

    // A member who is no owner leaves it to one.
    hannah.run(["status", "--json"]).success();
    assert_eq!(hannah.json_lines(["member", "list", CASE]).len(), 3);
    scene.rosa.run(["status", "--json"]).success();
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
