//! Blobs, large and small.

use super::{Engine, store_support::*};
use alcove_proto::ids::{Digest, Position};
use alcove_server::store::{
    Store, StoreError,
    blobs::{BlobShape, FinishOutcome, NewUpload, SEALED_CHUNK_BYTES},
};
use std::{path::Path, sync::Arc, time::Duration};

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
    assert_eq!(store.blob(new.blob).await.unwrap().unwrap().finished_at, None);
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
    assert_eq!((blob.shape, blob.finished_at), (new.shape, Some(Position(2))));
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
    assert_eq!(store.blob_usage(device(0)).await.unwrap(), 2 * finished.shape.bytes_total());
    for new in [&finished, &unfinished] {
        assert!(store.delete_blob(new.blob, by(0)).await.unwrap());
        assert!(!store.delete_blob(new.blob, by(0)).await.unwrap(), "once");
        assert_eq!(store.blob(new.blob).await.unwrap(), None);
        assert_eq!(store.read_chunk(new.blob, 0).await.unwrap(), None);
        let outcome = store.put_chunk(new.blob, 1, chunk(new, 1), by(0)).await;
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    }
    assert_eq!(store.blob_usage(device(0)).await.unwrap(), 0);
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
    assert_eq!(store.blob_usage(device(0)).await.unwrap(), first.shape.bytes_total());
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
    assert_eq!(store.blob_usage(device(1)).await.unwrap(), 0);
}
