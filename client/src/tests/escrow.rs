//! What a device seals to its agency's recovery key, and when; what it says about attempts at recovery.

use super::desk::{World, now_ms};
use super::recovery_scene::{RecoveryKey, Scene};
use super::test_agency::next_charter;
use crate::{
    session::{AlarmKind, RecoveryState},
    vault::rows::{EpochRow, GroupRow, OutboxRow},
};
use alcove_charter::{Judge, P256Point, TrustView, VerifiedObjection, sha256};
use alcove_proto::{
    ids::{AttemptId, Epoch, EpochId, GroupId},
    v1::{self, AttemptState, Reason, order},
};
use prost::Message;

/// A case of Rosa's that the server knows, with nothing in it.
fn case(scene: &Scene) -> GroupId {
    let session = scene.session().offline();
    let case = scene.block_on(session.new_case("QUIET-MAPLE-07")).unwrap().id;
    drop(session);
    scene.act(|act| {
        let mut row: GroupRow = act.expect(case.as_bytes())?;
        row.created = true;
        act.put(case.as_bytes(), &row)?;
        act.delete_under::<OutboxRow>(case.as_bytes())
    });
    let start = alcove_e2ee::receipts::LogVerifier::at_start(case);
    let page = v1::ReadLogResponse {
        signed_head: Some(scene.door.sign_head(&case, start.position(), &start.head())),
        ..v1::ReadLogResponse::default()
    };
    scene.door.seen().pages.insert((case.to_vec(), 0), page);
    case
}

/// What was sealed for the first epoch of a case opens to the key that the vault holds.
fn check_sealed(scene: &Scene, case: &GroupId, key: &RecoveryKey, put: &v1::PutEscrowRequest) {
    let held: EpochRow = scene.read(|act| act.expect(&[case.as_bytes().as_slice(), &[0; 8]].concat()));
    let entry = alcove_charter::EscrowEntry::parse(&put.entries[0]).unwrap();
    assert_eq!((entry.place.group, entry.place.epoch), (*case, Epoch(0)));
    assert_eq!(entry.place.epoch_id, EpochId::try_from(held.epoch_id.as_slice()).unwrap());
    assert_eq!(put.recovery_key_hash, sha256(&[&key.public]));
    let trust_domain = scene.rosa().person.trust_domain;
    let aad = entry.place.aad(&trust_domain, &P256Point::parse(&key.public).unwrap());
    let opened =
        key.open(alcove_charter::ESCROW_INFO, &aad, &put.entries[0].encapsulated_key, &entry.ciphertext);
    assert_eq!(opened.unwrap(), held.key);
}

#[test]
fn what_is_due_stays_due_until_the_server_has_acknowledged_it_and_stops_nothing_meanwhile() {
    let key = RecoveryKey::new();
    let scene = Scene::new(World::with_recovery_key(0, &key.public));
    let case = case(&scene);
    let session = scene.session();
    let unsealed = || session.status().unwrap().unsealed;
    assert_eq!(unsealed(), 1, "marked in the act that made the epoch");

    // A server that knows no escrow.
    let report = scene.sync(&session);
    assert!(report.bad_answer.is_none() && report.alarms.is_empty());
    assert_eq!(unsealed(), 1);
    // One that refuses.
    scene.door.seen().escrow.served = true;
    scene.door.seen().escrow.refuses = Some(Reason::Internal);
    scene.sync(&session);
    assert_eq!(unsealed(), 1);

    scene.door.seen().escrow.refuses = None;
    scene.sync(&session);
    assert_eq!(unsealed(), 0);
    let put = scene.door.seen().escrow.put.clone();
    assert_eq!(put.len(), 1);
    check_sealed(&scene, &case, &key, &put[0]);
    assert_eq!(put[0].certificates, [scene.mls_certificate()], "with the certificate of whoever was there");

    scene.sync(&session);
    assert_eq!(scene.door.seen().escrow.put.len(), 1, "and no second time");
}

