//! Commits, members and checkpoints.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{Epoch, Position},
    limits::{COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX},
};
use alcove_server::store::{
    Groups, Log, Members, Operation, StoreError,
    groups::{CommitOutcome, MemberAfter, MembersAfter, NewCommit},
};
use std::path::Path;

pub(crate) async fn the_first_commit_of_an_epoch_wins_and_the_loser_is_shown_it<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let won = commit(&store, new_commit(1, 1, noise(10, 400)), 0).await;
    append(&store, 1, 2, 1, 0).await;
    // By somebody else, by the same with other bytes, and the same bytes by somebody else.
    for (body, author) in [(noise(11, 400), 1), (noise(11, 400), 0), (noise(10, 400), 1)] {
        match store.commit(new_commit(1, 1, body), by(author)).await.unwrap() {
            CommitOutcome::Superseded(winner) => assert_eq!(winner, won.entry),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.group_head(group(1)).await.unwrap().unwrap().epoch, Epoch(2));
    assert_eq!(whole_log(&store, 1).await.len(), 3);
}

pub(crate) async fn a_resent_commit_is_answered_again_and_taken_once<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    let first = commit(&store, new_commit(1, 0, noise(1, 100_000)), 0).await;
    commit(&store, new_commit(1, 1, noise(2, 400)), 0).await;
    match store.commit(new_commit(1, 0, noise(1, 100_000)), by(0)).await.unwrap() {
        CommitOutcome::Replayed(replayed) => {
            assert_eq!((replayed.position, replayed.head), (Position(1), first.head));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.group_head(group(1)).await.unwrap().unwrap().epoch, Epoch(2));
}

pub(crate) async fn a_commit_of_a_later_epoch_by_no_member_or_too_long_is_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    for epoch in [1, u64::MAX] {
        let outcome = store.commit(new_commit(1, epoch, noise(1, 10)), by(0)).await.unwrap();
        assert!(matches!(outcome, CommitOutcome::StaleEpoch { current: Epoch(0) }), "{outcome:?}");
    }
    let outcome = store.commit(new_commit(1, 0, noise(1, 10)), by(1)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    let outcome = store.commit(new_commit(2, 0, noise(1, 10)), by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    let outcome = store.commit(new_commit(1, 0, noise(1, COMMIT_BYTES_MAX + 1)), by(0)).await;
    assert!(matches!(outcome, Err(StoreError::TooLarge { limit: COMMIT_BYTES_MAX, .. })), "{outcome:?}");
    assert!(whole_log(&store, 1).await.is_empty());
}

pub(crate) async fn the_group_info_of_the_epoch_in_force_is_kept_and_no_earlier_one<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    assert_eq!(store.group_info(group(1)).await.unwrap(), None);
    create(&store, 1, 0).await;
    assert_eq!(store.group_info(group(1)).await.unwrap(), Some((Epoch(0), Default::default())));
    for (epoch, bytes) in [(0, 2_000), (1, COMMIT_GROUP_INFO_BYTES_MAX)] {
        let info = noise(epoch, bytes);
        commit(&store, NewCommit { group_info: info.clone(), ..new_commit(1, epoch, noise(9, 10)) }, 0).await;
        assert_eq!(store.group_info(group(1)).await.unwrap(), Some((Epoch(epoch + 1), info)));
    }
    let long = noise(3, COMMIT_GROUP_INFO_BYTES_MAX + 1);
    let outcome = store.commit(NewCommit { group_info: long, ..new_commit(1, 2, noise(9, 10)) }, by(0)).await;
    let limit = COMMIT_GROUP_INFO_BYTES_MAX;
    assert!(
        matches!(outcome, Err(StoreError::TooLarge { limit: found, .. }) if found == limit),
        "{outcome:?}"
    );
    E::close(store);
    let store = E::open(folder);
    assert!(store.group_info(group(1)).await.unwrap().is_some_and(|(_, info)| info.len() == limit));
    // An earlier version's program hands in none: then nobody comes back by that of another epoch.
    commit(&store, new_commit(1, 2, noise(9, 10)), 0).await;
    assert_eq!(store.group_info(group(1)).await.unwrap(), Some((Epoch(3), Default::default())));
}

