//! Opening, closing, checking.

use super::{Engine, store_support::*};
use alcove_proto::ids::{Epoch, Position};
use alcove_server::store::{Audit, Blobs, Groups, Members, Operation, operation::CheckReport};
use std::path::Path;

pub(crate) async fn everything_is_there_after_reopening<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    group_of(&store, 1, &[0, 1]).await;
    let mut log = Vec::new();
    for round in 0..4 {
        for number in 0..20 {
            append(&store, 1, 1, round * 100 + number, 1).await;
        }
        let before = (
            whole_log(&store, 1).await,
            store.group_head(group(1)).await.unwrap(),
            store.members(group(1)).await.unwrap(),
            store.audit(0, 1000).await.unwrap(),
        );
        E::close(store);
        store = E::open(folder);
        let after = (
            whole_log(&store, 1).await,
            store.group_head(group(1)).await.unwrap(),
            store.members(group(1)).await.unwrap(),
            store.audit(0, 1000).await.unwrap(),
        );
        assert_eq!(before, after);
        assert!(after.0.starts_with(&log));
        log = after.0;
    }
    let head = store.group_head(group(1)).await.unwrap().unwrap();
    assert_eq!((head.epoch, head.position), (Epoch(1), Position(81)));
}

pub(crate) async fn the_check_finds_nothing_on_a_whole_store<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    assert_eq!(store.check().await.unwrap(), CheckReport::default());
    for number in 0..3 {
        group_of(&store, number, &[0, 1, 2]).await;
        append(&store, number, 1, 1, 1).await;
    }
    let new = upload(1, 1, 2);
    store.open_upload(new, u64::MAX, by(0)).await.unwrap();
    store.put_chunk(new.blob, 1, chunk(&new, 1), by(0)).await.unwrap();
    let report = store.check().await.unwrap();
    let whole = CheckReport { groups: 3, entries: 6, blobs: 1, chunks: 1, problems: vec![] };
    assert_eq!(report, whole);
    let health = store.health().await.unwrap();
    assert!(health.writable && health.available_bytes > health.floor_bytes && health.side_files == 0);
}
