//! The log: records are appended, and everything is read.

use super::{
    commits,
    entries::{Pending, durable_entry, each_row, push_entry, same_entry},
    members::require_member,
};
use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    error::bytes_at_most,
    groups::{AppendOutcome, Log, LogPage, LogQuery, NewRecord},
    sled::{
        blobs::uploads,
        engine::{Audited, Batch, Demand, EntryRow, Flushes, Row, View, damaged, entry_key, first_head, id},
        store::SledStore,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position},
    limits::{LINK_DIGESTS_MAX, RECORD_BYTES_MAX},
    log,
    v1::LogEntry,
};

impl Log for SledStore {
    async fn append_record(&self, record: NewRecord, by: By) -> Result<AppendOutcome> {
        let group = record.group;
        self.queue
            .submit_then(
                Demand::bytes(record.body.len()),
                move |batch| append(batch, record, &by),
                move |pending, flushes| pending.durable(&group, flushes),
            )
            .await
    }

    async fn read_log(&self, query: LogQuery) -> Result<LogPage> {
        self.read(move |view| read(view, &query)).await
    }

    async fn read_commits(&self, group: GroupId, from: Epoch, bytes_max: usize) -> Result<Vec<LogEntry>> {
        self.read(move |view| commits::read(view, &group, from, bytes_max)).await
    }

    async fn head_at(&self, group: GroupId, position: Position) -> Result<Option<Head>> {
        self.read(move |view| head_at(view, &group, position)).await
    }

    async fn entry_digests(&self, group: GroupId, first: Position, last: Position) -> Result<Vec<Digest>> {
        self.read(move |view| digests(view, &group, first, last)).await
    }
}

/// What came of appending, before the flush.
enum AppendPending {
    Appended(Pending),
    Other(AppendOutcome),
}

impl AppendPending {
    /// What came of it, now that it is durable.
    fn durable(self, group: &GroupId, flushes: &Flushes) -> Result<AppendOutcome> {
        match self {
            Self::Appended(pending) => Ok(AppendOutcome::Appended(pending.durable(group, flushes)?)),
            Self::Other(outcome) => Ok(outcome),
        }
    }
}

/// Appends a record.
fn append(batch: &mut Batch<'_>, new: NewRecord, by: &By) -> Result<AppendPending> {
    bytes_at_most("record", new.body.len(), RECORD_BYTES_MAX)?;
    let group = new.group;
    let head = batch.head(&group)?;
    require_member(batch, &group, &by.identity)?;
    if let Some(taken) = batch.position_of(&group, &new.record)? {
        let same = same_entry(batch, &group, taken, &new.body, by)?;
        return Ok(AppendPending::Other(same.map_or(AppendOutcome::IdReused, AppendOutcome::Replayed)));
    }
    // After the id: what was appended is answered again in a later epoch too.
    if head.epoch != new.epoch {
        return Ok(AppendPending::Other(AppendOutcome::StaleEpoch { current: head.epoch }));
    }
    let pending = push_entry(batch, &group, head, Some(new.record), new.body, by)?;
    let position = pending.position();
    uploads::name(batch, &group, &new.blobs, position, by)?;
    // The log entry says the rest.
    let audited =
        Audited { group: Some(&group), position: Some(position), ..Audited::act(Act::AppendRecord) };
    batch.audit(by, audited);
    Ok(AppendPending::Appended(pending))
}

/// One page of a log.
fn read(view: &View, query: &LogQuery) -> Result<LogPage> {
    let mut page = LogPage { entries: Vec::new(), last_head: None, more: false, group_head: None };
    // Everything up to the durable head is durable and never changes again.
    let Some(head) = view.head(&query.group)? else { return Ok(page) };
    page.group_head = Some(head);
    let through = query.through.map_or(head.position, |through| through.min(head.position));
    let mut bytes = 0;
    each_row(view, &query.group, Position(query.after.0.saturating_add(1)), through, |position, row| {
        let body_bytes = row.body.len().max(usize::try_from(row.body_bytes).unwrap_or(usize::MAX));
        bytes += body_bytes;
        let full = page.entries.len() >= query.entries_max || bytes > query.bytes_max;
        if full && !page.entries.is_empty() {
            page.more = true;
            return Ok(false);
        }
        page.last_head = Some(id(&row.head, EntryRow::WHAT)?);
        page.entries.push(durable_entry(view, &query.group, position, row)?);
        Ok(true)
    })?;
    Ok(page)
}

/// The head after `position`.
fn head_at(view: &View, group: &GroupId, position: Position) -> Result<Option<Head>> {
    let Some(head) = view.head(group)? else { return Ok(None) };
    if position > head.position {
        return Ok(None);
    }
    if position == Position(0) {
        return Ok(Some(first_head(group).head));
    }
    let row = view.settled(&entry_key(group, position))?.ok_or(damaged(EntryRow::WHAT))?;
    id(&EntryRow::from_value(&row)?.head, EntryRow::WHAT).map(Some)
}

/// The digests of `first..=last`.
fn digests(view: &View, group: &GroupId, first: Position, last: Position) -> Result<Vec<Digest>> {
    let head = view.head(group)?.ok_or(StoreError::NotFound)?;
    if first == Position(0) || last > head.position {
        return Err(StoreError::NotFound);
    }
    if last.0.saturating_sub(first.0) >= LINK_DIGESTS_MAX as u64 {
        return Err(StoreError::TooMany { what: "digests", limit: LINK_DIGESTS_MAX });
    }
    let mut digests = Vec::new();
    each_row(view, group, first, last, |position, row| {
        let entry = durable_entry(view, group, position, row)?;
        digests.push(log::entry_digest(sha256, group, &entry));
        Ok(true)
    })?;
    Ok(digests)
}
