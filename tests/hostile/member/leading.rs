//! A member who leads a case on, with and without a reason: its last owner is revoked, or stands.

use crate::{
    hostile::server::revocation::{knows_of_it, revoke},
    keys::words_of,
    scene::{CASE, Scene, texts, write},
    successors::{case, claims_to_lead_on, id_of_case},
    support::rogue::Rogue,
};
use alcove_mls::Predecessor;
use alcove_tests::world::Staff;
use serde_json::{Value, json};

const ADD: [&str; 6] = ["note", "add", CASE, "-", "--yes", "--json"];

/// The case of Rosa, who owns it, with Leon and Hannah in it. Everybody has read everything.
fn of_three() -> (Scene, Staff) {
    let scene = Scene::with_case();
    let hannah = scene.hannah();
    scene.rosa.run(["member", "add", CASE, "Hannah Kessler", "--yes", "--json"]).success();
    hannah.accept_from(&scene.rosa);
    write(&scene.leon, "before");
    for reader in [&scene.rosa, &hannah] {
        assert_eq!(texts(reader), ["before"]);
    }
    (scene, hannah)
}

fn leaders(staff: &Staff) -> Vec<Value> {
    staff.json_lines(["case", "follow", "--offline"])
}

fn leads_on(staff: &Staff) -> Value {
    let led_on = staff.json(["case", "continue", CASE, "--yes"]);
    assert_eq!((&led_on["held_up"], &led_on["waiting"]), (&Value::Null, &json!([])), "{led_on}");
    led_on
}

/// Nothing: the last owner's laptop is revoked, Leon leads on, and the others say once that they follow him. The control of
/// all that follows.
/// Who: member
/// Sees: who leads on, with their words, who is in it and who is not any more; what waited is sent after a yes
/// Step: 8, "any member may"
#[test]
fn a_member_leads_on_when_the_last_owner_is_revoked_and_each_of_the_others_says_yes_once() {
    let (scene, hannah) = of_three();
    let old = id_of_case(&scene.leon);
    scene.leon.run(["case", "continue", CASE, "--yes", "--json"]).code(9);
    let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    hannah.command(written).stdin("written on the train").outcome().success();
    revoke(&scene, "harborlight", &scene.rosa);
    knows_of_it(&scene.leon);
    let told = scene.leon.command(ADD).stdin("new address: 12 Elm Street").outcome().success();
    let what = told.json()["held_up"]["what"].as_str().unwrap_or_default().to_owned();
    assert!(what.contains("`alcove case continue`") && what.contains("`alcove case follow`"), "{what}");

    let led_on = leads_on(&scene.leon);
    let rosa = scene.rosa.identity();
    let gone = led_on["not_taken_along"][0]["person"].as_str().expect("somebody stays behind");
    assert!(rosa.starts_with(gone), "{led_on}");
    let new = led_on["case"].as_str().expect("an id").to_owned();
    assert_eq!(texts(&scene.leon), ["new address: 12 Elm Street"], "what he wrote goes out there");

    knows_of_it_by_id(&hannah, &old);
    let status = hannah.run(["status", "--json"]).stdout;
    assert!(status.contains("\"leaders\":1"), "{status}");
    let shown = leaders(&hannah);
    assert_eq!(shown.len(), 1, "{shown:?}");
    let leader = &shown[0];
    assert_eq!((&leader["case"], &leader["leads_on"]), (&new.as_str().into(), &old.as_str().into()));
    assert_eq!((&leader["fault"], &leader["followed"]), (&Value::Null, &false.into()));
    assert_eq!(leader["words"], words_of(&scene.leon));
    assert!(rosa.starts_with(leader["gone"][0]["person"].as_str().expect("Rosa is gone")), "{leader}");
    assert_eq!(leader["new"], json!([]));
    assert_eq!(case(&hannah, &old)["led_on_by"], Value::Null, "nobody has said yes yet");
    assert_eq!(texts(&scene.leon).len(), 1, "and nothing of hers has gone there");
    hannah.run(["case", "follow", &old, "--json"]).code(2);

    let followed = hannah.json(["case", "follow", &old, "--yes"]);
    assert_eq!(followed["followed"], true);
    assert_eq!(case(&hannah, &old)["led_on_by"], new.as_str());
    let all = ["new address: 12 Elm Street", "written on the train"];
    for reader in [&scene.leon, &hannah] {
        assert_eq!(texts(reader), all, "{}", reader.name);
    }
    assert_eq!(hannah.json_lines(["outbox", "list", "--offline"]), [] as [Value; 0]);
    assert!(hannah.json(["status"])["leaders"] == 0);
    let read = scene.rosa.run(["note", "list", &old, "--json"]).stdout;
    assert!(read.contains("before") && !read.contains("12 Elm Street"), "{read}");
}

