//! Invitations, requests, answers, and what an admin is told of them.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::Digest,
    limits::{
        ANSWER_BYTES_MAX, DESK_EVENTS_MAX, INVITATIONS_PER_AGENCY_MAX, RENEWAL_BYTES_MAX,
        RENEWALS_PER_AGENCY_MAX, REQUEST_BYTES_MAX,
    },
    names::{Identity, TrustDomain},
};
use alcove_server::store::{
    Desk, Operation, Store, StoreError,
    audit::{Act, By},
    enrolment::{
        ANSWER_KEPT_MS, Asked, DeskEvent, DeskEventKind, ENDED_INVITATION_KEPT_MS, EVENT_REPEAT_MS,
        HandInOutcome, NewInvitation, NewRenewal, NewRequest, OpenInvitationOutcome, REQUEST_KEPT_MS,
        RenewalOutcome, RequestState, STRANGERS_EVENTS_A_MINUTE_MAX, STRANGERS_EVENTS_MAX,
    },
};
use bytes::Bytes;
use std::{path::Path, sync::Arc};

/// When the tests begin, and when their invitations end.
const NOW_MS: i64 = 1_790_000_000_000;
const END_MS: i64 = NOW_MS + 72 * 3600 * 1000;

fn harborlight() -> TrustDomain {
    device(0).person.trust_domain
}

fn at(number: u64, time_ms: i64) -> By {
    by_at(number, time_ms)
}

fn now(number: u64) -> By {
    at(number, NOW_MS)
}

fn invitation(code: u8) -> NewInvitation {
    NewInvitation { claim_hash: Digest([code; 32]), not_after_ms: END_MS }
}

fn request(code: u8, seed: u64) -> NewRequest {
    NewRequest { claim_hash: Digest([code; 32]), request: noise(seed, 500), proof: Digest([seed as u8; 32]) }
}

fn hash(seed: u64) -> Digest {
    Digest(sha256(&[&noise(seed, 500)]))
}

fn renewal(seed: u64) -> NewRenewal {
    NewRenewal { request_hash: hash(seed), signed_renewal: noise(seed + 1, 1500) }
}

fn answer(seed: u64) -> Bytes {
    noise(seed + 77, 3000)
}

async fn open(store: &impl Store, code: u8, by: By) {
    let opened = store.open_invitation(invitation(code), by).await.unwrap();
    assert_eq!(opened, OpenInvitationOutcome::Opened);
}

async fn events(store: &impl Store) -> Vec<DeskEvent> {
    store.desk_events(harborlight(), 0, usize::MAX).await.unwrap()
}

async fn kinds(store: &impl Store) -> Vec<DeskEventKind> {
    events(store).await.iter().map(|event| event.kind).collect()
}

async fn audited(store: &impl Store) -> Vec<(Act, Identity)> {
    let entries = store.audit(0, 1000).await.unwrap().entries;
    entries.into_iter().map(|entry| (entry.act, entry.identity)).collect()
}

async fn waiting(store: &impl Store) -> Vec<Identity> {
    let page = store.waiting_requests(harborlight(), None, 10_000).await.unwrap();
    assert!(!page.more);
    page.requests.into_iter().map(|request| request.identity).collect()
}

