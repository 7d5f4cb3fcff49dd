//! Creating groups, appending records, reading logs.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position, RecordId},
    limits::{LINK_DIGESTS_MAX, RECORD_BYTES_MAX},
    log as chain,
};
use alcove_server::store::{
    Groups, Log, Members, Operation, StoreError,
    groups::{AppendOutcome, CreateOutcome, GroupHead, LogQuery, NewGroup, NewRecord},
};
use std::path::Path;

pub(crate) async fn a_group_begins_empty_and_its_creation_can_be_repeated<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let new = NewGroup { group: group(1), creation_digest: Digest([7; 32]), snapshot: vec![1, 2, 3] };
    let head =
        GroupHead { epoch: Epoch(0), position: Position(0), head: chain::first_head(sha256, &group(1)) };
    let created = store.create_group(new.clone(), by(1)).await.unwrap();
    assert_eq!(created, CreateOutcome::Created(head));
    assert_eq!(store.group_head(group(1)).await.unwrap(), Some(head));
    let members = store.members(group(1)).await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].leaf, &members[0].identity, members[0].joined), (0, &device(1), Position(0)));
    assert_eq!(store.checkpoint(group(1)).await.unwrap().unwrap().snapshot, [1, 2, 3]);

    assert_eq!(store.create_group(new.clone(), by(1)).await.unwrap(), CreateOutcome::Replayed(head));
    let appended = append(&store, 1, 0, 1, 1).await;
    let CreateOutcome::Replayed(now) = store.create_group(new, by(1)).await.unwrap() else { panic!() };
    assert_eq!(
        (now.position, now.head),
        (Position(1), appended.head),
        "a late repetition tells today's head"
    );
}

pub(crate) async fn a_group_of_the_same_id_by_somebody_else_is_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let other = |creation_digest| NewGroup { group: group(1), creation_digest, snapshot: Vec::new() };
    let stolen = store.create_group(other(Digest([1; 32])), by(2)).await.unwrap();
    assert_eq!(stolen, CreateOutcome::Exists, "another creator");
    let changed = store.create_group(other(Digest([9; 32])), by(1)).await.unwrap();
    assert_eq!(changed, CreateOutcome::Exists, "another beginning");
    assert_eq!(store.member(group(1), device(2)).await.unwrap(), None);
}

pub(crate) async fn entries_hash_to_the_head_each_was_acknowledged_with<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let mut head = chain::first_head(sha256, &group(1));
    for number in 1..=20 {
        let appended = append(&store, 1, 0, number, 1).await;
        assert_eq!(appended.entry.position, number);
        assert_eq!(appended.digest, chain::entry_digest(sha256, &group(1), &appended.entry));
        head = chain::next_head(sha256, &head, &appended.digest);
        assert_eq!(appended.head, head);
        assert_eq!(store.head_at(group(1), Position(number)).await.unwrap(), Some(head));
        // A flush may have taken nobody else here; its end is at or after the entry.
        assert!(appended.flush.position >= Position(number));
    }
    let first: Head = chain::first_head(sha256, &group(1));
    assert_eq!(store.head_at(group(1), Position(0)).await.unwrap(), Some(first));
    assert_eq!(store.head_at(group(1), Position(21)).await.unwrap(), None, "not reached yet");
    assert_eq!(store.head_at(group(2), Position(0)).await.unwrap(), None, "no such group");
}

pub(crate) async fn a_resent_record_is_answered_again_and_stored_once<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let first = append(&store, 1, 0, 5, 1).await;
    append(&store, 1, 0, 6, 1).await;
    for time_ms in [0, 1_800_000_000_000] {
        let again = new_record(1, 0, 5, noise(5, 300));
        let AppendOutcome::Replayed(replayed) = store.append_record(again, by_at(1, time_ms)).await.unwrap()
        else {
            panic!()
        };
        assert_eq!((replayed.position, replayed.head), (Position(1), first.head));
        assert_eq!(replayed.received_at_ms, first.entry.received_at_ms, "the time it was taken, not today's");
    }
    commit(&store, new_commit(1, 0, noise(1, 100)), 1).await;
    let late = store.append_record(new_record(1, 0, 5, noise(5, 300)), by(1)).await.unwrap();
    assert!(matches!(late, AppendOutcome::Replayed(_)), "also when its epoch has passed: {late:?}");
    assert_eq!(whole_log(&store, 1).await.len(), 3);
}

