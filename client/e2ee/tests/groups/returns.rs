//! Coming back by an external commit, and taking somebody's leaf over by one.

use crate::{
    pki::{NOW_MS, Staff},
    rogue::{Habits, client, context, enveloped, signing},
    scene::{Party, SEEN, Scene, flat},
};
use alcove_charter::TrustError;
use alcove_e2ee::group::{Group, GroupError, Intent};
use alcove_mls::{CommitError, GroupInfoError, JudgeError, PolicyError};
use alcove_proto::limits::COMMIT_GROUP_INFO_BYTES_MAX;
use mls_rs::{MlsMessage, group::ExportedTree};

/// The commit of a program without rules that enters by `staff`'s key and removes `old_leaf`.
fn enters(scene: &Scene, staff: &Staff, old_leaf: Option<u32>) -> Vec<u8> {
    let info = MlsMessage::from_bytes(&scene.alice.group.group_info().unwrap()).unwrap();
    let tree = ExportedTree::from_bytes(&scene.server.export_tree().unwrap()).unwrap();
    let builder = client(staff, Habits::default())
        .external_commit_builder()
        .unwrap()
        .with_tree_data(tree)
        .with_authenticated_data(context(&scene.trust));
    let builder = match old_leaf {
        Some(leaf) => builder.with_removal(leaf),
        None => builder,
    };
    enveloped(&signing(staff).1, builder.build(info).unwrap().1.to_bytes().unwrap())
}

/// Bob, with his key at hand for a program of another make.
fn with_bob() -> (Scene, Party, Staff) {
    let mut scene = Scene::new();
    let staff = scene.world.elmgate.device('b', 1);
    let bob = scene.admit(staff.device.clone(), &mut []);
    (scene, bob, staff)
}

#[test]
fn a_device_that_lost_its_state_comes_back_by_its_own_key() {
    let (mut scene, bob, _) = with_bob();
    let (leaf, device) = (bob.group.own_leaf(), bob.device);
    drop(bob.group);
    let info = scene.alice.group.group_info().unwrap();
    let tree = scene.server.export_tree().unwrap();
    let (group, commit) = Group::rejoin(&device, &info, &tree, leaf, SEEN, &scene.trust, NOW_MS).unwrap();
    let summary = scene.order(&commit);
    assert!(summary.author.external && summary.removed.is_empty());
    assert_eq!(summary.author.identity, *device.identity());
    scene.alice.process(&commit, &scene.trust);
    assert_eq!(group.epoch_id(), scene.alice.group.epoch_id());

    let mut bob = Party { device, group }.reloaded();
    let next = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&next.commit, &mut [&mut bob]);
    assert_eq!(scene.alice.group.roster().unwrap().len(), 2);
}

#[test]
fn a_device_comes_back_into_the_epoch_that_it_has_followed_the_log_to_and_no_other() {
    let (mut scene, mut bob, _) = with_bob();
    let old = bob.group.save().unwrap();
    let old = Group::load(&old).unwrap();
    let mut infos = vec![scene.alice.group.group_info().unwrap()];
    let mut log = Vec::new();
    for _ in 0..2 {
        let prepared = scene.alice.prepare(&Intent::default(), &scene.trust);
        scene.publish(&prepared.commit, &mut [&mut bob]);
        log.push(prepared.commit);
        infos.push(prepared.group_info);
    }
    let mut observer = old.observer(&scene.trust).unwrap();
    for commit in &log {
        observer = observer.check(commit, &scene.trust, NOW_MS).unwrap().0;
    }
    let (device, leaf) = (bob.device, old.own_leaf());
    let come_back =
        |info: &[u8]| Group::come_back(&device, info, &observer, leaf, SEEN, &scene.trust, NOW_MS);
    // Stale, of another branch of the same epoch, and with a bit of the signature changed.
    let other = scene.world.harborlight.device('z', 1);
    let elsewhere = Scene::new().alice.group.group_info().unwrap();
    let mut forged = infos[2].clone();
    *forged.last_mut().unwrap() ^= 1;
    for (info, fault) in [
        (&infos[0], GroupInfoError::OtherEpoch),
        (&infos[1], GroupInfoError::OtherEpoch),
        (&elsewhere, GroupInfoError::OtherEpoch),
        (&forged, GroupInfoError::Signature),
        (&infos[2][..40].to_vec(), GroupInfoError::Malformed),
        (
            &vec![0; COMMIT_GROUP_INFO_BYTES_MAX + 1],
            GroupInfoError::TooLarge { bytes: COMMIT_GROUP_INFO_BYTES_MAX + 1 },
        ),
    ] {
        let refused = come_back(info).map(drop);
        assert!(matches!(&refused, Err(GroupError::GroupInfo(found)) if *found == fault), "{refused:?}");
    }
    // A stranger who has all of it gets nowhere: no leaf has its key.
    let stranger =
        Group::come_back(&other.device, &infos[2], &observer, leaf, SEEN, &scene.trust, NOW_MS).map(drop);
    assert!(matches!(stranger, Err(GroupError::Policy(_))), "{stranger:?}");

    let (group, commit, voucher) = come_back(&infos[2]).unwrap();
    assert_eq!(voucher, scene.alice.group.own_leaf());
    assert!(scene.order(&commit).author.external);
    scene.alice.process(&commit, &scene.trust);
    assert_eq!(group.epoch_id(), scene.alice.group.epoch_id());
}