pub(crate) async fn a_request_is_taken_answered_and_collected_also_after_a_restart<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    open(&store, 1, now(1)).await;
    let open_ones = store.open_invitations(harborlight(), NOW_MS).await.unwrap();
    assert_eq!((&open_ones[0].identity, open_ones[0].used), (&device(1), false));
    E::close(store);
    store = E::open(folder);
    assert_eq!(store.hand_in_request(request(1, 5), now(1)).await.unwrap(), HandInOutcome::Taken);
    assert!(store.open_invitations(harborlight(), NOW_MS).await.unwrap()[0].used);
    E::close(store);
    store = E::open(folder);
    assert_eq!(store.hand_in_request(request(1, 5), now(1)).await.unwrap(), HandInOutcome::Again);
    let page = store.waiting_requests(harborlight(), None, 10).await.unwrap();
    let asked = Asked::ByInvitation { request: noise(5, 500), proof: Digest([5; 32]) };
    assert_eq!((&page.requests[0].asked, page.requests[0].handed_in_at_ms), (&asked, NOW_MS));
    assert_eq!(store.collect_answer(hash(5), now(1)).await.unwrap(), Some(RequestState::Waiting));

    for _ in 0..2 {
        store.answer_request(hash(5), answer(5), now(1)).await.expect("also a second time");
        E::close(store);
        store = E::open(folder);
    }
    assert!(waiting(&store).await.is_empty());
    assert_eq!(store.open_invitations(harborlight(), NOW_MS).await.unwrap(), [], "it has been answered");
    assert_eq!(store.hand_in_request(request(1, 5), now(1)).await.unwrap(), HandInOutcome::Again);
    for _ in 0..2 {
        let collected = store.collect_answer(hash(5), now(1)).await.unwrap();
        assert_eq!(collected, Some(RequestState::Answered(answer(5))));
        E::close(store);
        store = E::open(folder);
    }
    assert_eq!(kinds(&store).await, [DeskEventKind::HandedIn, DeskEventKind::Collected], "each once");
    assert_eq!(store.collect_answer(hash(6), now(1)).await.unwrap(), None, "another hash");
    assert_eq!(store.collect_answer(hash(5), now(2)).await.unwrap(), None, "another device");
    assert_eq!(store.check().await.unwrap().problems, []);
    let acts = [Act::OpenInvitation, Act::HandInRequest, Act::AnswerRequest];
    assert_eq!(audited(&store).await, acts.map(|act| (act, device(1))), "what was repeated left no entry");
}

