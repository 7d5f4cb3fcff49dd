//! How a group lives: keys that agree, records that open, crashes that lose nothing.

use crate::{
    pki::NOW_MS,
    scene::{GROUP, SEEN, Scene, adding, key_package, removing},
};
use alcove_e2ee::{
    group::{Group, GroupError, Intent, Standing},
    keys::{RecordPlace, Salt},
    records::{Draft, Expected, KeySource, Kinds, Note, Payload, SealedRecord, seal},
};
use alcove_mls::{Observer, Role};
use alcove_proto::ids::{Epoch, RecordId};

#[test]
fn members_of_one_epoch_have_one_key_and_each_commit_makes_another() {
    let (mut scene, mut bob) = Scene::with_bob();
    let key = |group: &Group| *group.epoch_key().unwrap().as_bytes();
    assert_eq!(scene.alice.group.epoch(), Epoch(1));
    assert_eq!(scene.alice.group.epoch_id(), bob.group.epoch_id());
    let (first, first_id) = (key(&bob.group), bob.group.epoch_id());
    assert_eq!(key(&scene.alice.group), first);

    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    assert_eq!(scene.alice.group.epoch_id(), bob.group.epoch_id());
    assert_eq!(key(&scene.alice.group), key(&bob.group));
    assert_ne!(bob.group.epoch_id(), first_id);
    assert_ne!(key(&bob.group), first);
}

#[test]
fn a_pending_commit_changes_neither_epoch_nor_key() {
    let (mut scene, _bob) = Scene::with_bob();
    let before = (scene.alice.group.epoch_id(), *scene.alice.group.epoch_key().unwrap().as_bytes());
    scene.alice.prepare(&Intent::default(), &scene.trust.clone());
    assert!(scene.alice.group.has_pending());
    assert_eq!((scene.alice.group.epoch_id(), *scene.alice.group.epoch_key().unwrap().as_bytes()), before);
    let again =
        scene.alice.group.prepare_commit(&scene.alice.device, &Intent::default(), SEEN, &scene.trust, NOW_MS);
    assert!(matches!(again, Err(GroupError::CommitPending)));
}

#[test]
fn the_summary_says_who_did_what() {
    let (mut scene, mut bob) = Scene::with_bob();
    let carol = scene.world.protection.device('c', 1).device;
    let intent =
        Intent { roles: vec![(bob.device.identity().person.clone(), Role::Owner)], ..adding(&[&carol]) };
    let prepared = scene.alice.prepare(&intent, &scene.trust);
    let by_server = scene.order(&prepared.commit);
    let by_bob = bob.process(&prepared.commit, &scene.trust);
    let by_alice = scene.alice.process(&prepared.commit, &scene.trust);
    assert!(by_alice.own && !by_bob.own && !by_bob.removed_self);
    assert_eq!(by_bob.summary, by_server);
    assert_eq!(by_alice.summary, by_server);

    assert_eq!(by_server.author.identity, *scene.alice.device.identity());
    assert_eq!((by_server.author.leaf, by_server.author.external), (0, false));
    assert_eq!(by_server.epoch, Epoch(2));
    assert_eq!(by_server.context.seen(), SEEN);
    let [added] = by_server.added.as_slice() else { panic!("Carol alone is added") };
    assert_eq!((&added.identity, added.leaf), (carol.identity(), 2));
    assert_eq!(added.chain, carol.chain());
    assert_eq!(added.key_package_ref, prepared.joiners[0].key_package_ref);
    let policy = by_server.policy.unwrap();
    assert_eq!(policy.role_of(&bob.device.identity().person), Role::Owner);
    assert_eq!(*bob.group.policy(), policy);
    assert_eq!(*scene.server.policy(), policy);
}

#[test]
fn a_roster_shows_names_roles_cards_and_keys() {
    let (scene, bob) = Scene::with_bob();
    let roster = bob.group.roster().unwrap();
    assert_eq!(roster, scene.alice.group.roster().unwrap());
    let [alice, own] = roster.as_slice() else { panic!("two members") };
    assert_eq!((alice.role, own.role), (Role::Owner, Role::Member));
    assert_eq!(own.identity, *bob.device.identity());
    assert_eq!(own.leaf, bob.group.own_leaf());
    assert_eq!(own.card.as_ref(), bob.device.card());
    assert_eq!(own.certificate_hash, bob.device.certificate_hash());
    assert_eq!(own.standing(&scene.trust, NOW_MS), Standing::Holds);
    assert_eq!(bob.group.member_named(bob.device.identity()).as_ref(), Some(own));
    let stranger = scene.world.protection.device('c', 1).device;
    assert_eq!(bob.group.member_named(stranger.identity()), None);
    assert!(matches!(bob.group.member(9), Err(GroupError::NoSuchLeaf { leaf: 9 })));

    let seen_by_server = scene.server.members().unwrap();
    assert_eq!(seen_by_server.len(), 2);
    assert_eq!(seen_by_server[1].identity, own.identity);
}

