//! Blobs, large and small.

use super::{Engine, store_support::*};
use alcove_proto::{
    ids::{BlobId, Digest, Epoch, Position},
    limits::{RECORD_BLOBS_MAX, UPLOADS_PER_DEVICE_MAX},
};
use alcove_server::store::{
    Audit, Blobs, Groups, Log, Operation, Store, StoreError,
    audit::Act,
    blobs::{BlobShape, FinishOutcome, NewUpload, SEALED_CHUNK_BYTES},
    groups::{AppendOutcome, NewCommit, NewRecord},
};
use std::{path::Path, sync::Arc, time::Duration};

/// What counts against the quota of a member of group 1, as the refusal of one more upload says it.
async fn used(store: &impl Store, number: u64) -> u64 {
    match store.open_upload(upload(99, 1, 1), 0, by(number)).await {
        Err(StoreError::QuotaExceeded { used, .. }) => used,
        other => panic!("{other:?}"),
    }
}

async fn put_all(store: &impl Store, new: &NewUpload) {
    for index in 0..new.shape.chunk_count() {
        store.put_chunk(new.blob, index, chunk(new, index), by(0)).await.unwrap();
    }
}

pub(crate) async fn an_upload_goes_on_where_it_stopped_and_comes_back_as_it_was_sent<E: Engine>(
    folder: &Path,
) {
    let mut store = E::open(folder);
    create(&store, 1, 0).await;
    append(&store, 1, 0, 1, 0).await;
    let new = upload(1, 1, 6);
    let begun = store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    assert!(begun.received.is_empty() && !begun.finished);
    for index in [0, 1, 4, 6] {
        store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
    }
    E::close(store);
    store = E::open(folder);
    let resumed = store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    assert_eq!(resumed.received, [(0, 1), (4, 4), (6, 6)]);
    assert_eq!(store.read_chunk(new.blob, 0).await.unwrap(), None, "not readable before it is finished");
    assert!(!store.blob(new.blob).await.unwrap().unwrap().finished);
    put_all(&store, &new).await;
    append(&store, 1, 0, 2, 0).await;
    let finished = FinishOutcome::Finished { position: Position(2) };
    assert_eq!(store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap(), finished);
    append(&store, 1, 0, 3, 0).await;
    let again = store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    assert_eq!(again, finished, "the position it had then");

    E::close(store);
    store = E::open(folder);
    for index in 0..new.shape.chunk_count() {
        assert!(store.read_chunk(new.blob, index).await.unwrap().unwrap() == chunk(&new, index));
    }
    assert_eq!(store.read_chunk(new.blob, 7).await.unwrap(), None);
    let blob = store.blob(new.blob).await.unwrap().unwrap();
    assert_eq!((blob.group, blob.uploader), (group(1), device(0)));
    assert_eq!((blob.shape, blob.finished, blob.named_at), (new.shape, true, None));
    let done = store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    assert_eq!((done.received, done.finished), (vec![(0, 6)], true));
    store.put_chunk(new.blob, 0, chunk(&new, 0), by(0)).await.unwrap();
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn a_small_blob_comes_back_too<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    create(&store, 1, 0).await;
    // On both sides of every length at which it is kept differently.
    let lengths = [1, 60 * 1024, 60 * 1024 + 1, 64 * 1024, 64 * 1024 + 1, SEALED_CHUNK_BYTES];
    let uploads: Vec<NewUpload> = (0..)
        .zip(lengths)
        .map(|(number, length)| NewUpload {
            blob: blob(number),
            group: group(1),
            shape: BlobShape::new(1, length).unwrap(),
        })
        .collect();
    for new in &uploads {
        store.open_upload(*new, u64::MAX, by(0)).await.unwrap();
        put_all(&store, new).await;
        store.finish_upload(new.blob, blob_digest(new), by(0)).await.unwrap();
    }
    E::close(store);
    store = E::open(folder);
    for new in &uploads {
        assert!(store.read_chunk(new.blob, 0).await.unwrap().unwrap() == chunk(new, 0), "{:?}", new.shape);
    }
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_upload_that_is_not_whole_or_not_what_it_says_is_not_finished<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    let finish = async |digest| store.finish_upload(new.blob, digest, by(0)).await.unwrap();
    assert_eq!(finish(blob_digest(&new)).await, FinishOutcome::Incomplete { missing: 3 });
    store.put_chunk(new.blob, 2, chunk(&new, 2), by(0)).await.unwrap();
    assert_eq!(finish(blob_digest(&new)).await, FinishOutcome::Incomplete { missing: 2 });
    put_all(&store, &new).await;
    assert_eq!(finish(Digest([0; 32])).await, FinishOutcome::DigestMismatch);
    assert!(matches!(finish(blob_digest(&new)).await, FinishOutcome::Finished { .. }));
    assert_eq!(finish(Digest([0; 32])).await, FinishOutcome::DigestMismatch, "nor closed a second time");
}

