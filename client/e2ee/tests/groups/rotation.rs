//! A device's certificate is renewed in the middle of things: key packages under the old one are out, commits are
//! pending, records are written. PROTOCOL.md section 6, step 12.

use crate::{
    pki::NOW_MS,
    scene::{GROUP, Party, SEEN, Scene, adding, key_package, removing},
};
use alcove_charter::TrustView;
use alcove_e2ee::{
    device::Device,
    group::{Group, GroupError, Intent, KeyPackage},
    keys::{RecordPlace, Salt},
    records::{AuthorPoint, Draft, Expected, KeySource, Kinds, Note, Payload, SealError, SealedRecord, seal},
};
use alcove_proto::ids::{Digest, RecordId};

/// A record that a member signs with `device`, as it is sealed now.
fn write(
    party: &Party,
    device: &Device,
    text: &str,
    after: Option<AuthorPoint>,
) -> Result<(Vec<u8>, AuthorPoint), GroupError> {
    let group = &party.group;
    let payload = Payload::Note(Note { text: text.into(), corrects: None, grantable: false });
    let draft = Draft {
        place: RecordPlace {
            group: GROUP,
            epoch_id: group.epoch_id(),
            leaf: group.own_leaf(),
            record: RecordId([5; 16]),
        },
        epoch: group.epoch(),
        certificate_hash: device.certificate_hash(),
        charter_hash: group.policy().charter_hash(),
        time_ms: NOW_MS,
        after,
        seen_position: SEEN.position,
        seen_head: SEEN.head,
        payload: &payload,
    };
    let sign = |body: &[u8]| group.sign_record(device, body);
    match seal(&group.epoch_key().unwrap(), &draft, Salt([9; 32]), sign) {
        Ok(sealed) => Ok((sealed.bytes, sealed.point)),
        Err(SealError::Sign(error)) => Err(error),
        Err(_) => panic!("the note seals"),
    }
}

/// Opens a record as `reader` does who is in its epoch: gives the text and the certificate it was signed under.
fn read(reader: &Party, leaf: u32, bytes: &[u8]) -> (String, Digest) {
    let author = reader.group.member(leaf).unwrap();
    let expected = Expected {
        group: GROUP,
        epoch: reader.group.epoch(),
        epoch_id: Some(reader.group.epoch_id()),
        charter_hash: reader.group.policy().charter_hash(),
        appended_by: &author.identity,
        kinds: Kinds::all(),
    };
    let opened = SealedRecord::parse(bytes)
        .unwrap()
        .open(&KeySource::Epoch(&reader.group.epoch_key().unwrap()), &expected, &author.as_author())
        .unwrap();
    let Payload::Note(note) = opened.payload else { panic!("it was a note") };
    (note.text.to_string(), opened.certificate_hash)
}

/// Bob's device before and after: one name, two keys.
fn before_and_after(scene: &Scene) -> (Device, Device) {
    let bob = |scene: &Scene| scene.world.elmgate.device('b', 1).device;
    let (before, after) = (bob(scene), bob(scene));
    assert_eq!(before.identity(), after.identity());
    assert_ne!(before.public_key(), after.public_key());
    (before, after)
}

/// Alice adds Bob by a key package of his; both sides of the welcome.
fn welcomed(scene: &mut Scene, package: &KeyPackage) -> (Vec<u8>, Vec<u8>) {
    let intent = Intent { add: vec![package.bytes.clone()], ..Intent::default() };
    let prepared = scene.alice_commits(&intent, &mut []);
    (prepared.welcome, scene.server.export_tree().unwrap())
}

#[test]
fn a_welcome_to_a_key_package_from_before_is_joined_by_the_old_key_and_the_leaf_renewed_at_once() {
    let mut scene = Scene::new();
    let (before, after) = before_and_after(&scene);
    let package = key_package(&before);
    let (welcome, tree) = welcomed(&mut scene, &package);
    let join = |device: &Device, trust: &TrustView| {
        Group::join(device, &welcome, &tree, &package.secret, trust).map(|(group, _)| group)
    };
    // The new key alone does not open the door: this is what the old one is kept for.
    assert!(matches!(join(&after, &scene.trust), Err(GroupError::OtherDeviceKey)));
    let group = join(&before, &scene.trust).unwrap();
    let mut bob = Party { device: after.clone(), group }.reloaded();
    let leaf = bob.group.own_leaf();
    assert_eq!(bob.group.member(leaf).unwrap().certificate_hash, before.certificate_hash());

    // Nothing is signed with the new key before the log has the update, not even while it is pending.
    assert!(matches!(write(&bob, &after, "early", None), Err(GroupError::OtherDeviceKey)));
    let update = bob.prepare(&Intent::default(), &scene.trust);
    let mut bob = bob.reloaded();
    assert!(matches!(write(&bob, &after, "still early", None), Err(GroupError::OtherDeviceKey)));
    scene.publish(&update.commit, &mut []);
    let processed = bob.process(&update.commit, &scene.trust);
    assert!(processed.own && processed.summary.author.rotated);
    assert_eq!(scene.alice.group.epoch_id(), bob.group.epoch_id());

    // From then on everybody verifies his records by the new certificate, those who come later too.
    let (record, _) = write(&bob, &after, "under the new key", None).unwrap();
    let expected = ("under the new key".to_owned(), after.certificate_hash());
    assert_eq!(read(&scene.alice, leaf, &record), expected);
    assert_eq!(read(&bob, leaf, &record), expected);
    assert!(
        matches!(write(&bob, &before, "late", None), Err(GroupError::OtherDeviceKey)),
        "the old key is over"
    );
    let carol = scene.world.protection.device('c', 1).device;
    let carol = scene.admit(carol, &mut [&mut bob]);
    let (record, _) = write(&bob, &after, "for three", None).unwrap();
    for reader in [&scene.alice, &bob, &carol] {
        assert_eq!(read(reader, leaf, &record).0, "for three");
    }
}

