//! What a joiner refuses.

use crate::{
    pki::NOW_MS,
    rogue::{Habits, Rogue, context, message},
    scene::{Party, SEEN, Scene, adding, floor, key_package, removing},
};
use alcove_e2ee::group::{Group, GroupError, Intent, KeyPackage, Piece};
use alcove_mls::{LogPin, PolicyError, mls_time};
use alcove_proto::ids::{Head, Position};
use mls_rs::{ExtensionList, extension::MlsExtension};

#[test]
fn a_welcome_says_where_the_log_stood_and_who_added() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let KeyPackage { bytes, secret, reference } = key_package(&bob);
    let intent = Intent { add: vec![bytes], ..Intent::default() };
    let prepared = scene.alice_commits(&intent, &mut []);
    assert_eq!(prepared.joiners[0].identity, *bob.identity());
    assert_eq!(prepared.joiners[0].key_package_ref, reference);
    let tree = scene.server.export_tree().unwrap();
    assert_eq!(tree, scene.alice.group.tree().unwrap());
    let (group, join) = Group::join(&bob, &prepared.welcome, &tree, &secret, &scene.trust).unwrap();
    assert_eq!(join.pin, SEEN);
    assert_eq!(join.adder.identity, *scene.alice.device.identity());
    assert_eq!(group.epoch_id(), scene.alice.group.epoch_id());
    assert_eq!(group.id(), scene.alice.group.id());
}

#[test]
fn a_welcome_opens_with_its_own_key_package_and_no_other() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let (first, second) = (key_package(&bob), key_package(&bob));
    let intent = Intent { add: vec![first.bytes.clone()], ..Intent::default() };
    let prepared = scene.alice_commits(&intent, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let join = |secret| Group::join(&bob, &prepared.welcome, &tree, secret, &scene.trust);
    assert!(join(&first.secret).is_ok());
    // The vault deletes the secret with the join; the welcome played again finds only others.
    assert!(matches!(join(&second.secret), Err(GroupError::NotForThisKeyPackage)));
}

#[test]
fn a_key_package_used_twice_opens_nothing_the_second_time() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let (first, other) = (key_package(&bob), key_package(&bob));
    let intent = Intent { add: vec![first.bytes], ..Intent::default() };
    scene.alice_commits(&intent, &mut []);
    drop(first.secret);
    scene.alice_commits(&removing(&[1]), &mut []);
    let again = scene.alice_commits(&intent, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let joined = Group::join(&bob, &again.welcome, &tree, &other.secret, &scene.trust);
    assert!(matches!(joined, Err(GroupError::NotForThisKeyPackage)));
}

#[test]
fn another_tree_than_the_one_vouched_for_is_refused() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let KeyPackage { bytes, secret, .. } = key_package(&bob);
    let before = scene.server.export_tree().unwrap();
    let prepared = scene.alice_commits(&Intent { add: vec![bytes], ..Intent::default() }, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let join = |tree: &[u8]| Group::join(&bob, &prepared.welcome, tree, &secret, &scene.trust).map(drop);
    assert!(matches!(join(&before), Err(GroupError::Mls(_))));
    let mut flipped = tree.clone();
    flipped[60] ^= 1;
    assert!(join(&flipped).is_err());
    assert!(matches!(join(&tree[..9]), Err(GroupError::Malformed { what: Piece::Tree })));
    assert!(matches!(join(&vec![0; 9 * 1024 * 1024]), Err(GroupError::TooLarge { what: Piece::Tree, .. })));
    assert!(join(&tree).is_ok(), "the control");
}

#[test]
fn a_welcome_with_a_bit_flipped_or_cut_short_opens_nothing() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let KeyPackage { bytes, secret, .. } = key_package(&bob);
    let prepared = scene.alice_commits(&Intent { add: vec![bytes], ..Intent::default() }, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let join = |welcome: &[u8]| Group::join(&bob, welcome, &tree, &secret, &scene.trust).map(drop);
    for index in (0..prepared.welcome.len()).step_by(prepared.welcome.len() / 20) {
        let mut flipped = prepared.welcome.clone();
        flipped[index] ^= 0x10;
        assert!(join(&flipped).is_err(), "the bit in byte {index}");
    }
    assert!(matches!(
        join(&prepared.welcome[..prepared.welcome.len() - 1]),
        Err(GroupError::Malformed { what: Piece::Welcome })
    ));
    assert!(join(&prepared.welcome).is_ok(), "the control");
}