pub(crate) async fn chunks_that_do_not_fit_or_come_from_somebody_else_are_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    let whole = SEALED_CHUNK_BYTES as usize;
    for (index, length) in [(0, whole - 1), (0, whole + 1), (0, 0), (2, 0), (2, 2), (2, whole), (3, 1)] {
        let outcome = store.put_chunk(new.blob, index, noise(1, length), by(0)).await;
        assert!(matches!(outcome, Err(StoreError::BlobShape)), "{index} {length}: {outcome:?}");
    }
    let not_found = |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::NotFound));
    assert!(not_found(&store.put_chunk(new.blob, 2, noise(1, 1), by(1)).await), "another member");
    assert!(not_found(&store.put_chunk(blob(2), 2, noise(1, 1), by(0)).await), "no such upload");
    let outcome = store.finish_upload(new.blob, blob_digest(&new), by(1)).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    assert!(!store.delete_blob(new.blob, by(1)).await.unwrap());
    let outcome = store.open_upload(upload(3, 1, 1), u64::MAX, by(9)).await;
    assert!(matches!(outcome, Err(StoreError::NotMember)), "{outcome:?}");
    let outcome = store.open_upload(upload(3, 9, 1), u64::MAX, by(0)).await;
    assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    assert_eq!(store.open_upload(new, u64::MAX, by(0)).await.unwrap().received, []);
}

pub(crate) async fn the_same_chunk_sent_many_times_at_once_is_taken_once<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    create(&*store, 1, 0).await;
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    let puts: Vec<_> = (0..24)
        .map(|attempt| {
            let store = store.clone();
            tokio::spawn(async move {
                let index = attempt % 3;
                store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
            })
        })
        .collect();
    for put in puts {
        put.await.unwrap();
    }
    let outcome = store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    assert!(matches!(outcome, FinishOutcome::Finished { .. }));
    let kept = disk::bytes_below(&folder.join("chunks"));
    assert_eq!(kept, new.shape.bytes_total(), "the losers' bytes are gone");
}

pub(crate) async fn a_deleted_blob_is_gone_and_its_space_and_quota_come_back<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let (finished, unfinished) = (upload(1, 1, 3), upload(2, 1, 3));
    for new in [&finished, &unfinished] {
        store.open_upload(*new, u64::MAX, by(0)).await.unwrap();
        store.put_chunk(new.blob, 0, chunk(new, 0), by(0)).await.unwrap();
    }
    put_all(&store, &finished).await;
    store.finish_upload(finished.blob, blob_digest(&finished), by(0)).await.unwrap();
    assert_eq!(used(&store, 0).await, 2 * finished.shape.bytes_total());
    for new in [&finished, &unfinished] {
        assert!(store.delete_blob(new.blob, by(0)).await.unwrap());
        assert!(!store.delete_blob(new.blob, by(0)).await.unwrap(), "once");
        assert_eq!(store.blob(new.blob).await.unwrap(), None);
        assert_eq!(store.read_chunk(new.blob, 0).await.unwrap(), None);
        let outcome = store.put_chunk(new.blob, 1, chunk(new, 1), by(0)).await;
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    }
    assert_eq!(used(&store, 0).await, 0);
    let gone = async {
        while disk::bytes_below(&folder.join("chunks")) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("its files go soon");
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_upload_beyond_the_quota_is_refused_and_reserves_nothing<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let (first, second) = (upload(1, 1, 2), upload(2, 1, 2));
    let quota = 2 * first.shape.bytes_total() - 1;
    store.open_upload(first, quota, by(0)).await.unwrap();
    match store.open_upload(second, quota, by(0)).await {
        Err(StoreError::QuotaExceeded { limit, used, asked }) => {
            assert_eq!((limit, used, asked), (quota, first.shape.bytes_total(), second.shape.bytes_total()));
        }
        other => panic!("{other:?}"),
    }
    store.open_upload(first, quota, by(0)).await.expect("going on with what is begun costs nothing more");
    assert_eq!(used(&store, 0).await, first.shape.bytes_total());
    store.open_upload(second, quota, by(1)).await.expect("another device has a quota of its own");
    assert!(store.delete_blob(second.blob, by(1)).await.unwrap());
    assert!(store.delete_blob(first.blob, by(0)).await.unwrap());
    let third = upload(3, 1, 2);
    store.open_upload(third, third.shape.bytes_total(), by(0)).await.expect("deleting gives it back");
}

