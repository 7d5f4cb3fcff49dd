//! Access entries.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{AccessId, Position},
    limits::{ACCESS_PER_GROUP_MAX, ACCESS_RANGES_MAX},
};
use alcove_server::store::{
    Access, Members, StoreError,
    access::{NewAccess, OpenAccessOutcome, PositionRange},
    groups::{MemberAfter, MembersAfter, NewCommit},
};
use std::{path::Path, sync::Arc};

fn access_id(number: u64) -> AccessId {
    AccessId(u128::from(number).to_be_bytes())
}

fn new_access(number: u64, grantee: u64) -> NewAccess {
    NewAccess {
        group: group(1),
        access: access_id(number),
        grantee: device(grantee),
        ranges: vec![
            PositionRange { first: Position(1), last: Position(3) },
            PositionRange { first: Position(7), last: Position(7) },
        ],
        not_after_ms: Some(1_900_000_000_000),
    }
}

pub(crate) async fn access_is_open_until_it_is_ended_and_its_id_opens_nothing_again<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1, 2]).await;
    let new = new_access(5, 1);
    assert_eq!(store.open_access(new.clone(), by(0)).await.unwrap(), OpenAccessOutcome::Opened);
    let entry = store.access_entry(group(1), access_id(5)).await.unwrap().unwrap();
    assert_eq!((&entry.opener, &entry.grantee), (&device(0), &device(1)));
    assert_eq!((&entry.ranges, entry.not_after_ms), (&new.ranges, new.not_after_ms));
    assert!(entry.ranges[0].contains(Position(3)) && !entry.ranges[0].contains(Position(4)));
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap(), [entry]);
    assert_eq!(store.access_of(group(1), device(2)).await.unwrap(), []);
    assert_eq!(store.access_of(group(2), device(1)).await.unwrap(), []);

    assert_eq!(store.open_access(new.clone(), by(0)).await.unwrap(), OpenAccessOutcome::Replayed);
    let others = [
        NewAccess { grantee: device(2), ..new.clone() },
        NewAccess { ranges: vec![], ..new.clone() },
        NewAccess { not_after_ms: None, ..new.clone() },
    ];
    for other in others {
        assert_eq!(store.open_access(other, by(0)).await.unwrap(), OpenAccessOutcome::IdReused);
    }
    assert_eq!(store.open_access(new.clone(), by(2)).await.unwrap(), OpenAccessOutcome::IdReused);

    assert!(!store.end_access(group(1), access_id(6), by(0)).await.unwrap(), "no such entry");
    assert!(store.end_access(group(1), access_id(5), by(0)).await.unwrap());
    assert!(!store.end_access(group(1), access_id(5), by(0)).await.unwrap(), "once");
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap(), []);
    assert_eq!(store.access_entry(group(1), access_id(5)).await.unwrap(), None);
    let late = store.open_access(new, by(0)).await.unwrap();
    assert_eq!(late, OpenAccessOutcome::IdReused, "a late repetition must not open it again");
}

pub(crate) async fn access_for_or_by_no_member_and_too_many_ranges_are_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let outcome = store.open_access(new_access(1, 9), by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    let outcome = store.open_access(new_access(1, 1), by(9)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    let elsewhere = NewAccess { group: group(2), ..new_access(1, 1) };
    let outcome = store.open_access(elsewhere, by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    let range = PositionRange { first: Position(1), last: Position(1) };
    let many = NewAccess { ranges: vec![range; ACCESS_RANGES_MAX + 1], ..new_access(1, 1) };
    let outcome = store.open_access(many, by(0)).await;
    assert!(matches!(outcome, Err(StoreError::TooMany { .. })), "{outcome:?}");
    let outcome = store.end_access(group(2), access_id(1), by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    let most = NewAccess { ranges: vec![range; ACCESS_RANGES_MAX], ..new_access(1, 1) };
    assert_eq!(store.open_access(most, by(0)).await.unwrap(), OpenAccessOutcome::Opened);
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap()[0].ranges.len(), ACCESS_RANGES_MAX);
}

pub(crate) async fn removal_ends_all_access_of_the_removed_device_only<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1, 2]).await;
    for (number, grantee) in [(1, 1), (2, 1), (3, 2)] {
        store.open_access(new_access(number, grantee), by(0)).await.unwrap();
    }
    let removing = NewCommit { members: members_are(&[0, 2]), ..new_commit(1, 1, noise(2, 10)) };
    commit(&store, removing, 0).await;
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap(), []);
    assert_eq!(store.access_entry(group(1), access_id(1)).await.unwrap(), None);
    assert_eq!(store.access_of(group(1), device(2)).await.unwrap().len(), 1);
    let adding = NewCommit { members: members_are(&[0, 1, 2]), ..new_commit(1, 2, noise(3, 10)) };
    commit(&store, adding, 0).await;
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap(), [], "coming back brings nothing back");
}

pub(crate) async fn beginning_anew_ends_all_access_from_before<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1, 2]).await;
    for (number, grantee) in [(1, 1), (2, 2)] {
        store.open_access(new_access(number, grantee), by(0)).await.unwrap();
    }
    // One commit removes 1 and adds it again; 2 only moves to another leaf.
    let after = [(0, 0, false), (1, 1, true), (5, 2, false)];
    let after =
        after.map(|(leaf, number, joins_now)| MemberAfter { leaf, identity: device(number), joins_now });
    let new = NewCommit { members: MembersAfter::Are(after.into()), ..new_commit(1, 1, noise(2, 10)) };
    commit(&store, new, 0).await;
    assert_eq!(store.access_of(group(1), device(1)).await.unwrap(), []);
    assert!(store.member(group(1), device(1)).await.unwrap().is_some(), "it is a member all the same");
    assert_eq!(store.access_of(group(1), device(2)).await.unwrap().len(), 1);
}

pub(crate) async fn open_entries_of_a_group_are_limited<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    group_of(&*store, 1, &[0, 1]).await;
    let opening: Vec<_> = (0..ACCESS_PER_GROUP_MAX as u64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.open_access(new_access(number, 1), by(0)).await.unwrap() })
        })
        .collect();
    for opened in opening {
        assert_eq!(opened.await.unwrap(), OpenAccessOutcome::Opened);
    }
    let one_more = store.open_access(new_access(u64::MAX, 1), by(0)).await;
    assert!(matches!(one_more, Err(StoreError::TooMany { .. })), "{one_more:?}");
    assert!(store.end_access(group(1), access_id(0), by(0)).await.unwrap());
    let now = store.open_access(new_access(u64::MAX, 1), by(0)).await.unwrap();
    assert_eq!(now, OpenAccessOutcome::Opened, "an ended one makes room");
}