#[test]
fn a_frozen_case_is_sealed_like_any_other_and_one_that_has_ended_is_not() {
    let key = RecoveryKey::new();
    for (frozen, closed, sealed) in [(true, false, 1), (true, true, 0)] {
        let scene = Scene::new(World::with_recovery_key(0, &key.public));
        let case = case(&scene);
        scene.act(|act| {
            let row: GroupRow = act.expect(case.as_bytes())?;
            act.put(case.as_bytes(), &GroupRow { frozen, closed, ..row })
        });
        scene.door.seen().escrow.served = true;
        scene.sync(&scene.session());
        let put = scene.door.seen().escrow.put.clone();
        assert_eq!(put.len(), sealed, "closed: {closed}");
        put.iter().for_each(|put| check_sealed(&scene, &case, &key, put));
    }
}

#[test]
fn killed_before_the_acknowledgement_the_same_is_sealed_again() {
    let key = RecoveryKey::new();
    let scene = Scene::new(World::with_recovery_key(0, &key.public));
    let case = case(&scene);
    scene.door.seen().escrow.served = true;
    let before = std::fs::read(scene.home().join("vault.db")).unwrap();
    let wal = std::fs::read(scene.home().join("vault.db-wal")).unwrap_or_default();
    scene.sync(&scene.session());
    // The vault as it was when the answer had not come.
    std::fs::write(scene.home().join("vault.db"), before).unwrap();
    std::fs::write(scene.home().join("vault.db-wal"), wal).unwrap();
    let _no_index = std::fs::remove_file(scene.home().join("vault.db-shm"));
    scene.sync(&scene.session());
    let put = scene.door.seen().escrow.put.clone();
    assert_eq!(put.len(), 2);
    put.iter().for_each(|put| check_sealed(&scene, &case, &key, put));
}

#[test]
fn a_recovery_key_that_is_new_or_another_gets_everything_that_too_few_have_sealed() {
    let mut scene = Scene::new(World::new());
    let case = case(&scene);
    scene.door.seen().escrow.served = true;
    let session = scene.session();
    scene.sync(&session);
    assert!(scene.door.seen().escrow.put.is_empty(), "the control: there is no key to seal to");
    assert_eq!(session.status().unwrap().unsealed, 0);

    // The agency sets recovery up.
    let first = RecoveryKey::new();
    scene.next_recovery_key(&first);
    scene.sync(&session);
    let put = scene.door.seen().escrow.put.clone();
    assert_eq!(put.len(), 1);
    check_sealed(&scene, &case, &first, &put[0]);

    // The server has the charter before this device does.
    let second = RecoveryKey::new();
    scene.next_recovery_key(&second);
    scene.sync(&session);
    let put = scene.door.seen().escrow.put.clone();
    check_sealed(&scene, &case, &second, put.last().unwrap());
    assert_eq!(put.len(), 2);

    // What two others have sealed to a third one is theirs.
    let third = RecoveryKey::new();
    scene.door.seen().escrow.sealings = vec![v1::EpochSealings { epoch: 0, devices: 2, own: false }];
    scene.next_recovery_key(&third);
    scene.sync(&session);
    assert_eq!(scene.door.seen().escrow.put.len(), 2);
    let asked = scene.door.seen().escrow.sealings_asked;
    scene.sync(&session);
    assert_eq!(scene.door.seen().escrow.sealings_asked, asked, "each key is seen to once");
}

