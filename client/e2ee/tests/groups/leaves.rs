//! Whose leaf is let in, and what a leaf that has lapsed may hinder: nothing.

use crate::{
    pki::{DAY_MS, NOW_MS},
    rogue::{Habits, Rogue, client_that_knows, message, signing},
    scene::{GROUP, SEEN, Scene, adding, flat, key_package, removing},
};
use alcove_charter::TrustError;
use alcove_e2ee::{
    device::{Device, DeviceError},
    group::{Group, GroupError, Intent, Standing},
};
use alcove_mls::{
    CommitBody, CommitError, JudgeError, KeyPackageError, LEAF_EXTENSIONS, ObserveError, Observer, Policy,
    PolicyError, inspect_key_package, mls_time,
};
use mls_rs::{ExtensionList, MlsMessage, error::MlsError, extension::ExtensionType};
use rcgen::KeyPair;

fn unknown_issuer(error: &CommitError) -> bool {
    matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::UnknownIssuer(..))))
}

#[test]
fn a_ghost_from_a_foreign_ca_is_refused_wherever_it_knocks() {
    let (mut scene, _bob) = Scene::with_bob();
    let ghost = scene.world.elmgate.ghost('g', 1);
    let package = key_package(&ghost.device);

    // Somebody asks Alice to add it.
    let alice = scene.alice.device.clone();
    let asked =
        scene.alice.group.prepare_commit(&alice, &adding(&[&ghost.device]), SEEN, &scene.trust, NOW_MS);
    assert!(unknown_issuer(&flat(asked.unwrap_err())));
    assert!(!scene.alice.group.has_pending());
    // It publishes a key package.
    let published = inspect_key_package(&package.bytes, &scene.trust, NOW_MS);
    assert!(matches!(
        published,
        Err(KeyPackageError::Leaf(JudgeError::Trust(TrustError::UnknownIssuer(..))))
    ));
    // A member whose program believes it adds it, as a further device of its own: that it might.
    let mallory = scene.world.protection.device('m', 1);
    let package = key_package(&scene.world.protection.ghost('m', 2).device);
    let mut mallory = Rogue::join(&mut scene, &mallory, Habits::default(), &mut []);
    let commit = mallory.commit(&scene.trust, |commit| commit.add_member(message(&package.bytes)).unwrap());
    scene.refused(&commit, unknown_issuer);
    // It makes a group of its own.
    let policy = Policy::new(scene.trust.charter().hash(), ghost.device.identity().person.clone());
    let own = Group::create(&ghost.device, GROUP, &policy, &scene.trust, NOW_MS);
    assert!(matches!(own, Err(GroupError::OwnCertificate(TrustError::UnknownIssuer(..)))));
}

#[test]
fn a_member_cannot_put_a_ghost_in_its_own_place() {
    let (mut scene, _bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut []);
    let ghost = scene.world.protection.ghost('m', 1);
    let (identity, key) = signing(&ghost);
    let commit = rogue.commit(&scene.trust, |commit| commit.set_new_signing_identity(key, identity));
    scene.refused(&commit, unknown_issuer);

    // Nor another device of its own agency, however well certified: it is not the same device.
    let other = scene.world.protection.device('m', 2);
    let (identity, key) = signing(&other);
    let commit = rogue.commit(&scene.trust, |commit| commit.set_new_signing_identity(key, identity));
    scene.refused(
        &commit,
        |error| matches!(error, CommitError::Mls(error) if matches!(**error, MlsError::InvalidSuccessor)),
    );

    // The control: a new certificate for itself.
    let renewed = scene.world.protection.device('m', 1);
    let (identity, key) = signing(&renewed);
    let commit = rogue.commit(&scene.trust, |commit| commit.set_new_signing_identity(key, identity));
    assert!(scene.order(&commit).author.rotated);
}

#[test]
fn a_key_that_is_not_the_certified_one_is_refused() {
    let (mut scene, _bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut []);
    let other = scene.world.protection.device('m', 1);
    // Its own certificate, beside another key.
    let (mut identity, key) = signing(&other);
    identity.credential = signing(&mallory).0.credential;
    let commit = rogue.commit(&scene.trust, |commit| commit.set_new_signing_identity(key, identity));
    scene.refused(&commit, |error| matches!(error, CommitError::Leaf(JudgeError::OtherKey)));
}

