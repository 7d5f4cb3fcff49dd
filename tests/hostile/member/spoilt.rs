//! A member whose program signs what nobody can process.

use crate::{
    lying_answers::{alarms, case},
    scene::{CASE, Scene, write},
    support::rogue::Rogue,
};

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
    let led_on = scene.rosa.json(["case", "succeed", CASE, "--yes"]);
    assert_eq!(led_on["left_out"]["person"], rogue.caller.identity.person.to_string());
    // The control: everybody else is there, and it goes on.
    assert_eq!(led_on["waiting"], serde_json::json!([]), "{led_on}");
    write(&scene.rosa, "we go on here");
    scene.leon.run(["status", "--json"]);
    assert_eq!(scene.leon.json_lines(["member", "list", CASE]).len(), 2);
}