#[test]
fn a_key_that_changed_at_the_server_first_is_fetched_and_sealed_to_at_the_next_sync() {
    let first = RecoveryKey::new();
    let mut scene = Scene::new(World::with_recovery_key(0, &first.public));
    let case = case(&scene);
    scene.door.seen().escrow.served = true;
    scene.door.seen().escrow.refuses = Some(Reason::RecoveryKeyChanged);
    let session = scene.session();
    scene.sync(&session);
    assert!(scene.door.seen().escrow.put.is_empty());
    let second = RecoveryKey::new();
    scene.next_recovery_key(&second);
    scene.door.seen().escrow.refuses = None;
    scene.sync(&session);
    let put = scene.door.seen().escrow.put.clone();
    check_sealed(&scene, &case, &second, &put[0]);
    assert_eq!(put.len(), 1, "to the old key nothing more");
}

/// An attempt for a second device of Rosa's, signed by whoever `sign`s.
fn attempt(scene: &Scene, id: u8, sign: impl Fn(&[u8]) -> Vec<u8>) -> v1::RecoveryAttempt {
    let act = order::Act::OpenRecovery(v1::OpenRecovery {
        attempt_id: vec![id; 16],
        identity: scene.world.harborlight.identity(1, 2).to_string(),
        request_words: "erase entry write avocado case prison".to_owned(),
    });
    let order = v1::Order {
        format: 1,
        trust_domain: scene.world.harborlight.trust_domain.clone(),
        time_ms: now_ms(),
        act: Some(act),
    }
    .encode_to_vec();
    v1::RecoveryAttempt {
        signature: sign(&order),
        order,
        announced_at_ms: now_ms(),
        open_from_ms: now_ms() + 72 * 3600 * 1000,
        state: AttemptState::Announced.into(),
        since_ms: now_ms(),
        signed_objection: Vec::new(),
    }
}

#[test]
fn an_attempt_is_shown_once_as_new_and_stands_until_somebody_objects() {
    let scene = Scene::new(World::with_recovery_key(0, &RecoveryKey::new().public));
    scene.door.seen().escrow.served = true;
    let session = scene.session();
    scene.sync(&session);
    scene.sync(&session);
    assert_eq!(scene.door.seen().escrow.attempts_asked, 1, "once an hour while none stands");
    session.want_recoveries();
    scene.sync(&session);
    scene.sync(&session);
    assert_eq!(scene.door.seen().escrow.attempts_asked, 2, "or when somebody wants to know, and once then");

    scene.ahead(3_700_000);
    let ours = attempt(&scene, 7, |order| scene.world.harborlight.sign_order(order));
    scene.door.seen().escrow.attempts.push(ours);
    let report = scene.sync(&session);
    assert_eq!(report.recoveries.len(), 1);
    let told = &report.recoveries[0];
    assert_eq!((told.person.person.clone(), told.device), (scene.rosa().person, 2));
    assert_eq!(told.state, RecoveryState::Announced);
    assert!(scene.sync(&session).recoveries.is_empty(), "told once");
    assert_eq!(scene.door.seen().escrow.attempts_asked, 4, "and asked about at every sync while it stands");
    assert_eq!(session.status().unwrap().recoveries.len(), 1);
    assert!(session.status().unwrap().alarms.is_empty());

    assert_eq!(scene.block_on(session.object(&AttemptId([7; 16]))).unwrap(), RecoveryState::Objected);
    let objections = scene.door.seen().escrow.objections.clone();
    let trust = TrustView::new(
        alcove_charter::CharterHistory::from_versions([scene.world.charter.encode_to_vec()]).unwrap(),
    );
    let verified = VerifiedObjection::verify(&objections[0], &trust, Judge::Never).unwrap();
    assert_eq!(verified.objection.attempt, AttemptId([7; 16]));
    assert_eq!(verified.objection.identity, scene.rosa());
    assert!(session.status().unwrap().recoveries.is_empty(), "nothing can be handed out by it any more");
    assert_eq!(session.recoveries().unwrap()[0].state, RecoveryState::Objected);
    assert!(scene.block_on(session.object(&AttemptId([8; 16]))).is_err(), "one that nobody knows");
}

