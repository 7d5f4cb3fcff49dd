//! The integrity check: recomputes every chain and looks for every chunk.

use super::{
    blobs::chunk_key,
    chunk_files::ChunkFiles,
    commits::{checkpoint, group_in_key, members, memberships},
    keys::{Kind, tail},
    log::{durable_entry, sha256},
    logs::{BLOCK_POSITIONS, ids_of, record_of},
    open::{side_files, side_folder},
    rows::{BlobRow, ChunkRow, EntryRow, GroupRow, IdBlockRow, PositionRow, Row},
    view::View,
};
use crate::store::{
    Result, StoreError,
    blobs::BlobShape,
    groups::{GroupHead, Membership},
    operation::{CheckReport, PROBLEMS_MAX, Problem},
};
use alcove_proto::{
    ids::{BlobId, Digest, Epoch, GroupId, Head, Position, RecordId},
    log,
    v1::{EntryKind, LogEntry},
};
use std::{ops::ControlFlow, path::Path};

pub(super) struct Check<'a> {
    pub(super) view: &'a View,
    pub(super) files: &'a ChunkFiles,
    pub(super) data: &'a Path,
}

impl Check<'_> {
    /// Goes through everything.
    pub(super) fn run(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let count = side_files(self.data)?;
        if count > 0 {
            found(&mut report, Problem::SideFiles { path: side_folder(self.data), count });
        }
        self.view.each(&Kind::Group.key().build(), |key, value| {
            report.groups += 1;
            let checked = group_in_key(key).and_then(|group| {
                GroupRow::from_value(value)?;
                // Cannot be none: its row has just been read. A group is never deleted.
                match self.view.head(&group)? {
                    Some(head) => self.group(&mut report, &group, head),
                    None => Ok(()),
                }
            });
            keep(&mut report, checked)
        })?;
        self.view.each(&Kind::Blob.key().build(), |key, value| {
            report.blobs += 1;
            let checked = self.blob(&mut report, key, value);
            keep(&mut report, checked)
        })?;
        Ok(report)
    }

    fn group(&self, report: &mut CheckReport, group: &GroupId, head: GroupHead) -> Result<()> {
        self.chain(report, group, head)?;
        if checkpoint(self.view, group)?.is_none() {
            found(report, Problem::CheckpointMissing { group: *group });
        }
        for member in members(self.view, group)? {
            let stands = memberships_with(self.view, group, &member.identity)?;
            if stands != Some((member.leaf, member.joined)) {
                found(report, Problem::MembersMismatch { group: *group });
            }
        }
        Ok(())
    }

    /// Recomputes one group's chain from its first entry to `head`.
    fn chain(&self, report: &mut CheckReport, group: &GroupId, head: GroupHead) -> Result<()> {
        let mut running = log::first_head(sha256, group);
        let mut expected = Position(1);
        let mut epoch = Epoch(0);
        let mut ids = Vec::new();
        self.view.each(&Kind::Entry.key().group(group).build(), |key, value| {
            let Some(position) = tail(key).map(u64::from_be_bytes).map(Position) else {
                found(report, Problem::Row { what: EntryRow::WHAT });
                return Ok(ControlFlow::Continue(()));
            };
            if position > head.position {
                // Taken since the head was read.
                return Ok(ControlFlow::Break(()));
            }
            while expected < position {
                found(report, Problem::EntryMissing { group: *group, position: expected });
                expected = expected.next();
                if report.problems.len() >= PROBLEMS_MAX {
                    return Ok(ControlFlow::Break(()));
                }
            }
            expected = position.next();
            report.entries += 1;
            let Ok((entry, stored, record)) = self.entry(group, position, value) else {
                found(report, Problem::Row { what: EntryRow::WHAT });
                return Ok(ControlFlow::Continue(()));
            };
            let digest: Digest = log::entry_digest(sha256, group, &entry);
            let next = log::next_head(sha256, &running, &digest);
            if next != stored || entry.epoch != epoch.0 {
                found(report, Problem::ChainBroken { group: *group, position });
            }
            if entry.kind() == EntryKind::Commit {
                let index = Kind::CommitIndex.key().group(group).epoch(Epoch(entry.epoch)).build();
                let leads = self.view.row::<PositionRow>(&index)?.map(|row| row.position);
                if leads != Some(position.0) {
                    found(report, Problem::IndexMismatch { group: *group, position });
                }
                epoch = Epoch(entry.epoch).next();
            }
            ids.push(record);
            if position.0 % BLOCK_POSITIONS == 0 {
                if !self.block(group, position, &ids)? {
                    found(report, Problem::IndexMismatch { group: *group, position });
                }
                ids.clear();
            }
            // Go on from what is stored: one damaged entry is one problem, not one for each after it.
            running = stored;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    fn entry(
        &self,
        group: &GroupId,
        position: Position,
        value: &[u8],
    ) -> Result<(LogEntry, Head, Option<RecordId>)> {
        let row = EntryRow::from_value(value)?;
        let head = super::rows::id(&row.head, EntryRow::WHAT)?;
        let record = record_of(&row)?;
        Ok((durable_entry(self.view, group, position, row)?, head, record))
    }

    /// The row of the block that ends with `position` has the ids of its entries.
    fn block(&self, group: &GroupId, position: Position, ids: &[Option<RecordId>]) -> Result<bool> {
        let key = Kind::IdBlock.key().group(group).number(position.0 / BLOCK_POSITIONS - 1).build();
        let Some(row) = self.view.row::<IdBlockRow>(&key)? else { return Ok(false) };
        Ok(ids_of(&row)? == ids)
    }

    fn blob(&self, report: &mut CheckReport, key: &[u8], value: &[u8]) -> Result<()> {
        let damaged = || StoreError::Damaged { what: BlobRow::WHAT };
        let blob = tail(key).map(BlobId).ok_or_else(damaged)?;
        let row = BlobRow::from_value(value)?;
        let shape = BlobShape::new(row.chunk_count, row.bytes_total).map_err(|_| damaged())?;
        let mut seen = 0;
        self.view.each(&Kind::Chunk.key().blob(&blob).build(), |key, value| {
            let index = tail(key).map(u32::from_be_bytes).ok_or_else(damaged)?;
            let chunk = ChunkRow::from_value(value)?;
            let length = match &chunk.file {
                Some(file) => self.files.length(&blob, index, file),
                None => self.inline_length(&blob, index)?,
            };
            if length.is_none() || length != shape.chunk_bytes(index) {
                self.missing(report, blob, index)?;
            }
            seen += 1;
            report.chunks += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        if row.finished && seen < shape.chunk_count() {
            for index in 0..shape.chunk_count() {
                if self.view.value(&chunk_key(&blob, index))?.is_none() {
                    self.missing(report, blob, index)?;
                }
                if report.problems.len() >= PROBLEMS_MAX {
                    break;
                }
            }
        }
        Ok(())
    }

    fn inline_length(&self, blob: &BlobId, index: u32) -> Result<Option<u64>> {
        let parts =
            self.view.scan(&Kind::ChunkPart.key().blob(blob).index(index).build(), None, usize::MAX)?;
        Ok(Some(parts.rows.iter().map(|(_, part)| part.len() as u64).sum()))
    }

    /// A chunk is missing, unless its blob was deleted since the check came by.
    fn missing(&self, report: &mut CheckReport, blob: BlobId, index: u32) -> Result<()> {
        if self.view.value(&Kind::Blob.key().blob(&blob).build())?.is_some() {
            found(report, Problem::ChunkMissing { blob, index });
        }
        Ok(())
    }
}

fn memberships_with(
    view: &View,
    group: &GroupId,
    identity: &alcove_proto::names::Identity,
) -> Result<Option<(u32, Position)>> {
    let before = GroupId((u128::from_be_bytes(group.0)).saturating_sub(1).to_be_bytes());
    let after = (before != *group).then_some(before);
    Ok(memberships(view, identity, after, 1)?
        .first()
        .filter(|membership| membership.group == *group)
        .map(|Membership { leaf, joined, .. }| (*leaf, *joined)))
}

fn found(report: &mut CheckReport, problem: Problem) {
    if report.problems.len() < PROBLEMS_MAX {
        report.problems.push(problem);
    }
}

/// A damaged row is a finding; any other failure ends the check.
fn keep(report: &mut CheckReport, checked: Result<()>) -> Result<ControlFlow<()>> {
    match checked {
        Ok(()) => {}
        Err(StoreError::Damaged { what }) => found(report, Problem::Row { what }),
        Err(error) => return Err(error),
    }
    let full = report.problems.len() >= PROBLEMS_MAX;
    Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}
