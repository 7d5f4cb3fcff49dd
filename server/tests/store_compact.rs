//! Compaction gives back the space of what was deleted, keeps everything else, and can be interrupted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_support;

use alcove_proto::ids::Position;
use alcove_server::store::{
    Blobs, Groups, Operation, StoreError,
    blobs::{BlobShape, NewUpload},
    sled::SledStore,
};
use std::{fs, path::Path};
use store_support::*;

/// Bytes of a blob that is kept in the database itself.
const SMALL_BYTES: u64 = 48 * 1024;
/// How many of them are written and deleted: together some of sled's segments.
const SMALL_COUNT: u64 = 600;

fn small(number: u64) -> NewUpload {
    NewUpload { blob: blob(number), group: group(1), shape: BlobShape::new(1, SMALL_BYTES).unwrap() }
}

/// A group with ten records, blobs that were deleted and one that was not.
async fn fill(folder: &Path) {
    let store = open(folder);
    create(&store, 1, 0).await;
    for number in 0..10 {
        append(&store, 1, 0, number, 0).await;
    }
    for number in 0..SMALL_COUNT {
        let new = small(number);
        store.open_upload(new, u64::MAX, by(0)).await.unwrap();
        store.put_chunk(new.blob, 0, chunk(&new, 0), by(0)).await.unwrap();
        store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    }
    for number in 1..SMALL_COUNT {
        assert!(store.delete_blob(blob(number), by(0)).await.unwrap());
    }
    store.close();
}

async fn everything_is_there(folder: &Path) {
    let store = open(folder);
    assert_eq!(whole_log(&store, 1).await.len(), 10);
    assert_eq!(store.group_head(group(1)).await.unwrap().unwrap().position, Position(10));
    assert!(store.read_chunk(blob(0), 0).await.unwrap().unwrap() == chunk(&small(0), 0));
    assert_eq!(store.read_chunk(blob(1), 0).await.unwrap(), None, "what was deleted stays deleted");
    assert_eq!(store.check().await.unwrap().problems, []);
    append(&store, 1, 0, 10_000 + fs::read_dir(folder).unwrap().count() as u64, 0).await;
    store.close();
}

#[tokio::test]
async fn what_was_deleted_is_given_back_and_everything_else_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let done = SledStore::compact(&config(folder.path())).unwrap();
    assert!(done.rows > 10, "{done:?}");
    assert!(done.after_bytes < done.before_bytes / 2, "{done:?}");
    assert!(!folder.path().join("database.copy").exists());
    everything_is_there(folder.path()).await;
}

#[tokio::test]
async fn a_store_that_is_open_is_not_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(matches!(SledStore::compact(&config(folder.path())), Err(StoreError::InUse)));
    store.close();
    SledStore::compact(&config(folder.path())).unwrap();
}

#[tokio::test]
async fn a_copy_that_was_not_finished_is_cleared_by_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let copy = folder.path().join("database.copy");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("db"), b"half a database").unwrap();
    everything_is_there(folder.path()).await;
    assert!(!copy.exists());
}

#[tokio::test]
async fn without_room_for_a_copy_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let mut full = config(folder.path());
    // More than any disk has free stays in reserve.
    full.free_bytes_min = u64::MAX / 2;
    assert!(matches!(SledStore::compact(&full), Err(StoreError::StorageFull { .. })));
    assert!(!folder.path().join("database.copy").exists());
    everything_is_there(folder.path()).await;
}