pub(crate) async fn a_request_is_refused_for_its_reason_and_the_admin_is_told<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    open(&store, 1, now(1)).await;
    open(&store, 2, now(2)).await;
    let outcome = async |request, by| store.hand_in_request(request, by).await.unwrap();
    assert_eq!(outcome(request(1, 5), now(9)).await, HandInOutcome::Unknown, "nobody invited it");
    assert_eq!(outcome(request(7, 5), now(1)).await, HandInOutcome::Unknown, "no code of its");
    assert_eq!(outcome(request(2, 5), now(1)).await, HandInOutcome::Unknown, "another device's code");
    assert_eq!(outcome(request(2, 5), at(2, END_MS + 1)).await, HandInOutcome::Expired);
    assert_eq!(
        outcome(request(1, 5), at(1, END_MS)).await,
        HandInOutcome::Taken,
        "the last moment is in time"
    );
    assert_eq!(outcome(request(1, 6), at(1, END_MS)).await, HandInOutcome::Used);
    assert_eq!(outcome(request(1, 5), at(1, END_MS + 1)).await, HandInOutcome::Again, "also after the end");
    let told: Vec<_> = events(&store).await.into_iter().map(|event| (event.kind, event.identity)).collect();
    let expected = [
        (DeskEventKind::NotInvited, device(9)),
        (DeskEventKind::WrongCode, device(1)),
        (DeskEventKind::ExpiredCode, device(2)),
        (DeskEventKind::HandedIn, device(1)),
        (DeskEventKind::UsedCode, device(1)),
    ];
    assert_eq!(told, expected, "a second wrong code within the minute is not told again");
    assert_eq!(audited(&store).await.len(), 3, "a refused request is no act");

    let long = NewRequest { request: noise(1, REQUEST_BYTES_MAX + 1), ..request(2, 5) };
    let refused = store.hand_in_request(long, now(2)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    let long = NewRenewal { signed_renewal: noise(1, RENEWAL_BYTES_MAX + 1), ..renewal(2) };
    let refused = store.hand_in_renewal(long, now(2)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    let refused = store.answer_request(hash(5), noise(1, ANSWER_BYTES_MAX + 1), now(1)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    store.answer_request(hash(5), noise(1, ANSWER_BYTES_MAX), now(1)).await.expect("the control");
}

pub(crate) async fn of_many_requests_on_one_invitation_exactly_one_is_taken<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    for number in 0..8 {
        open(&*store, 1, now(number)).await;
        let requests: Vec<_> = (0..16)
            .map(|seed| {
                let store = store.clone();
                tokio::spawn(
                    async move { store.hand_in_request(request(1, seed), now(number)).await.unwrap() },
                )
            })
            .collect();
        let mut outcomes = Vec::new();
        for request in requests {
            outcomes.push(request.await.unwrap());
        }
        let won = outcomes.iter().position(|outcome| *outcome == HandInOutcome::Taken).unwrap();
        let lost = outcomes.iter().filter(|outcome| **outcome == HandInOutcome::Used).count();
        assert_eq!(lost, 15, "{outcomes:?}");
        let state = store.collect_answer(hash(won as u64), now(number)).await.unwrap();
        assert_eq!(state, Some(RequestState::Waiting), "the one that was told so waits");
    }
    assert_eq!(waiting(&*store).await.len(), 8);
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_invitation_makes_way_for_another_unless_a_request_waits<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    open(&store, 1, now(1)).await;
    let again = store.open_invitation(invitation(1), now(1)).await.unwrap();
    assert_eq!(again, OpenInvitationOutcome::Again);
    open(&store, 2, now(1)).await;
    assert_eq!(store.hand_in_request(request(1, 5), now(1)).await.unwrap(), HandInOutcome::Unknown);
    assert_eq!(store.hand_in_request(request(2, 5), now(1)).await.unwrap(), HandInOutcome::Taken);
    let again = store.open_invitation(invitation(2), now(1)).await.unwrap();
    assert_eq!(again, OpenInvitationOutcome::Again, "the very same one, though it is used");
    let waits = store.open_invitation(invitation(3), now(1)).await.unwrap();
    assert_eq!(waits, OpenInvitationOutcome::RequestWaits);

    store.answer_request(hash(5), answer(5), now(1)).await.unwrap();
    open(&store, 3, now(1)).await;
    let state = store.collect_answer(hash(5), now(1)).await.unwrap();
    assert_eq!(state, Some(RequestState::Answered(answer(5))), "the earlier answer stays for now");
    assert_eq!(store.hand_in_request(request(3, 6), now(1)).await.unwrap(), HandInOutcome::Taken);
    assert_eq!(store.collect_answer(hash(5), now(1)).await.unwrap(), None, "and goes with the next request");
    // One that has ended makes way too, and the request that waited on it is told.
    let later = NewInvitation { not_after_ms: END_MS + 9, ..invitation(4) };
    let opened = store.open_invitation(later, at(1, END_MS + 1)).await.unwrap();
    assert_eq!(opened, OpenInvitationOutcome::Opened);
    let state = store.collect_answer(hash(6), at(1, END_MS + 1)).await.unwrap();
    assert_eq!(state, Some(RequestState::Refused));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_invitation_that_is_withdrawn_lets_nobody_in<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    open(&store, 1, now(1)).await;
    open(&store, 2, now(2)).await;
    store.hand_in_request(request(2, 5), now(2)).await.unwrap();
    for number in [1, 2] {
        assert!(store.withdraw_invitation(now(number)).await.unwrap());
        assert!(!store.withdraw_invitation(now(number)).await.unwrap());
    }
    assert_eq!(store.hand_in_request(request(1, 5), now(1)).await.unwrap(), HandInOutcome::Unknown);
    assert!(waiting(&store).await.is_empty());
    let state = store.collect_answer(hash(5), now(2)).await.unwrap();
    assert_eq!(state, Some(RequestState::Refused), "whoever waited is told");
    let withdrawn = [1, 2].map(|number| (Act::WithdrawInvitation, device(number)));
    assert_eq!(audited(&store).await[3..], withdrawn, "each once");
    assert_eq!(store.open_invitations(harborlight(), NOW_MS).await.unwrap(), []);
}

pub(crate) async fn only_the_request_that_waits_is_answered_or_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let not_found = |outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    };
    let handed_in = async |seed| store.hand_in_renewal(renewal(seed), now(1)).await.unwrap();
    assert_eq!(handed_in(1).await, RenewalOutcome::Taken);
    assert_eq!(handed_in(1).await, RenewalOutcome::Again, "the same again");
    assert_eq!(handed_in(2).await, RenewalOutcome::Taken, "a newer one takes its place");
    assert_eq!(waiting(&store).await.len(), 1);
    not_found(store.answer_request(hash(1), answer(1), now(1)).await);
    not_found(store.refuse_request(hash(1), now(1)).await);
    not_found(store.answer_request(hash(2), answer(2), now(2)).await);
    store.answer_request(hash(2), answer(2), now(1)).await.unwrap();
    not_found(store.answer_request(hash(2), answer(3), now(1)).await);
    not_found(store.refuse_request(hash(2), now(1)).await);
    assert_eq!(handed_in(2).await, RenewalOutcome::Again, "answered: the same again");
    assert_eq!(handed_in(3).await, RenewalOutcome::Taken, "a newer one takes its place too");
    assert_eq!(store.collect_answer(hash(2), now(1)).await.unwrap(), None);
    for _ in 0..2 {
        store.refuse_request(hash(3), now(1)).await.expect("also a second time");
    }
    let state = store.collect_answer(hash(3), now(1)).await.unwrap();
    assert_eq!(state, Some(RequestState::Refused));
    let acts =
        [Act::HandInRenewal, Act::HandInRenewal, Act::AnswerRequest, Act::HandInRenewal, Act::RefuseRequest];
    assert_eq!(audited(&store).await, acts.map(|act| (act, device(1))));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn a_renewal_and_a_request_by_invitation_stand_beside_each_other<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    for number in 0..6 {
        open(&store, 1, now(number)).await;
        store.hand_in_request(request(1, 5), now(number)).await.unwrap();
        store.hand_in_renewal(renewal(6), now(number)).await.unwrap();
    }
    let elsewhere = |number| By { identity: device_of("harborlights", number), ..now(0) };
    store.hand_in_renewal(renewal(1), elsewhere(1)).await.unwrap();
    let whole = waiting(&store).await;
    assert_eq!(whole.len(), 12, "and none of the agency whose name only begins alike");
    for max in [2, 3, 4, 7, 12] {
        // Beginning after somebody of an agency that stands before it.
        let (mut listed, mut after) = (Vec::new(), Some(device_of("elmgate", 2)));
        loop {
            let page = store.waiting_requests(harborlight(), after, max).await.unwrap();
            assert!(page.requests.len() <= max && !page.requests.is_empty());
            after = page.requests.last().map(|request| request.identity.clone());
            listed.extend(page.requests.into_iter().map(|request| request.identity));
            if !page.more {
                break;
            }
        }
        assert_eq!(listed, whole, "pages of {max}");
    }
    store.answer_request(hash(5), answer(5), now(0)).await.unwrap();
    store.refuse_request(hash(6), now(0)).await.unwrap();
    let state = store.collect_answer(hash(5), now(0)).await.unwrap();
    assert_eq!(state, Some(RequestState::Answered(answer(5))));
    let state = store.collect_answer(hash(6), now(0)).await.unwrap();
    assert_eq!(state, Some(RequestState::Refused));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn strangers_fill_neither_the_store_nor_the_list_of_events<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    open(&store, 1, now(1)).await;
    store.hand_in_request(request(1, 5), now(1)).await.unwrap();
    // Another device every time, within a minute, and then a minute each.
    for stranger in 100..200 {
        store.hand_in_request(request(1, 5), now(stranger)).await.unwrap();
    }
    assert_eq!(events(&store).await.len(), 1 + STRANGERS_EVENTS_A_MINUTE_MAX);
    let minutes = 3 + STRANGERS_EVENTS_MAX as u64;
    for minute in 0..minutes {
        let time_ms = NOW_MS + EVENT_REPEAT_MS * (1 + minute as i64);
        store.hand_in_request(request(1, 5), at(200 + minute, time_ms)).await.unwrap();
        store.hand_in_request(request(1, 5), at(200 + minute, time_ms)).await.unwrap();
    }
    let kept = events(&store).await;
    assert_eq!(kept.len(), 1 + STRANGERS_EVENTS_MAX);
    assert_eq!((kept[0].kind, &kept[0].identity), (DeskEventKind::HandedIn, &device(1)), "it is still there");
    assert_eq!(kept.last().unwrap().identity, device(200 + minutes - 1), "the newest are kept");
    assert!(kept.is_sorted_by(|one, other| one.sequence < other.sequence));
    assert_eq!(store.check().await.unwrap().problems, []);
    let elsewhere = device_of("elmgate", 0).person.trust_domain;
    assert_eq!(store.desk_events(elsewhere, 0, 10).await.unwrap(), []);
}

