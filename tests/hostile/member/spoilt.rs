//! A member whose program signs what nobody can process.

use crate::{
    lying_answers::{alarms, case},
    scene::{CASE, Scene, write},
    successors::{self, id_of_case, leads_on_under},
    support::rogue::Rogue,
};
use alcove_proto::ids::GroupId;
use serde_json::Value;

/// Signs a commit with a tag that only members can see to be wrong.
/// Who: member
/// Sees: the alarm `commit-unprocessable`, by the name of who signed it; an owner leads the case on without that person alone
/// Step: 8, "Whose fault"
#[tokio::test]
async fn whoever_signs_a_spoilt_commit_is_left_out_and_nobody_else() {
    let scene = Scene::with_case();
    let mut rogue = Rogue::join(&scene, &[]).await;
    rogue.spoil().await;
    scene.rosa.run(["status", "--json"]).code(6);
    let old = case(&scene.rosa);
    assert_eq!(alarms(&scene.rosa), ["commit-unprocessable"]);
    assert_eq!((&old["frozen"], &old["ordered_invalid_at"]), (&true.into(), &serde_json::Value::Null));
    let who = rogue.caller.identity.to_string();
    assert_eq!(old["alarms"][0]["device"], who.as_str(), "{old}");
    assert!(old["alarms"][0]["says"].as_str().is_some_and(|says| says.contains(&who)), "{old}");
    let led_on = scene.rosa.json(["case", "continue", CASE, "--yes"]);
    assert_eq!(led_on["left_out"]["person"], rogue.caller.identity.person.to_string());
    // The control: everybody else is there, and it goes on.
    assert_eq!(led_on["waiting"], serde_json::json!([]), "{led_on}");
    write(&scene.rosa, "we go on here");
    scene.leon.run(["status", "--json"]);
    assert_eq!(scene.leon.json_lines(["member", "list", CASE]).len(), 2);
}

/// Spoils a case, and then the one that leads it on, for the owner alone: the owner leads on once more without that person,
/// and somebody who was away hears of both at one time. The notes of whoever was away follow to the last one. Whichever of
/// the two ids is the lower one.
/// Who: member
/// Sees: what waited is sent to the last case alone, which those that were left out on the way do not read
/// Step: 8, "goes to the last of these groups"
#[tokio::test]
async fn whoever_was_left_out_on_the_way_reads_nothing_of_what_waited() {
    for (first, second) in [(2, 3), (3, 2)] {
        let scene = Scene::with_case();
        let hannah = scene.hannah();
        scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
        hannah.accept_from(&scene.rosa);
        let old = id_of_case(&scene.leon);
        let owner = Rogue::join(&scene, &["--owner"]).await;
        let mut spoiler = Rogue::join(&scene, &[]).await;
        spoiler.spoil().await;
        let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
        scene.leon.command(written).stdin("new address: 12 Elm Street").outcome().success();
        let (first, second) = (GroupId([first; 16]), GroupId([second; 16]));
        let seen = leads_on_under(first, &owner, owner.seen(), &[&scene.leon, &hannah]).await;
        leads_on_under(second, &owner, seen, &[&scene.leon]).await;

        scene.leon.run(["status", "--json"]).code(6);
        let (first, second) = (first.to_string(), second.to_string());
        assert_eq!(successors::case(&scene.leon, &old)["led_on_by"], first.as_str());
        assert_eq!(successors::case(&scene.leon, &first)["led_on_by"], second.as_str());
        let read = |staff: &alcove_tests::world::Staff, id: &str| -> Vec<Value> {
            staff.json_lines(["note", "list", id]).into_iter().map(|note| note["text"].clone()).collect()
        };
        hannah.run(["status", "--json"]).code(6);
        assert_eq!(read(&hannah, &first), [] as [Value; 0], "she was left out of the second one");
        // The control: it was sent, and nothing waits any more.
        assert_eq!(read(&scene.leon, &second), ["new address: 12 Elm Street"]);
        let waiting = scene.leon.json_lines(["outbox", "list", "--offline"]);
        assert!(waiting.iter().all(|item| item["kind"] != "note"), "{waiting:?}");
    }
}
