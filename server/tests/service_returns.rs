//! What a member comes back by: handed in with a commit, kept for the epoch in force, shown to members alone.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_proto::{ids::Epoch, limits::COMMIT_GROUP_INFO_BYTES_MAX};
use alcove_server::service::ServiceError;
use world::{Device, World, accepted, assert_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_info_of_another_epoch_or_by_somebody_else_is_refused_with_its_commit() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let (trust, now, seen) = (world.trust(), world.now_ms(), world.head(&alice, group).await);
    let caller = world.caller(&alice);
    let by_bob = bob.commit(group, &trust, now, seen, &[], &[]).offer;
    let made = alice.commit(group, &trust, now, seen, &[], &[]).offer;

    let mut forged = made.group_info.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for wrong in [
        // Of the same epoch, and of bob's branch of it.
        by_bob.group_info.clone(),
        // Of the epoch before.
        alice.return_info(group),
        // With the tree in it.
        alice.group_info_anew(group).into(),
        forged.into(),
        made.commit.clone(),
        vec![7].into(),
    ] {
        let mut offer = made.clone();
        offer.group_info = wrong;
        assert_refused!(world.service.submit_commit(&caller, offer).await, ServiceError::Malformed);
    }
    let mut offer = made.clone();
    offer.group_info = vec![0; COMMIT_GROUP_INFO_BYTES_MAX + 1].into();
    assert_refused!(world.service.submit_commit(&caller, offer).await, ServiceError::TooLarge { .. });

    let info = made.group_info.clone();
    accepted(world.service.submit_commit(&caller, made).await);
    let shown = world.service.group_info(&world.caller(&bob), group).await.unwrap();
    assert_eq!(shown, (Epoch(2), info), "the control: the true one is taken and shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_members_are_shown_it_and_an_earlier_programs_commit_leaves_none() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let stranger = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    assert!(!world.service.group_info(&world.caller(&bob), group).await.unwrap().1.is_empty());
    let asked = world.service.group_info(&world.caller(&stranger), group).await;
    assert_refused!(asked, ServiceError::NotFound);

    let (trust, now, seen) = (world.trust(), world.now_ms(), world.head(&alice, group).await);
    let mut removing = alice.commit(group, &trust, now, seen, &[], &[&bob.identity]).offer;
    removing.group_info = Default::default();
    accepted(world.service.submit_commit(&world.caller(&alice), removing).await);
    let asked = world.service.group_info(&world.caller(&bob), group).await;
    assert_refused!(asked, ServiceError::NotFound);
    let shown = world.service.group_info(&world.caller(&alice), group).await.unwrap();
    assert_eq!(shown, (Epoch(2), Default::default()));
}
