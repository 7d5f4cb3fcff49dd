//! The disk fills up: writes are refused, nothing is lost, and with space it goes on. Needs root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_support;

use alcove_server::store::{Blobs, Log, Operation, StoreError, groups::AppendOutcome};
use std::time::Duration;
use store_support::{disk::Disk, *};

#[test]
fn a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_space() {
    let Some(mut disk) = Disk::new(192) else { return };
    let folder = disk.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(&folder);
        create(&store, 1, 0).await;
        // Half of what may be used goes to an upload that will make room again.
        let big = upload(1, 1, 40);
        store.open_upload(big, u64::MAX, by(0)).await.unwrap();
        for index in 0..big.shape.chunk_count() {
            store.put_chunk(big.blob, index, chunk(&big, index), by(0)).await.unwrap();
        }
        store.finish_upload(big.blob, blob_digest(&big), by(0)).await.unwrap();

        let mut taken = 0;
        let refused = loop {
            let new = new_record(1, 0, taken, noise(taken, 50_000));
            match store.append_record(new, by(0)).await {
                Ok(AppendOutcome::Appended(_)) => taken += 1,
                other => break other,
            }
        };
        assert!(matches!(refused, Err(StoreError::StorageFull { .. })), "{refused:?}");
        assert!(taken > 100, "{taken} of 50 kB were taken before it was full");
        // Chunks may use what records leave, down to the reserve itself.
        let more = upload(2, 1, 200);
        let refused = match store.open_upload(more, u64::MAX, by(0)).await {
            Err(error) => error,
            Ok(_) => {
                let mut index = 0;
                loop {
                    match store.put_chunk(more.blob, index, chunk(&more, index), by(0)).await {
                        Ok(()) => index += 1,
                        Err(error) => break error,
                    }
                }
            }
        };
        assert!(matches!(refused, StoreError::StorageFull { .. }), "{refused:?}");
        assert!(!store.health().await.unwrap().writable);
        assert_eq!(whole_log(&store, 1).await.len() as u64, taken, "reading goes on");
        store.close();

        // A start on a full disk works too.
        let store = open(&folder);
        assert_eq!(whole_log(&store, 1).await.len() as u64, taken);
        assert_eq!(store.check().await.unwrap().problems, []);
        assert!(store.delete_blob(big.blob, by(0)).await.unwrap(), "deleting makes room");
        let writable = async {
            while !store.health().await.unwrap().writable {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), writable).await.expect("there is room again");
        let again = new_record(1, 0, taken, noise(taken, 50_000));
        let outcome = store.append_record(again, by(0)).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::Appended(_)), "the refused one is taken now: {outcome:?}");
        for (number, entry) in (0..).zip(whole_log(&store, 1).await) {
            assert!(entry.body == noise(number, 50_000));
        }
        assert_eq!(store.check().await.unwrap().problems, []);
        store.close();
    });
    disk.unmount().unwrap();
}
