//! A member who tells whoever it adds of lists that nobody has named.

use crate::{
    scene::Scene,
    successors::case,
    support::{caller::trust, owner::Owner},
};
use alcove_e2ee::group::{Group, Intent};
use alcove_mls::ContextFloor;
use alcove_proto::{names::Identity, v1};
use alcove_tests::world::path;
use prost::Message;
use serde_json::{Value, json};

const ELMGATE: &str = "elmgate.northmark.example";

/// The group of `owner` as if its commits had named just this.
fn stand_on(owner: &mut Owner, floor: &v1::ContextFloor) {
    let floor = ContextFloor::parse(&floor.encode_to_vec()).expect("a floor");
    let saved = owner.group.save().expect("it is saved");
    owner.group = Group::load(&saved).expect("and loaded").on_floor(floor);
}

/// Elmgate leaves the collaborative. An owner tells Leon, whom they add, of a list of Elmgate's that never was. Elmgate comes back,
/// and every honest commit names less.
/// Who: member
/// Sees: the alarm `commit-unprocessable` in nobody's name, neither the server's nor of whoever commits; added again, one goes on
/// Step: 8, "the adder's doing or the server's, and nobody can tell"
#[tokio::test]
async fn a_list_that_never_was_blames_nobody_and_an_owner_brings_the_member_back() {
    let scene = Scene::with_case();
    let world = &scene.world;
    let leave = ["--remove", ELMGATE];
    let without = world.next_charter("without", "harborlight", &leave, &["harborlight", "childprotection"]);
    world.adopt_charter(&scene.server, &without);
    let mut owner = Owner::open(world, scene.server.address()).await;
    let named = v1::ContextFloor { charter_version: 2, crl_numbers: Vec::new(), time_ms: 1 };
    let number = v1::CrlNumber { trust_domain: ELMGATE.to_owned(), number: 900 };
    stand_on(&mut owner, &v1::ContextFloor { crl_numbers: vec![number], ..named.clone() });
    let leon: Identity = scene.leon.identity().parse().expect("a name");
    owner.add(&leon).await;
    let person = owner.caller.identity.person.to_string();
    scene.leon.run(["case", "accept", "--from", &person, "--yes", "--json"]).success();
    let id = owner.group.id().to_string();
    assert_eq!(case(&scene.leon, &id)["alarms"], json!([]), "it can be joined");

    let agency = world.agency_folder("elmgate").join("agency.pub");
    let join = ["--agency", path(&agency)];
    let back =
        world.next_charter("back", "harborlight", &join, &["elmgate", "harborlight", "childprotection"]);
    world.adopt_charter(&scene.server, &back);
    owner.caller.trust = trust(world);
    stand_on(&mut owner, &named);
    owner.commit(Intent::default()).await;
    scene.leon.run(["status", "--json"]).code(6);
    let stopped = case(&scene.leon, &id);
    assert_eq!(stopped["frozen"], true, "{stopped}");
    assert_eq!(stopped["alarms"][0]["alarm"], "commit-unprocessable", "{stopped}");
    assert_eq!(stopped["alarms"][0]["device"], Value::Null, "{stopped}");

    owner.remove(&leon).await;
    owner.add(&leon).await;
    scene.leon.run(["status", "--json"]);
    let joined = case(&scene.leon, &id);
    assert_eq!((&joined["frozen"], &joined["closed"]), (&json!(false), &json!(false)), "{joined}");
    owner.commit(Intent::default()).await;
    scene.leon.run(["status", "--json"]);
    let after = case(&scene.leon, &id);
    assert_eq!(after["frozen"], false, "what was told is held against nobody any more: {after}");
    assert!(after["epoch"].as_u64() > joined["epoch"].as_u64(), "{after}");
}