pub(crate) async fn an_id_with_other_bytes_or_by_another_author_is_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    append(&store, 1, 1, 5, 0).await;
    for (body, author) in [(noise(6, 300), 0), (noise(5, 299), 0), (noise(5, 0), 0), (noise(5, 300), 1)] {
        let outcome = store.append_record(new_record(1, 1, 5, body), by(author)).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::IdReused), "{outcome:?}");
    }
    assert_eq!(whole_log(&store, 1).await.len(), 2);
    // In another group the id is free.
    create(&store, 2, 0).await;
    append(&store, 2, 0, 5, 0).await;
}

pub(crate) async fn a_record_under_another_epoch_is_refused_and_told_the_one_in_force<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    commit(&store, new_commit(1, 0, noise(1, 100)), 1).await;
    for epoch in [0, 2, u64::MAX] {
        let outcome = store.append_record(new_record(1, epoch, 1, noise(1, 300)), by(1)).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::StaleEpoch { current: Epoch(1) }), "{outcome:?}");
    }
    assert_eq!(whole_log(&store, 1).await.len(), 1, "nothing was written but the commit");
    append(&store, 1, 1, 1, 1).await;
}

pub(crate) async fn a_record_by_no_member_or_to_no_group_or_too_long_is_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let attempt = |new: NewRecord, author| store.append_record(new, by(author));
    let outcome = attempt(new_record(1, 0, 1, noise(1, 10)), 2).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    let outcome = attempt(new_record(2, 0, 1, noise(1, 10)), 1).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    let outcome = attempt(new_record(1, 0, 1, noise(1, RECORD_BYTES_MAX + 1)), 1).await;
    assert!(matches!(outcome, Err(StoreError::TooLarge { limit: RECORD_BYTES_MAX, .. })), "{outcome:?}");
    assert!(whole_log(&store, 1).await.is_empty());
    for (number, length) in [(1, RECORD_BYTES_MAX), (2, 0), (3, 1)] {
        let new = new_record(1, 0, number, noise(number, length));
        let outcome = attempt(new, 1).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::Appended(_)), "{length} bytes are a record: {outcome:?}");
    }
    assert_eq!(whole_log(&store, 1).await[0].body, noise(1, RECORD_BYTES_MAX));
}

pub(crate) async fn pages_break_where_they_are_told_and_nowhere_else<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let mut heads = Vec::new();
    for number in 1..=10 {
        heads.push(append(&store, 1, 0, number, 1).await.head);
    }
    let query = LogQuery {
        group: group(1),
        after: Position(0),
        through: None,
        entries_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    // after, through, entries, bytes -> positions, more
    let pages = [
        (0, None, usize::MAX, usize::MAX, 1..=10, false),
        (3, None, usize::MAX, usize::MAX, 4..=10, false),
        (0, Some(4), usize::MAX, usize::MAX, 1..=4, false),
        (0, Some(99), usize::MAX, usize::MAX, 1..=10, false),
        (0, None, 3, usize::MAX, 1..=3, true),
        (7, None, 3, usize::MAX, 8..=10, false),
        (0, Some(3), 3, usize::MAX, 1..=3, false),
        (0, None, usize::MAX, 600, 1..=2, true),
        (0, None, usize::MAX, 599, 1..=1, true),
        (0, None, usize::MAX, 1, 1..=1, true),
        (9, None, 1, 1, 10..=10, false),
    ];
    for (after, through, entries_max, bytes_max, positions, more) in pages {
        let query = LogQuery {
            after: Position(after),
            through: through.map(Position),
            entries_max,
            bytes_max,
            ..query
        };
        let page = store.read_log(query).await.unwrap();
        let read: Vec<u64> = page.entries.iter().map(|entry| entry.position).collect();
        assert_eq!(read, positions.clone().collect::<Vec<_>>(), "{query:?}");
        assert_eq!(page.more, more, "{query:?}");
        assert_eq!(page.last_head, Some(heads[*positions.end() as usize - 1]));
        assert_eq!(page.group_head.unwrap().head, heads[9]);
    }
    for after in [10, 11, u64::MAX] {
        let page = store.read_log(LogQuery { after: Position(after), ..query }).await.unwrap();
        assert!(page.entries.is_empty() && !page.more && page.last_head.is_none());
    }
}

