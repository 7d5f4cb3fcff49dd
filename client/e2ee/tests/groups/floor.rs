//! Nobody goes back behind the charter, the lists and the time that a group's log has shown.

use crate::{
    pki::{DAY_MS, NOW_MS},
    rogue::{Habits, Rogue, message},
    scene::{GROUP, Party, SEEN, Scene, floor, key_package},
};
use alcove_charter::TrustView;
use alcove_e2ee::group::{Group, GroupError, Intent, KeyPackage};
use alcove_mls::{CommitBody, CommitContext, CommitError, ContextFloor, FloorFault, Observer, Policy};
use alcove_proto::{
    limits::{COMMIT_CLOCK_SKEW_MS_MAX, COMMIT_TIME_SKEW_MS_MAX},
    v1,
};
use prost::Message;

/// A scene with Bob, and Mallory of the same agency, whose certificate list 2 revokes.
struct Revoked {
    scene: Scene,
    bob: Party,
    mallory: Rogue,
    /// With the list of before.
    before: TrustView,
}

fn revoked() -> Revoked {
    let (mut scene, mut bob) = Scene::with_bob();
    scene.trust = scene.trust.with_crl(&scene.world.elmgate.crl(1, &[])).unwrap().0;
    let mallory = scene.world.elmgate.device('m', 1);
    let rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut [&mut bob]);
    let before = scene.trust.clone();
    let list = scene.world.elmgate.crl(2, &[mallory.serial]);
    scene.trust = scene.trust.with_crl(&list).unwrap().0;
    Revoked { scene, bob, mallory: rogue, before }
}

fn names_less(error: &CommitError) -> bool {
    matches!(error, CommitError::Floor(FloorFault::List { named: 1, floor: 2, .. }))
}

#[test]
fn a_revoked_leaf_does_not_commit_on_under_the_list_of_before() {
    let Revoked { mut scene, mut bob, mut mallory, before } = revoked();
    let second = key_package(&scene.world.elmgate.device('m', 2).device);
    let add = |mallory: &mut Rogue, trust: &TrustView| {
        mallory.commit(trust, |commit| commit.add_member(message(&second.bytes)).unwrap())
    };
    // The control: as long as no commit has named list 2, this one is like any other, and only the server knows better.
    let early = add(&mut mallory, &before);
    assert!(scene.server.check(&early, &scene.trust, NOW_MS).is_ok());
    assert!(bob.reloaded().group.process(&early, &scene.trust, NOW_MS).is_ok());

    let prepared = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    mallory.follow(&prepared.commit);
    let late = add(&mut mallory, &before);
    scene.refused(&late, names_less);
    // A program that leaves the agency out names less as well.
    let none = mallory.commit(&scene.world.trust(), |commit| commit);
    scene.refused(&none, |error| {
        matches!(
            error,
            CommitError::Floor(FloorFault::List { named: 0, floor: 2, .. }) | CommitError::Context(_)
        )
    });
    // Bob, whose own lists are still the old ones, makes nothing that would be refused: he fetches first.
    let own = bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &before, NOW_MS);
    assert!(matches!(own, Err(GroupError::Commit(error)) if names_less(&error)));
    let own = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&own.commit, &mut [&mut bob]);
}

#[test]
fn whoever_joins_is_told_and_refuses_the_same() {
    let Revoked { mut scene, mut bob, mut mallory, before } = revoked();
    let carol = scene.world.protection.device('c', 1).device;
    let KeyPackage { bytes, secret, .. } = key_package(&carol);
    let prepared = scene.alice_commits(&Intent { add: vec![bytes], ..Intent::default() }, &mut [&mut bob]);
    mallory.follow(&prepared.commit);
    let tree = scene.server.export_tree().unwrap();
    let join = |trust: &TrustView| Group::join(&carol, &prepared.welcome, &tree, &secret, trust);
    // Carol holds less than the group has seen: she fetches, and does not take what nobody may have named.
    assert!(matches!(join(&before), Err(GroupError::FloorAhead)));
    let (mut carols, _) = join(&scene.trust).unwrap();
    assert_eq!(*carols.floor(), floor(&scene.trust));

    let late = mallory.commit(&before, |commit| commit);
    let refused = carols.process(&late, &scene.trust, NOW_MS);
    assert!(matches!(refused, Err(GroupError::Commit(error)) if names_less(&error)));
    // The control: without what she was told she would have taken it.
    let mut untold = Group::load(&carols.save().unwrap()).unwrap();
    assert!(untold.floor().is_empty());
    assert!(untold.process(&late, &scene.trust, NOW_MS).is_ok());
}

