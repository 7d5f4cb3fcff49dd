//! The audit trail.

use super::{Engine, store_support::*};
use alcove_proto::ids::{AccessId, Position};
use alcove_server::store::{
    Access, Audit, Blobs, Directory, Groups, Log, Store, Welcomes,
    access::NewAccess,
    audit::{Act, AuditEntry},
    directory::{NewKeyPackage, NewKeyPackages},
    groups::{Joiner, NewCommit, NewWelcome},
};
use std::path::Path;

async fn whole_trail(store: &impl Store, page: usize) -> Vec<AuditEntry> {
    let mut entries: Vec<AuditEntry> = Vec::new();
    loop {
        let after = entries.last().map_or(0, |entry| entry.sequence);
        let read = store.audit(after, page).await.unwrap();
        assert!(read.entries.len() <= page);
        entries.extend(read.entries);
        if !read.more {
            return entries;
        }
    }
}

pub(crate) async fn every_act_leaves_one_entry_and_a_refused_or_repeated_one_none<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let package = |seed| NewKeyPackage { bytes: noise(seed, 100), not_after_ms: i64::MAX };
    let packages = || NewKeyPackages { one_time: vec![package(1)], ..NewKeyPackages::default() };
    // Everything twice: the second time is a repetition, or finds nothing left to do.
    for _ in 0..2 {
        store.publish_key_packages(packages(), by(1)).await.unwrap();
        store.publish_card(noise(1, 100), by(1)).await.unwrap();
        store.claim_key_packages(vec![device(1)], by(0)).await.unwrap();
        create(&store, 1, 0).await;
        let joining = Joiner { identity: device(1), key_package_ref: vec![1; 32] };
        let welcome = NewWelcome {
            welcome: noise(1, 10),
            tree: noise(1, 10),
            joiners: vec![joining],
            pinned: Position(0),
        };
        let new = NewCommit {
            members: members_are(&[0, 1]),
            welcome: Some(welcome),
            ..new_commit(1, 0, noise(1, 10))
        };
        store.commit(new, by_at(0, 77)).await.unwrap();
        if let Some(waiting) = store.welcomes(device(1), 1).await.unwrap().welcomes.first() {
            store.acknowledge_welcome(waiting.id, by(1)).await.unwrap();
        }
        store.append_record(new_record(1, 1, 5, noise(5, 10)), by_at(1, 88)).await.unwrap();
        let access = NewAccess {
            group: group(1),
            access: AccessId([4; 16]),
            grantee: device(1),
            ranges: vec![],
            not_after_ms: None,
        };
        store.open_access(access, by(0)).await.unwrap();
        store.end_access(group(1), AccessId([4; 16]), by(0)).await.unwrap();
        let new = upload(1, 1, 0);
        store.open_upload(new, u64::MAX, by(0)).await.unwrap();
        store.put_chunk(new.blob, 0, chunk(&new, 0), by(0)).await.unwrap();
        store.finish_upload(new.blob, blob_digest(&new), by(0)).await.unwrap();
    }
    store.delete_blob(blob(1), by(0)).await.unwrap();
    store.delete_blob(blob(1), by(0)).await.unwrap();
    // And refused.
    store.append_record(new_record(1, 0, 6, noise(6, 10)), by(0)).await.unwrap();
    store.append_record(new_record(1, 1, 6, noise(6, 10)), by(9)).await.unwrap_err();
    store.open_upload(upload(2, 1, 0), 0, by(0)).await.unwrap_err();

    let trail = whole_trail(&store, 100).await;
    let acts: Vec<Act> = trail.iter().map(|entry| entry.act).collect();
    assert_eq!(
        acts,
        [
            Act::PublishKeyPackages,
            Act::PublishCard,
            Act::ClaimKeyPackage,
            Act::CreateGroup,
            Act::Commit,
            Act::AcknowledgeWelcome,
            Act::AppendRecord,
            Act::OpenAccess,
            Act::EndAccess,
            Act::OpenUpload,
            Act::FinishUpload,
            Act::DeleteBlob,
        ]
    );
    assert!((1..).zip(&trail).all(|(sequence, entry)| entry.sequence == sequence));
    let commit = &trail[4];
    assert_eq!((&commit.identity, commit.time_ms, commit.request), (&device(0), 77, by(0).request));
    assert_eq!((commit.group, commit.position), (Some(group(1)), Some(Position(1))));
    let record = &trail[6];
    assert_eq!((&record.identity, record.time_ms), (&device(1), 88));
    assert_eq!((record.group, record.position), (Some(group(1)), Some(Position(2))));
    assert_eq!((&trail[2].identity, trail[2].concerning.as_ref()), (&device(0), Some(&device(1))));
    assert_eq!((trail[7].subject, trail[7].concerning.as_ref()), (Some([4; 16]), Some(&device(1))));
    assert_eq!((trail[9].subject, trail[9].group), (Some(blob(1).0), Some(group(1))));
}

pub(crate) async fn the_trail_is_read_in_pages_without_gaps_after_a_restart<E: Engine>(folder: &Path) {
    let mut store = E::open(folder);
    create(&store, 1, 0).await;
    for number in 0..10 {
        append(&store, 1, 0, number, 0).await;
    }
    E::close(store);
    store = E::open(folder);
    // Many at once: their entries may lie together.
    let appends: Vec<_> = (10..60)
        .map(|number| store.append_record(new_record(1, 0, number, noise(number, 10)), by(0)))
        .collect();
    let mut tasks = Vec::new();
    for append in appends {
        tasks.push(append);
    }
    join_all(tasks).await;
    for page in [1, 7, 60, 61, 100] {
        let trail = whole_trail(&store, page).await;
        assert_eq!(trail.len(), 61);
        assert!((1..).zip(&trail).all(|(sequence, entry)| entry.sequence == sequence), "pages of {page}");
    }
    assert_eq!(store.audit(61, 5).await.unwrap().entries, []);
    assert_eq!(store.audit(u64::MAX, 5).await.unwrap().entries, []);
}

/// Polls all of them until all are done.
async fn join_all<F: Future>(futures: Vec<F>) {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