/// The same for a case that is not found by its title any more.
fn knows_of_it_by_id(staff: &Staff, id: &str) {
    alcove_tests::process::wait_for("the list to arrive", std::time::Duration::from_secs(60), || {
        staff.run(["status", "--json"]);
        let members = staff.json_lines(["member", "list", id, "--offline"]);
        members.iter().any(|member| member["lapsed_devices"][0] == 1).then_some(())
    });
}

/// A member says of a group of their own that it leads the case on, while its owner stands.
/// Who: member
/// Sees: a case like any other; whoever wants to follow it is told that no reason is known
/// Step: 8, "every owner of the group is revoked or outside"
#[tokio::test]
async fn a_member_leads_a_case_on_while_its_owner_stands() {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let old = id_of_case(&scene.leon);
    let member = Rogue::join(&scene, &[]).await;
    scene.leon.run(["status", "--json"]).success();
    let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    scene.leon.command(written).stdin("written on the train").outcome().success();
    let seen = Predecessor {
        group: old.parse().expect("an id"),
        epoch: member.group.epoch(),
        epoch_id: member.group.epoch_id(),
        position: member.join.pin.position,
        head: member.join.pin.head,
    };
    let new = claims_to_lead_on(&member, seen, &[&scene.leon]).await.to_string();
    scene.leon.run(["status", "--json"]).success();
    assert_eq!(case(&scene.leon, &old)["led_on_by"], Value::Null);
    assert_eq!(case(&scene.leon, &new)["leads_on"], Value::Null, "a case like any other");
    assert_eq!(leaders(&scene.leon)[0]["fault"], "owner-stands");
    assert_eq!(scene.leon.json(["status", "--offline"])["leaders"], 0);
    let refused = scene.leon.run(["case", "follow", &new, "--yes", "--json"]).code(9);
    assert!(refused.stderr.contains("no known reason"), "{}", refused.stderr);
    assert_eq!(texts(&scene.rosa), ["written on the train"], "it went where it was written");

    // The control: now there is a reason.
    revoke(&scene, "harborlight", &scene.rosa);
    knows_of_it_by_id(&scene.leon, &old);
    assert_eq!(leaders(&scene.leon)[0]["fault"], Value::Null);
    scene.leon.run(["case", "follow", &new, "--yes", "--json"]).success();
    assert_eq!(case(&scene.leon, &old)["led_on_by"], new.as_str());
}

