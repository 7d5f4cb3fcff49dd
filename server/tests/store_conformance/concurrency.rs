//! Many at once.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{Epoch, Position},
    log as chain,
};
use alcove_server::store::{
    Groups, Log, Operation,
    groups::{AppendOutcome, Appended, CommitOutcome},
    operation::Hint,
};
use std::{collections::HashMap, path::Path, sync::Arc};

pub(crate) async fn sixty_four_writers_share_flushes_and_the_chain_holds<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    for number in 0..4 {
        create(&*store, number, 0).await;
    }
    let writers: Vec<_> = (0..64)
        .map(|writer: u64| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut appended: Vec<Appended> = Vec::new();
                for count in 0..20 {
                    let new = new_record(writer % 4, 0, writer * 100 + count, noise(writer + count, 200));
                    match store.append_record(new, by(0)).await.unwrap() {
                        AppendOutcome::Appended(done) => appended.push(done),
                        other => panic!("{other:?}"),
                    }
                }
                (writer % 4, appended)
            })
        })
        .collect();
    let mut by_group: HashMap<u64, Vec<Appended>> = HashMap::new();
    for writer in writers {
        let (group, appended) = writer.await.unwrap();
        by_group.entry(group).or_default().extend(appended);
    }
    let mut shared = 0;
    for (number, mut appended) in by_group {
        appended.sort_by_key(|done| done.entry.position);
        let log = whole_log(&*store, number).await;
        assert_eq!(log.len(), 320);
        let mut head = chain::first_head(sha256, &group(number));
        for (entry, done) in log.iter().zip(&appended) {
            assert_eq!(entry, &done.entry, "every position once, as it was acknowledged");
            head = chain::next_head(sha256, &head, &chain::entry_digest(sha256, &group(number), entry));
            assert_eq!(head, done.head);
        }
        for done in &appended {
            // What a receipt needs: from the entry's own head to the end of its flush.
            let position = Position(done.entry.position);
            let link = done.flush.link_after(position);
            let end = link.iter().fold(done.head, |head, digest| chain::next_head(sha256, &head, digest));
            assert_eq!(end, done.flush.head);
            assert_eq!(position.0 + link.len() as u64, done.flush.position.0);
            shared += link.len();
        }
    }
    assert!(shared > 0, "64 writers at once share some flush");
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn of_many_commits_at_once_exactly_one_wins<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    let numbers: Vec<u64> = (0..16).collect();
    group_of(&*store, 1, &numbers).await;
    for epoch in 1..6 {
        let commits: Vec<_> = numbers
            .iter()
            .map(|number| {
                let (store, number) = (store.clone(), *number);
                let new = new_commit(1, epoch, noise(epoch * 100 + number, 3000));
                tokio::spawn(async move { store.commit(new, by(number)).await.unwrap() })
            })
            .collect();
        let mut won = Vec::new();
        let mut winners = Vec::new();
        for commit in commits {
            match commit.await.unwrap() {
                CommitOutcome::Committed(appended) => won.push(appended.entry),
                CommitOutcome::Superseded(winner) => winners.push(winner),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((won.len(), winners.len()), (1, 15));
        assert!(winners.iter().all(|winner| *winner == won[0]), "every loser is shown the one that won");
        let head = store.group_head(group(1)).await.unwrap().unwrap();
        assert_eq!(head.epoch, Epoch(epoch + 1));
    }
}

pub(crate) async fn a_reader_always_sees_a_log_without_gaps_that_only_grows<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    create(&*store, 1, 0).await;
    let writers: Vec<_> = (0..8)
        .map(|writer: u64| {
            let store = store.clone();
            tokio::spawn(async move {
                for count in 0..100 {
                    append(&*store, 1, 0, writer * 1000 + count, 0).await;
                }
            })
        })
        .collect();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let mut seen = Position(0);
            while seen < Position(800) {
                let head = store.group_head(group(1)).await.unwrap().unwrap();
                assert!(head.position >= seen, "{head:?} after {seen}");
                seen = head.position;
                let log = whole_log(&*store, 1).await;
                assert!(log.len() as u64 >= seen.0);
                assert!((1..).zip(&log).all(|(position, entry)| entry.position == position));
                assert_eq!(store.head_at(group(1), seen).await.unwrap(), Some(head.head));
            }
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    reader.await.unwrap();
}

pub(crate) async fn hints_tell_what_became_durable<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let mut hints = store.hints();
    create(&store, 1, 0).await;
    assert_eq!(hints.recv().await.unwrap(), Hint::MembersChanged(group(1)));
    let appended = append(&store, 1, 0, 1, 0).await;
    let hint = hints.recv().await.unwrap();
    assert_eq!(hint, Hint::GroupAdvanced { group: group(1), position: Position(appended.entry.position) });
    store.append_record(new_record(1, 7, 2, noise(2, 10)), by(0)).await.unwrap();
    store.append_record(new_record(1, 0, 1, noise(1, 300)), by(0)).await.unwrap();
    // Neither a refused nor a repeated act is told: the next hints are those of the commit.
    let new = alcove_server::store::groups::NewCommit {
        members: members_are(&[0, 1]),
        ..new_commit(1, 0, noise(1, 10))
    };
    commit(&store, new, 0).await;
    let mut told = vec![hints.recv().await.unwrap(), hints.recv().await.unwrap()];
    told.sort_by_key(|hint| matches!(hint, Hint::MembersChanged { .. }));
    assert_eq!(
        told,
        [Hint::GroupAdvanced { group: group(1), position: Position(2) }, Hint::MembersChanged(group(1)),]
    );
}
