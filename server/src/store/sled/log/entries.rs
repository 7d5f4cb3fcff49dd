//! Groups and their logs: creating, appending, reading. Commits are in [`super::commits`].

use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    groups::{
        AppendOutcome, Appended, CreateOutcome, GroupHead, LogPage, LogQuery, NewGroup, NewRecord, Replayed,
    },
    operation::Hint,
    sled::{
        blobs::uploads,
        engine::{
            batch::{Audited, Batch, Flushes},
            keys::{Key, Kind, tail},
            rows::{
                CheckpointRow, EntryRow, GroupRow, INLINE_BODY_BYTES_MAX, MemberRow, MembershipRow, Row,
                damaged, id,
            },
            view::View,
        },
    },
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position, RecordId},
    limits::{LINK_DIGESTS_MAX, RECORD_BYTES_MAX},
    log,
    names::Identity,
    v1::{EntryKind, LogEntry},
};
use bytes::Bytes;
use ring::digest::{Context, SHA256};

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The key of a group's row.
pub(crate) fn group_key(group: &GroupId) -> Key {
    Kind::Group.key().group(group).build()
}

/// The key of one entry.
pub(crate) fn entry_key(group: &GroupId, position: Position) -> Key {
    Kind::Entry.key().group(group).position(position).build()
}

/// Where a group without entries stands.
pub(crate) fn first_head(group: &GroupId) -> GroupHead {
    GroupHead { epoch: Epoch(0), position: Position(0), head: log::first_head(sha256, group) }
}

/// Where a group stands after the entry under `key`.
pub(crate) fn head_after(key: &[u8], row: &EntryRow) -> Result<GroupHead> {
    let epoch = Epoch(row.epoch);
    let position = tail(key).map(u64::from_be_bytes).ok_or(damaged(EntryRow::WHAT))?;
    Ok(GroupHead {
        epoch: if row.kind() == EntryKind::Commit { epoch.next() } else { epoch },
        position: Position(position),
        head: id(&row.head, EntryRow::WHAT)?,
    })
}

/// The group's row. Errors: [`StoreError::NotFound`].
pub(crate) fn group_row(batch: &Batch<'_>, group: &GroupId) -> Result<GroupRow> {
    batch.row(&group_key(group))?.ok_or(StoreError::NotFound)
}

/// Refuses an identity that is no member of the group. Errors: [`StoreError::NotMember`].
pub(crate) fn require_member(batch: &Batch<'_>, group: &GroupId, identity: &Identity) -> Result<()> {
    if batch.has(&membership_key(identity, group))? { Ok(()) } else { Err(StoreError::NotMember) }
}

/// The key of a membership.
pub(crate) fn membership_key(identity: &Identity, group: &GroupId) -> Key {
    Kind::Membership.key().identity(identity).group(group).build()
}

/// Creates a group.
pub(crate) fn create(batch: &mut Batch<'_>, new: &NewGroup, by: &By) -> Result<CreateOutcome> {
    let key = group_key(&new.group);
    if let Some(row) = batch.row::<GroupRow>(&key)? {
        let same = row.creation_digest == new.creation_digest.0 && row.creator == by.identity.to_string();
        let head = batch.head(&new.group)?;
        return Ok(if same { CreateOutcome::Replayed(head) } else { CreateOutcome::Exists });
    }
    let row = GroupRow {
        created_at_ms: by.time_ms,
        creator: by.identity.to_string(),
        creation_digest: new.creation_digest.to_vec(),
        access_open: 0,
    };
    batch.put_new(key, &row)?;
    let member = MemberRow { identity: by.identity.to_string(), joined: 0 };
    batch.put(Kind::Leaf.key().group(&new.group).index(0).build(), &member)?;
    batch.put(membership_key(&by.identity, &new.group), &MembershipRow { leaf: 0, joined: 0 })?;
    put_checkpoint(batch, &new.group, Epoch(0), Position(0), &new.snapshot)?;
    batch.audit(by, Audited { group: Some(&new.group), ..Audited::act(Act::CreateGroup) });
    batch.hint(Hint::MembersChanged { group: new.group });
    Ok(CreateOutcome::Created(first_head(&new.group)))
}

/// Puts a checkpoint in place of the earlier one.
pub(crate) fn put_checkpoint(
    batch: &mut Batch<'_>,
    group: &GroupId,
    epoch: Epoch,
    position: Position,
    snapshot: &[u8],
) -> Result<()> {
    batch.remove_all(&Kind::CheckpointPart.key().group(group).build(), usize::MAX)?;
    batch.put_parts(&Kind::CheckpointPart.key().group(group).epoch(epoch).build(), snapshot)?;
    let row = CheckpointRow { epoch: epoch.0, position: position.0, bytes: snapshot.len() as u64 };
    batch.put(Kind::Checkpoint.key().group(group).build(), &row)
}

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

/// What came of appending, before the flush.
pub(crate) enum AppendPending {
    Appended(Pending),
    Other(AppendOutcome),
}

impl AppendPending {
    /// What came of it, now that it is durable.
    pub(crate) fn durable(self, group: &GroupId, flushes: &Flushes) -> Result<AppendOutcome> {
        match self {
            Self::Appended(pending) => Ok(AppendOutcome::Appended(pending.durable(group, flushes)?)),
            Self::Other(outcome) => Ok(outcome),
        }
    }
}

/// Appends a record.
pub(crate) fn append(batch: &mut Batch<'_>, new: NewRecord, by: &By) -> Result<AppendPending> {
    if new.body.len() > RECORD_BYTES_MAX {
        return Err(StoreError::TooLarge { what: "record", limit: RECORD_BYTES_MAX });
    }
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

/// One page of a log.
pub(crate) fn read(view: &View, query: &LogQuery) -> Result<LogPage> {
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
pub(crate) fn head_at(view: &View, group: &GroupId, position: Position) -> Result<Option<Head>> {
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
pub(crate) fn digests(view: &View, group: &GroupId, first: Position, last: Position) -> Result<Vec<Digest>> {
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
