//! The entries of a log, one by one: added in an act, and read whole out of their rows.

use crate::store::{
    Result,
    audit::By,
    groups::{Appended, GroupHead, Replayed},
    sled::engine::{
        Batch, EntryRow, Flushes, INLINE_BODY_BYTES_MAX, Kind, Row, View, damaged, entry_key, head_after, id,
        tail,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Digest, GroupId, Head, Position, RecordId},
    log,
    v1::{EntryKind, LogEntry},
};
use bytes::Bytes;

/// What is known of an entry before its flush.
pub(crate) struct Pending {
    entry: LogEntry,
    digest: Digest,
    head: Head,
}

impl Pending {
    /// The entry's own position.
    pub(crate) fn position(&self) -> Position {
        Position(self.entry.position)
    }

    /// The entry, now that it is durable.
    pub(crate) fn durable(self, group: &GroupId, flushes: &Flushes) -> Result<Appended> {
        let flush = flushes.get(group).ok_or(damaged("flush"))?.clone();
        Ok(Appended { entry: self.entry, digest: self.digest, head: self.head, flush })
    }
}

/// Adds one entry to the end of a log that stands at `before`: a record, or a commit without an id.
pub(crate) fn push_entry(
    batch: &mut Batch<'_>,
    group: &GroupId,
    before: GroupHead,
    record: Option<RecordId>,
    body: Bytes,
    by: &By,
) -> Result<Pending> {
    let kind = if record.is_some() { EntryKind::Record } else { EntryKind::Commit };
    let position = before.position.next();
    let entry = LogEntry {
        position: position.0,
        kind: kind.into(),
        epoch: before.epoch.0,
        author: by.identity.to_string(),
        received_at_ms: by.time_ms,
        body,
    };
    let digest = log::entry_digest(sha256, group, &entry);
    let head = log::next_head(sha256, &before.head, &digest);
    let inline = entry.body.len() <= INLINE_BODY_BYTES_MAX;
    let stored = EntryRow {
        kind: entry.kind,
        epoch: entry.epoch,
        author: entry.author.clone(),
        received_at_ms: entry.received_at_ms,
        body: if inline { entry.body.clone() } else { Bytes::new() },
        head: head.to_vec(),
        body_bytes: if inline { 0 } else { entry.body.len() as u64 },
        record: record.map(RecordId::to_vec).unwrap_or_default(),
    };
    let key = entry_key(group, position);
    let after = head_after(&key, &stored)?;
    batch.put_new(key, &stored)?;
    if !inline {
        let parts = Kind::EntryPart.key().group(group).position(position).build();
        batch.put_parts(&parts, &entry.body)?;
    }
    batch.appended(*group, digest, after, record)?;
    Ok(Pending { entry, digest, head })
}

/// The entry at `position` if it is by the same author and has the same body.
pub(crate) fn same_entry(
    batch: &Batch<'_>,
    group: &GroupId,
    position: Position,
    body: &[u8],
    by: &By,
) -> Result<Option<Replayed>> {
    let row: EntryRow = batch.row(&entry_key(group, position))?.ok_or(damaged(EntryRow::WHAT))?;
    let replayed =
        Replayed { position, head: id(&row.head, EntryRow::WHAT)?, received_at_ms: row.received_at_ms };
    let entry = entry_in_batch(batch, group, position, row)?;
    let same = entry.body == body && entry.author == by.identity.to_string();
    Ok(same.then_some(replayed))
}

/// A whole entry as the batch has it.
pub(crate) fn entry_in_batch(
    batch: &Batch<'_>,
    group: &GroupId,
    position: Position,
    row: EntryRow,
) -> Result<LogEntry> {
    let body = if row.body_bytes == 0 {
        None
    } else {
        let parts = Kind::EntryPart.key().group(group).position(position).build();
        let mut body = Vec::new();
        batch.scan(&parts, usize::MAX)?.iter().for_each(|(_, part)| body.extend_from_slice(part));
        Some(body)
    };
    whole_entry(position, row, body)
}

fn whole_entry(position: Position, row: EntryRow, parts: Option<Vec<u8>>) -> Result<LogEntry> {
    let body = match parts {
        None => row.body,
        Some(parts) if parts.len() as u64 == row.body_bytes => parts.into(),
        Some(_) => return Err(damaged("part of a log entry")),
    };
    Ok(LogEntry {
        position: position.0,
        kind: row.kind,
        epoch: row.epoch,
        author: row.author,
        received_at_ms: row.received_at_ms,
        body,
    })
}

/// A whole durable entry out of its row.
pub(crate) fn durable_entry(
    view: &View,
    group: &GroupId,
    position: Position,
    row: EntryRow,
) -> Result<LogEntry> {
    let parts = if row.body_bytes == 0 {
        None
    } else {
        let parts = Kind::EntryPart.key().group(group).position(position).build();
        view.parts(&parts, row.body_bytes)?.ok_or(damaged("part of a log entry")).map(Some)?
    };
    whole_entry(position, row, parts)
}

/// Calls `each` with the position and row of every entry of `first..=last`, which are durable, until
/// it answers false. Errors: [`StoreError::Damaged`] at a gap.
pub(crate) fn each_row(
    view: &View,
    group: &GroupId,
    first: Position,
    last: Position,
    mut each: impl FnMut(Position, EntryRow) -> Result<bool>,
) -> Result<()> {
    let mut expected = first;
    if first > last {
        return Ok(());
    }
    for row in view.settled_range(entry_key(group, first), entry_key(group, last)) {
        let (key, value) = row?;
        if tail(&key).map(u64::from_be_bytes) != Some(expected.0) {
            return Err(damaged("sequence of log entries"));
        }
        if !each(expected, EntryRow::from_value(&value)?)? {
            return Ok(());
        }
        expected = expected.next();
    }
    if expected == last.next() { Ok(()) } else { Err(damaged("sequence of log entries")) }
}