#[test]
fn an_objection_that_came_too_late_says_so() {
    let scene = Scene::new(World::with_recovery_key(0, &RecoveryKey::new().public));
    let ours = attempt(&scene, 7, |order| scene.world.harborlight.sign_order(order));
    scene.door.seen().escrow.attempts.push(ours);
    scene.door.seen().escrow.served = true;
    scene.door.seen().escrow.found = AttemptState::HandedOut;
    let session = scene.session();
    scene.sync(&session);
    assert_eq!(scene.block_on(session.object(&AttemptId([7; 16]))).unwrap(), RecoveryState::HandedOut);
    assert_eq!(session.recoveries().unwrap()[0].state, RecoveryState::HandedOut);
}

#[test]
fn an_attempt_that_the_own_admin_has_not_ordered_is_an_alarm_and_no_attempt() {
    let scene = Scene::new(World::with_recovery_key(0, &RecoveryKey::new().public));
    scene.door.seen().escrow.served = true;
    let foreign = attempt(&scene, 7, |order| scene.world.elmgate.sign_order(order));
    let mut altered = attempt(&scene, 8, |order| scene.world.harborlight.sign_order(order));
    altered.order[40] ^= 1;
    scene.door.seen().escrow.attempts = vec![foreign, altered];
    let session = scene.session();
    let report = scene.sync(&session);
    assert!(report.recoveries.is_empty() && session.recoveries().unwrap().is_empty());
    assert!(report.alarms.iter().all(|alarm| alarm.kind == AlarmKind::RecoveryForged));
    assert_eq!(report.alarms.len(), 1, "both are one alarm");
    session.acknowledge(&report.alarms).unwrap();
    scene.ahead(3_700_000);
    assert!(scene.sync(&session).alarms.is_empty(), "looked at is looked at");
}

#[test]
fn an_order_of_another_kind_or_for_another_agencys_device_is_none() {
    let scene = Scene::new(World::with_recovery_key(0, &RecoveryKey::new().public));
    scene.door.seen().escrow.served = true;
    let sign = |order: &[u8]| scene.world.harborlight.sign_order(order);
    let with = |id: u8, change: &dyn Fn(&mut v1::Order)| {
        let mut attempt = attempt(&scene, id, sign);
        let mut order = v1::Order::decode(attempt.order.as_slice()).unwrap();
        change(&mut order);
        attempt.order = order.encode_to_vec();
        attempt.signature = sign(&attempt.order);
        attempt
    };
    let listed = with(1, &|order| order.act = Some(order::Act::ListAttempts(v1::ListAttempts {})));
    let elsewhere = with(2, &|order| {
        let Some(order::Act::OpenRecovery(recovery)) = &mut order.act else { panic!("it opens") };
        recovery.identity = scene.world.elmgate.identity(1, 2).to_string();
    });
    let later = with(3, &|order| order.format = 2);
    let good = with(4, &|_| {});
    scene.door.seen().escrow.attempts = vec![listed, elsewhere, later, good];
    let session = scene.session();
    scene.sync(&session);
    let shown: Vec<AttemptId> = session.recoveries().unwrap().iter().map(|shown| shown.id).collect();
    assert_eq!(shown, [AttemptId([4; 16])], "the good one is the control");
    assert_eq!(session.status().unwrap().alarms[0].kind, AlarmKind::RecoveryForged);
}

impl Scene {
    /// The next charter names this recovery key for Harborlight; the server has it.
    fn next_recovery_key(&mut self, key: &RecoveryKey) {
        let both = [&self.world.elmgate, &self.world.harborlight];
        let domain = self.world.harborlight.trust_domain.clone();
        let next = next_charter(&self.world.charter, &both, |charter| {
            let agency = charter.agencies.iter_mut().find(|agency| agency.trust_domain == domain).unwrap();
            agency.recovery_key = key.public.clone();
        });
        self.door.seen().charters.push(next.encode_to_vec());
        self.world.charter = next;
    }
}