#[test]
fn a_commit_that_is_pending_while_the_certificate_changes_goes_out_as_it_is() {
    let (mut scene, mut bob) = Scene::with_bob();
    let (_, after) = before_and_after(&scene);
    // Prepared and saved under the old certificate; the renewal comes before the log shows it.
    let second = scene.world.elmgate.device('b', 2).device;
    let pending = bob.prepare(&adding(&[&second]), &scene.trust);
    let mut bob = Party { device: after.clone(), ..bob.reloaded() };
    scene.publish(&pending.commit, &mut []);
    let processed = bob.process(&pending.commit, &scene.trust);
    assert!(processed.own && !processed.summary.author.rotated, "the old key signed for the old leaf");
    // The next one takes the new certificate up.
    let update = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&update.commit, &mut []);
    assert!(bob.process(&update.commit, &scene.trust).summary.author.rotated);
    let leaf = bob.group.own_leaf();
    let (record, _) = write(&bob, &after, "on", None).unwrap();
    assert_eq!(read(&scene.alice, leaf, &record), ("on".to_owned(), after.certificate_hash()));
}

#[test]
fn a_commit_that_lost_its_race_meanwhile_is_made_anew_with_the_new_certificate() {
    let (mut scene, mut bob) = Scene::with_bob();
    let (_, after) = before_and_after(&scene);
    let second = scene.world.elmgate.device('b', 2).device;
    let intent = adding(&[&second]);
    bob.prepare(&intent, &scene.trust);
    let mut bob = Party { device: after.clone(), ..bob.reloaded() };
    scene.alice_commits(&Intent::default(), &mut [&mut bob]);
    assert!(!bob.group.has_pending(), "the winner cleared it");
    let anew = bob.prepare(&intent, &scene.trust);
    scene.publish(&anew.commit, &mut []);
    let processed = bob.process(&anew.commit, &scene.trust);
    assert!(processed.summary.author.rotated, "one commit does both");
    assert_eq!(processed.summary.added.len(), 1);
    assert!(write(&bob, &after, "on", None).is_ok());
}

#[test]
fn a_record_sealed_before_is_still_good_in_its_epoch_and_the_next_follows_it() {
    let (mut scene, mut bob) = Scene::with_bob();
    let leaf = bob.group.own_leaf();
    let before = bob.device.clone();
    let (_, after) = before_and_after(&scene);
    // In the outbox when the renewal comes: it is sent as it is while the epoch lasts.
    let (record, point) = write(&bob, &before, "before", None).unwrap();
    assert_eq!(read(&scene.alice, leaf, &record), ("before".to_owned(), before.certificate_hash()));
    bob.device = after.clone();
    let update = bob.prepare(&Intent::default(), &scene.trust);
    scene.publish(&update.commit, &mut []);
    bob.process(&update.commit, &scene.trust);
    let (record, next) = write(&bob, &after, "after", Some(point)).unwrap();
    assert_eq!(read(&scene.alice, leaf, &record), ("after".to_owned(), after.certificate_hash()));
    assert_eq!(next.sequence, point.sequence + 1, "one author, one count");
}

#[test]
fn a_last_resort_key_package_from_before_opens_its_welcomes_with_the_old_key() {
    let mut scene = Scene::new();
    let (before, after) = before_and_after(&scene);
    let package = key_package(&before);
    for _ in 0..2 {
        let (welcome, tree) = welcomed(&mut scene, &package);
        let (group, _) = Group::join(&before, &welcome, &tree, &package.secret, &scene.trust).unwrap();
        let mut bob = Party { device: after.clone(), group };
        let update = bob.prepare(&Intent::default(), &scene.trust);
        scene.publish(&update.commit, &mut []);
        assert!(bob.process(&update.commit, &scene.trust).summary.author.rotated);
        let leaf = bob.group.own_leaf();
        scene.alice_commits(&removing(&[leaf]), &mut []);
    }
}
