//! Attempts at recovery.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{AttemptId, Position},
    limits::{
        ACCESS_RANGES_MAX, OBJECTION_BYTES_MAX, RECOVERY_ATTEMPTS_MAX, RECOVERY_DELAY_MS, RECOVERY_OPEN_MS,
    },
    names::TrustDomain,
};
use alcove_server::store::{
    Access, Audit, Operation, Recoveries, Store, StoreError,
    access::PositionRange,
    audit::{Act, By},
    groups::NewCommit,
    recoveries::{
        ATTEMPT_ORDER_BYTES_MAX, Attempt, AttemptState, NewAttempt, OpenAttemptOutcome, RecoveredAccess,
    },
};
use std::path::Path;

const START_MS: i64 = 1_790_000_000_000;
const OPEN_MS: i64 = START_MS + RECOVERY_DELAY_MS;

fn id(number: u64) -> AttemptId {
    AttemptId(u128::from(number).to_be_bytes())
}

fn agency() -> TrustDomain {
    device(0).person.trust_domain
}

fn new(number: u64) -> NewAttempt {
    NewAttempt { attempt: id(number), order: noise(number, 300), signature: noise(number + 1, 72) }
}

async fn announce(store: &impl Store, number: u64, person: u64, time_ms: i64) -> OpenAttemptOutcome {
    store.open_attempt(new(number), by_at(person, time_ms)).await.unwrap()
}

async fn state(store: &impl Store, number: u64, now_ms: i64) -> AttemptState {
    store.attempt(agency(), id(number)).await.unwrap().unwrap().state(now_ms).0
}

async fn hand_out(
    store: &impl Store,
    number: u64,
    accesses: Vec<RecoveredAccess>,
    now_ms: i64,
) -> AttemptState {
    let now: Option<Attempt> = store.hand_out(agency(), id(number), accesses, now_ms, 9).await.unwrap();
    now.unwrap().state(now_ms).0
}

fn ranges(count: u64) -> Vec<PositionRange> {
    (0..count).map(|at| PositionRange { first: Position(2 * at + 1), last: Position(2 * at + 1) }).collect()
}

fn access(ranges: Vec<PositionRange>) -> Vec<RecoveredAccess> {
    vec![RecoveredAccess { group: group(1), ranges }]
}

pub(crate) async fn an_attempt_is_announced_once_and_stands_alone_for_its_device<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    assert_eq!(announce(&store, 1, 5, START_MS).await, OpenAttemptOutcome::Announced);
    E::close(store);
    store = E::open(folder);
    assert_eq!(announce(&store, 1, 5, START_MS + 9).await, OpenAttemptOutcome::Announced, "again");
    let other = NewAttempt { order: noise(9, 300), ..new(1) };
    let other = store.open_attempt(other, by_at(5, START_MS)).await.unwrap();
    assert_eq!(other, OpenAttemptOutcome::IdReused);
    assert_eq!(announce(&store, 2, 5, START_MS).await, OpenAttemptOutcome::Stands);
    assert_eq!(announce(&store, 2, 5, OPEN_MS).await, OpenAttemptOutcome::Stands, "also when it is open");
    assert_eq!(announce(&store, 3, 6, START_MS + 1).await, OpenAttemptOutcome::Announced, "another device");
    let listed = store.attempts(agency()).await.unwrap();
    assert_eq!(listed.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [id(3), id(1)]);
    assert_eq!((&listed[1].order, &listed[1].signature), (&new(1).order, &new(1).signature));
    assert_eq!(listed[1].announced_at_ms, START_MS, "a repetition does not begin anew");
    let elsewhere: TrustDomain = "elmgate.northmark.example".parse().unwrap();
    assert_eq!(store.attempts(elsewhere.clone()).await.unwrap(), []);
    assert_eq!(store.attempt(elsewhere.clone(), id(1)).await.unwrap(), None, "nor by its id");
    assert_eq!(store.withdraw_attempt(elsewhere, id(1), START_MS, 1).await.unwrap(), None);
    assert_eq!(state(&store, 1, START_MS).await, AttemptState::Announced);
    let long = NewAttempt { order: noise(4, ATTEMPT_ORDER_BYTES_MAX + 1), ..new(4) };
    let refused = store.open_attempt(long, by(7)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
}

