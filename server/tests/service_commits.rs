//! Commits through the service: who may make one, in which order they count, and what they leave behind.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_charter::TrustView;
use alcove_mls::{CommitContext, LogPin, Policy, Role};
use alcove_proto::{
    ids::{AccessId, Epoch, Head, Position, RecordId},
    limits::{COMMIT_CLOCK_SKEW_MS_MAX, CRL_RECENT_MS, LINK_DIGESTS_MAX},
};
use alcove_server::{
    config::Limits,
    service::{Caller, CommitOutcome, NewAccess, PositionRange, ServiceError},
    store::Audit,
};
use std::{future::Future, sync::Arc, task::Poll};
use world::{Agency, Device, World, accepted, assert_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_commits_in_one_epoch_one_wins_and_the_other_gets_the_winner() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let seen = world.head(&alice, group).await;
    let by_alice = alice.commit(group, &world.trust(), world.now_ms(), seen, &[], &[]).offer;
    let by_bob = bob.commit(group, &world.trust(), world.now_ms(), seen, &[], &[]).offer;
    let (for_alice, for_bob) = (world.caller(&alice), world.caller(&bob));

    let (one, other) = tokio::join!(
        world.service.submit_commit(&for_alice, by_alice.clone()),
        world.service.submit_commit(&for_bob, by_bob.clone()),
    );
    let (winner, loser, winning) = match (one.unwrap(), other.unwrap()) {
        (CommitOutcome::Accepted(receipt), CommitOutcome::SupersededBy(entry)) => (receipt, entry, by_alice),
        (CommitOutcome::SupersededBy(entry), CommitOutcome::Accepted(receipt)) => (receipt, entry, by_bob),
        outcomes => panic!("one commit wins: {outcomes:?}"),
    };
    assert_eq!(loser.body, winning.commit, "the loser is shown what won");
    assert_eq!(Position(loser.position), winner.position);

    let (caller, same) =
        if loser.author == alice.identity.to_string() { (for_alice, winning) } else { (for_bob, winning) };
    let again = world.service.submit_commit(&caller, same).await;
    assert_eq!(accepted(again), winner.position, "a lost answer is asked for again with the same bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_not_the_callers_own_is_refused() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let made = alice.commit(group, &world.trust(), world.now_ms(), world.head(&alice, group).await, &[], &[]);
    let stolen = world.service.submit_commit(&world.caller(&bob), made.offer.clone()).await;
    assert_refused!(stolen, ServiceError::CommitInvalid);
    // The control: from its author it is good.
    accepted(world.service.submit_commit(&world.caller(&alice), made.offer).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_the_right_is_refused_as_not_allowed() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut mallory = Device::lawless(&world.northmark, 2, 1);
    let mut second = Device::of(&world.northmark, 2, 2);
    let carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut mallory]).await;
    let (trust, now, seen) = (world.trust(), world.now_ms(), world.head(&alice, group).await);
    let caller = world.caller(&mallory);

    let package = carol.key_package(&trust, now);
    let adds = mallory.commit(group, &trust, now, seen, &[package], &[]).offer;
    assert_refused!(world.service.submit_commit(&caller, adds).await, ServiceError::CommitNotAllowed);
    let removes = mallory.commit(group, &trust, now, seen, &[], &[&alice.identity]).offer;
    assert_refused!(world.service.submit_commit(&caller, removes).await, ServiceError::CommitNotAllowed);
    let promotes = mallory.commit_role(group, &trust, now, seen, (mallory.person(), Role::Owner)).offer;
    assert_refused!(world.service.submit_commit(&caller, promotes).await, ServiceError::CommitNotAllowed);
    assert_eq!(world.head(&alice, group).await, seen, "nothing was written");

    // The control: what a member may do, it may, a further device of its own included.
    world.add(group, &mut mallory, &mut [&mut second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ghost_from_a_ca_of_no_charter_is_not_added() {
    let world = World::new();
    let mut mallory = Device::of(&world.harborlight, 1, 1);
    let ghost = Device::certified(&world.stranger, world.harborlight.identity(5, 1), 90);
    let group = world.open_group(&mut mallory).await;
    let (credulous, now, seen) = (world.credulous(), world.now_ms(), world.head(&mallory, group).await);
    let package = ghost.key_package(&credulous, now);
    let pin = LogPin { position: seen.0, head: seen.1 };
    let context = CommitContext::new(&world.trust(), now, pin);
    let made = mallory.commit_with(group, &credulous, now, context, &[package], &[]).offer;
    let offered = world.service.submit_commit(&world.caller(&mallory), made).await;
    assert_refused!(offered, ServiceError::LeafNotTrusted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_out_of_step_with_clock_trust_or_log_is_refused_each_by_its_reason() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let carol = Device::of(&world.harborlight, 3, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"one").await.unwrap();
    let (seen, old_trust, now) = (world.head(&alice, group).await, world.trust(), world.now_ms());
    let caller = world.caller(&alice);
    let offer = |alice: &mut Device, context: CommitContext| {
        alice.commit_with(group, &old_trust, now, context, &[], &[]).offer
    };
    let at = |time_ms, (position, head)| CommitContext::new(&old_trust, time_ms, LogPin { position, head });

    for skew in [COMMIT_CLOCK_SKEW_MS_MAX + 1, -COMMIT_CLOCK_SKEW_MS_MAX - 1] {
        let skewed = offer(&mut alice, at(now + skew, seen));
        assert_refused!(world.service.submit_commit(&caller, skewed).await, ServiceError::ClockSkew);
    }
    let other_head = offer(&mut alice, at(now, (seen.0, Head([9; 32]))));
    assert_refused!(world.service.submit_commit(&caller, other_head).await, ServiceError::CommitInvalid);
    let ahead = offer(&mut alice, at(now, (Position(2), seen.1)));
    assert_refused!(world.service.submit_commit(&caller, ahead).await, ServiceError::CommitInvalid);
    let mut told_otherwise = offer(&mut alice, at(now, seen));
    told_otherwise.seen = Position(0);
    assert_refused!(world.service.submit_commit(&caller, told_otherwise).await, ServiceError::CommitInvalid);

    world.revoke(&world.harborlight, 1, &[&carol]);
    let behind = offer(&mut alice, at(now, seen));
    assert_refused!(world.service.submit_commit(&caller, behind).await, ServiceError::TrustStale);

    // The control: in step with all of them it is taken.
    let good = alice.commit(group, &world.trust(), now, seen, &[], &[]).offer;
    accepted(world.service.submit_commit(&caller, good).await);
}

/// Puts an agency's next list in force as a reload does.
fn next_list(world: &World, agency: &Agency, number: u64, revoked: &[&Device]) {
    let before = world.trust();
    world.revoke(agency, number, revoked);
    let after = world.trust().superseding(&before, world.now_ms());
    world.trust_cell().store(Arc::new(after));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_that_puts_lists_in_force_without_end_stops_nobody_elses_commits() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let (bob, mallory) = (Device::of(&world.northmark, 2, 1), Device::of(&world.northmark, 3, 1));
    let group = world.open_group(&mut alice).await;
    let adding = |alice: &mut Device, trust: &TrustView, joiner: &Device, seen| {
        let package = joiner.key_package(trust, world.now_ms());
        alice.commit(group, trust, world.now_ms(), seen, &[package], &[]).offer
    };
    next_list(&world, &world.northmark, 1, &[]);
    let (first, seen) = (world.trust(), world.head(&alice, group).await);
    // A commit of its own leaf, and one that adds somebody of that very agency, each under the list of before.
    let alone = alice.commit(group, &first, world.now_ms(), seen, &[], &[]).offer;
    next_list(&world, &world.northmark, 2, &[]);
    accepted(world.service.submit_commit(&world.caller(&alice), alone).await);
    alice.merge(group, &world.trust(), world.now_ms());
    let seen = world.head(&alice, group).await;
    let adds_mallory = adding(&mut alice, &first, &mallory, seen);
    let adds_bob = adding(&mut alice, &first, &bob, seen);
    next_list(&world, &world.northmark, 3, &[&mallory]);
    // Whom the newest list revokes nobody adds, whatever list the commit names: under that one she was not revoked yet.
    assert_refused!(
        world.service.submit_commit(&world.caller(&alice), adds_mallory).await,
        ServiceError::LeafNotTrusted
    );
    // What was the newest list ten minutes ago is too old for an agency that is concerned.
    let now = world.trust();
    world.pass(CRL_RECENT_MS + 1);
    assert_refused!(
        world.service.submit_commit(&world.caller(&alice), adds_bob.clone()).await,
        ServiceError::TrustStale
    );
    world.pass(-CRL_RECENT_MS - 1);
    // After a restart nothing is remembered: only the newest list is current.
    let anew = TrustView::new(now.charters().clone());
    let anew = now.crls().fold(anew, |view, crl| view.with_crl(crl.der()).expect("it is held").0);
    world.trust_cell().store(Arc::new(anew));
    assert_refused!(
        world.service.submit_commit(&world.caller(&alice), adds_bob.clone()).await,
        ServiceError::TrustStale
    );
    // The control: within ten minutes it is taken.
    world.trust_cell().store(now);
    accepted(world.service.submit_commit(&world.caller(&alice), adds_bob).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committer_too_far_behind_is_told_how_far_it_may_be() {
    let world = Arc::new(World::new());
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let seen = world.head(&alice, group).await;
    let append = async |alice: &Device, first: u32, count: u32| {
        let appends = (first..first + count).map(|number| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let caller = world.caller(alice);
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let body = bytes::Bytes::from_static(b"x");
                let id = RecordId(id);
                world.service.append_record(&caller, group, Epoch(0), id, body, vec![]).await.unwrap();
            })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await.unwrap();
        }
    };
    // The commit would stand at the last position that a link from the beginning still reaches.
    append(&alice, 0, LINK_DIGESTS_MAX as u32 - 1).await;
    let made = alice.commit(group, &world.trust(), world.now_ms(), seen, &[], &[]).offer;
    append(&alice, 5000, 1).await;
    let caller = world.caller(&alice);
    let late = world.service.submit_commit(&caller, made).await;
    assert_refused!(late, ServiceError::HeadTooOld { limit: 1024 });

    let one_later = (Position(1), world.head_of(group, &world.log(&alice, group).await[..1]));
    let made = alice.commit(group, &world.trust(), world.now_ms(), one_later, &[], &[]).offer;
    assert_eq!(accepted(world.service.submit_commit(&caller, made).await), Position(1025));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_act_that_changes_something_is_in_the_audit_trail_and_no_refused_one() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"kept").await.unwrap();
    assert_refused!(world.append(&bob, group, 2, b"refused").await, ServiceError::NotFound);
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let access = NewAccess {
        group,
        access: AccessId([1; 16]),
        grantee: bob.identity.clone(),
        ranges: vec![PositionRange { first: Position(1), last: Position(1) }],
        not_after_ms: None,
    };
    let caller = world.caller(&alice);
    world.service.open_access(&caller, access).await.unwrap();

    let trail = world.store.audit(0, 100).await.unwrap().entries;
    let acts: Vec<_> = trail.iter().map(|entry| entry.act.name()).collect();
    assert_eq!(acts, ["create_group", "append_record", "commit", "acknowledge_welcome", "open_access"]);
    assert!(trail.iter().all(|entry| entry.group == Some(group) && entry.time_ms == world.now_ms()));
    let last = trail.last().unwrap();
    assert_eq!((&last.identity, last.request), (&alice.identity, caller.request));
    assert_eq!(last.concerning, Some(bob.identity.clone()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_promises_a_welcome_to_others_than_it_adds_is_refused() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let bob = Device::of(&world.northmark, 2, 1);
    let carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    let (trust, now, seen) = (world.trust(), world.now_ms(), world.head(&alice, group).await);
    let package = bob.key_package(&trust, now);
    let made = alice.commit(group, &trust, now, seen, &[package], &[]).offer;
    let caller = world.caller(&alice);

    let nobody = alcove_server::service::CommitOffer {
        joiners: Vec::new(),
        welcome: Default::default(),
        ..made.clone()
    };
    assert_refused!(world.service.submit_commit(&caller, nobody).await, ServiceError::CommitInvalid);
    let mut somebody_else = made.clone();
    somebody_else.joiners[0].0 = carol.identity.clone();
    assert_refused!(world.service.submit_commit(&caller, somebody_else).await, ServiceError::CommitInvalid);
    let mut other_package = made.clone();
    other_package.joiners[0].1 = alcove_proto::ids::Digest([1; 32]);
    assert_refused!(world.service.submit_commit(&caller, other_package).await, ServiceError::CommitInvalid);
    let mut other_welcome = made.clone();
    other_welcome.welcome = made.commit.clone();
    assert_refused!(world.service.submit_commit(&caller, other_welcome).await, ServiceError::CommitInvalid);

    accepted(world.service.submit_commit(&caller, made).await);
    assert!(world.service.list_welcomes(&world.caller(&carol)).await.unwrap().0.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_made_by_a_stranger_or_for_somebody_else_is_refused() {
    let world = World::new();
    let mut ghost = Device::certified(&world.stranger, world.harborlight.identity(1, 1), 90);
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let (trust, now) = (world.trust(), world.now_ms());
    let service = &world.service;

    // The ghost's own library believes its CA; the server believes the charter it holds.
    let policy = Policy::new(trust.charter().hash(), ghost.person());
    let (group, info) = ghost.create_group_under(policy, &world.credulous(), now);
    let by_ghost = service.create_group(&world.caller(&ghost), group, info).await;
    assert_refused!(by_ghost, ServiceError::LeafNotTrusted);
    let (group, info) = alice.create_group(&world.credulous(), now);
    let under_unknown_charter = service.create_group(&world.caller(&alice), group, info).await;
    assert_refused!(under_unknown_charter, ServiceError::TrustStale);

    let (group, info) = alice.create_group(&trust, now);
    let stolen = service.create_group(&world.caller(&bob), group, info.clone()).await;
    assert_refused!(stolen, ServiceError::CommitInvalid);
    let other_id = alcove_proto::ids::GroupId([3; 16]);
    let misnamed = service.create_group(&world.caller(&alice), other_id, info.clone()).await;
    assert_refused!(misnamed, ServiceError::CommitInvalid);
    let truncated = service.create_group(&world.caller(&alice), group, info[..info.len() / 2].into()).await;
    assert_refused!(truncated, ServiceError::CommitInvalid);

    let unowned = Policy::new(trust.charter().hash(), bob.person());
    let (of_bob, info_of_bob) = alice.create_group_under(unowned, &trust, now);
    let ownerless = service.create_group(&world.caller(&alice), of_bob, info_of_bob).await;
    assert_refused!(ownerless, ServiceError::CommitNotAllowed);

    service.create_group(&world.caller(&alice), group, info.clone()).await.unwrap();
    let again = service.create_group(&world.caller(&alice), group, info).await.unwrap();
    assert_eq!(again.position, 0, "a lost answer is asked for again with the same bytes");
    let (_, others) = bob.create_group(&trust, now);
    let taken = service.create_group(&world.caller(&bob), group, others).await;
    assert_refused!(taken, ServiceError::CommitInvalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_comes_back_by_its_own_key_and_nobody_by_another_key_of_its_name() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let (trust, now, seen) = (world.trust(), world.now_ms(), world.head(&alice, group).await);
    // Northmark's CA has certified Bob's very name for a key of its own.
    let mut usurper = Device::lawless(&world.northmark, 2, 1);
    assert_eq!(usurper.identity, bob.identity);
    let taking_over = usurper.come_back(group, &alice, &trust, now, seen);
    let refused = world.service.submit_commit(&world.caller(&usurper), taking_over).await;
    assert_refused!(refused, ServiceError::CommitNotAllowed);

    let coming_back = bob.come_back(group, &alice, &trust, now, seen);
    let position = accepted(world.service.submit_commit(&world.caller(&bob), coming_back).await);
    world.catch_up(group, &mut alice).await;
    assert_eq!(alice.epoch(group), bob.epoch(group));
    let receipt = world.append(&bob, group, 1, b"back").await.unwrap();
    assert_eq!(receipt.position, position.next());
    assert_eq!(world.log(&alice, group).await.len(), 3);
}

#[tokio::test]
async fn a_commit_whose_author_has_gone_away_counts_until_it_is_written() {
    let one = std::num::NonZeroU32::MIN;
    let world = World::with(Limits { calls_in_flight_max: one, ..World::limits() });
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let seen = world.head(&alice, group).await;
    let made = alice.commit(group, &world.trust(), world.now_ms(), seen, &[], &[]);
    let admission = world.service.admission();
    let permit = admission.admit(&alice.identity).unwrap();
    let caller = Caller { permit: Some(permit), ..world.caller(&alice) };
    {
        let mut offered = std::pin::pin!(world.service.submit_commit(&caller, made.offer));
        // Far enough to be on its way, and no further: nothing else runs on this thread meanwhile.
        let once = std::future::poll_fn(|context| Poll::Ready(offered.as_mut().poll(context).is_ready()));
        assert!(!once.await);
    }
    drop(caller);
    let refused = admission.admit(&alice.identity).map(drop);
    assert_refused!(refused, ServiceError::RateLimited { .. });
    let written = async {
        while admission.admit(&alice.identity).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), written).await.expect("it ends by itself");
    assert_eq!(world.head(&alice, group).await.0, Position(1), "and was written though nobody waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_and_added_by_one_commit_keeps_no_access_from_before() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"before him").await.unwrap();
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let access = NewAccess {
        group,
        access: AccessId([1; 16]),
        grantee: bob.identity.clone(),
        ranges: vec![PositionRange { first: Position(1), last: Position(1) }],
        not_after_ms: None,
    };
    world.service.open_access(&world.caller(&alice), access).await.unwrap();
    assert_eq!(world.log(&bob, group).await.len(), 2, "the control: it is open");
    // The same device with a new leaf, as after a lost laptop's restore.
    let package = bob.key_package(&world.trust(), world.now_ms());
    let again = alice.commit_alone(&world, group, &[package], &[&bob.identity]).await;
    let readable: Vec<_> = world.log(&bob, group).await.iter().map(|entry| entry.position).collect();
    assert_eq!(readable, [again.0], "removal ends all, also when an addition follows at once");
}