/// A member leads on another history than the one that was seen, once there is a reason to lead on.
/// Who: member
/// Sees: that it leads another history on; it cannot be followed
/// Step: 8, "epoch id and head agree with what it has seen"
#[tokio::test]
async fn a_member_leads_on_another_history() {
    let scene = Scene::with_case();
    scene.leon.run(["status", "--json"]).success();
    scene.rosa.run(["status", "--json"]).success();
    let old = id_of_case(&scene.leon);
    let member = Rogue::join(&scene, &[]).await;
    scene.leon.run(["status", "--json"]).success();
    let seen = Predecessor {
        group: old.parse().expect("an id"),
        epoch: member.group.epoch(),
        epoch_id: member.group.epoch_id(),
        position: member.join.pin.position,
        head: member.join.pin.head,
    };
    let other = Predecessor { head: alcove_proto::ids::Head([7; 32]), ..seen };
    let bent = claims_to_lead_on(&member, other, &[&scene.leon]).await.to_string();
    let good = claims_to_lead_on(&member, seen, &[&scene.leon]).await.to_string();
    revoke(&scene, "harborlight", &scene.rosa);
    knows_of_it_by_id(&scene.leon, &old);
    let refused = scene.leon.run(["case", "follow", &bent, "--yes", "--json"]).code(9);
    assert!(refused.stderr.contains("a different history"), "{}", refused.stderr);
    assert_eq!(case(&scene.leon, &old)["led_on_by"], Value::Null);
    // The control: the history that was seen.
    scene.leon.run(["case", "follow", &good, "--yes", "--json"]).success();
    assert_eq!(case(&scene.leon, &old)["led_on_by"], good.as_str());
}

/// Two members lead one case on at the same time.
/// Who: member
/// Sees: both, by name; a person chooses one, and may choose the other one later; nothing is lost
/// Step: 8, "If there are several such groups, a person chooses one"
#[test]
fn two_members_lead_on_at_once_and_a_person_chooses() {
    let (scene, hannah) = of_three();
    let joel = scene.world.enrol("elmgate", "Joel Amundsen", "advocate", scene.proxy.address());
    joel.run(["status", "--json"]).success();
    scene.rosa.run(["member", "add", CASE, "Joel Amundsen", "--yes", "--json"]).success();
    joel.accept_from(&scene.rosa);
    for staff in [&joel, &hannah, &scene.leon] {
        staff.run(["status", "--json"]).success();
    }
    let old = id_of_case(&joel);
    let written = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    joel.command(written).stdin("from Joel").outcome().success();
    revoke(&scene, "harborlight", &scene.rosa);
    for staff in [&scene.leon, &hannah] {
        knows_of_it(staff);
    }
    let by_leon = leads_on(&scene.leon)["case"].as_str().expect("an id").to_owned();
    let led_on = hannah.json(["case", "continue", &old, "--yes"]);
    let by_hannah = led_on["case"].as_str().expect("an id").to_owned();

    knows_of_it_by_id(&joel, &old);
    assert_eq!(leaders(&joel).len(), 2);
    let which = joel.run(["case", "follow", &old, "--yes", "--json"]).code(9);
    assert!(
        which.stderr.contains("Leon Baptiste") && which.stderr.contains("Hannah Kessler"),
        "{}",
        which.stderr
    );
    joel.run(["case", "follow", &by_leon, "--yes", "--json"]).success();
    let read = |staff: &Staff, case: &str| -> Vec<String> {
        let notes = staff.json_lines(["note", "list", case]);
        notes.iter().filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(read(&scene.leon, &by_leon), ["from Joel"]);
    // Hannah follows Leon after all; what was written in hers stays where it is.
    let hers = ["note", "add", &by_hannah, "-", "--yes", "--json"];
    hannah.command(hers).stdin("in her own").outcome().success();
    hannah.run(["case", "follow", &by_leon, "--yes", "--json"]).success();
    assert_eq!(case(&hannah, &old)["led_on_by"], by_leon.as_str());
    assert_eq!(read(&hannah, &by_leon), ["from Joel"]);
    assert_eq!(read(&joel, &by_hannah), ["in her own"]);
    // Whoever is taken off a case that leads on is not asked about it any more.
    hannah.run(["member", "remove", &by_hannah, "Joel Amundsen", "--yes", "--json"]).success();
    joel.run(["status", "--json"]);
    let left: Vec<Value> = leaders(&joel);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((&left[0]["case"], &left[0]["followed"]), (&by_leon.as_str().into(), &true.into()));
}