#[test]
fn a_new_leaf_that_has_expired_or_is_not_valid_yet_is_refused() {
    let (mut scene, _bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut []);
    // A further device of Mallory's: it could be added, were it not for its times.
    let person = scene.world.protection.person('m');
    let expired = scene.world.protection.certify(&person, 2, NOW_MS - 9 * DAY_MS, NOW_MS - DAY_MS);
    let package = key_package(&expired.device);
    let commit = rogue.commit(&scene.trust, |commit| commit.add_member(message(&package.bytes)).unwrap());
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::Expired { .. })))
    });

    let early = scene.world.protection.certify(&person, 2, NOW_MS + DAY_MS, NOW_MS + 9 * DAY_MS);
    let package = key_package(&early.device);
    let commit = rogue.commit(&scene.trust, |commit| commit.add_member(message(&package.bytes)).unwrap());
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::NotYetValid { .. })))
    });

    let good = scene.world.protection.device('m', 2);
    let package = key_package(&good.device);
    let commit = rogue.commit(&scene.trust, |commit| commit.add_member(message(&package.bytes)).unwrap());
    scene.publish(&commit, &mut []);
}

#[test]
fn a_revoked_device_is_neither_added_nor_does_it_commit() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mallory = scene.world.elmgate.device('m', 1);
    let crl = scene.world.elmgate.crl(1, &[mallory.serial]);
    scene.trust = scene.trust.with_crl(&crl).unwrap().0;
    let alice = scene.alice.device.clone();
    let add = adding(&[&mallory.device]);
    let added = scene.alice.group.prepare_commit(&alice, &add, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(
        flat(added.unwrap_err()),
        CommitError::Leaf(JudgeError::Trust(TrustError::Revoked { .. }))
    ));

    // A member is revoked, and commits with a program that does not look, naming the new list.
    let rogue = scene.world.elmgate.device('r', 1);
    let mut commits = Rogue::join(&mut scene, &rogue, Habits::default(), &mut [&mut bob]);
    let crl = scene.world.elmgate.crl(2, &[mallory.serial, rogue.serial]);
    scene.trust = scene.trust.with_crl(&crl).unwrap().0;
    let commit = commits.commit(&scene.trust, |commit| commit);
    scene.refused(&commit, |error| {
        matches!(error, CommitError::Leaf(JudgeError::Trust(TrustError::Revoked { .. })))
    });
    // The control: Bob of the same agency is not on the list, and commits under it.
    let own = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&own.commit, &mut [&mut bob]);
}

#[test]
fn a_lapsed_leaf_stops_nobody_from_processing_or_joining() {
    let mut scene = Scene::new();
    let person = scene.world.elmgate.person('b');
    // Bob's certificate ends in an hour.
    let bob = scene.world.elmgate.certify(&person, 1, NOW_MS - DAY_MS, NOW_MS + 3_600_000);
    let mut bob = scene.admit(bob.device, &mut []);
    let dave = scene.world.protection.device('d', 1).device;
    let mut slept = scene.admit(dave, &mut [&mut bob]);
    let carol = scene.world.protection.device('c', 1);
    let later = NOW_MS + 7_200_000;

    // Two hours on Alice adds Carol; a device that slept processes it; Carol joins.
    let KeyMade { bytes, secret } = made(&carol.device);
    let intent = Intent { add: vec![bytes], ..Intent::default() };
    let alice = scene.alice.device.clone();
    let prepared = scene.alice.group.prepare_commit(&alice, &intent, SEEN, &scene.trust, later).unwrap();
    scene.order(&prepared.commit);
    slept.process(&prepared.commit, &scene.trust);
    scene.alice.process(&prepared.commit, &scene.trust);
    let tree = scene.server.export_tree().unwrap();
    let (group, _) = Group::join(&carol.device, &prepared.welcome, &tree, &secret, &scene.trust).unwrap();

    // The roster shows it; Bob himself can make nothing.
    let shown = group.member_named(bob.device.identity()).unwrap();
    assert!(matches!(shown.standing(&scene.trust, later), Standing::Lapsed(TrustError::Expired { .. })));
    assert_eq!(shown.standing(&scene.trust, NOW_MS), Standing::Holds, "the control");
    let own = bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &scene.trust, later);
    assert!(matches!(own, Err(GroupError::OwnCertificate(TrustError::Expired { .. }))));
    // It comes back with a renewed certificate only while it is in the log's epoch: nothing hinders that.
    bob.process(&prepared.commit, &scene.trust);
    let renewed = scene.world.elmgate.certify(&person, 1, NOW_MS, NOW_MS + 9 * DAY_MS);
    bob.device = renewed.device;
    let healed =
        bob.group.prepare_commit(&bob.device, &Intent::default(), SEEN, &scene.trust, later).unwrap();
    scene.publish(&healed.commit, &mut [&mut bob, &mut slept]);
}

