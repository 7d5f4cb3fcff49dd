//! Recovery at the desk: an admin asks, sees what became of it, and fetches what the officers open.

use crate::{
    desk::{Desk as Room, Device},
    desk_program::{Place, certified},
    desk_server::opening,
    scene::clock_ms,
};
use alcove_charter::{
    ESCROW_INFO, EscrowBundle, EscrowEntry, EscrowPlace, Objection, P256Point, objection_signing_bytes,
    request_words, sha256,
};
use alcove_issuer::{Passphrase, recovery::RecoveryOrder};
use alcove_proto::{
    ids::{AttemptId, Epoch, EpochId, GroupId},
    names::Identity,
    v1::{self, AttemptState},
};
use alcove_sealing::recovered_keys;
use prost::Message;
use rcgen::SigningKey;
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};
use std::{fs, os::unix::fs::PermissionsExt};

/// A desk of an agency with a recovery key in its charter, and that key.
fn place_with(first: impl FnOnce(&mut Room)) -> (Place, P256Point) {
    let mut room = Room::at(clock_ms());
    let order = RecoveryOrder { officers: 2, needed: 2, replace: false };
    let officers = ["p1", "p2"].map(|name| {
        let text = format!("officer {name} has four words");
        fs::write(room.path(name), &text).unwrap();
        fs::set_permissions(room.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        Passphrase::new(text)
    });
    let shares = room.path("shares");
    let key = room.harborlight.init_recovery(order, &shares, &officers).unwrap().recovery_key;
    (Place::of(room, first), key)
}

/// The key of an epoch, sealed by a device of Harborlight.
fn sealed(recovery_key: &P256Point, epoch: u64) -> v1::EscrowEntry {
    let place = EscrowPlace { group: GroupId([1; 16]), epoch: Epoch(epoch), epoch_id: EpochId([2; 32]) };
    let aad = place.aad(&"harborlight.northmark.example".parse().unwrap(), recovery_key);
    let recipient = HpkePublicKey(recovery_key.as_bytes().to_vec());
    let (encapsulated, ciphertext) =
        DH_KEM_P256_HKDF_SHA256_AES_256.seal(ESCROW_INFO, &aad, &[epoch as u8; 32], &recipient).unwrap();
    EscrowEntry {
        place,
        encapsulated_key: P256Point::parse(&encapsulated.0).unwrap(),
        ciphertext: ciphertext.try_into().unwrap(),
    }
    .to_wire()
}

fn state_is(place: &Place, state: AttemptState) {
    place.server.state().attempts[0].state = state.into();
}

#[test]
fn an_admin_asks_waits_and_fetches_what_the_officers_open_for_the_new_device() {
    let (place, key) = place_with(|_| {});
    let invitation = place.invite("rosa.invitation");
    let device = Device::new();
    let asked = device.request_file();
    place.hand_in(&invitation, &asked, &asked);
    let words = request_words(&asked);
    let name = invitation.identity.to_string();
    place.ok(&format!("approve {name} --words {}", words.replace(' ', "-")));

    let attempt = place.ok(&format!("recovery ask {name}")).remove(0);
    assert_eq!((attempt["state"].as_str(), attempt["words"].as_str()), (Some("announced"), Some(&*words)));
    assert_eq!(attempt["device"], name);
    let id = attempt["attempt"].as_str().unwrap().to_owned();
    place.fails(&format!("recovery ask {name}"), 9);
    assert_eq!(place.ok("recovery attempts").remove(0), attempt);

    let fetch = format!("recovery fetch {id} -o escrow");
    let said = place.fails(&fetch, 12);
    let open_from: jiff::Timestamp = attempt["open_from"].as_str().unwrap().parse().unwrap();
    let by_the_admins_clock = alcove_programs::dates::minute(open_from.as_millisecond());
    assert!(said.contains(&by_the_admins_clock), "it says when: {said}");
    assert!(!place.path("escrow").exists());

    state_is(&place, AttemptState::Open);
    let malformed = v1::EscrowEntry { ciphertext: vec![1; 5], ..sealed(&key, 9) };
    place.server.state().escrow = vec![
        v1::EscrowPage {
            entries: vec![sealed(&key, 3), malformed],
            next_cursor: vec![1],
            ..v1::EscrowPage::default()
        },
        v1::EscrowPage {
            entries: vec![sealed(&key, 4)],
            certificates: vec![vec![6; 300]],
            ..v1::EscrowPage::default()
        },
    ];
    let fetched = place.ok(&fetch).remove(0);
    assert_eq!((&fetched["entries"], &fetched["left_out"]), (&2.into(), &1.into()));
    assert_eq!(place.server.state().asked_hash, sha256(&[key.as_bytes()]), "the key in the charter");
    let bundle = EscrowBundle::parse(&fs::read(place.path("escrow")).unwrap()).unwrap();
    assert_eq!((bundle.entries.len(), bundle.certificates.len()), (2, 1));
    place.fails(&fetch, 9);
    assert_eq!(place.ok("recovery attempts")[0]["state"], "handed-out");

    // The request lies in the folder, whichever way it came; the officers open for it.
    let kept = format!("harborlight/requests/{}-1.req", invitation.identity.person.handle.as_str());
    assert_eq!(fs::read(place.path(&kept)).unwrap(), asked);
    place.ok(&format!(
        "recovery open --shares shares/share-1 shares/share-2 --passphrase-files p1,p2 --escrow escrow \
         --request {kept} --words {} --device {name} -o keys",
        words.replace(' ', "-")
    ));
    let file = fs::read(place.path("keys")).unwrap();
    let plaintext = recovered_keys::open(&file, device.sealing.scalar(), &invitation.identity).unwrap();
    let keys = v1::RecoveredEpochKeys::decode(plaintext.as_slice()).unwrap();
    assert_eq!(keys.keys.iter().map(|key| (key.epoch, key.key[0])).collect::<Vec<_>>(), [(3, 3), (4, 4)]);
    assert_eq!(keys.certificates, [vec![6; 300]]);
}

#[test]
fn a_device_that_was_certified_by_file_is_asked_for_without_naming_its_request() {
    let mut of = None;
    let (place, _) = place_with(|room| of = Some(certified(room, 0)));
    let (_, _, identity) = of.unwrap();
    let kept = format!("harborlight/requests/{}-1.req", identity.person.handle.as_str());
    let words = request_words(&fs::read(place.path(&kept)).unwrap());
    let spoken = words.to_uppercase().replace(' ', "-");
    place.fails(&format!("recovery ask {identity} --words apple-apple-apple-apple-apple-apple"), 12);
    assert_eq!(place.ok(&format!("recovery ask {identity} --words {spoken}"))[0]["words"], words);

    // Of a device that this folder has not certified, the words at least.
    let other = format!("{}/device/2", identity.person);
    place.fails(&format!("recovery ask {other}"), 3);
    place.fails(&format!("recovery ask {other} --words apple-apple"), 2);
    assert_eq!(place.ok(&format!("recovery ask {other} --words {spoken}"))[0]["words"], words);
    let foreign = identity.to_string().replace("harborlight", "elmgate");
    place.fails(&format!("recovery ask {foreign} --words {spoken}"), 12);
}

#[test]
fn who_objected_is_named_when_that_device_signed_it_and_a_forged_attempt_is_an_alarm() {
    let mut of = None;
    let (place, _) = place_with(|room| of = Some(certified(room, 0)));
    let (device, certificate, identity) = of.unwrap();
    let attempt = place.ok(&format!("recovery ask {identity}")).remove(0);
    let id: AttemptId = attempt["attempt"].as_str().unwrap().parse().unwrap();
    let objects = |attempt: AttemptId, identity: &Identity| {
        let objection = Objection { attempt, identity: identity.clone(), time_ms: clock_ms() };
        let signature = device.mls.sign(&objection_signing_bytes(&objection.encode())).unwrap();
        objection.signed(signature, certificate.clone())
    };
    state_is(&place, AttemptState::Objected);
    let shown = |signed: Vec<u8>| {
        place.server.state().attempts[0].signed_objection = signed;
        place.ok("recovery attempts").remove(0)["objected_by"].clone()
    };
    assert_eq!(shown(Vec::new()), serde_json::Value::Null, "the server only says so");
    assert_eq!(shown(objects(AttemptId([9; 16]), &identity)), serde_json::Value::Null, "to another attempt");
    let somebody = identity.person.device(2);
    assert_eq!(shown(objects(id, &somebody)), serde_json::Value::Null, "in another's name");
    assert_eq!(shown(objects(id, &identity)), identity.to_string());
    place.fails(&format!("recovery fetch {id} -o escrow"), 9);
    assert!(!place.path("escrow").exists());

    // An order that the agency's key did not sign is none of its attempts.
    let mut forged = place.server.state().attempts[0].clone();
    let (mut order, mut open) = opening(&forged);
    open.attempt_id = vec![7; 16];
    order.act = Some(v1::order::Act::OpenRecovery(open));
    forged.order = order.encode_to_vec();
    place.server.state().attempts.push(forged);
    place.fails("recovery attempts", 6);
    let of_another = AttemptId([7; 16]);
    place.fails(&format!("recovery fetch {of_another} -o escrow"), 3);
}

#[test]
fn an_attempt_is_taken_back_and_pages_that_never_end_or_bring_nothing_write_no_file() {
    let mut of = None;
    let (place, key) = place_with(|room| of = Some(certified(room, 0)));
    let identity = of.unwrap().2;
    let ask = || place.ok(&format!("recovery ask {identity}"))[0]["attempt"].as_str().unwrap().to_owned();
    let first = ask();
    place.fails(&format!("recovery withdraw {}", AttemptId([9; 16])), 3);
    assert_eq!(place.ok(&format!("recovery withdraw {first}"))[0]["state"], "withdrawn");
    place.fails(&format!("recovery fetch {first} -o escrow"), 9);

    let fetch = format!("recovery fetch {} -o escrow", ask());
    state_is(&place, AttemptState::Open);
    place.fails(&fetch, 3);
    let page = |next: u8| v1::EscrowPage {
        entries: vec![sealed(&key, 3)],
        next_cursor: vec![next],
        ..v1::EscrowPage::default()
    };
    place.server.state().escrow = vec![page(1), page(1)];
    let output = place.run(&fetch);
    assert!(!output.status.success(), "pages that lead back");
    assert!(!place.path("escrow").exists());
    place.server.state().escrow = vec![page(1)];
    place.ok(&fetch);
}
