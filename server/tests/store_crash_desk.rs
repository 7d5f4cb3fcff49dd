//! The server dies while devices and admins are at the desk: what they were told is so, and all of it fits together.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_support;

use alcove_proto::ids::Digest;
use alcove_server::store::{
    Desk, Operation, StoreError,
    enrolment::{
        HandInOutcome, NewInvitation, NewRenewal, NewRequest, OpenInvitationOutcome, RenewalOutcome,
        RequestState,
    },
    sled::{SledConfig, SledStore},
};
use bytes::Bytes;
use std::{path::Path, sync::Arc};
use store_support::{
    acks::{Ack, FOLDER, ROUND, Writer},
    *,
};

/// Devices that are at the desk at one time.
const DEVICES: u64 = 16;
/// What a device and its admin do, one after the other; each is told when it is done.
const STEPS: u64 = 5;

fn invitation() -> NewInvitation {
    NewInvitation { claim_hash: Digest([1; 32]), not_after_ms: i64::MAX }
}

fn request(number: u64) -> NewRequest {
    NewRequest { claim_hash: Digest([1; 32]), request: noise(number, 600), proof: Digest([number as u8; 32]) }
}

fn request_hash(number: u64) -> Digest {
    Digest(sha256(&[&noise(number, 600)]))
}

fn renewal(number: u64) -> NewRenewal {
    NewRenewal { request_hash: Digest([2; 32]), signed_renewal: noise(number, 2000) }
}

fn answer(number: u64) -> Bytes {
    noise(number + 1, 4000)
}

/// Does one step; answers whether it was new.
async fn step(store: &SledStore, number: u64, step: u64) -> bool {
    match step {
        0 => {
            let outcome = store.open_invitation(invitation(), by(number)).await.unwrap();
            outcome == OpenInvitationOutcome::Opened
        }
        1 => {
            let outcome = store.hand_in_request(request(number), by(number)).await.unwrap();
            outcome == HandInOutcome::Taken
        }
        2 => {
            let outcome = store.hand_in_renewal(renewal(number), by(number)).await.unwrap();
            outcome == RenewalOutcome::Taken
        }
        3 => {
            store.answer_request(request_hash(number), answer(number), by(number)).await.unwrap();
            true
        }
        _ => {
            let state = store.collect_answer(request_hash(number), by(number)).await.unwrap();
            assert_eq!(state, Some(RequestState::Answered(answer(number))));
            true
        }
    }
}

fn work_until_killed() -> ! {
    let folder = std::env::var_os(FOLDER).unwrap();
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&folder)));
        for device in 0..DEVICES {
            let store = store.clone();
            tokio::spawn(async move {
                for number in (round * 1_000_000 + device..).step_by(DEVICES as usize) {
                    for done in 0..STEPS {
                        step(&store, number, done).await;
                        Ack::Other { key: number * STEPS + done }.tell();
                    }
                }
            });
        }
        std::future::pending().await
    })
}

#[test]
fn killed_at_any_moment_the_desk_has_everything_it_acknowledged() {
    if std::env::var_os(FOLDER).is_some() {
        work_until_killed();
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut done = Vec::new();
    for (round, count) in (1..).zip([1, 100, 300, 47, 500]) {
        let test = "killed_at_any_moment_the_desk_has_everything_it_acknowledged";
        let mut writer = Writer::start(test, folder.path(), round);
        done.extend(writer.listen(count));
        done.extend(writer.kill());
        let store = open(folder.path());
        runtime.block_on(async {
            for ack in &done {
                let Ack::Other { key } = ack else { panic!("not of this test: {ack:?}") };
                let (number, last) = (key / STEPS, key % STEPS);
                // Whoever collects finds the answer; the earlier steps are done already.
                let again = step(&store, number, if last < 3 { last } else { 4 }).await;
                assert!(!again || last >= 3, "step {last} of device {number} was acknowledged");
            }
            let report = store.check().await.unwrap();
            assert_eq!(report.problems, []);
            let agency = device(0).person.trust_domain;
            let events = store.desk_events(agency, 0, usize::MAX).await.unwrap();
            assert!(events.is_sorted_by(|one, other| one.sequence < other.sequence));
        });
        store.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_answers_are_collected_and_what_waits_is_refused_and_nothing_new_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in [1, 2, 3] {
        store.open_invitation(invitation(), by(number)).await.unwrap();
    }
    for number in [1, 2] {
        store.hand_in_request(request(number), by(number)).await.unwrap();
    }
    store.answer_request(request_hash(1), answer(1), by(1)).await.unwrap();
    let available = store.health().await.unwrap().available_bytes;
    store.close();

    // A reserve larger than what is free, half of which is not: as on a disk that is nearly full.
    let tight = SledConfig { free_bytes_min: available + available / 4, ..config(folder.path()) };
    let store = SledStore::open(tight).unwrap();
    let full = |outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::StorageFull { .. })), "{outcome:?}");
    };
    full(store.hand_in_request(request(3), by(3)).await.map(drop));
    full(store.hand_in_renewal(renewal(3), by(3)).await.map(drop));
    full(store.open_invitation(invitation(), by(4)).await.map(drop));
    full(store.answer_request(request_hash(2), answer(2), by(2)).await);
    store.refuse_request(request_hash(2), by(2)).await.unwrap();
    assert!(store.withdraw_invitation(by(3)).await.unwrap());
    let state = store.collect_answer(request_hash(1), by(1)).await.unwrap();
    assert_eq!(state, Some(RequestState::Answered(answer(1))));
    assert_eq!(store.check().await.unwrap().problems, []);
}