#[test]
fn a_record_of_one_member_opens_for_another() {
    let (scene, bob) = Scene::with_bob();
    let group = &scene.alice.group;
    let payload = Payload::Note(Note { text: "the hearing moved".into(), corrects: None, grantable: false });
    let draft = Draft {
        place: RecordPlace {
            group: GROUP,
            epoch_id: group.epoch_id(),
            leaf: group.own_leaf(),
            record: RecordId([5; 16]),
        },
        epoch: group.epoch(),
        certificate_hash: scene.alice.device.certificate_hash(),
        charter_hash: group.policy().charter_hash(),
        time_ms: NOW_MS,
        after: None,
        seen_position: SEEN.position,
        seen_head: SEEN.head,
        payload: &payload,
    };
    let sign = |body: &[u8]| group.sign_record(&scene.alice.device, body);
    let sealed = seal(&group.epoch_key().unwrap(), &draft, Salt([9; 32]), sign).unwrap();

    let author = bob.group.member(0).unwrap();
    let expected = Expected {
        group: GROUP,
        epoch: bob.group.epoch(),
        epoch_id: Some(bob.group.epoch_id()),
        charter_hash: bob.group.policy().charter_hash(),
        appended_by: &author.identity,
        kinds: Kinds::all(),
    };
    let opened = SealedRecord::parse(&sealed.bytes)
        .unwrap()
        .open(&KeySource::Epoch(&bob.group.epoch_key().unwrap()), &expected, &author.as_author())
        .unwrap();
    let Payload::Note(note) = opened.payload else { panic!("it was a note") };
    assert_eq!(note.text, "the hearing moved");
    // Bob's key is not Alice's: the group does not sign with it in her place.
    assert!(matches!(group.sign_record(&bob.device, b"body"), Err(GroupError::OtherDeviceKey)));
}

#[test]
fn a_sealed_key_opens_at_its_leaf_and_for_its_purpose_alone() {
    let (mut scene, mut bob) = Scene::with_bob();
    let carol = scene.world.protection.device('c', 1).device;
    let carol = scene.admit(carol, &mut [&mut bob]);
    let sealed = scene.alice.group.seal_to(bob.group.own_leaf(), b"grant 1", b"thirty-two bytes").unwrap();
    assert_eq!(**bob.group.open_sealed(b"grant 1", &sealed).unwrap(), *b"thirty-two bytes");
    assert!(matches!(bob.group.open_sealed(b"grant 2", &sealed), Err(GroupError::Unseal)));
    assert!(matches!(carol.group.open_sealed(b"grant 1", &sealed), Err(GroupError::Unseal)));
    assert!(matches!(
        scene.alice.group.seal_to(9, b"grant 1", b"x"),
        Err(GroupError::NoSuchLeaf { leaf: 9 })
    ));

    // Somebody else's commit leaves Bob's leaf key in place; his own replaces it.
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    assert!(bob.group.open_sealed(b"grant 1", &sealed).is_ok());
    let own = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&own.commit, &mut [&mut bob]);
    assert!(matches!(bob.group.open_sealed(b"grant 1", &sealed), Err(GroupError::Unseal)));
}

#[test]
fn a_crash_between_saving_and_sending_loses_nothing() {
    let (mut scene, mut bob) = Scene::with_bob();
    let prepared = bob.prepare(&Intent::default(), &scene.trust);
    let saved = bob.group.save().unwrap();
    drop(bob.group);

    // The vault holds the pending state, the outbox the bytes; the same bytes are sent.
    let mut again = Group::load(&saved).unwrap();
    assert!(again.has_pending());
    scene.publish(&prepared.commit, &mut []);
    assert!(again.process(&prepared.commit, &scene.trust, NOW_MS).unwrap().own);
    assert_eq!(again.epoch_id(), scene.alice.group.epoch_id());
    assert_eq!(again.epoch_key().unwrap().as_bytes(), scene.alice.group.epoch_key().unwrap().as_bytes());
}

#[test]
fn a_rival_commit_clears_the_pending_one_and_the_intent_is_made_anew() {
    let (mut scene, mut bob) = Scene::with_bob();
    let intent = adding(&[&scene.world.elmgate.device('b', 2).device]);
    let lost = bob.prepare(&intent, &scene.trust);
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    assert!(!bob.group.has_pending());
    assert!(matches!(
        scene.server.check(&lost.commit, &scene.trust, NOW_MS).map(drop),
        Err(alcove_mls::CommitError::OtherEpoch { made_in: Epoch(1), in_force: Epoch(2) })
    ));
    let rebased = bob.prepare(&intent, &scene.trust);
    scene.publish(&rebased.commit, &mut [&mut bob]);
    assert_eq!(bob.group.epoch(), Epoch(3));
}

