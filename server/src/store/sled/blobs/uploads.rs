//! Blobs: their rows, and small ones whole. Chunk files are in [`crate::store::chunk_files`].

use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    blobs::{Blob, BlobShape, FinishOutcome, IdleUpload, NewUpload, Upload},
    chunk_files::ChunkFile,
    error::count_at_most,
    sled::{
        engine::{
            Audited, Batch, BlobRow, ChunkFileRow, ChunkRow, Key, Kind, Row, UploadRow, UsageRow, View,
            damaged, go_on, id, identity, identity_of, membership_key, tail,
        },
        log::members::{group_row, require_member},
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{BlobId, Digest, GroupId, Position},
    limits::{RECORD_BLOBS_MAX, UPLOADS_PER_DEVICE_MAX},
    names::Identity,
};
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use std::ops::ControlFlow;

/// Bytes up to which a blob is kept in the database itself.
pub(crate) const INLINE_BLOB_BYTES_MAX: u64 = 64 * 1024;
/// How exactly it is known when an upload last got a chunk, milliseconds: a chunk's act writes it no more often.
const TOUCH_INTERVAL_MS: i64 = 3600 * 1000;

pub(crate) fn blob_key(blob: &BlobId) -> Key {
    Kind::Blob.key().blob(blob).build()
}

/// The key of one chunk's row.
pub(crate) fn chunk_key(blob: &BlobId, index: u32) -> Key {
    Kind::Chunk.key().blob(blob).index(index).build()
}

pub(crate) fn chunk_parts(blob: &BlobId, index: u32) -> Key {
    Kind::ChunkPart.key().blob(blob).index(index).build()
}

pub(crate) fn tombstone_key(blob: &BlobId) -> Key {
    Kind::Tombstone.key().blob(blob).build()
}

/// The key of an upload that no record names yet, among those of its device.
pub(crate) fn upload_key(uploader: &Identity, blob: &BlobId) -> Key {
    Kind::Upload.key().identity(uploader).blob(blob).build()
}

pub(crate) fn usage_key(identity: &Identity) -> Key {
    Kind::Usage.key().identity(identity).build()
}

impl From<ChunkFile> for ChunkFileRow {
    fn from(file: ChunkFile) -> Self {
        Self { run: file.run, attempt: file.attempt }
    }
}

impl From<ChunkFileRow> for ChunkFile {
    fn from(row: ChunkFileRow) -> Self {
        Self { run: row.run, attempt: row.attempt }
    }
}

fn shape_of(row: &BlobRow) -> Result<BlobShape> {
    BlobShape::new(row.chunk_count, row.bytes_total).map_err(|_| damaged(BlobRow::WHAT))
}

/// Begins an upload, or finds the one that was begun; the caller then asks how far it came.
pub(crate) fn open(batch: &mut Batch<'_>, new: &NewUpload, quota_bytes_max: u64, by: &By) -> Result<()> {
    group_row(batch, &new.group)?;
    require_member(batch, &new.group, &by.identity)?;
    if let Some(row) = batch.row::<BlobRow>(&blob_key(&new.blob))? {
        let same = row.group == new.group.as_bytes()
            && row.uploader == by.identity.to_string()
            && shape_of(&row)? == new.shape;
        return if same { Ok(()) } else { Err(StoreError::IdReused) };
    }
    if batch.has(&tombstone_key(&new.blob))? {
        return Err(StoreError::IdReused);
    }
    let uploads = batch.scan(&Kind::Upload.key().identity(&by.identity).build(), UPLOADS_PER_DEVICE_MAX)?;
    count_at_most("uploads", uploads.len() + 1, UPLOADS_PER_DEVICE_MAX)?;
    let usage_key = usage_key(&by.identity);
    let mut usage = batch.row::<UsageRow>(&usage_key)?.unwrap_or_default();
    let asked = new.shape.bytes_total();
    if usage.bytes.saturating_add(asked) > quota_bytes_max {
        return Err(StoreError::QuotaExceeded { limit: quota_bytes_max, used: usage.bytes, asked });
    }
    usage.bytes += asked;
    batch.put(usage_key, &usage)?;
    let row = BlobRow {
        group: new.group.to_vec(),
        uploader: by.identity.to_string(),
        chunk_count: new.shape.chunk_count(),
        bytes_total: asked,
        finished: false,
        position: 0,
        digest: Vec::new(),
        named: 0,
    };
    batch.put_new(blob_key(&new.blob), &row)?;
    let upload = UploadRow { group: new.group.to_vec(), touched_at_ms: by.time_ms };
    batch.put_new(upload_key(&by.identity, &new.blob), &upload)?;
    batch.audit(by, of(Act::OpenUpload, &new.group, &new.blob));
    Ok(())
}