#[test]
fn a_commit_under_an_older_charter_than_one_before_is_refused() {
    let (mut scene, mut bob) = Scene::with_bob();
    let before = scene.trust.clone();
    let rogue = scene.world.elmgate.device('r', 1);
    let mut rogue = Rogue::join(&mut scene, &rogue, Habits::default(), &mut [&mut bob]);
    scene.trust = scene.world.without(&scene.trust, &scene.world.protection);
    let early = rogue.commit(&before, |commit| commit);
    assert!(scene.server.check(&early, &scene.trust, NOW_MS).is_ok(), "the control");
    let prepared = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    rogue.follow(&prepared.commit);
    let late = rogue.commit(&before, |commit| commit);
    scene.refused(&late, |error| {
        matches!(error, CommitError::Floor(FloorFault::Charter { named: 1, floor: 2 }))
    });
}

#[test]
fn a_list_of_an_agency_that_left_is_left_aside() {
    let (mut scene, mut bob) = Scene::with_bob();
    scene.trust = scene.trust.with_crl(&scene.world.protection.crl(4, &[])).unwrap().0;
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    scene.trust = scene.world.without(&scene.trust, &scene.world.protection);
    // Nobody names that list any more.
    let prepared = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    let context = alcove_mls::ParsedCommit::parse(&prepared.commit).unwrap().context().clone();
    assert!(context.message().crl_numbers.is_empty());
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
}

#[test]
fn a_commit_is_held_against_its_own_entry_and_against_no_other_commit() {
    let (mut scene, mut bob) = Scene::with_bob();
    let rogue = scene.world.elmgate.device('r', 1);
    let mut rogue = Rogue::join(&mut scene, &rogue, Habits::default(), &mut [&mut bob]);
    let at = |time_ms| CommitContext::new(&scene.trust, time_ms, SEEN).encode();
    let commit = rogue.commit_under(at(NOW_MS), |commit| commit);
    for (received_at_ms, is_taken) in [
        (NOW_MS + COMMIT_CLOCK_SKEW_MS_MAX, true),
        (NOW_MS - COMMIT_TIME_SKEW_MS_MAX, true),
        (NOW_MS + COMMIT_TIME_SKEW_MS_MAX + 1, false),
        (NOW_MS - COMMIT_TIME_SKEW_MS_MAX - 1, false),
    ] {
        let checked = scene.server.check(&commit, &scene.trust, received_at_ms).map(drop);
        assert_eq!(checked.is_ok(), is_taken, "{received_at_ms}: {checked:?}");
        let processed = bob.reloaded().group.process(&commit, &scene.trust, received_at_ms).map(drop);
        assert_eq!(processed.is_ok(), is_taken, "{received_at_ms}: {processed:?}");
    }
    // A member whose clock is two hours fast shuts nobody out.
    let alice = scene.alice.device.clone();
    let fast = NOW_MS + COMMIT_CLOCK_SKEW_MS_MAX;
    let fast =
        scene.alice.group.prepare_commit(&alice, &Intent::default(), SEEN, &scene.trust, fast).unwrap();
    scene.publish(&fast.commit, &mut [&mut bob]);
    let slow = NOW_MS - COMMIT_CLOCK_SKEW_MS_MAX;
    let slow = bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &scene.trust, slow).unwrap();
    scene.publish(&slow.commit, &mut [&mut bob]);
}