#[test]
fn a_commit_that_an_older_state_has_forgotten_is_named() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mut old = bob.reloaded();
    let prepared = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&prepared.commit, &mut [&mut bob]);
    assert!(matches!(
        old.group.process(&prepared.commit, &scene.trust, NOW_MS),
        Err(GroupError::OwnCommitForgotten)
    ));
    assert_eq!(old.group.epoch(), Epoch(1), "nothing was half-done");
}

#[test]
fn who_is_removed_learns_it_and_gets_no_further_key() {
    let (mut scene, mut bob) = Scene::with_bob();
    let last = *bob.group.epoch_key().unwrap().as_bytes();
    let prepared = scene.alice_commits(&removing(&[bob.group.own_leaf()]), &mut []);
    let processed = bob.process(&prepared.commit, &scene.trust);
    assert!(processed.removed_self && bob.group.is_removed());
    assert_eq!(processed.summary.removed[0].identity, *bob.device.identity());
    assert_eq!(*bob.group.epoch_key().unwrap().as_bytes(), last, "what it had it keeps");
    assert_ne!(*scene.alice.group.epoch_key().unwrap().as_bytes(), last);

    let next = scene.alice_commits(&Intent::default(), &mut []);
    let mut reloaded = bob.reloaded();
    for bob in [&mut bob, &mut reloaded] {
        assert!(matches!(bob.group.process(&next.commit, &scene.trust, NOW_MS), Err(GroupError::Removed)));
        assert!(matches!(bob.group.sign_record(&bob.device, b"body"), Err(GroupError::Removed)));
        let commit = bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &scene.trust, NOW_MS);
        assert!(matches!(commit, Err(GroupError::Removed)));
    }
}

#[test]
fn a_saved_state_of_another_form_is_refused() {
    let (_scene, mut bob) = Scene::with_bob();
    let saved = bob.group.save().unwrap();
    assert!(Group::load(&saved).is_ok(), "the control");
    for bad in [&[][..], b"alcove group v1\0", b"alcove group v2\0\0", &saved[..saved.len() - 1]] {
        assert!(matches!(Group::load(bad), Err(GroupError::SavedState)));
    }
}

#[test]
fn an_observer_is_taken_up_from_a_checkpoint_and_replays_what_came_after() {
    let (mut scene, mut bob) = Scene::with_bob();
    let checkpoint = scene.server.snapshot().unwrap();
    let one = scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    let two = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&two.commit, &mut [&mut bob]);

    let mut again = Observer::load(&checkpoint).unwrap();
    for commit in [&one.commit, &two.commit] {
        again = again.check(commit, &scene.trust, NOW_MS).unwrap().0;
    }
    assert_eq!(again.epoch(), scene.server.epoch());
    assert_eq!(again.export_tree().unwrap(), scene.server.export_tree().unwrap());
    assert!(Observer::load(&checkpoint[1..]).is_err());
}

#[test]
fn a_self_update_takes_up_a_new_certificate() {
    let (mut scene, mut bob) = Scene::with_bob();
    let renewed = scene.world.elmgate.device('b', 1).device;
    assert_ne!(renewed.public_key(), bob.device.public_key());
    bob.device = renewed;
    assert!(matches!(bob.group.sign_record(&bob.device, b"body"), Err(GroupError::OtherDeviceKey)));
    let prepared = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&prepared.commit, &mut []);
    assert!(bob.process(&prepared.commit, &scene.trust).summary.author.rotated);
    assert!(bob.group.sign_record(&bob.device, b"body").is_ok());
    let shown = scene.alice.group.member(bob.group.own_leaf()).unwrap();
    assert_eq!(shown.certificate_hash, bob.device.certificate_hash());
    // It goes on with the new key.
    let mut bob = bob.reloaded();
    let next = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&next.commit, &mut [&mut bob]);
}

#[test]
fn a_key_packages_secret_comes_back_from_its_bytes() {
    use alcove_e2ee::group::KeyPackageSecret;
    let scene = Scene::new();
    let made = key_package(&scene.alice.device);
    let bytes = made.secret.to_bytes();
    let secret = KeyPackageSecret::from_bytes(&bytes).unwrap();
    assert_eq!(secret.reference(), &made.reference);
    for bad in [&[][..], &bytes[1..], &bytes[..bytes.len() - 1]] {
        assert!(matches!(KeyPackageSecret::from_bytes(bad), Err(GroupError::KeyPackage)));
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(matches!(KeyPackageSecret::from_bytes(&longer), Err(GroupError::KeyPackage)));
}