fn of<'a>(act: Act, group: &'a GroupId, blob: &'a BlobId) -> Audited<'a> {
    Audited { group: Some(group), subject: Some(blob.as_bytes()), ..Audited::act(act) }
}

/// The upload of the caller, with its shape. Errors: [`StoreError::NotFound`].
fn own(row: Option<BlobRow>, uploader: &Identity) -> Result<(BlobRow, BlobShape)> {
    let row = row.filter(|row| row.uploader == uploader.to_string()).ok_or(StoreError::NotFound)?;
    let shape = shape_of(&row)?;
    Ok((row, shape))
}

/// Whether chunk `index` of the caller's upload is wanted, has the right length, and where it goes.
///
/// Errors: [`StoreError::NotFound`], [`StoreError::NotMember`], [`StoreError::BlobShape`].
pub(crate) fn expect_chunk(
    view: &View,
    blob: &BlobId,
    index: u32,
    bytes: usize,
    by: &By,
) -> Result<Expected> {
    let (row, shape) = own(view.row(&blob_key(blob))?, &by.identity)?;
    // Asked again with the row's write: here it saves a file that would be thrown away.
    let group = id(&row.group, BlobRow::WHAT)?;
    if view.value(&membership_key(&by.identity, &group))?.is_none() {
        return Err(StoreError::NotMember);
    }
    if shape.chunk_bytes(index) != Some(bytes as u64) {
        return Err(StoreError::BlobShape);
    }
    if let Some(here) = view.row::<ChunkRow>(&chunk_key(blob, index))? {
        return Ok(Expected::Here(id(&here.sha256, ChunkRow::WHAT)?));
    }
    Ok(if shape.bytes_total() <= INLINE_BLOB_BYTES_MAX { Expected::Inline } else { Expected::File })
}

/// What to do with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing: one with this digest is on disk.
    Here(Digest),
    /// Keep it in the database.
    Inline,
    /// Write it to a file.
    File,
}

/// Where a chunk that is to be recorded lies.
pub(crate) enum ChunkPlace {
    /// In a file that is already on disk.
    File(ChunkFile),
    /// In here.
    Inline(Bytes),
}

/// Records a chunk. Answers false when another attempt with the same bytes was first: then the file is litter.
///
/// Errors: [`StoreError::NotFound`], [`StoreError::NotMember`], [`StoreError::IdReused`] the index has other bytes.
pub(crate) fn put_chunk(
    batch: &mut Batch<'_>,
    blob: &BlobId,
    index: u32,
    sha256: Digest,
    place: ChunkPlace,
    by: &By,
) -> Result<bool> {
    let (row, _) = own(batch.row(&blob_key(blob))?, &by.identity)?;
    require_member(batch, &id(&row.group, BlobRow::WHAT)?, &by.identity)?;
    let key = chunk_key(blob, index);
    if let Some(here) = batch.row::<ChunkRow>(&key)? {
        return if here.sha256 == sha256.0 { Ok(false) } else { Err(StoreError::IdReused) };
    }
    let file = match place {
        ChunkPlace::File(file) => Some(file.into()),
        ChunkPlace::Inline(chunk) => {
            batch.put_parts(&chunk_parts(blob, index), &chunk)?;
            None
        }
    };
    batch.put_new(key, &ChunkRow { sha256: sha256.to_vec(), file })?;
    touch(batch, blob, by)?;
    Ok(true)
}

