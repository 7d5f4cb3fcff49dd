//! The integrity check: recomputes every chain, reads every chunk, and compares what is kept twice.
//!
//! Groups are here, blobs in [`crate::store::sled::blobs::check`], the rest in [`crate::store::sled::desk::check`]. It runs beside a server
//! that goes on writing: what was read at two moments is looked at twice before it is called a problem.

use super::{
    blobs::chunk_files::ChunkFiles,
    engine::{
        keys::{Kind, identity_of, tail},
        logs::{BLOCK_POSITIONS, ids_of, record_of},
        open::{side_files, side_folder},
        rows::{EntryRow, GroupRow, IdBlockRow, MemberRow, MembershipRow, PositionRow, Row, damaged},
        view::View,
    },
    log::{
        commits::{checkpoint, group_in_key, members, memberships},
        entries::{durable_entry, membership_key, sha256},
    },
};
use crate::store::{
    Result, StoreError,
    groups::{GroupHead, Membership},
    operation::{CheckReport, PROBLEMS_MAX, Problem},
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position, RecordId},
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
        self.twice(&mut report, Self::memberships)?;
        self.blobs(&mut report)?;
        self.welcomes_key_packages_and_trail(&mut report)?;
        Ok(report)
    }

    /// Reports what `look` finds, and finds again when it looks once more: a server that goes on writing changes
    /// one of two rows between the two reads, and not the same way twice.
    pub(super) fn twice(
        &self,
        report: &mut CheckReport,
        look: impl Fn(&Self) -> Result<Vec<Problem>>,
    ) -> Result<()> {
        let looked = look(self).and_then(|first| {
            let again = if first.is_empty() { Vec::new() } else { look(self)? };
            first
                .into_iter()
                .filter(|problem| again.contains(problem))
                .for_each(|problem| found(report, problem));
            Ok(())
        });
        keep(report, looked).map(drop)
    }

    /// Every membership leads to a leaf of that device.
    fn memberships(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        self.view.each(&Kind::Membership.key().build(), |key, value| {
            let row = MembershipRow::from_value(value)?;
            let group = tail(key).map(GroupId).ok_or(damaged(MembershipRow::WHAT))?;
            let identity = identity_of(key, GroupId::LEN).ok_or(damaged(MembershipRow::WHAT))?;
            let leaf = Kind::Leaf.key().group(&group).index(row.leaf).build();
            let member = self.view.row::<MemberRow>(&leaf)?;
            let leads = member.is_some_and(|member| {
                (member.identity == identity.to_string()) && member.joined == row.joined
            });
            if !leads && self.view.value(&membership_key(&identity, &group))?.is_some() {
                problems.push(Problem::MembersMismatch { group });
            }
            Ok(within(problems.len()))
        })?;
        problems.dedup();
        Ok(problems)
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
        let head = crate::store::sled::engine::rows::id(&row.head, EntryRow::WHAT)?;
        let record = record_of(&row)?;
        Ok((durable_entry(self.view, group, position, row)?, head, record))
    }

    /// The row of the block that ends with `position` has the ids of its entries.
    fn block(&self, group: &GroupId, position: Position, ids: &[Option<RecordId>]) -> Result<bool> {
        let key = Kind::IdBlock.key().group(group).number(position.0 / BLOCK_POSITIONS - 1).build();
        let Some(row) = self.view.row::<IdBlockRow>(&key)? else { return Ok(false) };
        Ok(ids_of(&row)? == ids)
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

pub(super) fn found(report: &mut CheckReport, problem: Problem) {
    if report.problems.len() < PROBLEMS_MAX {
        report.problems.push(problem);
    }
}

/// A damaged row is a finding; any other failure ends the check.
pub(super) fn keep(report: &mut CheckReport, checked: Result<()>) -> Result<ControlFlow<()>> {
    match checked {
        Ok(()) => {}
        Err(StoreError::Damaged { what }) => found(report, Problem::Row { what }),
        Err(error) => return Err(error),
    }
    Ok(within(report.problems.len()))
}

/// Whether to go on after so many problems.
pub(super) fn within(problems: usize) -> ControlFlow<()> {
    if problems >= PROBLEMS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
