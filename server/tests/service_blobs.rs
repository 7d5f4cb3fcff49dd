//! Blobs through the service: who may upload, read and delete, and what is refused.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_charter::sha256;
use alcove_proto::{
    ids::{AccessId, BlobId, Digest, GroupId, Position},
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, UPLOAD_IDLE_MS_MAX},
};
use alcove_server::{
    config::Limits,
    service::{BlobShape, NewAccess, NewUpload, PositionRange, ServiceError},
};
use bytes::Bytes;
use std::num::NonZeroU64;
use world::{Device, World, assert_refused};

const SEALED: usize = CHUNK_BYTES + CHUNK_TAG_BYTES;

fn chunks(count: u32, last: usize) -> Vec<Bytes> {
    (1..=count).map(|n| vec![n as u8; if n == count { last } else { SEALED }].into()).collect()
}

fn digest(chunks: &[Bytes]) -> Digest {
    let each: Vec<u8> = chunks.iter().flat_map(|chunk| sha256(&[chunk])).collect();
    Digest(sha256(&[&each]))
}

fn upload(group: GroupId, blob: u8, chunks: &[Bytes]) -> NewUpload {
    NewUpload {
        blob: BlobId([blob; 16]),
        group,
        shape: BlobShape::new(chunks.len() as u32, chunks.iter().map(|chunk| chunk.len() as u64).sum())
            .unwrap(),
    }
}

async fn put(
    world: &World,
    device: &Device,
    blob: u8,
    chunks: &[(u32, &Bytes)],
) -> Result<u32, ServiceError> {
    let mut writer = world.service.put_chunks(&world.caller(device));
    for (index, chunk) in chunks {
        writer.put(BlobId([blob; 16]), *index, Bytes::clone(chunk)).await?;
    }
    writer.finish().await
}

/// Uploads a blob and appends the record that names it; answers the record's position.
async fn uploaded(world: &World, device: &Device, group: GroupId, blob: u8, chunks: &[Bytes]) -> Position {
    finished(world, device, group, blob, chunks).await;
    world.append_naming(device, group, 100 + blob, BlobId([blob; 16])).await.unwrap().position
}

/// Uploads a blob that no record names yet.
async fn finished(world: &World, device: &Device, group: GroupId, blob: u8, chunks: &[Bytes]) {
    let caller = world.caller(device);
    world.service.open_upload(&caller, upload(group, blob, chunks)).await.unwrap();
    let numbered: Vec<_> = chunks.iter().enumerate().map(|(index, chunk)| (index as u32, chunk)).collect();
    assert_eq!(put(world, device, blob, &numbered).await.unwrap(), chunks.len() as u32);
    world.service.finish_upload(&caller, BlobId([blob; 16]), digest(chunks)).await.unwrap();
}

