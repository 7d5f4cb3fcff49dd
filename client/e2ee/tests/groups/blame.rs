//! Whose fault it is that a commit cannot be processed: never an honest author's.

use crate::{
    pki::NOW_MS,
    rogue::{Habits, Rogue},
    scene::{Party, Scene},
};
use alcove_e2ee::group::{Fault, GroupError, Intent};
use alcove_mls::{CommitBody, CommitError};

/// What `reader` says of a commit that it cannot process.
fn fault(reader: &mut Party, commit: &[u8], scene: &Scene) -> Fault {
    let mut before = reader.reloaded();
    let refused = reader.group.process(commit, &scene.trust, NOW_MS).map(drop).unwrap_err();
    std::mem::swap(reader, &mut before);
    reader.group.fault_of(commit, &refused, &scene.trust, NOW_MS).unwrap()
}

#[test]
fn whoever_signs_what_only_members_can_see_to_be_wrong_is_held_to_it() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut sound = Rogue::join(&mut scene, &mallory, Habits::default(), &mut [&mut bob]);
    let by_mallory = Fault::Author(mallory.device.identity().clone());
    let mut tag = CommitBody::parse(&sound.commit(&scene.trust, |commit| commit)).unwrap().commit;
    *tag.last_mut().unwrap() ^= 1;
    assert_eq!(fault(&mut bob, &sound.signed(tag), &scene), by_mallory, "a tag");
    let secrets = sound.corrupted(&mallory).commit(&scene.trust, |commit| commit);
    assert_eq!(fault(&mut bob, &secrets, &scene), by_mallory, "the secrets");
    // The control: nothing of this has harmed the group.
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
}

#[test]
fn what_the_observer_refuses_is_the_servers_whoever_signed_it() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut [&mut bob]);
    let no_right = rogue.commit(&scene.trust, |commit| commit.remove_member(0).unwrap());
    assert_eq!(fault(&mut bob, &no_right, &scene), Fault::Server);
    assert_eq!(fault(&mut bob, b"no commit at all", &scene), Fault::Server);
    let mut flipped = rogue.commit(&scene.trust, |commit| commit);
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(fault(&mut bob, &flipped, &scene), Fault::Server, "the envelope's signature");
}

#[test]
fn an_honest_commit_of_another_branch_is_not_its_authors_fault() {
    let (mut scene, mut bob) = Scene::with_bob();
    // The server shows Alice and Bob two histories of one epoch.
    let (mut other_alice, mut other_bob) = (scene.alice.reloaded(), bob.reloaded());
    let other = other_alice.prepare(&Intent::default(), &scene.trust);
    other_bob.process(&other.commit, &scene.trust);
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    let of_there = other_bob.prepare(&Intent::default(), &scene.trust).commit;
    let refused = scene.alice.reloaded().group.process(&of_there, &scene.trust, NOW_MS).map(drop);
    assert!(matches!(refused, Err(GroupError::Mls(_))), "its envelope is Bob's, for this group and epoch");
    let mut alice = scene.alice.reloaded();
    assert_eq!(fault(&mut alice, &of_there, &scene), Fault::Server);
    // The control: where Bob is, it is a commit like any other.
    other_alice.process(&other.commit, &scene.trust);
    other_alice.process(&of_there, &scene.trust);
}

#[test]
fn a_bare_commit_leaves_open_who_spoilt_it_and_nothing_else() {
    let mut scene = Scene::under(0);
    let bob = scene.world.elmgate.device('b', 1).device;
    let mut bob = scene.admit(bob, &mut []);
    let good = bob.prepare(&Intent::default(), &scene.trust).commit;
    assert!(CommitBody::parse(&good).unwrap().signature.is_none(), "these rules know no envelope");
    let mut tag = good.clone();
    *tag.last_mut().unwrap() ^= 1;
    let mut alice = scene.alice.reloaded();
    let by_either = Fault::AuthorOrServer(bob.device.identity().clone());
    assert_eq!(fault(&mut alice, &tag, &scene), by_either);
    let mut content = good.clone();
    let index = content.len() / 2;
    content[index] ^= 1;
    assert_eq!(fault(&mut alice, &content, &scene), Fault::Server, "MLS's own signature");
    let unasked = CommitBody { signature: Some(vec![1]), ..CommitBody::parse(&good).unwrap() }.encode();
    scene.refused(&unasked, |error| matches!(error, CommitError::EnvelopeSignature));
    scene.publish(&good, &mut [&mut bob]);
}