#[test]
fn a_group_from_before_there_were_rules_is_bound_from_the_first_charter_that_states_them() {
    let mut scene = Scene::new();
    scene.trust = scene.world.trust_with_rules(0);
    let device = scene.alice.device.clone();
    let policy = Policy::new(scene.trust.charter().hash(), device.identity().person.clone());
    let (group, info) = Group::create(&device, GROUP, &policy, &scene.trust, NOW_MS).unwrap();
    scene.server = Observer::create(&info, &scene.trust, NOW_MS).unwrap();
    scene.alice = Party { device, group };
    let bob = scene.world.elmgate.device('b', 1).device;
    let mut bob = scene.admit(bob, &mut []);
    assert!(bob.group.floor().is_empty(), "nothing is told, and nothing is asked");
    let unruled = scene.trust.clone();
    // Its commits may be from any time, as they lie in old logs.
    let old = bob.reloaded().prepare(&Intent::default(), &unruled);
    assert!(scene.server.check(&old.commit, &scene.trust, NOW_MS + 90 * DAY_MS).is_ok());

    scene.trust = scene.world.with_rules(&scene.trust, 1);
    let mut rogue = {
        let staff = scene.world.elmgate.device('r', 1);
        Rogue::join(&mut scene, &staff, Habits::default(), &mut [&mut bob])
    };
    assert_eq!(bob.group.floor().charter_version(), 2);
    // Under the charter of before a commit has no envelope.
    let back = CommitBody::parse(&rogue.commit(&unruled, |commit| commit)).unwrap().commit;
    scene.refused(&back, |error| {
        matches!(error, CommitError::Floor(FloorFault::Charter { named: 1, floor: 2 }))
    });
}

#[test]
fn the_server_takes_its_floor_up_again_after_a_restart() {
    let Revoked { mut scene, mut bob, mut mallory, before } = revoked();
    let prepared = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    mallory.follow(&prepared.commit);
    let snapshot = scene.server.snapshot().unwrap();
    scene.server = Observer::load(&snapshot).unwrap();
    let late = mallory.commit(&before, |commit| commit);
    scene.refused(&late, names_less);
    for cut in 1..200 {
        assert!(Observer::load(&snapshot[..snapshot.len() - cut]).is_err(), "cut by {cut}");
    }

    // A checkpoint from before there were floors: it is taken up, and grows one with the next commit.
    let length = ContextFloor::encode(&floor(&scene.trust)).len();
    let magic = b"alcove observer v1\0".len();
    scene.server = Observer::load(&snapshot[magic + 4 + length..]).unwrap();
    assert!(scene.server.check(&late, &scene.trust, NOW_MS).is_ok(), "the control");
    let next = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    mallory.follow(&next.commit);
    let late = mallory.commit(&before, |commit| commit);
    scene.refused(&late, names_less);
}

#[test]
fn a_welcome_that_names_a_list_of_an_agency_that_never_was_is_refused() {
    let (mut scene, mut bob) = Scene::with_bob();
    scene.trust = scene.world.without(&scene.trust, &scene.world.protection);
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    let carol = scene.world.elmgate.device('c', 1).device;
    let mut joins = |of: &str| {
        let number = v1::CrlNumber { trust_domain: of.to_owned(), number: 900 };
        let told = v1::ContextFloor { charter_version: 2, crl_numbers: vec![number], time_ms: 1 };
        let told = ContextFloor::parse(&told.encode_to_vec()).unwrap();
        let mut alice = scene.alice.reloaded();
        alice.group = alice.group.on_floor(told);
        let KeyPackage { bytes, secret, .. } = key_package(&carol);
        let prepared = alice.prepare(&Intent { add: vec![bytes], ..Intent::default() }, &scene.trust);
        let (ordered, _) = scene.server.check(&prepared.commit, &scene.trust, NOW_MS).unwrap();
        let tree = ordered.export_tree().unwrap();
        Group::join(&carol, &prepared.welcome, &tree, &secret, &scene.trust).map(drop)
    };
    let refused = joins("nobody.northmark.example");
    assert!(matches!(refused, Err(GroupError::FloorAhead)), "{refused:?}");
    // The control: an agency that has left may come back, and goes on where it was.
    joins(scene.world.protection.trust_domain.as_str()).unwrap();
}
