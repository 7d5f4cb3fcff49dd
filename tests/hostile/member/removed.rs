//! Somebody who was removed, and people who have not read that yet.

use crate::{
    scene::{CASE, Scene, texts},
    successors::{case, claims_to_lead_on, id_of_case},
    support::rogue::Rogue,
};
use alcove_mls::Predecessor;
use alcove_tests::world::Staff;
use serde_json::Value;

fn write_without_a_server(writer: &Staff, text: &str) {
    let add = ["note", "add", CASE, "-", "--yes", "--json", "--offline"];
    writer.command(add).stdin(text).outcome().success();
}

fn as_joined(owner: &Rogue) -> Predecessor {
    Predecessor {
        group: owner.group.id(),
        epoch: owner.group.epoch(),
        epoch_id: owner.group.epoch_id(),
        position: owner.join.pin.position,
        head: owner.join.pin.head,
    }
}

/// An owner who was removed leads the case on with somebody who was away, so that what waits in their outbox is sent to
/// the new one. The server is honest.
/// Who: member
/// Sees: a case like any other by the owner of before; the case goes on, and what waited is sent there
/// Step: 8, "A device that is added first reads the old group's log to its end"
#[tokio::test]
async fn an_owner_who_was_removed_leads_nobody_on_who_was_away() {
    let scene = Scene::with_case();
    let owner = Rogue::join(&scene, &["--owner"]).await;
    let old = id_of_case(&scene.leon);
    write_without_a_server(&scene.leon, "for Rosa alone");
    let person = owner.caller.identity.person.to_string();
    scene.rosa.run(["member", "remove", CASE, &person, "--yes", "--json"]).success();
    let theirs = claims_to_lead_on(&owner, as_joined(&owner), &[&scene.leon]).await;
    scene.leon.run(["status", "--json"]);
    assert_eq!(case(&scene.leon, &old)["led_on_by"], Value::Null);
    assert_eq!(case(&scene.leon, &theirs.to_string())["leads_on"], Value::Null, "a case like any other");
    assert_eq!(texts(&scene.rosa), ["for Rosa alone"]);

    // The control: an owner who stands leads him on.
    let owner = Rogue::join(&scene, &["--owner"]).await;
    scene.leon.run(["status", "--json"]).success();
    write_without_a_server(&scene.leon, "for whoever leads on");
    let led_on = claims_to_lead_on(&owner, as_joined(&owner), &[&scene.leon]).await;
    scene.leon.run(["status", "--json"]);
    assert_eq!(case(&scene.leon, &old)["led_on_by"], led_on.to_string());
    // The old one was whole and could be written to until its log had been read: it went to its own readers first.
    assert_eq!(texts(&scene.rosa), ["for Rosa alone", "for whoever leads on"]);
}
