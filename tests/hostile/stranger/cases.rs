//! Cases that nobody asked for.

use crate::scene::{Scene, texts, write};
use alcove_tests::world::Staff;

/// The stranger opens a case and puts somebody on it. The run of the second command.
fn put_on(stranger: &Staff, title: &str, name: &str) -> alcove_tests::process::Outcome {
    stranger.run(["case", "new", title, "--json"]).success();
    stranger.run(["member", "add", title, name, "--yes", "--json"])
}

/// A stranger puts one and the same person on case after case, from the last-resort key package if need be.
/// Who: stranger
/// Sees: after as many as one person may do in a day the server refuses the stranger, and says when to go on
/// Step: 7, "What others have to bear is counted against the person who does it"
#[test]
fn nobody_is_put_on_cases_without_end() {
    let mut scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.restart_server_with("[limits]\nadditions_of_one_per_day_max = 3\nclaims_of_one_per_day_max = 20\n");
    for number in 1..=3 {
        put_on(&hannah, &format!("LOUD-ELM-{number:02}"), "Leon Baptiste").success();
    }
    let refused = put_on(&hannah, "LOUD-ELM-04", "Leon Baptiste").code(12);
    assert!(refused.stderr.contains("as often as the server allows"), "{}", refused.stderr);
    let asked_again = hannah.run(["member", "add", "LOUD-ELM-04", "Leon Baptiste", "--yes"]);
    assert_eq!(asked_again.code, 12, "and it is refused again: {}", asked_again.stderr);
    assert_eq!(scene.leon.json_lines(["case", "requests"]).len(), 3);
    // Nobody else is hampered by it, and the stranger may add others.
    put_on(&scene.rosa, "TALL-OAK-01", "Leon Baptiste").success();
    hannah.run(["member", "add", "LOUD-ELM-04", "Rosa Iglesias-Peña", "--yes", "--json"]).success();
}

/// A stranger takes one key package after another of the same person, so that no new ones are left for others.
/// Who: stranger
/// Sees: the server refuses the stranger before they are used up
/// Step: 7, "What others have to bear is counted against the person who does it"
#[test]
fn nobody_uses_up_the_key_packages_of_somebody_else() {
    let mut scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.restart_server_with("[limits]\nclaims_of_one_per_day_max = 2\n");
    for number in 1..=2 {
        put_on(&hannah, &format!("LOUD-ELM-{number:02}"), "Leon Baptiste").success();
    }
    let refused = put_on(&hannah, "LOUD-ELM-03", "Leon Baptiste").code(12);
    assert!(refused.stderr.contains("as often as the server allows"), "{}", refused.stderr);
    put_on(&scene.rosa, "TALL-OAK-01", "Leon Baptiste").success();
}

/// Somebody whom the person has blocked puts them on a case.
/// Who: stranger
/// Sees: nothing; the case does not show, no alarm is raised, and whoever was blocked is not told
/// Step: 8, "A welcome from a person who was **blocked**"
#[test]
fn whoever_is_blocked_puts_nobody_on_a_case() {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    let requests = || scene.leon.json_lines(["case", "requests"]).len();
    put_on(&hannah, "LOUD-ELM-01", "Leon Baptiste").success();
    assert_eq!(requests(), 1);
    scene.leon.run(["block", "Hannah Kessler", "--json"]).success();
    assert_eq!(scene.leon.json_lines(["block"])[0]["person"]["name"], "Hannah Kessler");
    assert_eq!(requests(), 0, "what waited is declined");

    put_on(&hannah, "LOUD-ELM-02", "Leon Baptiste").success();
    let status = scene.leon.json(["status"]);
    assert_eq!(status["alarms"].as_array().map(Vec::len), Some(0), "{status}");
    assert_eq!((&status["requests"], &status["cases"]), (&0.into(), &1.into()), "{status}");
    write(&scene.rosa, "others go on");
    assert_eq!(texts(&scene.leon), ["others go on"]);

    scene.leon.run(["unblock", "Hannah Kessler", "--json"]).success();
    assert!(scene.leon.json_lines(["block"]).is_empty());
    put_on(&hannah, "LOUD-ELM-03", "Leon Baptiste").success();
    assert_eq!(requests(), 1, "the control: she can ask again");
    scene.leon.accept_from(&hannah);
    scene.leon.run(["block", "Hannah Kessler", "--json"]).success();
    put_on(&hannah, "LOUD-ELM-04", "Leon Baptiste").success();
    let status = scene.leon.json(["status"]);
    assert_eq!(status["cases"], 2, "not even when they share a case: {status}");
}