pub(crate) async fn a_blob_id_is_not_taken_twice<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    group_of(&store, 2, &[0, 1]).await;
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    let others = [
        (NewUpload { group: group(2), ..new }, 0),
        (NewUpload { shape: BlobShape::new(1, 5).unwrap(), ..new }, 0),
        (new, 1),
    ];
    for (other, uploader) in others {
        let outcome = store.open_upload(other, u64::MAX, by(uploader)).await;
        assert!(matches!(outcome, Err(StoreError::IdReused)), "{outcome:?}");
    }
    assert_eq!(used(&store, 1).await, 0);
}

pub(crate) async fn a_chunk_whose_sender_goes_away_leaves_a_row_or_nothing<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    let new = upload(1, 1, 64);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    // Cut at every moment of a chunk's way, from the first poll to after its row.
    let mut gone = 0;
    for index in 0..64 {
        let put = store.put_chunk(new.blob, index, chunk(&new, index), by(0));
        let answered = tokio::time::timeout(Duration::from_micros(200 * u64::from(index)), put).await;
        gone += u32::from(answered.is_err());
    }
    assert!(gone > 0, "the control: some were gone before the answer came");
    let rows = async || {
        let received = store.open_upload(new, u64::MAX, by(0)).await.unwrap().received;
        let indexes = received.into_iter().flat_map(|(first, last)| first..=last);
        indexes.map(|index| new.shape.chunk_bytes(index).unwrap()).sum::<u64>()
    };
    let settled = async {
        while disk::bytes_below(&folder.join("chunks")) != rows().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.expect("no file without a row stays");
}

pub(crate) async fn other_bytes_for_a_chunk_that_is_here_are_refused<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    create(&store, 1, 0).await;
    // In a file, and in the database.
    for new in [upload(1, 1, 2), NewUpload { shape: BlobShape::new(1, 500).unwrap(), ..upload(2, 1, 1) }] {
        store.open_upload(new, u64::MAX, by(0)).await.unwrap();
        let other = noise(77, chunk(&new, 0).len());
        for finished in [false, true] {
            put_all(&store, &new).await;
            store.put_chunk(new.blob, 0, chunk(&new, 0), by(0)).await.expect("the same bytes are fine");
            let refused = store.put_chunk(new.blob, 0, other.clone(), by(0)).await;
            assert!(matches!(refused, Err(StoreError::IdReused)), "{finished}: {refused:?}");
            store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
        }
        assert_eq!(store.read_chunk(new.blob, 0).await.unwrap().unwrap(), chunk(&new, 0));
    }
}

pub(crate) async fn who_has_been_removed_neither_goes_on_with_an_upload_nor_closes_it<E: Engine>(
    folder: &Path,
) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let (whole, half) = (upload(1, 1, 1), upload(2, 1, 1));
    for new in [whole, half] {
        store.open_upload(new, u64::MAX, by(1)).await.unwrap();
        store.put_chunk(new.blob, 0, chunk(&new, 0), by(1)).await.unwrap();
    }
    store.put_chunk(whole.blob, 1, chunk(&whole, 1), by(1)).await.unwrap();
    let removing = NewCommit { members: members_are(&[0]), ..new_commit(1, 1, noise(2, 500)) };
    commit(&store, removing, 0).await;

    let refused = |error: &StoreError| matches!(error, StoreError::NotFound | StoreError::NotMember);
    let put = store.put_chunk(half.blob, 1, chunk(&half, 1), by(1)).await.unwrap_err();
    assert!(refused(&put), "{put:?}");
    let finished = store.finish_upload(whole.blob, blob_digest(&whole), by(1)).await.unwrap_err();
    assert!(refused(&finished), "{finished:?}");
}