/// Remembers that somebody goes on with an upload.
fn touch(batch: &mut Batch<'_>, blob: &BlobId, by: &By) -> Result<()> {
    let key = upload_key(&by.identity, blob);
    match batch.row::<UploadRow>(&key)? {
        Some(row) if by.time_ms - row.touched_at_ms >= TOUCH_INTERVAL_MS => {
            batch.put(key, &UploadRow { touched_at_ms: by.time_ms, ..row })
        }
        Some(_) | None => Ok(()),
    }
}

/// How far an upload came. Reads a row for each chunk.
pub(crate) fn progress(view: &View, blob: &BlobId) -> Result<Option<Upload>> {
    let Some(row) = view.row::<BlobRow>(&blob_key(blob))? else { return Ok(None) };
    if row.finished {
        return Ok(Some(Upload { received: vec![(0, row.chunk_count - 1)], finished: true }));
    }
    let mut received: Vec<(u32, u32)> = Vec::new();
    view.each(&Kind::Chunk.key().blob(blob).build(), |key, _| {
        let index = tail(key).map(u32::from_be_bytes).ok_or(damaged(ChunkRow::WHAT))?;
        match received.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => received.push((index, index)),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Some(Upload { received, finished: false }))
}

/// Whether the chunks of the caller's upload are all there and what they should be; nothing if so.
///
/// Chunks are never replaced, so what was seen here still holds when [`finish`] runs.
pub(crate) fn verify(view: &View, blob: &BlobId, digest: &Digest, by: &By) -> Result<Option<FinishOutcome>> {
    let (row, shape) = own(view.row(&blob_key(blob))?, &by.identity)?;
    if view.value(&membership_key(&by.identity, &id(&row.group, BlobRow::WHAT)?))?.is_none() {
        return Err(StoreError::NotMember);
    }
    if row.finished {
        return Ok(Some(closed(&row, digest)));
    }
    let mut context = Context::new(&SHA256);
    let mut count = 0;
    view.each(&Kind::Chunk.key().blob(blob).build(), |_, value| {
        context.update(&ChunkRow::from_value(value)?.sha256);
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    if count != shape.chunk_count() {
        let missing = shape.chunk_count().saturating_sub(count);
        return Ok(Some(FinishOutcome::Incomplete { missing }));
    }
    let matches = context.finish().as_ref() == digest.as_bytes();
    Ok((!matches).then_some(FinishOutcome::DigestMismatch))
}

/// What closing an upload comes to that is closed.
fn closed(row: &BlobRow, digest: &Digest) -> FinishOutcome {
    let position = Position(row.position);
    if row.digest == digest.0 { FinishOutcome::Finished { position } } else { FinishOutcome::DigestMismatch }
}

/// Closes an upload that [`verify`] found whole.
pub(crate) fn finish(
    batch: &mut Batch<'_>,
    blob: &BlobId,
    digest: &Digest,
    by: &By,
) -> Result<FinishOutcome> {
    let (mut row, _) = own(batch.row(&blob_key(blob))?, &by.identity)?;
    let group: GroupId = id(&row.group, BlobRow::WHAT)?;
    require_member(batch, &group, &by.identity)?;
    if row.finished {
        return Ok(closed(&row, digest));
    }
    let position = batch.head(&group)?.position;
    row.finished = true;
    row.position = position.0;
    row.digest = digest.to_vec();
    batch.put(blob_key(blob), &row)?;
    batch.audit(by, of(Act::FinishUpload, &group, blob));
    Ok(FinishOutcome::Finished { position })
}

/// Makes the author's finished blobs readable to whoever may read the record at `position`. A blob keeps the
/// first record that names it.
///
/// Errors: [`StoreError::NotFound`] one of them is no finished blob of the author in this group,
/// [`StoreError::TooMany`].
pub(crate) fn name(
    batch: &mut Batch<'_>,
    group: &GroupId,
    blobs: &[BlobId],
    position: Position,
    by: &By,
) -> Result<()> {
    count_at_most("blobs of a record", blobs.len(), RECORD_BLOBS_MAX)?;
    for blob in blobs {
        let (mut row, _) = own(batch.row(&blob_key(blob))?, &by.identity)?;
        if !row.finished || row.group != group.as_bytes() {
            return Err(StoreError::NotFound);
        }
        if row.named == 0 {
            row.named = position.0;
            batch.put(blob_key(blob), &row)?;
            batch.remove(upload_key(&by.identity, blob))?;
        }
    }
    Ok(())
}

/// A blob or an upload.
pub(crate) fn blob(view: &View, blob: &BlobId) -> Result<Option<Blob>> {
    let Some(row) = view.row::<BlobRow>(&blob_key(blob))? else { return Ok(None) };
    Ok(Some(Blob {
        group: id(&row.group, BlobRow::WHAT)?,
        uploader: identity(&row.uploader, BlobRow::WHAT)?,
        shape: shape_of(&row)?,
        finished: row.finished,
        named_at: (row.named != 0).then_some(Position(row.named)),
    }))
}

/// Where a chunk of a finished blob lies.
pub(crate) fn find_chunk(view: &View, blob: &BlobId, index: u32) -> Result<Option<ChunkPlace>> {
    let Some(row) = view.row::<BlobRow>(&blob_key(blob))?.filter(|row| row.finished) else {
        return Ok(None);
    };
    let Some(bytes) = shape_of(&row)?.chunk_bytes(index) else { return Ok(None) };
    let Some(chunk) = view.row::<ChunkRow>(&chunk_key(blob, index))? else { return Ok(None) };
    match chunk.file {
        Some(file) => Ok(Some(ChunkPlace::File(file.into()))),
        None => match view.parts(&chunk_parts(blob, index), bytes)? {
            Some(parts) => Ok(Some(ChunkPlace::Inline(parts.into()))),
            // Being deleted, or damaged.
            None if view.value(&blob_key(blob))?.is_none() => Ok(None),
            None => Err(damaged(ChunkRow::WHAT)),
        },
    }
}

/// Deletes a blob or upload of the caller: from now on it is gone for everybody. Its chunks are
/// removed later, which the tombstone remembers.
pub(crate) fn delete(batch: &mut Batch<'_>, blob: &BlobId, by: &By) -> Result<bool> {
    let Ok((row, _)) = own(batch.row(&blob_key(blob))?, &by.identity) else { return Ok(false) };
    bury(batch, blob, &by.identity, &row)?;
    batch.audit(by, of(Act::DeleteBlob, &id(&row.group, BlobRow::WHAT)?, blob));
    Ok(true)
}

fn bury(batch: &mut Batch<'_>, blob: &BlobId, uploader: &Identity, row: &BlobRow) -> Result<()> {
    let usage_key = usage_key(uploader);
    let mut usage = batch.row::<UsageRow>(&usage_key)?.unwrap_or_default();
    usage.bytes = usage.bytes.saturating_sub(row.bytes_total);
    batch.put(usage_key, &usage)?;
    batch.remove(blob_key(blob))?;
    batch.remove(upload_key(uploader, blob))?;
    batch.put(tombstone_key(blob), &UsageRow::default())
}

/// Deletes an upload that is not closed and has got no chunk since `idle_since_ms`, in its uploader's name.
/// Answers whether it was so.
pub(crate) fn expire(
    batch: &mut Batch<'_>,
    upload: &IdleUpload,
    idle_since_ms: i64,
    by: &By,
) -> Result<bool> {
    let touched = batch.row::<UploadRow>(&upload_key(&upload.uploader, &upload.blob))?;
    let row = batch.row::<BlobRow>(&blob_key(&upload.blob))?;
    let (Some(touched), Some(row)) = (touched, row) else { return Ok(false) };
    if row.finished || touched.touched_at_ms > idle_since_ms {
        return Ok(false);
    }
    bury(batch, &upload.blob, &upload.uploader, &row)?;
    batch.audit(by, of(Act::ExpireUpload, &upload.group, &upload.blob));
    Ok(true)
}

/// Deletes whatever a device that has been removed from `group` uploaded there and no record names: nobody
/// could ever read it. At most [`UPLOADS_PER_DEVICE_MAX`].
pub(crate) fn drop_uploads_of(
    batch: &mut Batch<'_>,
    group: &GroupId,
    uploader: &Identity,
    by: &By,
) -> Result<()> {
    let prefix = Kind::Upload.key().identity(uploader).build();
    for (key, value) in batch.scan(&prefix, UPLOADS_PER_DEVICE_MAX)? {
        let blob = tail(&key).map(BlobId).ok_or(damaged(UploadRow::WHAT))?;
        if UploadRow::from_value(&value)?.group != group.as_bytes() {
            continue;
        }
        let row: BlobRow = batch.row(&blob_key(&blob))?.ok_or(damaged(UploadRow::WHAT))?;
        bury(batch, &blob, uploader, &row)?;
        batch.audit(by, Audited { concerning: Some(uploader), ..of(Act::ExpireUpload, group, &blob) });
    }
    Ok(())
}

/// Uploads that are not closed, by uploader and blob, after `after`, at most `max`.
pub(crate) fn uploads(view: &View, after: Option<&IdleUpload>, max: usize) -> Result<Vec<IdleUpload>> {
    let prefix = Kind::Upload.key().build();
    let from = after.map(|last| upload_key(&last.uploader, &last.blob));
    let mut found = Vec::new();
    view.each_after(&prefix, from, max, |key, value| {
        let row = UploadRow::from_value(value)?;
        let blob = tail(key).map(BlobId).ok_or(damaged(UploadRow::WHAT))?;
        let uploader = identity_of(key, BlobId::LEN).ok_or(damaged(UploadRow::WHAT))?;
        if view.row::<BlobRow>(&blob_key(&blob))?.is_some_and(|blob| !blob.finished) {
            let group = id(&row.group, UploadRow::WHAT)?;
            found.push(IdleUpload { uploader, group, blob, touched_at_ms: row.touched_at_ms });
        }
        Ok(go_on(found.len() < max))
    })?;
    Ok(found)
}

/// Removes rows of a deleted blob, at most `max`, the tombstone last; answers whether all are gone.
pub(crate) fn purge_rows(batch: &mut Batch<'_>, blob: &BlobId, max: usize) -> Result<bool> {
    let parts = batch.remove_all(&Kind::ChunkPart.key().blob(blob).build(), max)?;
    let rows = batch.remove_all(&Kind::Chunk.key().blob(blob).build(), max - parts)?;
    if parts + rows == max {
        return Ok(false);
    }
    batch.remove(tombstone_key(blob))?;
    Ok(true)
}

/// Whether a blob is known here, deleted ones included.
pub(crate) fn is_known(view: &View, blob: &BlobId) -> Result<bool> {
    Ok(view.value(&blob_key(blob))?.is_some() || view.value(&tombstone_key(blob))?.is_some())
}

/// Deleted blobs whose chunks are still to be removed, at most `max`.
pub(crate) fn tombstones(view: &View, max: usize) -> Result<Vec<BlobId>> {
    view.scan(&Kind::Tombstone.key().build(), None, max)?
        .rows
        .iter()
        .map(|(key, _)| tail(key).map(BlobId).ok_or(damaged("tombstone")))
        .collect()
}

/// The digest of one chunk.
pub(crate) fn chunk_digest(chunk: &[u8]) -> Digest {
    Digest(sha256(&[chunk]))
}