pub(crate) async fn the_newest_events_are_kept_and_read_in_pages<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    let own = (DESK_EVENTS_MAX - STRANGERS_EVENTS_MAX) as u64;
    for number in 0..own + 5 {
        store.put_desk_event(DeskEventKind::Denied, now(number)).await.unwrap();
    }
    store.put_desk_event(DeskEventKind::RenewalRefused, now(1)).await.unwrap();
    store.put_desk_event(DeskEventKind::Denied, now(own + 4)).await.unwrap();
    E::close(store);
    store = E::open(folder);
    let kept = events(&store).await;
    let sequences: Vec<u64> = kept.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (6..=own + 6).collect::<Vec<_>>(), "the newest, and no repetition");
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.desk_events(harborlight(), after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.sequence;
        read.extend(page);
    }
    assert_eq!(read, kept);
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_agencys_open_invitations_are_limited<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    for number in 0..INVITATIONS_PER_AGENCY_MAX as u64 {
        open(&store, 1, now(number)).await;
    }
    let one_more = async |by| store.open_invitation(invitation(1), by).await;
    let too_many = one_more(now(5000)).await;
    assert!(matches!(too_many, Err(StoreError::TooMany { .. })), "{too_many:?}");
    open(&store, 2, now(7)).await;
    open(&store, 1, By { identity: device_of("elmgate", 1), ..now(1) }).await;
    // One that has been answered is open no more.
    store.hand_in_request(request(1, 5), now(8)).await.unwrap();
    assert!(one_more(now(5000)).await.is_err(), "it waits");
    store.answer_request(hash(5), answer(5), now(8)).await.unwrap();
    assert_eq!(one_more(now(5000)).await.unwrap(), OpenInvitationOutcome::Opened);
    assert!(one_more(now(5001)).await.is_err());
    let listed = store.open_invitations(harborlight(), NOW_MS).await.unwrap();
    assert_eq!(listed.len(), INVITATIONS_PER_AGENCY_MAX);
    let later = NewInvitation { not_after_ms: END_MS + 10, ..invitation(3) };
    let opened = store.open_invitation(later, at(5001, END_MS + 1)).await.unwrap();
    assert_eq!(opened, OpenInvitationOutcome::Opened, "those that have ended do not count");
}