#[test]
fn a_device_of_another_key_does_not_join_by_it() {
    let mut scene = Scene::new();
    let bob = scene.world.elmgate.device('b', 1).device;
    let renewed = scene.world.elmgate.device('b', 1).device;
    let KeyPackage { bytes, secret, .. } = key_package(&bob);
    let prepared = scene.alice_commits(&Intent { add: vec![bytes], ..Intent::default() }, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let joined = Group::join(&renewed, &prepared.welcome, &tree, &secret, &scene.trust);
    assert!(matches!(joined, Err(GroupError::OtherDeviceKey)));
}

/// Mallory adds somebody past the others, and hands over the welcome herself; `tells_floor`: with what the group has
/// seen of charter and lists.
fn led_aside(pin: Option<LogPin>, tells_floor: bool, own: bool) -> Result<(), GroupError> {
    let mut scene = Scene::new();
    let mallory = scene.world.protection.device('m', 1);
    let mut rogue = Rogue::join(&mut scene, &mallory, Habits::default(), &mut []);
    let led = if own { scene.world.protection.device('m', 2) } else { scene.world.elmgate.device('b', 1) };
    let KeyPackage { bytes, secret, .. } = key_package(&led.device);
    let floor = floor(&scene.trust).into_extension().unwrap();
    let pin = pin.map(|pin| pin.into_extension().unwrap());
    let extensions = pin.into_iter().chain(tells_floor.then_some(floor));
    let output = rogue
        .group
        .commit_builder()
        .commit_time(mls_time(NOW_MS))
        .authenticated_data(context(&scene.trust))
        .set_group_info_ext(extensions.collect::<ExtensionList>())
        .add_member(message(&bytes))
        .unwrap()
        .build()
        .unwrap();
    rogue.group.apply_pending_commit().unwrap();
    let welcome = output.welcome_messages[0].to_bytes().unwrap();
    let tree = rogue.group.export_tree().to_bytes().unwrap();
    Group::join(&led.device, &welcome, &tree, &secret, &scene.trust).map(drop)
}

#[test]
fn a_joiner_is_not_led_aside_by_a_member_without_the_right() {
    let pin = Some(LogPin { position: Position(1), head: Head([1; 32]) });
    assert!(led_aside(pin, true, true).is_ok(), "the control: a further device of her own");
    assert!(matches!(led_aside(pin, true, false), Err(GroupError::Policy(PolicyError::MayNotAdd(..)))));
    assert!(matches!(led_aside(None, true, true), Err(GroupError::NoLogPin)));
    assert!(matches!(led_aside(pin, false, true), Err(GroupError::NoFloor)));
}

#[test]
fn many_join_by_one_welcome() {
    let mut scene = Scene::new();
    let devices: Vec<_> = ('b'..='f').map(|letter| scene.world.elmgate.device(letter, 1).device).collect();
    let packages: Vec<KeyPackage> = devices.iter().map(key_package).collect();
    let add = packages.iter().map(|package| package.bytes.clone()).collect();
    let prepared = scene.alice_commits(&Intent { add, ..Intent::default() }, &mut []);
    let tree = scene.server.export_tree().unwrap();
    let mut parties: Vec<Party> = devices
        .into_iter()
        .zip(&packages)
        .map(|(device, package)| {
            let (group, _) =
                Group::join(&device, &prepared.welcome, &tree, &package.secret, &scene.trust).unwrap();
            Party { device, group }
        })
        .collect();
    let stranger = scene.world.protection.device('c', 1).device;
    let mut others: Vec<&mut Party> = parties.iter_mut().collect();
    scene.alice_commits(&adding(&[&stranger]), &mut others);
    assert!(parties.iter().all(|party| party.group.epoch_id() == scene.alice.group.epoch_id()));
}
