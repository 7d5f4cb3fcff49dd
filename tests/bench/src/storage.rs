//! Row 13: what a byte of ciphertext takes on the server's disk, and what deleting gives back.
//!
//! Disk is not noise: one round. Documents are sealed with the real cipher and go through the client's transport; the
//! server itself compares every chunk with the digest it is closed with.

use crate::{
    Error,
    notes::burst_ours,
    ours::{
        circle::{Circle, Member},
        place::Place,
    },
    setting::{Setting, disk_bytes},
    table::Row,
};
use alcove_e2ee::{
    documents::{BlobDigest, DocumentSealer},
    keys::{ContentKey, Salt, draw},
};
use alcove_proto::{
    ids::BlobId,
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
    v1::PutChunksRequest,
};
use alcove_tests::samples::SeededBytes;
use ring::rand::SystemRandom;
use std::{
    io::Read,
    path::Path,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Chunks on their way to the server.
const CHUNKS_IN_FLIGHT: usize = 4;
/// How long the space of what was deleted may take to come back.
const FREE_WITHIN: Duration = Duration::from_secs(60);
/// How long nothing may change on the disk before it counts as settled.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Pause between two looks at the disk.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the disk may go on changing when nobody writes.
const SETTLE_WAIT: Duration = Duration::from_secs(30);

/// So many documents of so many bytes.
struct Documents {
    count: usize,
    bytes: u64,
}

const MIB: u64 = 1 << 20;

/// From a letter to a seized phone. The odd bytes make a last chunk that is not full.
const DOCUMENTS: [Documents; 4] = [
    Documents { count: 64, bytes: 300_000 },
    Documents { count: 64, bytes: 4 * MIB + 17 },
    Documents { count: 8, bytes: 32 * MIB + 17 },
    Documents { count: 1, bytes: 256 * MIB },
];

/// The same for a quick run.
const FEW_DOCUMENTS: [Documents; 2] =
    [Documents { count: 2, bytes: 300_000 }, Documents { count: 2, bytes: 4 * MIB + 17 }];

/// Row 13.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let (senders, notes) = setting.size((16, 3125), (2, 20));
    let mut place = Place::start()?;
    let data = place.world.server_folder().join("data");
    let mut circle = Circle::form(&mut place, senders + 1).await?;
    let sealed = burst_ours(&mut circle, &place, senders, notes).await?.sealed_bytes;
    let with_records = settled_bytes(&data).await?;
    let records = Row::new("13", format!("{} records of 1 KiB", senders * notes as usize), "bytes a byte")
        .ours(vec![with_records as f64 / sealed as f64])
        .at_most(2.0, "<= 2")
        .remark("the whole data folder over the records' ciphertext");

    let uploader = &circle.members[0];
    let mut blobs = Vec::new();
    let mut sealed = 0;
    let kinds: &[Documents] = if setting.quick { &FEW_DOCUMENTS } else { &DOCUMENTS };
    for kind in kinds {
        for _ in 0..kind.count {
            let (blob, bytes) = upload(uploader, kind.bytes).await?;
            blobs.push(blob);
            sealed += bytes;
        }
    }
    let with_documents = settled_bytes(&data).await?;
    let taken = with_documents.saturating_sub(with_records) as f64;
    let count = blobs.len();
    let documents = Row::new("13b", format!("{count} documents, 300 kB and more"), "bytes a byte")
        .ours(vec![taken / sealed as f64])
        .at_most(1.02, "<= 1.02")
        .remark("what the data folder grew by over the documents' ciphertext");

    let began = Instant::now();
    for blob in &blobs {
        uploader.server.delete_blob(blob).await?;
    }
    let (left, took) = least_bytes(&data, began).await?;
    let freed = 100.0 * with_documents.saturating_sub(left) as f64 / taken;
    let deleted = Row::new("13c", format!("{count} documents deleted: their space that is free"), "%")
        .ours(vec![freed])
        .at_least(95.0, ">= 95 % within a minute")
        .remark(format!("after {:.1} s", took.as_secs_f64()));
    Ok(vec![records, documents, deleted])
}

/// Seals and uploads a document of `bytes`; answers its blob and the bytes of its ciphertext.
async fn upload(member: &Member, bytes: u64) -> Result<(BlobId, u64), Error> {
    let random = SystemRandom::new();
    let (group, blob) = (member.group.id(), BlobId(draw(&random)?));
    let key = ContentKey::draw(&random)?;
    let sealer = DocumentSealer::new(&key, Salt::draw(&random)?, &group, &blob, bytes)?;
    let shape = sealer.shape();
    let (count, sealed) = (shape.chunk_count(), shape.sealed_bytes_total());
    member.server.open_upload(&blob, &group, count, sealed).await?;
    let (chunks, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let sealing = tokio::task::spawn_blocking(move || {
        let mut plain = SeededBytes::new(bytes);
        let mut digest = BlobDigest::new();
        for index in 0..count {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES);
            (&mut plain).take(shape.file_bytes(index) as u64).read_to_end(&mut chunk)?;
            digest.push(&sealer.seal_chunk(index, &mut chunk)?);
            let request = PutChunksRequest { blob_id: blob.to_vec(), index, chunk: chunk.into() };
            chunks.blocking_send(request).map_err(|_| "the server takes no more chunks")?;
        }
        Ok::<_, Error>(digest.finish())
    });
    let stored = member.server.put_chunks(receiver).await?;
    let digest = sealing.await??;
    if stored != count {
        return Err("the server lost a chunk".into());
    }
    member.server.finish_upload(&blob, &digest).await?;
    Ok((blob, sealed))
}

/// Bytes below `folder` once nothing changes there any more.
async fn settled_bytes(folder: &Path) -> Result<u64, Error> {
    let began = Instant::now();
    let (mut bytes, mut since) = (disk_bytes(folder)?, Instant::now());
    while since.elapsed() < SETTLED_AFTER && began.elapsed() < SETTLE_WAIT {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = disk_bytes(folder)?;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
    }
    Ok(bytes)
}

/// The fewest bytes below `folder` within [`FREE_WITHIN`] of `began`, and when they were first seen.
/// Ends earlier when nothing changes any more.
async fn least_bytes(folder: &Path, began: Instant) -> Result<(u64, Duration), Error> {
    let mut least = (disk_bytes(folder)?, began.elapsed());
    while began.elapsed() < FREE_WITHIN && began.elapsed() - least.1 < 5 * SETTLED_AFTER {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = (disk_bytes(folder)?, began.elapsed());
        if now.0 < least.0 {
            least = now;
        }
    }
    Ok(least)
}
