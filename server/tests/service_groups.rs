//! Groups through the service, over a real store and with members that really speak MLS.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_proto::{
    ids::{AccessId, Epoch, Position, RecordId},
    v1::EntryKind,
};
use alcove_server::service::{LogRange, NewAccess, PositionRange, ServiceError};
use world::{DAY_MS, Device, World, accepted, assert_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_come_back_in_order_under_receipts_that_hold() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;

    for number in 1..=5 {
        let receipt = world.append(&alice, group, number, &[number; 300]).await.unwrap();
        assert_eq!(receipt.position, Position(u64::from(number)));
        world.check_receipt(&receipt);
    }

    let entries = world.log(&alice, group).await;
    let bodies: Vec<u8> = entries.iter().map(|entry| entry.body[0]).collect();
    assert_eq!(bodies, [1, 2, 3, 4, 5]);
    assert!(entries.iter().all(|entry| entry.author == alice.identity.to_string()));
    let (position, head) = world.head(&alice, group).await;
    assert_eq!((position, head), (Position(5), world.head_of(group, &entries)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_record_twice_is_stored_once_and_other_bytes_under_its_id_never() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let first = world.append(&alice, group, 1, b"sealed").await.unwrap();
    for number in 2..=4 {
        world.append(&alice, group, number, b"others").await.unwrap();
    }

    let again = world.append(&alice, group, 1, b"sealed").await.unwrap();
    world.check_receipt(&again);
    assert_eq!((again.position, again.head), (first.position, first.head));
    assert_eq!(again.signed.position, 4, "the newest head vouches for the old entry");
    assert_refused!(world.append(&alice, group, 1, b"forged").await, ServiceError::IdReused);
    assert_eq!(world.log(&alice, group).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authors_of_many_records_at_once_all_get_receipts_that_hold() {
    let world = std::sync::Arc::new(World::new());
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let alice = std::sync::Arc::new(alice);
    let appends = (0..64u8).map(|number| {
        let (world, alice) = (world.clone(), alice.clone());
        tokio::spawn(async move { world.append(&alice, group, number, &[number; 400]).await.unwrap() })
    });
    let appends: Vec<_> = appends.collect();
    let (mut positions, mut signatures) = (Vec::new(), std::collections::HashSet::new());
    for append in appends {
        let receipt = append.await.unwrap();
        world.check_receipt(&receipt);
        positions.push(receipt.position.0);
        signatures.insert(receipt.signed.signature.clone());
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=64).collect::<Vec<u64>>());
    assert!(signatures.len() < 64, "a flush is signed once, not once for each of its entries");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_cannot_tell_a_group_that_is_there_from_one_that_is_not() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut mallory = Device::of(&world.northmark, 9, 1);
    let there = world.open_group(&mut alice).await;
    let made = alice.commit(there, &world.trust(), world.now_ms(), world.head(&alice, there).await, &[], &[]);
    let nowhere = alcove_proto::ids::GroupId([7; 16]);
    // Mallory has a group too: being somebody is not being a member.
    world.open_group(&mut mallory).await;

    for group in [there, nowhere] {
        let caller = world.caller(&mallory);
        assert_refused!(world.append(&mallory, group, 1, b"x").await, ServiceError::NotFound);
        let range = LogRange { group, after: Position(0), entries_max: 10, through: None };
        assert_refused!(world.service.read_log(&caller, range).await, ServiceError::NotFound);
        let offer = alcove_server::service::CommitOffer { group, ..made.offer.clone() };
        assert_refused!(world.service.submit_commit(&caller, offer).await, ServiceError::NotFound);
        let access = NewAccess {
            group,
            access: AccessId([1; 16]),
            grantee: mallory.identity.clone(),
            ranges: vec![PositionRange { first: Position(1), last: Position(2) }],
            not_after_ms: None,
        };
        assert_refused!(world.service.open_access(&caller, access).await, ServiceError::NotFound);
        let ended = world.service.end_access(&caller, group, AccessId([1; 16])).await;
        assert_refused!(ended, ServiceError::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_another_epoch_is_refused_with_the_one_in_force() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;

    for wrong in [0, 2, 99] {
        let stale = world.append_at(&alice, group, Epoch(wrong), RecordId([1; 16]), b"x").await;
        assert_refused!(stale, ServiceError::StaleEpoch { current: Epoch(1) });
    }
    assert!(world.append_at(&alice, group, Epoch(1), RecordId([1; 16]), b"x").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapsed_leaf_may_not_append_and_stops_nobody_else() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let mut carol = Device::certified(&world.northmark, world.northmark.identity(3, 1), 10);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob, &mut carol]).await;
    for (number, device) in [(1, &alice), (2, &bob), (3, &carol)] {
        world.append(device, group, number, b"while it holds").await.unwrap();
    }

    world.revoke(&world.northmark, 1, &[&bob]);
    assert_refused!(world.append(&bob, group, 4, b"revoked").await, ServiceError::LeafLapsed);
    assert!(world.append(&carol, group, 5, b"her colleague").await.is_ok());

    world.pass(10 * DAY_MS);
    assert_refused!(world.append(&carol, group, 6, b"expired").await, ServiceError::LeafLapsed);
    assert!(world.append(&alice, group, 7, b"goes on").await.is_ok());
    assert_eq!(world.log(&bob, group).await.len(), 6, "who has lapsed still reads until it is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joiner_reads_from_its_join_on_and_access_opens_what_it_names() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let mut carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    for number in 1..=6 {
        world.append(&alice, group, number, b"before").await.unwrap();
    }
    let joined = world.add(group, &mut alice, &mut [&mut bob]).await;
    world.add(group, &mut alice, &mut [&mut carol]).await;
    let positions = async |device: &Device| {
        world.log(device, group).await.iter().map(|entry| entry.position).collect::<Vec<_>>()
    };
    assert_eq!(joined, Position(7));
    assert_eq!(positions(&bob).await, [7, 8]);

    let access = |access: u8, ranges: &[(u64, u64)], not_after_ms| NewAccess {
        group,
        access: AccessId([access; 16]),
        grantee: bob.identity.clone(),
        ranges: ranges
            .iter()
            .map(|(first, last)| PositionRange { first: Position(*first), last: Position(*last) })
            .collect(),
        not_after_ms,
    };
    let until = world.now_ms() + DAY_MS;
    let service = &world.service;
    service.open_access(&world.caller(&alice), access(1, &[(2, 3)], None)).await.unwrap();
    service.open_access(&world.caller(&alice), access(2, &[(5, 5)], Some(until))).await.unwrap();
    assert_eq!(positions(&bob).await, [2, 3, 5, 7, 8]);
    assert_eq!(positions(&carol).await, [8], "what is opened to one is not open to another");

    let beyond = service.open_access(&world.caller(&carol), access(3, &[(4, 4)], None)).await;
    assert_refused!(beyond, ServiceError::NotFound);
    let reused = service.open_access(&world.caller(&alice), access(1, &[(1, 6)], None)).await;
    assert_refused!(reused, ServiceError::IdReused);

    world.pass(DAY_MS + 1);
    assert_eq!(positions(&bob).await, [2, 3, 7, 8], "an entry ends by itself");
    let by_bob = service.end_access(&world.caller(&bob), group, AccessId([1; 16])).await;
    assert_refused!(by_bob, ServiceError::NotFound);
    service.end_access(&world.caller(&alice), group, AccessId([1; 16])).await.unwrap();
    assert_eq!(positions(&bob).await, [7, 8]);
    let again = service.end_access(&world.caller(&alice), group, AccessId([1; 16])).await;
    assert_refused!(again, ServiceError::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_is_led_to_the_commit_that_removed_it_and_no_further() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"before him").await.unwrap();
    let joined = world.add(group, &mut alice, &mut [&mut bob]).await;
    world.append(&alice, group, 2, b"for both").await.unwrap();
    let removed = alice.remove_alone(&world, group, &bob).await;
    world.append(&alice, group, 3, b"not for him").await.unwrap();

    let read = async |device: &Device, after: Position, through: Option<Position>| {
        let range = LogRange { group, after, entries_max: 100, through };
        world.service.read_log(&world.caller(device), range).await
    };
    let page = read(&bob, joined, None).await.unwrap();
    let positions: Vec<u64> = page.entries.iter().map(|entry| entry.position).collect();
    assert_eq!((positions, page.more), (vec![3, removed.0], false));
    let signed = page.signed.expect("the end of a stay is signed");
    world.check_signature(&signed);
    let hers = world.log(&alice, group).await;
    let upto: Vec<_> = hers.into_iter().filter(|entry| entry.position <= removed.0).collect();
    assert_eq!((signed.position, &signed.head[..]), (removed.0, &world.head_of(group, &upto).0[..]));

    assert_refused!(read(&bob, removed, None).await, ServiceError::NotFound);
    assert_refused!(read(&bob, Position(0), None).await, ServiceError::NotFound);
    assert_refused!(read(&bob, joined, Some(Position(9))).await, ServiceError::NotFound);
    assert_refused!(read(&carol, joined, None).await, ServiceError::NotFound);

    // He comes back: his first stay still ends where it ended, and his second one begins at its own commit.
    let again = alice.add_alone(&world, group, &bob).await;
    let old = read(&bob, joined, None).await.unwrap();
    assert_eq!(old.entries.last().map(|entry| entry.position), Some(removed.0));
    assert!(old.link.is_empty() && !old.more);
    let new = read(&bob, Position(again.0 - 1), None).await.unwrap();
    assert_eq!(new.entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [again.0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_ends_an_access_entry_that_somebody_else_opened() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let mut carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    world.append(&alice, group, 1, b"before carol").await.unwrap();
    world.add(group, &mut alice, &mut [&mut carol]).await;
    let access = NewAccess {
        group,
        access: AccessId([1; 16]),
        grantee: carol.identity.clone(),
        ranges: vec![PositionRange { first: Position(2), last: Position(2) }],
        not_after_ms: None,
    };
    world.service.open_access(&world.caller(&bob), access).await.unwrap();
    assert_eq!(world.log(&carol, group).await.len(), 2);
    world.service.end_access(&world.caller(&alice), group, AccessId([1; 16])).await.unwrap();
    assert_eq!(world.log(&carol, group).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joiner_is_led_from_the_pinned_head_to_its_own_commit() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"seen").await.unwrap();
    let seen = world.head(&alice, group).await;
    let package = bob.key_package(&world.trust(), world.now_ms());
    let made = alice.commit(group, &world.trust(), world.now_ms(), seen, &[package], &[]);
    // Two more records arrive before the commit does.
    world.append(&alice, group, 2, b"unseen").await.unwrap();
    world.append(&alice, group, 3, b"unseen").await.unwrap();
    accepted(world.service.submit_commit(&world.caller(&alice), made.offer).await);

    let (welcomes, more) = world.service.list_welcomes(&world.caller(&bob)).await.unwrap();
    let [welcome] = &welcomes[..] else { panic!("one welcome waits") };
    assert!(!more);
    assert_eq!((welcome.pending.position, welcome.link.len()), (Position(4), 3));
    let head = welcome
        .link
        .iter()
        .fold(seen.1, |head, digest| alcove_proto::log::next_head(alcove_charter::sha256, &head, digest));
    assert_eq!(head, world.head(&alice, group).await.1);

    let range = LogRange { group, after: seen.0, entries_max: 10, through: None };
    let page = world.service.read_log(&world.caller(&bob), range).await.unwrap();
    assert_eq!(page.entries[0].position, 4);
    assert_eq!(page.link, welcome.link[..2], "the page links over what it leaves out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_after_the_last_one_there_is_reads_nothing() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"one").await.unwrap();
    let range = LogRange { group, after: Position(u64::MAX), entries_max: 10, through: None };
    let page = world.service.read_log(&world.caller(&alice), range).await.unwrap();
    assert!(page.entries.is_empty() && !page.more);
    assert_eq!(page.signed.unwrap().position, 1, "and the end of the log is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_can_do_nothing_more() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    world.append(&bob, group, 1, b"still in").await.unwrap();
    let removed = alice.remove_alone(&world, group, &bob).await;

    for epoch in [1, 2] {
        let append = world.append_at(&bob, group, Epoch(epoch), RecordId([2; 16]), b"out").await;
        assert_refused!(append, ServiceError::NotFound);
    }
    let range = LogRange { group, after: removed, entries_max: 10, through: None };
    assert_refused!(world.service.read_log(&world.caller(&bob), range).await, ServiceError::NotFound);
    assert!(world.append(&alice, group, 3, b"goes on").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_the_observer_takes_up_where_the_log_ends() {
    let mut world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    // Past the 32nd epoch a checkpoint is kept, and some commits after it are replayed.
    for _ in 0..35 {
        alice.commit_alone(&world, group, &[], &[]).await;
    }
    let before = world.head(&alice, group).await;

    world = world.restart().await;
    assert_eq!(world.head(&alice, group).await, before);
    world.append(&alice, group, 1, b"after").await.unwrap();
    alice.commit_alone(&world, group, &[], &[]).await;
    let commits = world.log(&bob, group).await;
    assert_eq!(commits.iter().filter(|entry| entry.kind() == EntryKind::Commit).count(), 37);
}

/// Alice (owner) and dave of Harborlight, bob of Northmark; Northmark's list 1, which revokes bob, is named by a
/// commit in which dave, who is no owner, removes him for it.
async fn a_group_whose_log_names_a_list(world: &World) -> (alcove_proto::ids::GroupId, Device, Device) {
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut dave = Device::of(&world.harborlight, 4, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob, &mut dave]).await;
    world.revoke(&world.northmark, 1, &[&bob]);
    dave.remove_alone(world, group, &bob).await;
    world.catch_up(group, &mut alice).await;
    (group, alice, dave)
}

async fn goes_on(world: &World, group: alcove_proto::ids::GroupId, alice: &mut Device) {
    alice.commit_alone(world, group, &[], &[]).await;
    world.append(alice, group, 9, b"goes on").await.expect("and records are taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_after_an_agency_its_log_names_has_left() {
    let world = World::new();
    let (group, mut alice, mut sleeper) = a_group_whose_log_names_a_list(&world).await;
    world.leaves(&world.northmark);
    let world = world.restart().await;
    goes_on(&world, group, &mut alice).await;
    // Members judge alike: dave reads on without the list as well.
    world.catch_up(group, &mut sleeper).await;
    assert_eq!(sleeper.epoch(group), alice.epoch(group));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_after_the_server_has_lost_a_list_its_log_names() {
    let world = World::new();
    let (group, mut alice, _) = a_group_whose_log_names_a_list(&world).await;
    world.lose_crls();
    let world = world.restart().await;
    world.append(&alice, group, 8, b"written meanwhile").await.expect("the log is read without the list");
    // What the log has shown of the list stays its floor: commits wait for the agency's next one.
    let seen = world.head(&alice, group).await;
    let less = alice.commit(group, &world.trust(), world.now_ms(), seen, &[], &[]).offer;
    assert_refused!(world.service.submit_commit(&world.caller(&alice), less).await, ServiceError::TrustStale);
    world.revoke(&world.northmark, 2, &[]);
    goes_on(&world, group, &mut alice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_commit_names_the_newest_charter_also_when_an_agency_has_just_left() {
    let world = World::new();
    let (group, mut alice, _) = a_group_whose_log_names_a_list(&world).await;
    let before = world.trust();
    world.leaves(&world.northmark);
    let seen = world.head(&alice, group).await;
    let stale = alice.commit(group, &before, world.now_ms(), seen, &[], &[]).offer;
    assert_refused!(
        world.service.submit_commit(&world.caller(&alice), stale).await,
        ServiceError::TrustStale
    );
}
