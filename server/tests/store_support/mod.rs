//! What the store's tests share: names, ids, a group to begin with, and a child process that writes
//! and says what was acknowledged until it is killed.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod acks;
pub(crate) mod disk;

use alcove_proto::{
    ids::{BlobId, Digest, Epoch, GroupId, Position, RecordId},
    names::{Handle, Identity, Person, TrustDomain},
    v1::LogEntry,
};
use alcove_server::store::{
    Store,
    audit::By,
    blobs::{BlobShape, NewUpload, SEALED_CHUNK_BYTES},
    groups::{
        AppendOutcome, Appended, CommitOutcome, CreateOutcome, LogQuery, MemberAfter, MembersAfter,
        NewCommit, NewGroup, NewRecord,
    },
    sled::{SledConfig, SledStore},
};
use bytes::Bytes;
use std::path::Path;

/// Opens the store under test in `folder`.
pub(crate) fn open(folder: &Path) -> SledStore {
    SledStore::open(config(folder)).unwrap()
}

/// Small enough for a test's disk.
pub(crate) fn config(folder: &Path) -> SledConfig {
    SledConfig {
        cache_bytes: 64 * 1024 * 1024,
        free_bytes_min: SledConfig::FLOOR_BYTES_MIN,
        ..SledConfig::new(folder)
    }
}

/// Device 1 of the `number`th person of Harborlight.
pub(crate) fn device(number: u64) -> Identity {
    device_of("harborlight", number)
}

/// Device 1 of the `number`th person of an agency.
pub(crate) fn device_of(agency: &str, number: u64) -> Identity {
    let trust_domain: TrustDomain = format!("{agency}.northmark.example").parse().unwrap();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Person { trust_domain, handle: Handle::from_random(random) }.device(1)
}

/// That device calls at `time_ms`.
pub(crate) fn by_at(number: u64, time_ms: i64) -> By {
    By { identity: device(number), time_ms, request: 0xa1c0 + number }
}

/// That device calls.
pub(crate) fn by(number: u64) -> By {
    by_at(number, 1_790_000_000_000)
}

fn spread(kind: u8, number: u64) -> [u8; 16] {
    // Spread over the key space, as random ids are.
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes
}

pub(crate) fn group(number: u64) -> GroupId {
    GroupId(spread(1, number))
}

pub(crate) fn record(number: u64) -> RecordId {
    RecordId(spread(2, number))
}

pub(crate) fn blob(number: u64) -> BlobId {
    BlobId(spread(3, number))
}

/// SHA-256 of the concatenation.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let whole = parts.concat();
    ring::digest::digest(&ring::digest::SHA256, &whole).as_ref().try_into().unwrap()
}

/// Bytes that differ between seeds and do not compress.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Creates group `number` with device `creator`; a repeated call is fine.
pub(crate) async fn create(store: &impl Store, number: u64, creator: u64) {
    let new = NewGroup {
        group: group(number),
        creation_digest: Digest([number as u8; 32]),
        snapshot: b"epoch 0".to_vec(),
    };
    let outcome = store.create_group(new, by(creator)).await.unwrap();
    assert!(!matches!(outcome, CreateOutcome::Exists));
}

pub(crate) fn new_record(group_number: u64, epoch: u64, number: u64, body: Bytes) -> NewRecord {
    let (group, epoch, record) = (group(group_number), Epoch(epoch), record(number));
    NewRecord { group, epoch, record, body, blobs: Vec::new() }
}

/// Appends a record that must be taken.
pub(crate) async fn append(
    store: &impl Store,
    group_number: u64,
    epoch: u64,
    number: u64,
    author: u64,
) -> Appended {
    let new = new_record(group_number, epoch, number, noise(number, 300));
    match store.append_record(new, by(author)).await.unwrap() {
        AppendOutcome::Appended(appended) => appended,
        other => panic!("expected an append, not {other:?}"),
    }
}

/// A commit that changes nobody.
pub(crate) fn new_commit(group_number: u64, epoch: u64, body: Bytes) -> NewCommit {
    NewCommit {
        group: group(group_number),
        epoch: Epoch(epoch),
        body,
        members: MembersAfter::Unchanged,
        welcome: None,
        snapshot: None,
        group_info: Bytes::new(),
    }
}

/// Members by number of their device, each at the leaf of that number.
pub(crate) fn members_are(numbers: &[u64]) -> MembersAfter {
    MembersAfter::Are(
        numbers
            .iter()
            .map(|number| MemberAfter { leaf: *number as u32, identity: device(*number), joins_now: false })
            .collect(),
    )
}

/// Takes a commit that must win.
pub(crate) async fn commit(store: &impl Store, commit: NewCommit, author: u64) -> Appended {
    match store.commit(commit, by(author)).await.unwrap() {
        CommitOutcome::Committed(appended) => appended,
        other => panic!("expected a commit, not {other:?}"),
    }
}

/// Group `number` in epoch 1, its members the devices `numbers`, of which 0 created it.
pub(crate) async fn group_of(store: &impl Store, number: u64, numbers: &[u64]) {
    create(store, number, 0).await;
    let adding = NewCommit { members: members_are(numbers), ..new_commit(number, 0, noise(number, 500)) };
    commit(store, adding, 0).await;
}

/// The whole log.
pub(crate) async fn whole_log(store: &impl Store, group_number: u64) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    loop {
        let query = LogQuery {
            group: group(group_number),
            after: Position(entries.len() as u64),
            through: None,
            entries_max: 100,
            bytes_max: 1024 * 1024,
        };
        let page = store.read_log(query).await.unwrap();
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
    }
}

/// An upload of `chunks` whole chunks and one byte.
pub(crate) fn upload(number: u64, group_number: u64, chunks: u32) -> NewUpload {
    let total = u64::from(chunks) * SEALED_CHUNK_BYTES + 1;
    NewUpload {
        blob: blob(number),
        group: group(group_number),
        shape: BlobShape::new(chunks + 1, total).unwrap(),
    }
}

/// What chunk `index` of upload `number` holds.
pub(crate) fn chunk(new: &NewUpload, index: u32) -> Bytes {
    let seed = u64::from_be_bytes(new.blob.0[..8].try_into().unwrap()) ^ u64::from(index);
    noise(seed, new.shape.chunk_bytes(index).unwrap() as usize)
}

/// The digest its uploader finishes it with.
pub(crate) fn blob_digest(new: &NewUpload) -> Digest {
    let digests: Vec<[u8; 32]> =
        (0..new.shape.chunk_count()).map(|index| sha256(&[&chunk(new, index)])).collect();
    Digest(sha256(&[&digests.concat()]))
}
