//! Escrow and recovery: what devices hand in, what becomes of an attempt, and what is handed out, to whom.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod enrolment_desk;
mod recovery_scene;
mod world;

use alcove_charter::{request_words, sha256};
use alcove_proto::{
    ids::{AccessId, BlobId, Digest, Epoch, GroupId, Head, Position},
    limits::{RECOVERY_DELAY_MS, RECOVERY_OPEN_MS},
    log::{entry_digest, next_head},
    v1::{self, Reason, order::Act},
};
use alcove_server::service::{
    AttemptState, BlobShape, EscrowOffer, Event, LogRange, NewAccess, NewUpload, PositionRange, ServiceError,
};
use enrolment_desk::*;
use prost::Message;
use recovery_scene::{Scene, caller_as, entry, grant, offer};
use tonic::Code;
use world::{Agency, DAY_MS, Device, assert_refused};

const NOT_OPEN: (Code, Reason) = (Code::FailedPrecondition, Reason::RecoveryNotOpen);

fn epochs(page: &v1::EscrowPage) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.epoch).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_seals_to_its_own_agencys_key_in_force_and_nobody_to_another() {
    let Scene { world, group, alice, bob, anna, .. } = Scene::new().await;
    let put = async |device: &Device, offer: EscrowOffer| {
        world.service.put_escrow(&world.caller(device), offer).await
    };
    let new = |agency: &Agency| offer(agency, group, vec![entry(group, 3, 1)]);
    assert_refused!(put(&anna, new(&world.harborlight)).await, ServiceError::NotFound);
    let elsewhere = EscrowOffer { group: GroupId([9; 16]), ..new(&world.harborlight) };
    assert_refused!(put(&alice, elsewhere).await, ServiceError::NotFound);
    assert_refused!(put(&bob, new(&world.harborlight)).await, ServiceError::RecoveryKeyChanged);
    let ahead = offer(&world.harborlight, group, vec![entry(group, 4, 1)]);
    assert_refused!(put(&alice, ahead).await, ServiceError::StaleEpoch { current: Epoch(3) });
    let someone = Certified::by(&world.northmark, world.northmark.identity(7, 1));
    let stranger = Certified::by(&world.stranger, world.harborlight.identity(8, 1));
    for bad in [stranger.certificate, b"no certificate".to_vec()] {
        let certificates = vec![someone.certificate.clone().into(), bad.into()];
        let refused = put(&alice, EscrowOffer { certificates, ..new(&world.harborlight) }).await;
        assert_refused!(refused, ServiceError::Malformed);
    }
    let certificates = vec![someone.certificate.into()];
    put(&alice, EscrowOffer { certificates, ..new(&world.harborlight) }).await.expect("the control");
    put(&bob, new(&world.northmark)).await.expect("also of the other agency");

    // What a grant is for, its device may read.
    let opened = NewAccess {
        group,
        access: AccessId([1; 16]),
        grantee: bob.identity.clone(),
        ranges: vec![PositionRange { first: Position(1), last: Position(1) }],
        not_after_ms: None,
    };
    world.service.open_access(&world.caller(&alice), opened).await.unwrap();
    let granted = |access, ranges: &[(u64, u64)]| EscrowOffer {
        grants: vec![grant(group, access, ranges)],
        ..offer(&world.northmark, group, Vec::new())
    };
    assert_refused!(put(&bob, granted(1, &[(1, 2)])).await, ServiceError::NotFound);
    put(&bob, granted(1, &[(1, 1)])).await.expect("opened to him");
    assert_refused!(put(&bob, granted(2, &[(1, 1)])).await, ServiceError::NotFound);
    let others = EscrowOffer {
        grants: vec![grant(group, 1, &[(1, 1)])],
        ..offer(&world.harborlight, group, Vec::new())
    };
    assert_refused!(put(&alice, others).await, ServiceError::NotFound);

    world.replaces_recovery_key(&world.harborlight);
    assert_refused!(put(&alice, new(&world.harborlight)).await, ServiceError::RecoveryKeyChanged);
    put(&bob, new(&world.northmark)).await.expect("whose key stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_learn_how_many_of_their_own_agency_have_sealed_an_epoch() {
    let Scene { world, group, alice, anna, bob, .. } = Scene::new().await;
    let sealings = async |device: &Device, hash: Digest, from: u64| {
        let caller = world.caller(device);
        let page = world.service.list_sealings(&caller, group, hash, Epoch(from)).await?;
        Ok(page.epochs.iter().map(|epoch| (epoch.epoch.0, epoch.devices, epoch.own)).collect::<Vec<_>>())
    };
    let (ours, theirs) = (world.harborlight.recovery_key_hash(), world.northmark.recovery_key_hash());
    let all = sealings(&alice, ours, 0).await.unwrap();
    assert_eq!(all, [(0, 2, true), (1, 2, true), (2, 2, true), (3, 1, true)]);
    assert_eq!(sealings(&alice, ours, 3).await.unwrap(), [(3, 1, true)]);
    assert_eq!(sealings(&bob, theirs, 0).await.unwrap(), [(2, 1, true)]);
    assert_eq!(sealings(&bob, ours, 0).await.unwrap(), [], "what another agency has is not his to know");
    let refused: Result<_, ServiceError> = sealings(&anna, ours, 0).await;
    assert_refused!(refused, ServiceError::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_handed_out_before_seventy_two_hours_nor_after_thirty_days() {
    let scene = Scene::new().await;
    let (world, harborlight) = (&scene.world, &scene.world.harborlight);
    assert_eq!(reason(scene.read(1).await), NOT_FOUND, "no such attempt");
    scene.open(1).await.unwrap();
    let refused = scene.read(1).await.unwrap_err();
    assert_eq!(detail(&refused).retry_after_ms, RECOVERY_DELAY_MS.unsigned_abs());
    assert_eq!(reason::<()>(Err(refused)), NOT_OPEN);
    world.pass(RECOVERY_DELAY_MS - 1);
    assert_eq!(detail(&scene.read(1).await.unwrap_err()).retry_after_ms, 1);
    assert_eq!(scene.states(harborlight).await, [v1::AttemptState::Announced]);
    let refused = scene.log_of(&scene.new_device, scene.from(Position(0))).await;
    assert_refused!(refused, ServiceError::NotFound);

    world.pass(1);
    assert_eq!(scene.states(harborlight).await, [v1::AttemptState::Open]);
    assert_eq!(reason(scene.read_by(&world.northmark, 1).await), NOT_FOUND, "another agency's admin");
    let page = scene.read(1).await.unwrap();
    assert_eq!(epochs(&page), [2, 2], "the epoch in which Anna was there, as two devices sealed it");
    assert!(page.entries.iter().all(|entry| entry.ciphertext == [12; 48]), "of her agency alone");
    assert_eq!(page.next_cursor, b"");
    assert_eq!(scene.states(harborlight).await, [v1::AttemptState::HandedOut]);
    assert_eq!(scene.states(&world.northmark).await, []);
    assert_eq!(epochs(&scene.read(1).await.unwrap()), [2, 2], "it may be read again");

    scene.withdraw(1).await.unwrap();
    world.pass(RECOVERY_OPEN_MS);
    let kept = [v1::AttemptState::HandedOut];
    assert_eq!(scene.states(harborlight).await, kept, "nobody hides it by taking it back, nor does time");
    let refused = scene.read(1).await.unwrap_err();
    assert_eq!(detail(&refused).retry_after_ms, 0, "never");
    assert_eq!(reason::<()>(Err(refused)), NOT_OPEN);
    scene.open(2).await.expect("the first does not stand in its way");
    world.pass(RECOVERY_DELAY_MS + RECOVERY_OPEN_MS);
    assert_eq!(scene.states(harborlight).await[0], v1::AttemptState::Ended);
    assert_eq!(reason(scene.read(2).await), NOT_OPEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_one_device_has_objected_nothing_is_ever_handed_out() {
    let scene = Scene::new().await;
    let (world, objector) = (&scene.world, scene.objector());
    scene.open(1).await.unwrap();
    let shown = world.service.list_recoveries(&caller_as(&objector.identity)).await.unwrap();
    let order = v1::Order::decode(shown[0].attempt.order.clone()).unwrap();
    assert_eq!(order.act, Some(Act::OpenRecovery(scene.opening(1))), "every device is shown the order");
    let stranger = world.northmark.identity(6, 1);
    assert_eq!(world.service.list_recoveries(&caller_as(&stranger)).await.unwrap(), []);

    // Nobody objects for somebody else, or for another agency, or without a certificate that holds.
    let in_her_name = scene.objection(&objector, &scene.alice.identity, 1);
    let refused = world.service.object_to_recovery(&caller_as(&objector.identity), in_her_name).await;
    assert_refused!(refused, ServiceError::NotAuthorised);
    let own = scene.objection(&objector, &objector.identity, 1);
    let refused = world.service.object_to_recovery(&caller_as(&scene.alice.identity), own).await;
    assert_refused!(refused, ServiceError::NotAuthorised);
    let theirs = Certified::by(&world.northmark, stranger);
    assert_refused!(scene.object(&theirs, 1).await, ServiceError::NotFound);
    let forged = Certified::by(&world.stranger, objector.identity.clone());
    assert_refused!(scene.object(&forged, 1).await, ServiceError::NotAuthorised);
    assert_refused!(scene.object(&objector, 2).await, ServiceError::NotFound);
    assert_eq!(scene.states(&world.harborlight).await, [v1::AttemptState::Announced]);

    assert_eq!(scene.object(&objector, 1).await.unwrap(), AttemptState::Objected);
    for pass_ms in [0, RECOVERY_DELAY_MS, RECOVERY_OPEN_MS, 365 * DAY_MS] {
        world.pass(pass_ms);
        assert_eq!(reason(scene.read(1).await), NOT_OPEN);
        let refused = scene.log_of(&scene.new_device, scene.from(Position(0))).await;
        assert_refused!(refused, ServiceError::NotFound);
    }
    let listed = world.service.list_recoveries(&caller_as(&scene.alice.identity)).await.unwrap();
    assert_eq!(listed[0].state, AttemptState::Objected);
    let (_, signed) = listed[0].attempt.objected.clone().unwrap();
    let signed = v1::SignedObjection::decode(signed).unwrap();
    let said = v1::Objection::decode(signed.objection.as_slice()).unwrap();
    assert_eq!(said.identity, objector.identity.to_string(), "who objected is shown to everybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_objection_by_a_revoked_device_counts_for_nothing_and_one_too_late_says_so() {
    let scene = Scene::new().await;
    let (world, objector) = (&scene.world, scene.objector());
    let revoked = Certified::by(&world.harborlight, world.harborlight.identity(6, 2));
    world.revoke_serials(&world.harborlight, 1, [revoked.serial.clone()].into_iter());
    scene.open(1).await.unwrap();
    assert_refused!(scene.object(&revoked, 1).await, ServiceError::NotAuthorised);
    world.pass(RECOVERY_DELAY_MS);
    assert_eq!(epochs(&scene.read(1).await.unwrap()), [2, 2], "the control: it is handed out");
    assert_eq!(scene.object(&objector, 1).await.unwrap(), AttemptState::HandedOut);
    assert_eq!(epochs(&scene.read(1).await.unwrap()), [2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_takes_an_attempt_back_and_two_do_not_stand_for_one_device() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let order = async |agency: &Agency, open: v1::OpenRecovery| {
        place(&scene.client, world, agency, Act::OpenRecovery(open)).await
    };
    let good = scene.opening(1);
    let malformed = [
        v1::OpenRecovery { attempt_id: vec![1; 15], ..good.clone() },
        v1::OpenRecovery { identity: "anna".into(), ..good.clone() },
        v1::OpenRecovery { request_words: "apple apple".into(), ..good.clone() },
        v1::OpenRecovery { request_words: good.request_words.to_uppercase(), ..good.clone() },
        v1::OpenRecovery { request_words: format!("{} apple", good.request_words), ..good.clone() },
        v1::OpenRecovery { request_words: "x".repeat(10_000), ..good.clone() },
    ];
    for open in malformed {
        assert_eq!(reason(order(&world.harborlight, open.clone()).await), MALFORMED, "{open:?}");
    }
    let foreign = world.northmark.identity(2, 2).to_string();
    let foreign = v1::OpenRecovery { identity: foreign, ..good.clone() };
    assert_eq!(reason(order(&world.harborlight, foreign).await), NOT_AUTHORISED);
    assert_eq!(reason(order(&world.northmark, good.clone()).await), NOT_AUTHORISED);
    assert_eq!(scene.states(&world.harborlight).await, []);

    scene.open(1).await.unwrap();
    scene.open(1).await.expect("the same order again");
    let other_words = v1::OpenRecovery { request_words: request_words(b"another"), ..good.clone() };
    let reused = (Code::AlreadyExists, Reason::IdReused);
    assert_eq!(reason(order(&world.harborlight, other_words).await), reused);
    let stands = (Code::AlreadyExists, Reason::RecoveryStands);
    assert_eq!(reason(scene.open(2).await), stands);
    assert_eq!(reason(scene.withdraw(2).await), NOT_FOUND);
    scene.withdraw(1).await.unwrap();
    scene.withdraw(1).await.expect("again");
    world.pass(RECOVERY_DELAY_MS);
    assert_eq!(reason(scene.read(1).await), NOT_OPEN);
    scene.open(2).await.expect("the first is taken back");
    let states = [v1::AttemptState::Announced, v1::AttemptState::Withdrawn];
    assert_eq!(scene.states(&world.harborlight).await, states);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_named_device_reads_what_was_opened_to_it_and_no_other_device_does() {
    let scene = Scene::new().await;
    scene.handed_out().await;
    let (came, went) = scene.stay;
    let whole = scene.world.log(&scene.alice, scene.group).await;
    let page = scene.log_of(&scene.new_device, scene.from(Position(0))).await.unwrap();
    let positions: Vec<u64> = page.entries.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (came.0..=went.0).collect::<Vec<_>>());
    assert_eq!(page.entries, whole[came.0 as usize - 1..went.0 as usize]);
    assert!(!page.more);

    // From the head it is told to the head that is signed, the entries are one chain.
    let [link] = page.link[..] else { panic!("one digest: {:?}", page.link) };
    assert_eq!(Head(link.0), scene.world.head_of(scene.group, &whole[..came.0 as usize - 1]));
    let head = page.entries.iter().fold(Head(link.0), |head, entry| {
        next_head(sha256, &head, &entry_digest(sha256, &scene.group, entry))
    });
    let signed = page.signed.unwrap();
    scene.world.check_signature(&signed);
    assert_eq!((signed.position, signed.head.as_slice()), (went.0, &head.as_bytes()[..]));

    let empty = scene.log_of(&scene.new_device, scene.from(went)).await.unwrap();
    assert!(empty.entries.is_empty() && !empty.more && empty.signed.is_none());
    for other in [scene.world.harborlight.identity(3, 3), scene.world.harborlight.identity(4, 2)] {
        let refused = scene.log_of(&other, scene.from(Position(0))).await;
        assert_refused!(refused, ServiceError::NotFound);
    }
    let unknown = LogRange { group: GroupId([9; 16]), ..scene.from(Position(0)) };
    assert_refused!(scene.log_of(&scene.new_device, unknown).await, ServiceError::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_for_whoever_is_no_member_ends_where_a_part_does_or_where_it_is_told() {
    let mut scene = Scene::new().await;
    // Anna comes once more, and goes: two parts with a gap between them.
    let (came, went) = scene.stay;
    let mut again = Device::of(&scene.world.harborlight, 3, 4);
    let back = scene.world.add(scene.group, &mut scene.alice, &mut [&mut again]).await;
    scene.world.append(&scene.alice, scene.group, 8, b"for Anna again").await.unwrap();
    let gone = scene.alice.remove_alone(&scene.world, scene.group, &again).await;
    scene.world.append(&scene.alice, scene.group, 9, b"after").await.unwrap();
    assert!(went.next() < back, "there is a gap");
    scene.handed_out().await;

    let read = async |after: Position, through: Option<u64>, entries_max: usize| {
        let range =
            LogRange { after, through: through.map(Position), entries_max, ..scene.from(Position(0)) };
        let page = scene.log_of(&scene.new_device, range).await.unwrap();
        let first = page.entries.first().map(|entry| entry.position);
        let last = page.entries.last().map(|entry| entry.position);
        assert_eq!(page.link.len(), usize::from(first.is_some()));
        (first, last, page.signed.map(|signed| signed.position), page.more)
    };
    let (first, last) = (Some(came.0), Some(went.0));
    assert_eq!(read(Position(0), None, 1000).await, (first, last, last, true), "it stops at the gap");
    let (second, end) = (Some(back.0), Some(gone.0));
    assert_eq!(read(went, None, 1000).await, (second, end, end, false));
    assert_eq!(read(Position(0), None, 1).await, (first, first, None, true), "within a part");
    let told = Some(came.0 + 1);
    assert_eq!(read(Position(0), told, 1000).await, (first, told, told, false));
    assert_eq!(read(Position(0), Some(went.0 + 1), 1000).await, (first, last, last, false));
    assert_eq!(read(went, Some(went.0 + 1), 1000).await, (None, None, None, false), "in the gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_again_makes_nobody_a_member() {
    let scene = Scene::new().await;
    scene.handed_out().await;
    let world = &scene.world;
    let caller = caller_as(&scene.new_device);
    let record = alcove_proto::ids::RecordId([77; 16]);
    let appended =
        world.service.append_record(&caller, scene.group, Epoch(3), record, vec![1].into(), vec![]).await;
    assert_refused!(appended, ServiceError::NotFound);
    let mut subscription = world.service.subscribe(&caller, vec![(scene.group, Position(0))]).await.unwrap();
    let event = subscription.next().await.unwrap();
    assert!(matches!(event, Some(Event::GroupClosed(group)) if group == scene.group), "{event:?}");
    let access = NewAccess {
        group: scene.group,
        access: AccessId([5; 16]),
        grantee: scene.alice.identity.clone(),
        ranges: vec![PositionRange { first: scene.stay.0, last: scene.stay.0 }],
        not_after_ms: None,
    };
    assert_refused!(world.service.open_access(&caller, access).await, ServiceError::NotFound);
    let upload =
        NewUpload { blob: BlobId([6; 16]), group: scene.group, shape: BlobShape::new(1, 100).unwrap() };
    assert_refused!(world.service.open_upload(&caller, upload).await, ServiceError::NotFound);
    let sealed = offer(&world.harborlight, scene.group, vec![entry(scene.group, 3, 1)]);
    assert_refused!(world.service.put_escrow(&caller, sealed).await, ServiceError::NotFound);
    let page = scene.log_of(&scene.new_device, scene.from(Position(0))).await.unwrap();
    assert!(!page.entries.is_empty(), "the control: it reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_joins_keeps_what_was_opened_before_and_loses_it_when_it_is_removed() {
    let mut scene = Scene::new().await;
    scene.handed_out().await;
    let (came, went) = scene.stay;
    let mut device = Device::certified(&scene.world.harborlight, scene.new_device.clone(), 90);
    let joined = scene.world.add(scene.group, &mut scene.alice, &mut [&mut device]).await;
    let page = scene.log_of(&scene.new_device, scene.from(Position(0))).await.unwrap();
    let positions: Vec<u64> = page.entries.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (came.0..=went.0).chain([joined.0]).collect::<Vec<_>>());
    scene.alice.remove_alone(&scene.world, scene.group, &device).await;
    let range = LogRange { through: Some(went), ..scene.from(Position(0)) };
    assert_refused!(scene.log_of(&scene.new_device, range).await, ServiceError::NotFound);
    scene.read(1).await.unwrap();
    assert_refused!(scene.log_of(&scene.new_device, range).await, ServiceError::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_a_readable_record_names_is_readable_too() {
    let mut scene = Scene::new().await;
    let blob = |number: u8| BlobId([number; 16]);
    let names = async |scene: &Scene, number: u8| {
        let caller = scene.world.caller(&scene.alice);
        let upload =
            NewUpload { blob: blob(number), group: scene.group, shape: BlobShape::new(1, 100).unwrap() };
        scene.world.service.open_upload(&caller, upload).await.unwrap();
        let mut writer = scene.world.service.put_chunks(&caller);
        let chunk = vec![number; 100];
        writer.put(blob(number), 0, chunk.clone().into()).await.unwrap();
        writer.finish().await.unwrap();
        let digest = Digest(sha256(&[&sha256(&[&chunk])]));
        scene.world.service.finish_upload(&caller, blob(number), digest).await.unwrap();
        scene.world.append_naming(&scene.alice, scene.group, 100 + number, blob(number)).await.unwrap();
    };
    let mut again = Device::of(&scene.world.harborlight, 3, 4);
    scene.world.add(scene.group, &mut scene.alice, &mut [&mut again]).await;
    names(&scene, 1).await;
    scene.alice.remove_alone(&scene.world, scene.group, &again).await;
    names(&scene, 2).await;
    let read = async |scene: &Scene, number: u8| {
        let caller = caller_as(&scene.new_device);
        let reader = scene.world.service.read_chunks(&caller, scene.group, blob(number), 0, None).await;
        reader.map(drop)
    };
    assert_refused!(read(&scene, 1).await, ServiceError::NotFound);
    scene.handed_out().await;
    read(&scene, 1).await.expect("named while Anna was there");
    assert_refused!(read(&scene, 2).await, ServiceError::NotFound);
}
