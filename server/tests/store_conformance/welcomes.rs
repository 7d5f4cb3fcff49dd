//! Welcomes and the trees that go with them.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{Epoch, Position, WelcomeId},
    limits::{LINK_DIGESTS_MAX, TREE_BYTES_MAX, TREE_CHUNK_BYTES},
};
use alcove_server::store::{
    Groups, Log, Members, Operation, Store, StoreError, Welcomes,
    groups::{CommitOutcome, Joiner, NewCommit, NewWelcome},
};
use bytes::Bytes;
use std::path::Path;

fn welcome_for(numbers: &[u64], pinned: u64, welcome: Bytes, tree: Bytes) -> NewWelcome {
    let joiners = numbers
        .iter()
        .map(|number| Joiner { identity: device(*number), key_package_ref: vec![*number as u8; 32] })
        .collect();
    NewWelcome { welcome, tree, joiners, pinned: Position(pinned) }
}

/// Group 1, where 0 adds the others by a commit with this welcome.
async fn welcomed(store: &impl Store, numbers: &[u64], welcome: Bytes, tree: Bytes) {
    create(store, 1, 0).await;
    append(store, 1, 0, 1, 0).await;
    let members = [&[0], numbers].concat();
    let new = NewCommit {
        members: members_are(&members),
        welcome: Some(welcome_for(numbers, 1, welcome, tree)),
        ..new_commit(1, 0, noise(1, 900))
    };
    commit(store, new, 0).await;
}

async fn tree_of(store: &impl Store, number: u64, welcome: WelcomeId) -> Option<Vec<u8>> {
    let mut tree = Vec::new();
    loop {
        let chunk = store.read_tree(device(number), welcome, tree.len() as u64).await.unwrap()?;
        assert!(chunk.len() <= TREE_CHUNK_BYTES);
        if chunk.is_empty() {
            return Some(tree);
        }
        tree.extend_from_slice(&chunk);
    }
}

pub(crate) async fn a_welcome_waits_for_each_joiner_with_its_tree_until_acknowledged<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    let (welcome, tree) = (noise(1, 1_300_000), noise(2, TREE_BYTES_MAX));
    welcomed(&store, &[1, 2], welcome.clone(), tree.clone()).await;
    let mut ids = Vec::new();
    for number in [1, 2] {
        let page = store.welcomes(device(number), 8).await.unwrap();
        assert!(!page.more);
        let waiting = &page.welcomes[0];
        assert_eq!(page.welcomes.len(), 1);
        assert_eq!((waiting.group, waiting.epoch), (group(1), Epoch(1)));
        assert_eq!((waiting.position, waiting.pinned), (Position(2), Position(1)));
        assert_eq!(waiting.key_package_ref, [number as u8; 32]);
        assert!(waiting.welcome == welcome);
        assert_eq!(waiting.tree_bytes, TREE_BYTES_MAX as u64);
        assert!(tree_of(&store, number, waiting.id).await.unwrap() == tree);
        ids.push(waiting.id);
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(store.welcomes(device(0), 8).await.unwrap().welcomes, []);
    assert_eq!(tree_of(&store, 0, ids[0]).await, None, "who has no welcome gets no tree");
    assert_eq!(tree_of(&store, 2, ids[0]).await, None, "nor does who has another");

    assert!(!store.acknowledge_welcome(ids[0], by(2)).await.unwrap(), "somebody else's");
    assert!(store.acknowledge_welcome(ids[0], by(1)).await.unwrap());
    assert!(!store.acknowledge_welcome(ids[0], by(1)).await.unwrap(), "once");
    assert_eq!(store.welcomes(device(1), 8).await.unwrap().welcomes, []);
    assert!(tree_of(&store, 2, ids[1]).await.unwrap() == tree, "the other joiner still has it");
    assert!(store.acknowledge_welcome(ids[1], by(2)).await.unwrap());
    assert_eq!(tree_of(&store, 2, ids[1]).await, None);

    // From several groups, in pages.
    for number in 2..7 {
        create(&store, number, 0).await;
        let new = NewCommit {
            members: members_are(&[0, 1]),
            welcome: Some(welcome_for(&[1], 0, noise(number, 10), noise(number, 10))),
            ..new_commit(number, 0, noise(number, 10))
        };
        commit(&store, new, 0).await;
    }
    let page = store.welcomes(device(1), 3).await.unwrap();
    assert_eq!((page.welcomes.len(), page.more), (3, true));
    let page = store.welcomes(device(1), 5).await.unwrap();
    assert_eq!((page.welcomes.len(), page.more), (5, false));
}

pub(crate) async fn a_welcome_whose_pin_is_too_far_back_is_refused_with_its_commit<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    let last = LINK_DIGESTS_MAX as u64 + 1;
    for number in 1..=last {
        append(&store, 1, 0, number, 0).await;
    }
    let attempt = |pinned| NewCommit {
        members: members_are(&[0, 1]),
        welcome: Some(welcome_for(&[1], pinned, noise(1, 10), noise(2, 10))),
        ..new_commit(1, 0, noise(1, 10))
    };
    for pinned in [0, 1, last + 1, u64::MAX] {
        let outcome = store.commit(attempt(pinned), by(0)).await.unwrap();
        assert!(matches!(outcome, CommitOutcome::HeadTooOld { .. }), "{pinned}: {outcome:?}");
    }
    assert_eq!(store.group_head(group(1)).await.unwrap().unwrap().epoch, Epoch(0));
    let taken = commit(&store, attempt(2), 0).await;
    let position = Position(taken.entry.position);
    let link = store.entry_digests(group(1), Position(3), position).await.unwrap();
    assert_eq!(link.len(), LINK_DIGESTS_MAX, "the farthest pin that is taken can be linked");
}

pub(crate) async fn a_welcome_for_no_member_is_refused_with_its_commit<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    let new = NewCommit {
        members: members_are(&[0, 1]),
        welcome: Some(welcome_for(&[1, 2], 0, noise(1, 100_000), noise(2, 100_000))),
        ..new_commit(1, 0, noise(1, 100_000))
    };
    let outcome = store.commit(new, by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    assert!(whole_log(&store, 1).await.is_empty());
    assert_eq!(store.welcomes(device(1), 8).await.unwrap().welcomes, []);
    assert_eq!(store.member(group(1), device(1)).await.unwrap(), None);
    assert_eq!(append(&store, 1, 0, 1, 0).await.entry.position, 1);
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn removal_takes_back_the_welcome_that_waits<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    welcomed(&store, &[1, 2], noise(1, 10), noise(2, 10)).await;
    let id = store.welcomes(device(1), 8).await.unwrap().welcomes[0].id;
    let removing = NewCommit { members: members_are(&[0, 2]), ..new_commit(1, 1, noise(2, 10)) };
    commit(&store, removing, 0).await;
    assert_eq!(store.welcomes(device(1), 8).await.unwrap().welcomes, []);
    assert_eq!(tree_of(&store, 1, id).await, None);
    assert_eq!(store.welcomes(device(2), 8).await.unwrap().welcomes.len(), 1, "the other one stays");
}