#[test]
fn a_revoked_leaf_is_removed_by_any_member_and_whoever_comes_late_agrees() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1);
    let revoked = bob.serial;
    let bob = scene.admit(bob.device, &mut []);
    let carol = scene.world.protection.device('c', 1).device;
    let mut carol = scene.admit(carol, &mut []);
    let mut late = scene.alice.reloaded();
    let bobs_leaf = bob.group.own_leaf();

    // While Bob's certificate holds, Carol may not.
    let remove = removing(&[bobs_leaf]);
    let may = carol.group.prepare_commit(&carol.device, &remove, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(may, Err(GroupError::Policy(PolicyError::MayNotRemove(..)))));
    let before = scene.trust.clone();
    scene.trust = scene.trust.with_crl(&scene.world.elmgate.crl(1, &[revoked])).unwrap().0;
    let prepared = carol.prepare(&remove, &scene.trust);
    scene.order(&prepared.commit);
    carol.process(&prepared.commit, &scene.trust);

    // Whoever holds an older list fetches first.
    let behind = scene.alice.group.process(&prepared.commit, &before, NOW_MS);
    assert!(matches!(
        behind,
        Err(GroupError::Commit(CommitError::TrustBehind(TrustError::Behind { named: 1, held: 0, .. })))
    ));
    // Whoever holds a newer one comes to the same verdict.
    let newer = scene.trust.with_crl(&scene.world.elmgate.crl(9, &[revoked])).unwrap().0;
    late.process(&prepared.commit, &newer);
    assert_eq!(late.group.epoch_id(), carol.group.epoch_id());
}

#[test]
fn the_server_takes_a_removal_up_again_whatever_lists_say_by_then() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1);
    let revoked = bob.serial;
    let bob = scene.admit(bob.device, &mut []);
    let carol = scene.world.protection.device('c', 1).device;
    let mut carol = scene.admit(carol, &mut []);
    let checkpoint = scene.server.snapshot().unwrap();
    let before = scene.trust.clone();
    scene.trust = scene.trust.with_crl(&scene.world.elmgate.crl(1, &[revoked])).unwrap().0;
    let prepared = carol.prepare(&removing(&[bob.group.own_leaf()]), &scene.trust);
    scene.order(&prepared.commit);

    // After a restart, with a list that has dropped Bob and no memory of the one before.
    let restarted = Observer::load(&checkpoint).unwrap();
    let dropped = before.with_crl(&scene.world.elmgate.crl(2, &[])).unwrap().0;
    let judged = restarted.check(&prepared.commit, &dropped, NOW_MS).map(drop);
    assert!(
        matches!(judged, Err(CommitError::Policy(PolicyError::MayNotRemove(..)))),
        "the control: judged again it would be wrong, and the group dead"
    );
    let replayed = restarted.replay(&prepared.commit, dropped.charters()).unwrap();
    assert_eq!(replayed.epoch(), scene.server.epoch());
    assert_eq!(replayed.snapshot().unwrap(), scene.server.snapshot().unwrap(), "with the same floor");
    assert_eq!(replayed.members().unwrap(), scene.server.members().unwrap());
    // It is not blind: what was never taken is no commit of this group, and nothing is taken up twice.
    let mut altered = prepared.commit.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    assert!(restarted.replay(&altered, dropped.charters()).is_err());
    assert!(replayed.replay(&prepared.commit, dropped.charters()).is_err());
}

#[test]
fn a_list_that_came_later_does_not_reach_back() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1);
    let serial = bob.serial;
    let KeyMade { bytes, .. } = made(&bob.device);
    let dave = scene.world.protection.device('d', 1).device;
    let mut late = scene.admit(dave, &mut []);
    scene.trust = scene.trust.with_crl(&scene.world.elmgate.crl(1, &[])).unwrap().0;
    let prepared = scene.alice_commits(&Intent { add: vec![bytes], ..Intent::default() }, &mut []);
    // Bob is revoked after he was added. The device that slept holds the newer list.
    let newer = scene.trust.with_crl(&scene.world.elmgate.crl(2, &[serial])).unwrap().0;
    late.process(&prepared.commit, &newer);
    let shown = late.group.member_named(bob.device.identity()).unwrap();
    assert!(matches!(shown.standing(&newer, NOW_MS), Standing::Lapsed(TrustError::Revoked { .. })));
}

