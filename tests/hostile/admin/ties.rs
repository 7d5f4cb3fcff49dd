//! An agency's CA certifies another key in the name of somebody whom others know, and shows what is to tie it to the one
//! they know.

use crate::{keys::changes, support::owner::Owner};
use alcove_mls::KeyTies;
use alcove_proto::names::Identity;
use alcove_tests::world::{Server, Staff, World};

/// Leon knows somebody by the key with which they added him to a case, in which both are.
async fn who_knows_somebody() -> (World, Server, Staff, Owner) {
    let world = World::new();
    let server = world.start_server();
    let leon = world.enrol("childprotection", "Leon Baptiste", "child-safety worker", server.address());
    leon.run(["status", "--json"]).success();
    let name: Identity = leon.identity().parse().expect("a device's name");
    let mut owner = Owner::open(&world, server.address()).await;
    owner.add(&name).await;
    says_yes(&leon, &owner);
    assert!(changes(&leon).is_empty());
    (world, server, leon, owner)
}

/// Leon says yes to what the owner's name stands on.
fn says_yes(leon: &Staff, owner: &Owner) {
    let person = owner.caller.identity.person.to_string();
    leon.run(["case", "accept", "--from", &person, "--yes", "--json"]).success();
}

/// The owner makes another group with the key that they have by now, and adds Leon to it.
async fn is_added_anew(owner: &mut Owner, leon: &Staff) -> String {
    let mut next = owner.caller.create_group().await;
    std::mem::swap(&mut owner.group, &mut next);
    owner.at = crate::support::caller::start_of(&owner.group.id());
    owner.add(&leon.identity().parse().expect("a device's name")).await;
    leon.run(["status", "--json"]);
    owner.group.id().to_string()
}

fn writes(leon: &Staff, case: &str) -> i32 {
    let add = ["note", "add", case, "-", "--yes", "--json"];
    leon.command(add).stdin("she is at 12 Elm Street").outcome().code
}

/// The new key comes with a tie that it has signed itself in the name of the one that is known.
/// Who: admin
/// Sees: a change of key with its words; nothing is sent
/// Step: 8, "each having signed for the next one"
#[tokio::test]
async fn a_forged_tie_makes_nobody_believe_a_key() {
    let (world, _server, leon, mut owner) = who_knows_somebody().await;
    let next = owner.with_another_key(&world);
    let mut tie = next.tie_to(next.public_key()).expect("a key signs");
    tie.from = *owner.caller.mls.public_key();
    owner.caller.mls = next.with_ties(KeyTies::newest(vec![tie]));
    let case = is_added_anew(&mut owner, &leon).await;
    // He is asked, and does not compare the words.
    says_yes(&leon, &owner);
    assert_eq!(changes(&leon).len(), 1);
    assert_eq!(writes(&leon, &case), 10);
}

/// Nothing: the known key has signed for the one that followed it. The control of the forged one.
/// Who: admin
/// Sees: nothing
/// Step: 8, "each having signed for the next one"
#[tokio::test]
async fn a_key_is_believed_by_the_tie_from_the_one_that_is_known() {
    let (world, _server, leon, mut owner) = who_knows_somebody().await;
    let next = owner.with_another_key(&world);
    let tie = owner.caller.mls.tie_to(next.public_key()).expect("a key signs");
    owner.caller.mls = next.with_ties(KeyTies::newest(vec![tie]));
    let case = is_added_anew(&mut owner, &leon).await;
    assert!(changes(&leon).is_empty());
    assert_eq!(writes(&leon, &case), 0);
}
