//! The server dies at any moment: what was acknowledged is there, and all of it fits together.
//!
//! SIGKILL cannot show whether data reached the disk, since the page cache survives it; for that there
//! is store_power_loss.

#![allow(clippy::disallowed_methods, reason = "a test reads what its runner tells it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_support;

use alcove_proto::ids::BlobId;
use alcove_server::store::{Audit, Blobs, Groups, Log, Operation, StoreError, sled::SledConfig};
use std::{fs, path::Path, time::Duration};
use store_support::{
    acks::{FOLDER, Writer, ids_are_still_taken, verify, write_until_killed},
    *,
};

#[test]
fn killed_at_any_moment_it_has_everything_it_acknowledged() {
    if std::env::var_os(FOLDER).is_some() {
        write_until_killed();
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acks = Vec::new();
    // Another length of life each time, one of them hardly any.
    for (round, count) in (1..).zip([1, 150, 400, 33, 800]) {
        let test = "killed_at_any_moment_it_has_everything_it_acknowledged";
        let mut writer = Writer::start(test, folder.path(), round);
        acks.extend(writer.listen(count));
        acks.extend(writer.kill());
        let store = open(folder.path());
        runtime.block_on(async {
            verify(&store, &acks).await;
            ids_are_still_taken(&store, &acks).await;
        });
        store.close();
    }
}

#[tokio::test]
async fn files_a_crash_left_without_a_row_are_removed_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1, 0).await;
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    for index in 0..new.shape.chunk_count() {
        store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
    }
    store.close();

    let chunks = folder.path().join("chunks");
    let of = |blob: BlobId| chunks.join(&blob.to_string()[..2]).join(blob.to_string());
    // An attempt that lost, a file half written, the folder of a blob without a row, and what is not ours.
    fs::write(of(new.blob).join("00000001-00000000000000aa-7"), b"lost").unwrap();
    fs::write(of(new.blob).join("00000002-00000000000000aa-8#1"), b"half").unwrap();
    fs::create_dir_all(of(blob(9))).unwrap();
    fs::write(of(blob(9)).join("00000000-00000000000000aa-1"), b"orphan").unwrap();
    fs::write(chunks.join("README"), b"not ours").unwrap();
    fs::write(of(new.blob).join("notes.txt"), b"not ours").unwrap();

    let store = open(folder.path());
    let swept = async {
        while of(blob(9)).exists() || fs::read_dir(of(new.blob)).unwrap().count() > 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.expect("the leftovers go");
    assert!(chunks.join("README").exists() && of(new.blob).join("notes.txt").exists());
    store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    for index in 0..new.shape.chunk_count() {
        assert!(store.read_chunk(new.blob, index).await.unwrap().unwrap() == chunk(&new, index));
    }
    store.close();
}

#[tokio::test]
async fn a_chunk_that_is_lost_is_found_by_the_check_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1, 0).await;
    let new = upload(1, 1, 1);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    for index in 0..2 {
        store.put_chunk(new.blob, index, chunk(&new, index), by(0)).await.unwrap();
    }
    store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    assert_eq!(store.check().await.unwrap().problems, []);
    remove_first_file(&folder.path().join("chunks"));
    let problems = store.check().await.unwrap().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("is missing"), "{problems:?}");
    let mut lost = 0;
    for index in 0..2 {
        lost += u32::from(matches!(
            store.read_chunk(new.blob, index).await,
            Err(StoreError::Damaged { what: "chunk" })
        ));
    }
    assert_eq!(lost, 1, "and reading it says so");
}

fn remove_first_file(folder: &Path) {
    let first = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if first.is_dir() {
        remove_first_file(&first);
    } else {
        fs::remove_file(first).unwrap();
    }
}

#[tokio::test]
async fn without_the_reserve_nothing_is_written_and_deleting_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1, 0).await;
    let new = upload(1, 1, 1);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    store.put_chunk(new.blob, 0, chunk(&new, 0), by(0)).await.unwrap();
    let available = store.health().await.unwrap().available_bytes;
    store.close();

    // A reserve larger than what is free, half of which is not: as on a disk that is nearly full.
    let tight = SledConfig { free_bytes_min: available + available / 4, ..config(folder.path()) };
    let store = alcove_server::store::sled::SledStore::open(tight).unwrap();
    let full = |outcome: Result<(), StoreError>| {
        assert!(matches!(outcome, Err(StoreError::StorageFull { .. })), "{outcome:?}");
    };
    full(store.append_record(new_record(1, 0, 1, noise(1, 10)), by(0)).await.map(drop));
    full(store.commit(new_commit(1, 0, noise(1, 10)), by(0)).await.map(drop));
    full(store.put_chunk(new.blob, 1, chunk(&new, 1), by(0)).await);
    full(store.open_upload(upload(2, 1, 1), u64::MAX, by(0)).await.map(drop));
    assert!(!store.health().await.unwrap().writable);
    assert!(whole_log(&store, 1).await.is_empty());
    assert!(store.delete_blob(new.blob, by(0)).await.unwrap());
    assert_eq!(store.audit(0, 10).await.unwrap().entries.len(), 3, "only what was done");
    store.close();

    let store = open(folder.path());
    append(&store, 1, 0, 1, 0).await;
    assert_eq!(store.check().await.unwrap().problems, []);
}