/// An agency's admin certifies as many devices as they like and has each renew, to fill the disk that everybody needs.
pub(crate) async fn an_agencys_renewals_that_wait_are_limited<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    // All on one day, as after a roll-over.
    let one = renewal(1);
    let handing_in = (0..RENEWALS_PER_AGENCY_MAX as u64).map(|number| {
        let (store, one) = (Arc::clone(&store), one.clone());
        tokio::spawn(async move { store.hand_in_renewal(one, now(number)).await.unwrap() })
    });
    for handed_in in handing_in.collect::<Vec<_>>() {
        assert_eq!(handed_in.await.unwrap(), RenewalOutcome::Taken);
    }
    let handed_in = async |seed, by| store.hand_in_renewal(renewal(seed), by).await.unwrap();
    assert_eq!(handed_in(1, now(9000)).await, RenewalOutcome::TooMany);
    assert_eq!(store.collect_answer(hash(1), now(9000)).await.unwrap(), None, "nothing is kept of it");
    // Whoever waits already, a copy of their vault too, takes up no more; nor does anybody else's agency.
    assert_eq!(handed_in(2, now(7)).await, RenewalOutcome::Taken);
    assert_eq!(handed_in(2, now(7)).await, RenewalOutcome::Again);
    let elsewhere = By { identity: device_of("elmgate", 1), ..now(1) };
    assert_eq!(handed_in(1, elsewhere).await, RenewalOutcome::Taken);
    assert_eq!(handed_in(1, now(9000)).await, RenewalOutcome::TooMany);
    // One that is answered, or refused, makes room for one.
    store.answer_request(hash(1), answer(1), now(8)).await.unwrap();
    store.answer_request(hash(1), answer(1), now(8)).await.expect("the same again");
    assert_eq!(handed_in(1, now(9000)).await, RenewalOutcome::Taken);
    assert_eq!(handed_in(1, now(9001)).await, RenewalOutcome::TooMany);
    store.refuse_request(hash(1), now(9)).await.unwrap();
    assert_eq!(handed_in(1, now(9001)).await, RenewalOutcome::Taken);
    // Those that nobody answers end by themselves, whoever asks.
    let long_after = NOW_MS + REQUEST_KEPT_MS + 1;
    while handed_in(1, at(9002, long_after)).await == RenewalOutcome::TooMany {}
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn what_is_over_is_swept_away_and_nothing_else<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    for number in 0..20 {
        open(&store, 1, now(number)).await;
        store.hand_in_request(request(1, 5), now(number)).await.unwrap();
        store.hand_in_renewal(renewal(6), now(number)).await.unwrap();
        store.answer_request(hash(6), answer(6), now(number)).await.unwrap();
    }
    // Acts of the agency at a time, on other devices: each looks at a few rows.
    let acts = async |time_ms: i64| {
        for number in 0..60 {
            store.withdraw_invitation(at(900, time_ms)).await.unwrap();
            let new = NewInvitation { claim_hash: Digest([number; 32]), not_after_ms: time_ms };
            store.open_invitation(new, at(900, time_ms)).await.unwrap();
        }
    };
    let here = async |time_ms: i64| {
        let mut found = (0, 0);
        for number in 0..20 {
            let state = async |hash| store.collect_answer(hash, at(number, time_ms)).await.unwrap();
            found.0 += usize::from(state(hash(5)).await.is_some());
            found.1 += usize::from(state(hash(6)).await.is_some());
        }
        found
    };
    acts(NOW_MS + REQUEST_KEPT_MS).await;
    assert_eq!(here(NOW_MS + REQUEST_KEPT_MS).await, (20, 20), "the last moment");
    acts(NOW_MS + REQUEST_KEPT_MS + 1).await;
    assert_eq!(here(NOW_MS + REQUEST_KEPT_MS + 1).await, (0, 20));
    let late = at(1, NOW_MS + REQUEST_KEPT_MS + 1);
    assert_eq!(
        store.hand_in_request(request(1, 5), late.clone()).await.unwrap(),
        HandInOutcome::Expired,
        "the request that was thrown away is told that it comes too late"
    );
    assert_eq!(store.hand_in_request(request(2, 5), late).await.unwrap(), HandInOutcome::Unknown);
    let long_after = END_MS + ENDED_INVITATION_KEPT_MS + 1;
    acts(long_after).await;
    let outcome = store.hand_in_request(request(1, 5), at(1, long_after)).await.unwrap();
    assert_eq!(outcome, HandInOutcome::Unknown, "nobody knows the invitation any more");
    acts(NOW_MS + ANSWER_KEPT_MS).await;
    assert_eq!(here(NOW_MS + ANSWER_KEPT_MS).await, (0, 20), "the last moment");
    acts(NOW_MS + ANSWER_KEPT_MS + 1).await;
    assert_eq!(here(NOW_MS + ANSWER_KEPT_MS + 1).await, (0, 0));
    assert_eq!(store.check().await.unwrap().problems, []);
}