pub(crate) async fn members_come_go_and_keep_their_join_position<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1, 2]).await;
    append(&store, 1, 1, 1, 1).await;
    let joined = async |number: u64| {
        store.member(group(1), device(number)).await.unwrap().map(|member| (member.leaf, member.joined.0))
    };
    assert_eq!(joined(0).await, Some((0, 0)));
    assert_eq!(joined(2).await, Some((2, 1)));

    // 1 goes, 3 comes to its leaf, 2 moves to another leaf and stays, 0 begins anew.
    let after = [(0, 0, true), (1, 3, false), (5, 2, false)];
    let members =
        after.map(|(leaf, number, joins_now)| MemberAfter { leaf, identity: device(number), joins_now });
    let new = NewCommit { members: MembersAfter::Are(members.into()), ..new_commit(1, 1, noise(7, 10)) };
    let position = commit(&store, new, 1).await.entry.position;
    assert_eq!(joined(0).await, Some((0, position)));
    assert_eq!(joined(1).await, None);
    assert_eq!(joined(2).await, Some((5, 1)), "who moves to another leaf keeps the join position");
    assert_eq!(joined(3).await, Some((1, position)));
    let leaves: Vec<u32> = store.members(group(1)).await.unwrap().iter().map(|m| m.leaf).collect();
    assert_eq!(leaves, [0, 1, 5]);

    let outcome = store.append_record(new_record(1, 2, 9, noise(9, 10)), by(1)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");

    // Groups of one device, in pages.
    for number in 2..8 {
        group_of(&store, number, &[0, 2]).await;
    }
    let mut groups = Vec::new();
    let mut after = None;
    loop {
        let page = store.memberships(device(2), after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.group);
        groups.extend(page.iter().map(|membership| membership.group));
    }
    let mut expected: Vec<_> = (1..8).map(group).collect();
    expected.sort_unstable();
    assert_eq!(groups, expected);
    assert_eq!(store.memberships(device(1), None, 10).await.unwrap(), []);
}

pub(crate) async fn members_that_contradict_each_other_are_refused_and_nothing_is_written<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let before = store.members(group(1)).await.unwrap();
    let member = |leaf, number| MemberAfter { leaf, identity: device(number), joins_now: false };
    let bad = [vec![], vec![member(0, 0), member(0, 1)], vec![member(0, 0), member(1, 0)]];
    for members in bad {
        let new = NewCommit { members: MembersAfter::Are(members), ..new_commit(1, 1, noise(3, 10)) };
        let outcome = store.commit(new, by(0)).await;
        assert!(matches!(outcome, Err(StoreError::MembersInconsistent)), "{outcome:?}");
    }
    assert_eq!(store.members(group(1)).await.unwrap(), before);
    assert_eq!(store.group_head(group(1)).await.unwrap().unwrap().epoch, Epoch(1));
    assert_eq!(whole_log(&store, 1).await.len(), 1);
    // What was refused half-way has left nothing in memory either.
    let taken = commit(&store, new_commit(1, 1, noise(4, 10)), 0).await;
    assert_eq!(taken.entry.position, 2);
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn a_long_commit_comes_back_whole<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    // On both sides of every length at which it is kept differently.
    let lengths = [61 * 1024, 61 * 1024 + 1, 120 * 1024 - 1, 120 * 1024, 120 * 1024 + 1, COMMIT_BYTES_MAX];
    for (epoch, length) in (0..).zip(lengths) {
        commit(&store, new_commit(1, epoch, noise(epoch, length)), 0).await;
    }
    let log = whole_log(&store, 1).await;
    let commits = store.read_commits(group(1), Epoch(0), usize::MAX).await.unwrap();
    assert_eq!(log, commits);
    for (entry, length) in log.iter().zip(lengths) {
        assert!(entry.body == noise(entry.epoch, length), "{length} bytes");
    }
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn the_newest_checkpoint_is_kept_and_the_commits_after_it_are_found<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    for epoch in 0..6 {
        append(&store, 1, epoch, epoch, 0).await;
        let snapshot = (epoch == 2 || epoch == 3).then(|| noise(epoch, 300_000).to_vec());
        commit(&store, NewCommit { snapshot, ..new_commit(1, epoch, noise(epoch, 1000)) }, 0).await;
    }
    let checkpoint = store.checkpoint(group(1)).await.unwrap().unwrap();
    assert_eq!((checkpoint.epoch, checkpoint.position), (Epoch(4), Position(8)));
    assert!(checkpoint.snapshot == noise(3, 300_000));
    let after = store.read_commits(group(1), checkpoint.epoch, usize::MAX).await.unwrap();
    assert_eq!(after.iter().map(|commit| commit.epoch).collect::<Vec<_>>(), [4, 5]);
    // In pages, of one commit at least.
    let page = async |bytes| store.read_commits(group(1), Epoch(0), bytes).await.unwrap().len();
    assert_eq!([page(1).await, page(2000).await, page(2999).await, page(3000).await], [1, 2, 2, 3]);
    assert_eq!(store.read_commits(group(1), Epoch(6), 10).await.unwrap(), []);
}