#[test]
fn an_agency_that_left_brings_nobody_in_and_its_people_may_be_removed() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let bob = scene.admit(bob, &mut []);
    let carol = scene.world.protection.device('c', 1).device;
    let mut carol = scene.admit(carol, &mut []);
    scene.trust = scene.world.without(&scene.trust, &scene.world.elmgate);

    let another = scene.world.elmgate.device('d', 1).device;
    let alice = scene.alice.device.clone();
    let added = scene.alice.group.prepare_commit(&alice, &adding(&[&another]), SEEN, &scene.trust, NOW_MS);
    assert!(matches!(
        flat(added.unwrap_err()),
        CommitError::Leaf(JudgeError::Trust(TrustError::UnknownAgency(..)))
    ));
    let prepared = carol.prepare(&removing(&[bob.group.own_leaf()]), &scene.trust);
    scene.publish(&prepared.commit, &mut [&mut carol]);
}

#[test]
fn a_group_under_an_unknown_charter_or_with_another_owner_is_not_taken() {
    let scene = Scene::new();
    let other = Scene::new();
    let device = &scene.alice.device;
    let person = device.identity().person.clone();
    let foreign = Policy::new(other.trust.charter().hash(), person);
    let made = Group::create(device, GROUP, &foreign, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::UnknownCharter)));

    let nobody = Policy::new(scene.trust.charter().hash(), scene.world.elmgate.person('z'));
    let made = Group::create(device, GROUP, &nobody, &scene.trust, NOW_MS);
    assert!(matches!(made, Err(GroupError::Policy(PolicyError::NoOwnerLeft))));

    // Made elsewhere, under the other world's trust: this server knows neither CA nor charter.
    let policy = Policy::new(other.trust.charter().hash(), other.alice.device.identity().person.clone());
    let (_, info) = Group::create(&other.alice.device, GROUP, &policy, &other.trust, NOW_MS).unwrap();
    assert!(matches!(
        Observer::create(&info, &scene.trust, NOW_MS),
        Err(ObserveError::Leaf(JudgeError::Trust(TrustError::BadSignature)))
    ));
    assert!(Observer::create(&info, &other.trust, NOW_MS).is_ok(), "the control");
    assert!(matches!(
        Observer::create(&info, &other.trust, NOW_MS + 2 * DAY_MS),
        Err(ObserveError::Leaf(JudgeError::Trust(TrustError::Expired { .. })))
    ));
    assert!(matches!(
        Observer::create(&info[..info.len() - 1], &other.trust, NOW_MS),
        Err(ObserveError::Malformed)
    ));
}

#[test]
fn a_group_info_of_a_later_epoch_begins_no_group() {
    let (scene, _bob) = Scene::with_bob();
    let info = scene.alice.group.group_info().unwrap();
    // Without the tree it cannot be read, and it carries two leaves with it.
    assert!(matches!(Observer::create(&info, &scene.trust, NOW_MS), Err(ObserveError::Mls(_))));
}

#[test]
fn a_key_package_is_judged_before_anybody_uses_it() {
    let scene = Scene::new();
    let device = scene.world.elmgate.device('b', 1).device;
    let made = key_package(&device);
    let facts = inspect_key_package(&made.bytes, &scene.trust, NOW_MS).unwrap();
    assert_eq!((&facts.identity, facts.reference.as_slice()), (device.identity(), &made.reference[..]));
    assert_eq!(facts.not_after_ms, NOW_MS + 30 * DAY_MS);
    assert_eq!(facts.chain, device.chain());

    let flip = |index: usize| {
        let mut bytes = made.bytes.clone();
        bytes[index] ^= 1;
        inspect_key_package(&bytes, &scene.trust, NOW_MS)
    };
    assert!(flip(made.bytes.len() - 1).is_err(), "its own signature");
    assert!(flip(100).is_err(), "its init key");
    assert!(matches!(
        inspect_key_package(&made.bytes[1..], &scene.trust, NOW_MS),
        Err(KeyPackageError::Malformed)
    ));
    let (_, info) = {
        let policy = Policy::new(scene.trust.charter().hash(), device.identity().person.clone());
        Group::create(&device, GROUP, &policy, &scene.trust, NOW_MS).unwrap()
    };
    assert!(matches!(inspect_key_package(&info, &scene.trust, NOW_MS), Err(KeyPackageError::Malformed)));
    assert!(matches!(
        inspect_key_package(&vec![0; 20_000], &scene.trust, NOW_MS),
        Err(KeyPackageError::TooLarge { bytes: 20_000 })
    ));
    let short = device.key_package(NOW_MS, NOW_MS + 60_000).unwrap();
    assert!(matches!(
        inspect_key_package(&short.bytes, &scene.trust, NOW_MS + 120_000),
        Err(KeyPackageError::Mls(_))
    ));
}