pub(crate) async fn digests_link_one_head_to_another_and_no_further_than_allowed<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 1).await;
    let mut heads = vec![chain::first_head(sha256, &group(1))];
    for number in 1..=30 {
        heads.push(append(&store, 1, 0, number, 1).await.head);
    }
    let digests = store.entry_digests(group(1), Position(11), Position(30)).await.unwrap();
    let linked = digests.iter().fold(heads[10], |head, digest| chain::next_head(sha256, &head, digest));
    assert_eq!(linked, heads[30]);

    for (first, last) in [(0, 1), (1, 31), (31, 31)] {
        let outcome = store.entry_digests(group(1), Position(first), Position(last)).await;
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{first}..={last}: {outcome:?}");
    }
    assert!(matches!(
        store.entry_digests(group(2), Position(1), Position(1)).await,
        Err(StoreError::NotFound)
    ));
    assert_eq!(store.entry_digests(group(1), Position(2), Position(1)).await.unwrap(), []);
    for number in 31..=LINK_DIGESTS_MAX as u64 + 1 {
        append(&store, 1, 0, number, 1).await;
    }
    let most = store.entry_digests(group(1), Position(2), Position(LINK_DIGESTS_MAX as u64 + 1)).await;
    assert_eq!(most.unwrap().len(), LINK_DIGESTS_MAX);
    let more = store.entry_digests(group(1), Position(1), Position(LINK_DIGESTS_MAX as u64 + 1)).await;
    assert!(matches!(more, Err(StoreError::TooMany { .. })), "{more:?}");
}

pub(crate) async fn record_ids_stay_taken_over_many_blocks_and_a_restart<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    create(&store, 1, 1).await;
    // Commits between them, one of which ends a block of ids.
    let mut epoch = 0;
    let mut numbers = Vec::new();
    for position in 1..=600 {
        if position % 256 == 0 || position % 100 == 0 {
            commit(&store, new_commit(1, epoch, noise(position, 50)), 1).await;
            epoch += 1;
        } else {
            append(&store, 1, epoch, position, 1).await;
            numbers.push(position);
        }
    }
    for round in 0..2 {
        for number in &numbers {
            let same = new_record(1, epoch, *number, noise(*number, 300));
            let outcome = store.append_record(same, by(1)).await.unwrap();
            let at = Position(*number);
            let replayed = matches!(&outcome, AppendOutcome::Replayed(found) if found.position == at);
            assert!(replayed, "round {round}: {outcome:?}");
        }
        if round == 0 {
            E::close(store);
            store = E::open(folder);
        }
    }
    // An id of nothing but zeros is an id like any other.
    let zeros = NewRecord { record: RecordId([0; 16]), ..new_record(1, epoch, 0, noise(1, 10)) };
    let outcome = store.append_record(zeros, by(1)).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Appended(_)), "{outcome:?}");
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_unknown_group_looks_empty<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let unknown = GroupId([9; 16]);
    assert_eq!(store.group_head(unknown).await.unwrap(), None);
    assert_eq!(store.members(unknown).await.unwrap(), []);
    assert_eq!(store.member(unknown, device(1)).await.unwrap(), None);
    assert_eq!(store.checkpoint(unknown).await.unwrap(), None);
    assert_eq!(store.read_commits(unknown, Epoch(0), usize::MAX).await.unwrap(), []);
    let query =
        LogQuery { group: unknown, after: Position(0), through: None, entries_max: 10, bytes_max: 10 };
    let page = store.read_log(query).await.unwrap();
    assert!(page.entries.is_empty() && page.group_head.is_none() && !page.more);
    assert_eq!(store.memberships(device(1), None, 10).await.unwrap(), []);
}
