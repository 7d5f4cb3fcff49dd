//! Following logs live through the service.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_proto::{ids::GroupId, v1::EntryKind};
use alcove_server::{
    service::{Event, ServiceError, Subscription},
    store::sled::SledStore,
};
use std::{sync::Arc, task::Poll, time::Duration};
use tokio::time::timeout;
use world::{Device, World, until_caught_up};

/// Longer than any of this takes; a test that waits this long has failed.
const TOO_LONG: Duration = Duration::from_secs(30);

async fn next(subscription: &mut Subscription<SledStore>) -> Event {
    let event = timeout(TOO_LONG, subscription.next()).await.expect("something is told");
    event.unwrap().expect("the server goes on")
}

/// The positions of entries until there are `count`.
async fn positions(subscription: &mut Subscription<SledStore>, count: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    while positions.len() < count {
        if let Event::Entries { entries, .. } = next(subscription).await {
            positions.extend(entries.iter().map(|entry| entry.position));
        }
    }
    positions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_gets_what_was_there_and_then_what_comes_without_a_gap() {
    let world = Arc::new(World::new());
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    for number in 0..10 {
        world.append(&alice, group, number, b"before").await.unwrap();
    }
    let mut follower = world.subscribe(&alice, &[(group, 3)]).await;
    assert_eq!(until_caught_up(&mut follower).await, [4, 5, 6, 7, 8, 9, 10]);

    let alice = Arc::new(alice);
    let writers: Vec<_> = (0..8u8)
        .map(|writer| {
            let (world, alice) = (Arc::clone(&world), Arc::clone(&alice));
            tokio::spawn(async move {
                for number in 0..20u8 {
                    let record = 10 + writer * 20 + number;
                    world.append(&alice, group, record, &[record; 64]).await.unwrap();
                }
            })
        })
        .collect();
    let followed = positions(&mut follower, 160).await;
    assert_eq!(followed, (11..=170).collect::<Vec<u64>>());
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_page_carries_a_head_that_the_entries_hash_to() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    for number in 0..3 {
        world.append(&alice, group, number, b"x").await.unwrap();
    }
    let mut follower = world.subscribe(&alice, &[(group, 0)]).await;
    let Event::Entries { entries, signed, .. } = next(&mut follower).await else { panic!("entries first") };
    let signed = signed.expect("all fit one page");
    world.check_signature(&signed);
    let entries: Vec<_> = entries.iter().map(|entry| (**entry).clone()).collect();
    assert_eq!(signed.head, world.head_of(group, &entries).to_vec());
    assert_eq!(signed.position, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_far_behind_catches_up_by_pages_while_others_write() {
    let world = Arc::new(World::new());
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let epoch = alice.epoch(group);
    let record = |number: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        alcove_proto::ids::RecordId(id)
    };
    let alice = Arc::new(alice);
    let appends: Vec<_> = (0..2500u32)
        .map(|number| {
            let (world, alice) = (Arc::clone(&world), Arc::clone(&alice));
            tokio::spawn(async move {
                world.append_at(&alice, group, epoch, record(number), &[1; 600]).await.unwrap();
            })
        })
        .collect();
    for append in appends {
        append.await.unwrap();
    }
    let mut follower = world.subscribe(&alice, &[(group, 0)]).await;
    let first = positions(&mut follower, 1).await;
    assert!(first.len() < 2500, "one page is not the whole log");
    for number in 2500..2510 {
        world.append_at(&alice, group, epoch, record(number), b"live").await.unwrap();
    }
    let mut all = first;
    all.extend(positions(&mut follower, 2510 - all.len()).await);
    assert_eq!(all, (1..=2510).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_who_goes_away_leaves_no_gap_for_followers() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 0, b"first").await.unwrap();
    let mut follower = world.subscribe(&alice, &[(group, 0)]).await;
    for number in 1..=60 {
        let mut append = std::pin::pin!(world.append(&alice, group, number, b"gone"));
        // Far enough to be on its way to the disk, and no further.
        let once = std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context).is_ready()));
        let _done_already = once.await;
    }
    let last = world.append(&alice, group, 99, b"last").await.unwrap().position;
    let followed = positions(&mut follower, last.0 as usize).await;
    assert_eq!(followed, (1..=last.0).collect::<Vec<u64>>());
    let mut later = world.subscribe(&alice, &[(group, 0)]).await;
    assert_eq!(until_caught_up(&mut later).await, followed);
    assert!(last.0 > 2, "some were written though nobody waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_followers_all_get_one_record_once() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"there already").await.unwrap();
    let mut followers = Vec::new();
    for _ in 0..1000 {
        let mut follower = world.subscribe(&alice, &[(group, 1)]).await;
        assert_eq!(until_caught_up(&mut follower).await, [0u64; 0]);
        followers.push(follower);
    }
    let followers: Vec<_> = followers
        .into_iter()
        .map(|mut follower| {
            tokio::spawn(async move {
                let heard = positions(&mut follower, 1).await;
                (heard, timeout(Duration::from_millis(200), follower.next()).await.is_err())
            })
        })
        .collect();
    world.append(&alice, group, 2, b"for all").await.unwrap();
    for follower in followers {
        let (heard, quiet) = follower.await.unwrap();
        assert_eq!((heard, quiet), (vec![2], true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_does_not_concern_the_follower_is_closed_like_one_that_is_not_there() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let hers = world.open_group(&mut alice).await;
    let his = world.open_group(&mut bob).await;
    let nowhere = GroupId([5; 16]);
    let mut follower = world.subscribe(&bob, &[(hers, 0), (nowhere, 0), (his, 0)]).await;
    let mut closed = Vec::new();
    loop {
        match next(&mut follower).await {
            Event::GroupClosed(group) => closed.push(group),
            Event::CaughtUp => break,
            event => panic!("nothing has been written: {event:?}"),
        }
    }
    closed.sort_unstable();
    let mut expected = [hers, nowhere];
    expected.sort_unstable();
    assert_eq!(closed, expected);
    world.append(&alice, hers, 1, b"not his").await.unwrap();
    world.append(&bob, his, 1, b"his").await.unwrap();
    let Event::Entries { group, .. } = next(&mut follower).await else { panic!("his own group goes on") };
    assert_eq!(group, his);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_added_hears_of_it_and_whoever_is_removed_hears_nothing_more() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    let mut doorstep = world.subscribe(&bob, &[]).await;
    assert_eq!(until_caught_up(&mut doorstep).await, [0u64; 0]);

    world.append(&alice, group, 1, b"before him").await.unwrap();
    let added = alice.add_alone(&world, group, &bob).await;
    assert!(matches!(next(&mut doorstep).await, Event::WelcomeWaiting));
    world.join(&mut bob, group).await;

    // The cursor claims the beginning; the store knows since when he belongs.
    let mut follower = world.subscribe(&bob, &[(group, 0)]).await;
    assert_eq!(until_caught_up(&mut follower).await, [added.0]);
    world.append(&alice, group, 2, b"for both").await.unwrap();
    assert_eq!(positions(&mut follower, 1).await, [added.0 + 1]);

    alice.remove_alone(&world, group, &bob).await;
    world.append(&alice, group, 3, b"not for him").await.unwrap();
    assert!(matches!(next(&mut follower).await, Event::GroupClosed(closed) if closed == group));
    world.append(&alice, group, 4, b"nor this").await.unwrap();
    assert!(timeout(Duration::from_millis(200), follower.next()).await.is_err(), "silence");
    // The control: the log did go on, and who belongs hears it.
    let mut hers = world.subscribe(&alice, &[(group, 0)]).await;
    let entries = until_caught_up(&mut hers).await;
    assert_eq!(entries.len(), 6);
    let kinds = world.log(&alice, group).await;
    assert_eq!(kinds.iter().filter(|entry| entry.kind() == EntryKind::Commit).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_out_and_is_back_is_not_told_what_was_written_meanwhile() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let mut follower = world.subscribe(&bob, &[(group, 0)]).await;
    until_caught_up(&mut follower).await;
    // He does not listen while he is removed, something is written, and he is added again.
    alice.remove_alone(&world, group, &bob).await;
    world.append(&alice, group, 1, b"not for him").await.unwrap();
    let again = alice.add_alone(&world, group, &bob).await;
    loop {
        match next(&mut follower).await {
            Event::WelcomeWaiting => {}
            Event::GroupClosed(closed) => break assert_eq!(closed, group),
            event => panic!("he is told of his absence: {event:?}"),
        }
    }
    // The control: from his new place on he follows.
    let mut anew = world.subscribe(&bob, &[(group, 0)]).await;
    assert_eq!(until_caught_up(&mut anew).await, [again.0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_ahead_of_the_log_is_shown_where_the_log_ends() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"one").await.unwrap();
    // As after a restore from an older backup: the device has seen more than the server has.
    let mut follower = world.subscribe(&alice, &[(group, 9)]).await;
    let Event::Entries { entries, signed, .. } = next(&mut follower).await else {
        panic!("the head is told")
    };
    assert!(entries.is_empty());
    assert_eq!(signed.unwrap().position, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_down_ends_its_subscriptions() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let mut follower = world.subscribe(&alice, &[(group, 0)]).await;
    until_caught_up(&mut follower).await;
    world.service.close_subscriptions();
    let end = timeout(TOO_LONG, follower.next()).await.expect("it ends");
    assert!(matches!(end, Ok(None)));
    let refused = world.append(&Device::of(&world.northmark, 2, 1), group, 1, b"x").await;
    assert!(matches!(refused, Err(ServiceError::NotFound)), "other calls are still answered");
}
