//! The integrity check of groups, and of the welcomes, key packages, cards and access entries beside them.

use super::{
    checkpoints::checkpoint,
    entries::durable_entry,
    memberships::{members, memberships},
};
use crate::store::{
    Result,
    groups::{GroupHead, Membership},
    operation::{CheckReport, PROBLEMS_MAX, Problem},
    sled::{
        check::{Check, found, keep},
        engine::{
            AccessRow, BLOCK_POSITIONS, CardRow, EntryRow, GroupRow, IdBlockRow, Key, KeyPackageRow, Kind,
            MemberRow, MembershipRow, PositionRow, Row, View, WelcomeContentRow, WelcomeRow, damaged, id,
            identity_of, ids_of, membership_key, record_of, tail,
        },
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position, RecordId},
    log,
    names::Identity,
    v1::{EntryKind, LogEntry},
};
use std::{collections::BTreeMap, ops::ControlFlow};

impl Check<'_> {
    /// Goes through groups, their logs and members.
    pub(crate) fn groups(&self, report: &mut CheckReport) -> Result<()> {
        self.view.each(&Kind::Group.key().build(), |key, value| {
            report.groups += 1;
            let checked = group_in_key(key).and_then(|group| {
                GroupRow::from_value(value)?;
                // Cannot be none: its row has just been read. A group is never deleted.
                match self.view.head(&group)? {
                    Some(head) => self.group(report, &group, head),
                    None => Ok(()),
                }
            });
            keep(report, checked)
        })?;
        self.twice(report, Self::memberships)
    }

    /// Goes through what lies beside them.
    pub(crate) fn beside_groups(&self, report: &mut CheckReport) -> Result<()> {
        self.twice(report, Self::welcomes)?;
        self.twice(report, Self::key_packages)?;
        self.rows::<KeyPackageRow>(report, Kind::LastResort)?;
        self.rows::<CardRow>(report, Kind::Card)?;
        self.rows::<AccessRow>(report, Kind::Access)
    }

    /// Every membership leads to a leaf of that device.
    fn memberships(&self) -> Result<Vec<Problem>> {
        let mut problems = self.problems(Kind::Membership, |key, value| {
            let row = MembershipRow::from_value(value)?;
            let group = tail(key).map(GroupId).ok_or(damaged(MembershipRow::WHAT))?;
            let identity = identity_of(key, GroupId::LEN).ok_or(damaged(MembershipRow::WHAT))?;
            let leaf = Kind::Leaf.key().group(&group).index(row.leaf).build();
            let member = self.view.row::<MemberRow>(&leaf)?;
            let leads = member.is_some_and(|member| {
                (member.identity == identity.to_string()) && member.joined == row.joined
            });
            let stands = self.view.value(&membership_key(&identity, &group))?.is_some();
            Ok((!leads && stands).then_some(Problem::MembersMismatch(group)))
        })?;
        problems.dedup();
        Ok(problems)
    }

    fn group(&self, report: &mut CheckReport, group: &GroupId, head: GroupHead) -> Result<()> {
        self.chain(report, group, head)?;
        if checkpoint(self.view, group)?.is_none() {
            found(report, Problem::CheckpointMissing(*group));
        }
        for member in members(self.view, group)? {
            let stands = memberships_with(self.view, group, &member.identity)?;
            if stands != Some((member.leaf, member.joined)) {
                found(report, Problem::MembersMismatch(*group));
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
                found(report, Problem::Row(EntryRow::WHAT));
                return Ok(ControlFlow::Continue(()));
            };
            if position > head.position {
                // Taken since the head was read.
                return Ok(ControlFlow::Break(()));
            }
            while expected < position {
                found(report, Problem::EntryMissing(*group, expected));
                expected = expected.next();
                if report.problems.len() >= PROBLEMS_MAX {
                    return Ok(ControlFlow::Break(()));
                }
            }
            expected = position.next();
            report.entries += 1;
            let Ok((entry, stored, record)) = self.entry(group, position, value) else {
                found(report, Problem::Row(EntryRow::WHAT));
                return Ok(ControlFlow::Continue(()));
            };
            let digest: Digest = log::entry_digest(sha256, group, &entry);
            let next = log::next_head(sha256, &running, &digest);
            if next != stored || entry.epoch != epoch.0 {
                found(report, Problem::ChainBroken(*group, position));
            }
            if entry.kind() == EntryKind::Commit {
                let index = Kind::CommitIndex.key().group(group).epoch(Epoch(entry.epoch)).build();
                let leads = self.view.row::<PositionRow>(&index)?.map(|row| row.position);
                if leads != Some(position.0) {
                    found(report, Problem::IndexMismatch(*group, position));
                }
                epoch = Epoch(entry.epoch).next();
            }
            ids.push(record);
            if position.0 % BLOCK_POSITIONS == 0 {
                if !self.block(group, position, &ids)? {
                    found(report, Problem::IndexMismatch(*group, position));
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
        let head = id(&row.head, EntryRow::WHAT)?;
        let record = record_of(&row)?;
        Ok((durable_entry(self.view, group, position, row)?, head, record))
    }

    /// The row of the block that ends with `position` has the ids of its entries.
    fn block(&self, group: &GroupId, position: Position, ids: &[Option<RecordId>]) -> Result<bool> {
        let key = Kind::IdBlock.key().group(group).number(position.0 / BLOCK_POSITIONS - 1).build();
        let Some(row) = self.view.row::<IdBlockRow>(&key)? else { return Ok(false) };
        Ok(ids_of(&row)? == ids)
    }

    /// Every waiting welcome has what its joiners share, whole, and that counts them right.
    fn welcomes(&self) -> Result<Vec<Problem>> {
        // Group and position to how many wait.
        let mut waiting: BTreeMap<(GroupId, u64), u32> = BTreeMap::new();
        self.view.each(&Kind::Welcome.key().build(), |_, value| {
            let row = WelcomeRow::from_value(value)?;
            *waiting.entry((id(&row.group, WelcomeRow::WHAT)?, row.position)).or_default() += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        let mut problems = self.problems(Kind::WelcomeContent, |key, value| {
            let what = WelcomeContentRow::WHAT;
            let row = WelcomeContentRow::from_value(value)?;
            let group: GroupId = id(key.get(1..17).ok_or(damaged(what))?, what)?;
            let position = tail(key).map(u64::from_be_bytes).map(Position).ok_or(damaged(what))?;
            let counted = waiting.remove(&(group, position.0)).unwrap_or_default();
            let whole = |kind: Kind, bytes| {
                let parts: Key = kind.key().group(&group).position(position).build();
                Ok(self.view.parts(&parts, bytes)?.is_some())
            };
            let is_whole =
                whole(Kind::WelcomePart, row.welcome_bytes)? && whole(Kind::TreePart, row.tree_bytes)?;
            let is_right = counted == row.waiting && is_whole;
            Ok((!is_right).then_some(Problem::WelcomeBroken(group, position)))
        })?;
        let alone = waiting.into_keys();
        problems.extend(alone.map(|(group, position)| Problem::WelcomeBroken(group, Position(position))));
        Ok(problems)
    }

    /// No one-time key package waits that has been handed out.
    fn key_packages(&self) -> Result<Vec<Problem>> {
        self.problems(Kind::OneTime, |key, value| {
            let what = KeyPackageRow::WHAT;
            KeyPackageRow::from_value(value)?;
            let identity = identity_of(key, Digest::LEN).ok_or(damaged(what))?;
            let digest = tail(key).map(Digest).ok_or(damaged(what))?;
            let claimed = Kind::Claimed.key().identity(&identity).digest(&digest).build();
            let twice = Problem::KeyPackageTwice(identity.to_string());
            Ok(self.view.value(&claimed)?.map(|_| twice))
        })
    }
}

fn memberships_with(view: &View, group: &GroupId, identity: &Identity) -> Result<Option<(u32, Position)>> {
    let before = GroupId((u128::from_be_bytes(group.0)).saturating_sub(1).to_be_bytes());
    let after = (before != *group).then_some(before);
    Ok(memberships(view, identity, after, 1)?
        .first()
        .filter(|membership| membership.group == *group)
        .map(|Membership { leaf, joined, .. }| (*leaf, *joined)))
}

/// The group that a key names first.
fn group_in_key(key: &[u8]) -> Result<GroupId> {
    key.get(1..17).ok_or(damaged("key")).and_then(|bytes| id(bytes, "key"))
}