async fn read(
    world: &World,
    device: &Device,
    group: GroupId,
    blob: u8,
    first: u32,
    count: Option<u32>,
) -> Result<Vec<(u32, Bytes)>, ServiceError> {
    let caller = world.caller(device);
    let mut reader = world.service.read_chunks(&caller, group, BlobId([blob; 16]), first, count).await?;
    let mut read = Vec::new();
    while let Some(chunk) = reader.next().await? {
        read.push(chunk);
    }
    Ok(read)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_uploaded_comes_back_chunk_by_chunk_and_by_range() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let chunks = chunks(6, 77);
    uploaded(&world, &alice, group, 1, &chunks).await;

    let whole = read(&world, &bob, group, 1, 0, None).await.unwrap();
    assert_eq!(whole.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(whole.iter().zip(&chunks).all(|((_, read), sent)| read == sent));
    let range = read(&world, &bob, group, 1, 4, Some(2)).await.unwrap();
    assert_eq!(range, whole[4..]);
    for (first, count) in [(6, None), (0, Some(7)), (5, Some(2)), (u32::MAX, Some(u32::MAX))] {
        assert_refused!(read(&world, &bob, group, 1, first, count).await, ServiceError::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_where_it_broke_off_and_is_read_only_when_closed() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let chunks = chunks(4, SEALED);
    let caller = world.caller(&alice);
    let service = &world.service;
    service.open_upload(&caller, upload(group, 1, &chunks)).await.unwrap();
    put(&world, &alice, 1, &[(0, &chunks[0]), (1, &chunks[1]), (3, &chunks[3])]).await.unwrap();

    assert_refused!(read(&world, &alice, group, 1, 0, None).await, ServiceError::NotFound);
    let early = service.finish_upload(&caller, BlobId([1; 16]), digest(&chunks)).await;
    assert_refused!(early, ServiceError::UploadIncomplete);
    let again = service.open_upload(&caller, upload(group, 1, &chunks)).await.unwrap();
    assert_eq!((again.received, again.finished), (vec![(0, 1), (3, 3)], false));
    let other_shape = service.open_upload(&caller, upload(group, 1, &chunks[..3])).await;
    assert_refused!(other_shape, ServiceError::IdReused);

    put(&world, &alice, 1, &[(2, &chunks[2])]).await.unwrap();
    let wrong = service.finish_upload(&caller, BlobId([1; 16]), digest(&chunks[1..])).await;
    assert_refused!(wrong, ServiceError::DigestMismatch);
    service.finish_upload(&caller, BlobId([1; 16]), digest(&chunks)).await.unwrap();
    assert_eq!(read(&world, &alice, group, 1, 0, None).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_do_not_fit_or_belong_to_another_are_refused() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let chunks = chunks(2, 10);
    let service = &world.service;
    service.open_upload(&world.caller(&alice), upload(group, 1, &chunks)).await.unwrap();

    let short: Bytes = chunks[0].slice(1..);
    for wrong in [(0, &short), (1, &chunks[0]), (2, &chunks[1])] {
        assert_refused!(put(&world, &alice, 1, &[wrong]).await, ServiceError::Malformed);
    }
    // Bob is a member, and it is not his upload.
    assert_refused!(put(&world, &bob, 1, &[(0, &chunks[0])]).await, ServiceError::NotFound);
    let finished = service.finish_upload(&world.caller(&bob), BlobId([1; 16]), digest(&chunks)).await;
    assert_refused!(finished, ServiceError::NotFound);
    let deleted = service.delete_blob(&world.caller(&bob), BlobId([1; 16])).await;
    assert_refused!(deleted, ServiceError::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joiner_reads_no_earlier_blob_until_access_opens_its_position() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let mallory = Device::of(&world.northmark, 9, 1);
    let group = world.open_group(&mut alice).await;
    world.append(&alice, group, 1, b"something").await.unwrap();
    let before = uploaded(&world, &alice, group, 1, &chunks(1, 300)).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    uploaded(&world, &alice, group, 2, &chunks(1, 300)).await;

    assert_refused!(read(&world, &bob, group, 1, 0, None).await, ServiceError::NotFound);
    assert!(read(&world, &bob, group, 2, 0, None).await.is_ok());
    for blob in [1, 2, 3] {
        assert_refused!(read(&world, &mallory, group, blob, 0, None).await, ServiceError::NotFound);
    }
    let access = NewAccess {
        group,
        access: AccessId([1; 16]),
        grantee: bob.identity.clone(),
        ranges: vec![PositionRange { first: before, last: before }],
        not_after_ms: None,
    };
    world.service.open_access(&world.caller(&alice), access).await.unwrap();
    assert!(read(&world, &bob, group, 1, 0, None).await.is_ok());

    let other = world.open_group(&mut bob).await;
    let elsewhere = read(&world, &bob, other, 1, 0, None).await;
    assert_refused!(elsewhere, ServiceError::NotFound);

    alice.remove_alone(&world, group, &bob).await;
    for blob in [1, 2] {
        assert_refused!(read(&world, &bob, group, blob, 0, None).await, ServiceError::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_blob_is_gone_and_its_quota_is_free_again() {
    let quota = NonZeroU64::new(3 * SEALED as u64).unwrap();
    let world = World::with(Limits { blob_quota_bytes: quota, ..World::limits() });
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let chunks = chunks(2, SEALED);
    uploaded(&world, &alice, group, 1, &chunks).await;
    let caller = world.caller(&alice);
    let second = world.service.open_upload(&caller, upload(group, 2, &chunks)).await;
    let Err(ServiceError::QuotaExceeded { limit }) = second else { panic!("two do not fit: {second:?}") };
    assert_eq!(limit, quota.get());

    world.service.delete_blob(&caller, BlobId([1; 16])).await.unwrap();
    assert_refused!(read(&world, &alice, group, 1, 0, None).await, ServiceError::NotFound);
    let again = world.service.delete_blob(&caller, BlobId([1; 16])).await;
    assert_refused!(again, ServiceError::NotFound);
    uploaded(&world, &alice, group, 2, &chunks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_read_the_record_may_read_the_blob_it_names_and_nobody_before() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let mut carol = Device::of(&world.northmark, 3, 1);
    let group = world.open_group(&mut alice).await;
    // Closed on an empty log, and before bob and carol came: the record that names it comes after both.
    finished(&world, &alice, group, 1, &chunks(1, 300)).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    world.add(group, &mut alice, &mut [&mut carol]).await;
    assert!(read(&world, &alice, group, 1, 0, None).await.is_ok(), "its uploader may");
    assert_refused!(read(&world, &bob, group, 1, 0, None).await, ServiceError::NotFound);

    let stolen = world.append_naming(&carol, group, 7, BlobId([1; 16])).await;
    assert_refused!(stolen, ServiceError::NotFound);
    world.append_naming(&alice, group, 8, BlobId([1; 16])).await.unwrap();
    for member in [&alice, &bob, &carol] {
        assert!(read(&world, member, group, 1, 0, None).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_nobody_goes_on_with_is_deleted_after_its_time() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let chunks = chunks(2, 10);
    let caller = world.caller(&alice);
    world.service.open_upload(&caller, upload(group, 1, &chunks)).await.unwrap();
    put(&world, &alice, 1, &[(0, &chunks[0])]).await.unwrap();
    finished(&world, &alice, group, 2, &chunks).await;

    world.pass(UPLOAD_IDLE_MS_MAX - 1);
    assert_eq!(world.service.expire_uploads().await.unwrap(), 0);
    world.pass(1);
    assert_eq!(world.service.expire_uploads().await.unwrap(), 1);
    assert_refused!(put(&world, &alice, 1, &[(1, &chunks[1])]).await, ServiceError::NotFound);
    world
        .append_naming(&alice, group, 1, BlobId([2; 16]))
        .await
        .expect("what is closed waits for its record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_devices_uploads_go_at_the_next_look() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut bob = Device::of(&world.northmark, 2, 1);
    let group = world.open_group(&mut alice).await;
    world.add(group, &mut alice, &mut [&mut bob]).await;
    let chunks = chunks(2, 10);
    for (device, blob) in [(&alice, 1), (&bob, 2)] {
        world.service.open_upload(&world.caller(device), upload(group, blob, &chunks)).await.unwrap();
    }
    assert_eq!(world.service.expire_uploads().await.unwrap(), 0, "the control");
    world.revoke(&world.northmark, 1, &[&bob]);
    assert_eq!(world.service.expire_uploads().await.unwrap(), 1);
    put(&world, &alice, 1, &[(0, &chunks[0])]).await.expect("hers goes on");
}