pub(crate) async fn an_objection_or_a_withdrawal_ends_an_attempt_for_good<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    for number in [1, 2, 3] {
        announce(&store, number, 10 + number, START_MS).await;
    }
    let objects = async |store: &E::Store, number: u64, seed: u64, now_ms: i64| {
        let now = store.object_to_attempt(id(number), noise(seed, 400), by_at(0, now_ms)).await.unwrap();
        now.unwrap().state(now_ms).0
    };
    assert_eq!(objects(&store, 1, 1, START_MS + 5).await, AttemptState::Objected);
    assert_eq!(objects(&store, 1, 2, START_MS + 6).await, AttemptState::Objected, "a second one");
    let withdrawn = store.withdraw_attempt(agency(), id(2), START_MS + 7, 1).await.unwrap().unwrap();
    assert_eq!(withdrawn.state(START_MS + 7), (AttemptState::Withdrawn, START_MS + 7));
    E::close(store);
    store = E::open(folder);
    let attempt = store.attempt(agency(), id(1)).await.unwrap().unwrap();
    assert_eq!(attempt.objected, Some((START_MS + 5, noise(1, 400))), "the first stays");
    assert_eq!(objects(&store, 2, 3, START_MS + 8).await, AttemptState::Withdrawn);
    let withdrawn = store.withdraw_attempt(agency(), id(1), START_MS + 8, 1).await.unwrap().unwrap();
    assert_eq!(withdrawn.state(START_MS + 8).0, AttemptState::Objected, "it stays what it is");

    for now_ms in [START_MS, OPEN_MS, OPEN_MS + RECOVERY_OPEN_MS, i64::MAX] {
        assert_eq!(hand_out(&store, 1, access(ranges(1)), now_ms).await, AttemptState::Objected);
        assert_eq!(hand_out(&store, 2, access(ranges(1)), now_ms).await, AttemptState::Withdrawn);
    }
    assert_eq!(hand_out(&store, 3, access(ranges(1)), OPEN_MS - 1).await, AttemptState::Announced);
    let ended = OPEN_MS + RECOVERY_OPEN_MS;
    assert_eq!(hand_out(&store, 3, access(ranges(1)), ended).await, AttemptState::Ended);
    for person in [11, 12, 13] {
        assert_eq!(store.access_of(group(1), device(person)).await.unwrap(), []);
    }
    assert_eq!(hand_out(&store, 3, access(ranges(1)), OPEN_MS).await, AttemptState::HandedOut, "the control");
    assert_eq!(store.access_of(group(1), device(13)).await.unwrap().len(), 1);
    assert_eq!(objects(&store, 3, 4, OPEN_MS + 1).await, AttemptState::HandedOut, "too late");
    let late = store.withdraw_attempt(agency(), id(3), OPEN_MS + 2, 1).await.unwrap().unwrap();
    assert_eq!(late.state(OPEN_MS + 2).0, AttemptState::HandedOut, "taking it back hides nothing");

    assert_eq!(store.object_to_attempt(id(9), noise(1, 9), by(0)).await.unwrap(), None);
    let stranger = By { identity: device_of("elmgate", 0), ..by(0) };
    assert_eq!(store.object_to_attempt(id(3), noise(1, 9), stranger).await.unwrap(), None);
    let long = store.object_to_attempt(id(3), noise(1, OBJECTION_BYTES_MAX + 1), by(0)).await;
    assert!(matches!(long, Err(StoreError::TooLarge { .. })), "{long:?}");
    let acts = store.audit(0, 100).await.unwrap().entries;
    let of = |act: Act| acts.iter().filter(|entry| entry.act == act).count();
    let counted =
        [Act::OpenRecovery, Act::ObjectToRecovery, Act::WithdrawRecovery, Act::HandOutEscrow].map(of);
    assert_eq!(counted, [3, 1, 1, 1], "what changed nothing left no entry");
    let objection = acts.iter().find(|entry| entry.act == Act::ObjectToRecovery).unwrap();
    assert_eq!((&objection.identity, objection.concerning.as_ref()), (&device(0), Some(&device(11))));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn what_is_handed_out_opens_the_log_to_a_device_that_is_no_member<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    announce(&store, 1, 5, START_MS).await;
    let many = ACCESS_RANGES_MAX as u64 + 10;
    assert_eq!(hand_out(&store, 1, access(ranges(many)), OPEN_MS).await, AttemptState::HandedOut);
    E::close(store);
    store = E::open(folder);
    let opened = store.access_of(group(1), device(5)).await.unwrap();
    assert_eq!(opened.len(), 2, "more ranges than one entry holds");
    let mut all: Vec<PositionRange> = opened.iter().flat_map(|entry| entry.ranges.clone()).collect();
    all.sort_by_key(|range| range.first);
    assert_eq!(all, ranges(many));
    assert!(opened.iter().all(|entry| entry.not_after_ms.is_none()));

    // Handed out again, the entries stay and take in what is new.
    assert_eq!(hand_out(&store, 1, access(ranges(many + 5)), OPEN_MS + 9).await, AttemptState::HandedOut);
    let opened = store.access_of(group(1), device(5)).await.unwrap();
    assert_eq!(opened.iter().map(|entry| entry.ranges.len() as u64).sum::<u64>(), many + 5);
    assert_eq!(opened.len(), 2);
    let attempt = store.attempt(agency(), id(1)).await.unwrap().unwrap();
    assert_eq!(attempt.handed_out_at_ms, Some(OPEN_MS), "the first time counts");

    // It joins, and is removed: that ends them, and they do not come back.
    for (epoch, members) in [(1, &[0, 1, 5][..]), (2, &[0, 1])] {
        assert_eq!(store.access_of(group(1), device(5)).await.unwrap().len(), 2, "epoch {epoch}");
        let change = new_commit(1, epoch, noise(70 + epoch, 40));
        commit(&store, NewCommit { members: members_are(members), ..change }, 0).await;
    }
    assert_eq!(store.access_of(group(1), device(5)).await.unwrap(), []);
    assert_eq!(hand_out(&store, 1, access(ranges(many)), OPEN_MS + 10).await, AttemptState::HandedOut);
    assert_eq!(store.access_of(group(1), device(5)).await.unwrap(), []);
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn attempts_are_limited_and_the_oldest_that_is_over_makes_way<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let limit = RECOVERY_ATTEMPTS_MAX as u64;
    for number in 0..limit {
        let at_ms = START_MS + number as i64;
        assert_eq!(announce(&store, number, 100 + number, at_ms).await, OpenAttemptOutcome::Announced);
    }
    let full = store.open_attempt(new(limit), by_at(50, START_MS)).await;
    assert!(matches!(full, Err(StoreError::TooMany { .. })), "{full:?}");
    for number in [7, 3] {
        store.withdraw_attempt(agency(), id(number), START_MS + 500, 1).await.unwrap().unwrap();
    }
    assert_eq!(announce(&store, limit, 50, START_MS + 600).await, OpenAttemptOutcome::Announced);
    let listed = store.attempts(agency()).await.unwrap();
    assert_eq!(listed.len(), RECOVERY_ATTEMPTS_MAX);
    let kept = |number: u64| listed.iter().any(|attempt| attempt.attempt == id(number));
    assert!(!kept(3) && kept(7) && kept(0), "the oldest of those that are over");
}