#[test]
fn nobody_takes_a_leaf_over_by_another_key_of_the_same_name() {
    let (mut scene, bob, _) = with_bob();
    let leaf = bob.group.own_leaf();
    // Elmgate's CA certifies Bob's very name for a key of its own.
    let usurper = scene.world.elmgate.device('b', 1);
    assert_eq!(usurper.device.identity(), bob.device.identity());
    let commit = enters(&scene, &usurper, Some(leaf));
    scene.refused(&commit, |error| matches!(error, CommitError::Policy(PolicyError::ExternalOtherKey)));
    // Our own program does not make it either.
    let info = scene.alice.group.group_info().unwrap();
    let tree = scene.server.export_tree().unwrap();
    let made = Group::rejoin(&usurper.device, &info, &tree, leaf, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Policy(PolicyError::ExternalOtherKey))));
}

#[test]
fn the_same_commit_by_the_right_key_is_taken() {
    let (mut scene, bob, staff) = with_bob();
    let commit = enters(&scene, &staff, Some(bob.group.own_leaf()));
    scene.publish(&commit, &mut []);
}

#[test]
fn nobody_enters_without_leaving_and_nobody_removes_another() {
    let (mut scene, bob, staff) = with_bob();
    let stranger = scene.world.protection.device('c', 1);
    let commit = enters(&scene, &stranger, None);
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Policy(PolicyError::ExternalRemoves { removed: 0 }))
    });
    let commit = enters(&scene, &stranger, Some(bob.group.own_leaf()));
    scene.refused(&commit, |error| matches!(error, CommitError::Policy(PolicyError::ExternalOtherKey)));
    // Bob, by his own key, in Alice's place.
    let info = scene.alice.group.group_info().unwrap();
    let tree = scene.server.export_tree().unwrap();
    let made = Group::rejoin(&staff.device, &info, &tree, 0, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Policy(PolicyError::ExternalOtherKey))));
}

#[test]
fn a_ghost_does_not_come_back() {
    let (mut scene, bob, staff) = with_bob();
    // Even with Bob's key: the certificate is of a CA the charter does not know.
    let ghost = scene.world.elmgate.ghost_of(staff.key, bob.device.identity());
    let commit = enters(&scene, &ghost, Some(bob.group.own_leaf()));
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::UnknownIssuer(..))))
    });
    let info = scene.alice.group.group_info().unwrap();
    let tree = scene.server.export_tree().unwrap();
    let leaf = bob.group.own_leaf();
    let made = Group::rejoin(&ghost.device, &info, &tree, leaf, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::OwnCertificate(TrustError::UnknownIssuer(..)))));
}

#[test]
fn a_revoked_device_does_not_come_back() {
    let (mut scene, bob, staff) = with_bob();
    let crl = scene.world.elmgate.crl(1, &[staff.serial]);
    scene.trust = scene.trust.with_crl(&crl).unwrap().0;
    let commit = enters(&scene, &staff, Some(bob.group.own_leaf()));
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::Revoked { .. })))
    });
}

#[test]
fn a_group_info_of_an_old_epoch_brings_nobody_back() {
    let (mut scene, bob, _) = with_bob();
    let info = scene.alice.group.group_info().unwrap();
    let tree = scene.server.export_tree().unwrap();
    scene.alice_commits(&Intent::default(), &mut []);
    let leaf = bob.group.own_leaf();
    let (_, commit) = Group::rejoin(&bob.device, &info, &tree, leaf, SEEN, &scene.trust, NOW_MS).unwrap();
    scene.refused(&commit, |error| matches!(error, CommitError::OtherEpoch { .. }));
    let mixed = Group::rejoin(
        &bob.device,
        &info,
        &scene.server.export_tree().unwrap(),
        leaf,
        SEEN,
        &scene.trust,
        NOW_MS,
    );
    assert!(matches!(flat(mixed.map(drop).unwrap_err()), CommitError::Mls(_)), "tree and hash differ");
}