#[test]
fn a_key_package_that_no_group_of_ours_takes_in_is_refused_before_anybody_is_added_beside_it() {
    let mut scene = Scene::new();
    let staff = scene.world.elmgate.device('b', 1);
    let package = |known: &[ExtensionType]| {
        let client = client_that_knows(&staff, Habits::default(), known);
        let made = client.generate_key_package_message(
            ExtensionList::new(),
            ExtensionList::new(),
            Some(mls_time(NOW_MS)),
        );
        made.unwrap().to_bytes().unwrap()
    };
    let unfit = [&[][..], &LEAF_EXTENSIONS[..1], &LEAF_EXTENSIONS[1..]];
    for known in unfit {
        let judged = inspect_key_package(&package(known), &scene.trust, NOW_MS);
        assert!(matches!(judged, Err(KeyPackageError::Capabilities)), "{known:?}");
    }
    // What it is about: the group refuses all that is added, and says not why.
    let other = key_package(&scene.world.elmgate.device('c', 1).device);
    let add = vec![other.bytes, package(&LEAF_EXTENSIONS[1..])];
    let alice = scene.alice.device.clone();
    let intent = Intent { add, ..Intent::default() };
    let added = scene.alice.group.prepare_commit(&alice, &intent, SEEN, &scene.trust, NOW_MS);
    assert!(matches!(added, Err(GroupError::Mls(_))));
    // The control: what every program of ours has published from the first one on, and a later one that knows more.
    let more = [&LEAF_EXTENSIONS[..], &[ExtensionType::new(0xF0A9)]].concat();
    for known in [&LEAF_EXTENSIONS[..], &more] {
        assert!(inspect_key_package(&package(known), &scene.trust, NOW_MS).is_ok());
    }
}

#[test]
fn a_device_takes_only_a_key_that_its_certificate_names() {
    let scene = Scene::new();
    let staff = scene.world.elmgate.device('b', 1);
    let (pkcs8, chain) = (staff.key.serialize_der(), staff.device.chain().to_vec());
    assert!(Device::new(&pkcs8, chain.clone(), None).is_ok(), "the control");
    let other = KeyPair::generate().unwrap().serialize_der();
    assert_eq!(Device::new(&other, chain.clone(), None).err(), Some(DeviceError::OtherKey));
    assert_eq!(Device::new(&pkcs8, Vec::new(), None).err(), Some(DeviceError::NoCertificate));
    assert!(matches!(
        Device::new(&pkcs8, vec![b"no certificate".to_vec()], None).err(),
        Some(DeviceError::Certificate(TrustError::Malformed))
    ));
    for cut in 0..pkcs8.len() - 60 {
        let device = Device::new(&pkcs8[..cut], chain.clone(), None);
        assert_eq!(device.err(), Some(DeviceError::PrivateKey), "cut to {cut} bytes");
    }
}

/// A key package with its secret.
struct KeyMade {
    bytes: Vec<u8>,
    secret: alcove_e2ee::group::KeyPackageSecret,
}

fn made(device: &Device) -> KeyMade {
    let made = key_package(device);
    KeyMade { bytes: made.bytes, secret: made.secret }
}

#[test]
fn a_commit_whose_own_leaf_takes_no_seal_is_refused_by_both_ends() {
    let (mut scene, mut bob) = Scene::with_bob();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut [&mut bob]);
    let whole = CommitBody::parse(&rogue.commit(&scene.trust, |commit| commit)).unwrap().commit;
    let parsed = MlsMessage::from_bytes(&whole).unwrap();
    let key = parsed.commit_path_leaf_node().unwrap().public_key.as_ref().to_vec();
    let at = whole.windows(key.len()).position(|window| window == key).unwrap();
    // A key of the right length: ML-KEM's half of it holds numbers that are none of its.
    let mut bent = whole.clone();
    bent[at..at + 64].fill(0xff);
    scene.refused(&rogue.signed(bent), |error| matches!(error, CommitError::EncryptionKey));
    // The control: another key that takes a seal is refused by MLS for the leaf's signature, and not for this.
    let mut other = whole.clone();
    *other[at..at + key.len()].last_mut().unwrap() ^= 1;
    scene.refused(&rogue.signed(other), |error| matches!(error, CommitError::Mls(_)));
    scene.publish(&rogue.signed(whole), &mut [&mut bob]);
}