pub(crate) async fn a_blob_stands_at_the_first_record_that_names_it<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    create(&store, 2, 0).await;
    let new = upload(1, 1, 1);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    let naming = |number| NewRecord { blobs: vec![new.blob], ..new_record(1, 1, number, noise(number, 10)) };
    let refused = async |record: NewRecord, author: u64| {
        let head = store.group_head(record.group).await.unwrap();
        let outcome = store.append_record(record.clone(), by(author)).await;
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
        assert_eq!(store.group_head(record.group).await.unwrap(), head, "nothing is written then");
    };
    refused(naming(1), 0).await;
    put_all(&store, &new).await;
    store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    refused(naming(1), 1).await;
    refused(NewRecord { group: group(2), epoch: Epoch(0), ..naming(1) }, 0).await;
    refused(NewRecord { blobs: vec![new.blob, blob(9)], ..naming(1) }, 0).await;
    let many = NewRecord { blobs: vec![new.blob; RECORD_BLOBS_MAX + 1], ..naming(1) };
    let outcome = store.append_record(many, by(0)).await;
    assert!(matches!(outcome, Err(StoreError::TooMany { .. })), "{outcome:?}");

    for number in [1, 2] {
        let outcome = store.append_record(naming(number), by(0)).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::Appended(_)), "{outcome:?}");
        assert_eq!(store.blob(new.blob).await.unwrap().unwrap().named_at, Some(Position(2)));
    }
    let again = store.append_record(naming(1), by(0)).await.unwrap();
    assert!(matches!(again, AppendOutcome::Replayed(_)), "{again:?}");
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn an_upload_that_stands_still_can_be_expired_and_no_other<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let (idle, going_on, finished) = (upload(1, 1, 1), upload(2, 1, 1), upload(3, 1, 1));
    let hours = |hours: i64| hours * 3600 * 1000;
    for new in [idle, going_on, finished] {
        store.open_upload(new, u64::MAX, by_at(0, hours(0))).await.unwrap();
        store.put_chunk(new.blob, 0, chunk(&new, 0), by_at(0, hours(1))).await.unwrap();
    }
    store.put_chunk(going_on.blob, 1, chunk(&going_on, 1), by_at(0, hours(90))).await.unwrap();
    store.put_chunk(finished.blob, 1, chunk(&finished, 1), by_at(0, hours(2))).await.unwrap();
    store.finish_upload(finished.blob, blob_digest(&finished), by_at(0, hours(3))).await.unwrap();

    let listed = store.uploads(None, 10).await.unwrap();
    let mut ids: Vec<BlobId> = listed.iter().map(|upload| upload.blob).collect();
    assert_eq!(store.uploads(Some(listed[0].clone()), 10).await.unwrap(), listed[1..]);
    ids.sort();
    let mut unfinished = vec![idle.blob, going_on.blob];
    unfinished.sort();
    assert_eq!(ids, unfinished);
    for upload in listed {
        let expired = store.expire_upload(upload.clone(), hours(50), by_at(0, hours(100))).await.unwrap();
        assert_eq!(expired, upload.blob == idle.blob);
    }
    assert_eq!(store.blob(idle.blob).await.unwrap(), None);
    assert_eq!(used(&store, 0).await, 2 * idle.shape.bytes_total());
    let last = store.audit(0, 100).await.unwrap().entries.pop().unwrap();
    assert_eq!((last.act, last.identity, last.subject), (Act::ExpireUpload, device(0), Some(idle.blob.0)));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn what_a_removed_device_uploaded_for_nobody_goes_with_it<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    group_of(&store, 2, &[0, 1]).await;
    let (half, unnamed, named) = (upload(1, 1, 1), upload(2, 1, 1), upload(3, 1, 1));
    let elsewhere = upload(4, 2, 1);
    let others = upload(5, 1, 1);
    for (new, uploader) in [(half, 1), (unnamed, 1), (named, 1), (elsewhere, 1), (others, 0)] {
        store.open_upload(new, u64::MAX, by(uploader)).await.unwrap();
    }
    for new in [unnamed, named] {
        for index in 0..2 {
            store.put_chunk(new.blob, index, chunk(&new, index), by(1)).await.unwrap();
        }
        store.finish_upload(new.blob, blob_digest(&new), by(1)).await.unwrap();
    }
    let naming = NewRecord { blobs: vec![named.blob], ..new_record(1, 1, 1, noise(1, 10)) };
    store.append_record(naming, by(1)).await.unwrap();
    let removing = NewCommit { members: members_are(&[0]), ..new_commit(1, 1, noise(2, 500)) };
    commit(&store, removing, 0).await;

    for (new, stays) in [(half, false), (unnamed, false), (named, true), (elsewhere, true), (others, true)] {
        assert_eq!(store.blob(new.blob).await.unwrap().is_some(), stays, "{}", new.blob);
    }
    let entries = store.audit(0, 100).await.unwrap().entries;
    let expired: Vec<_> = entries.iter().filter(|entry| entry.act == Act::ExpireUpload).collect();
    assert_eq!(expired.len(), 2);
    assert!(expired.iter().all(|entry| entry.concerning == Some(device(1)) && entry.identity == device(0)));
    assert_eq!(store.check().await.unwrap().problems, []);
}

pub(crate) async fn uploads_that_lead_nowhere_are_limited<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    create(&*store, 1, 0).await;
    let open = |number: usize| {
        let (store, shape) = (store.clone(), BlobShape::new(1, 1).unwrap());
        let new = NewUpload { blob: blob(number as u64), group: group(1), shape };
        async move { store.open_upload(new, u64::MAX, by(0)).await }
    };
    let opening: Vec<_> = (0..UPLOADS_PER_DEVICE_MAX).map(|number| tokio::spawn(open(number))).collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
    let outcome = open(UPLOADS_PER_DEVICE_MAX).await;
    assert!(matches!(outcome, Err(StoreError::TooMany { .. })), "{outcome:?}");
    open(0).await.expect("to go on with one is no new one");
    store.delete_blob(blob(0), by(0)).await.unwrap();
    open(UPLOADS_PER_DEVICE_MAX).await.expect("and one less makes room");
}
