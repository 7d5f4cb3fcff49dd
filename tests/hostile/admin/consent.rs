//! A name that one works with, on a key that its owner does not have.

use crate::support::{
    caller::random,
    liar::Liar,
    owner::{Forgery, Owner, Shows, made_up},
};
use alcove_e2ee::device::Device;
use alcove_mls::Policy;
use alcove_proto::{ids::GroupId, names::Identity};
use alcove_tests::world::{Staff, World};

/// A new case that `device`, in the owner's name, puts Leon on; he looks for news.
async fn put_on(owner: &Owner, device: &Device, leon: &Staff, liar: &Liar) {
    let name: Identity = leon.identity().parse().expect("a device's name");
    let caller = &owner.caller;
    let policy = Policy::new(owner.group.policy().charter_hash(), caller.identity.person.clone());
    let forgery = Forgery { device, caller, id: GroupId(random()), policy, pin: made_up(3) };
    let (shows, _sent) = Shows::new(forgery.make(&name).await, &name.to_string(), Vec::new());
    liar.tell(shows);
    leon.run(["status", "--json"]);
}

/// An agency certifies another key in the name of somebody that the person shares a case with, and puts them on a new one.
/// Who: admin
/// Sees: a request, with the words of the key that is not the partner's
/// Step: 8, "The adder's key is then one that this device believes"
#[tokio::test]
async fn a_partners_name_on_another_key_is_asked_about() {
    let world = World::new();
    let server = world.start_server();
    let liar = Liar::before(&world, server.address());
    let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", liar.address());
    leon.run(["status", "--json"]).success();
    let mut owner = Owner::open(&world, server.address()).await;
    owner.add(&leon.identity().parse().expect("a device's name")).await;
    let person = owner.caller.identity.person.to_string();
    leon.run(["case", "accept", "--from", &person, "--yes", "--json"]).success();
    let there = || {
        let cases = leon.json_lines(["case", "list", "--offline"]).len();
        (cases, leon.json_lines(["case", "requests", "--offline"]).len())
    };
    assert_eq!(there(), (1, 0));

    put_on(&owner, &owner.with_another_key(&world), &leon, &liar).await;
    assert_eq!(there(), (1, 1));

    // The control: with the key that he knows nobody is asked.
    put_on(&owner, &owner.caller.mls, &leon, &liar).await;
    assert_eq!(there(), (2, 1));
}
