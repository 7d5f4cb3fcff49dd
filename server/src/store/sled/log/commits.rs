//! Commits: the log entry, the members, the welcomes and the checkpoint of a new epoch in one act.

use super::{
    access,
    entries::{
        Pending, durable_entry, entry_in_batch, entry_key, membership_key, push_entry, put_checkpoint,
        require_member, same_entry,
    },
    welcomes,
};
use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    groups::{Checkpoint, CommitOutcome, Member, MemberAfter, MembersAfter, Membership, NewCommit},
    operation::Hint,
    sled::{
        blobs::uploads,
        engine::{
            batch::{Audited, Batch, Flushes},
            keys::{Kind, tail},
            rows::{
                CheckpointRow, EntryRow, GroupInfoRow, MemberRow, MembershipRow, PositionRow, Row, damaged,
                id, identity,
            },
            view::View,
        },
    },
};
use alcove_proto::{
    ids::{Epoch, GroupId, Position},
    limits::{
        COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX, GROUP_LEAVES_MAX, LINK_DIGESTS_MAX, TREE_BYTES_MAX,
        WELCOME_BYTES_MAX,
    },
    names::Identity,
    v1::LogEntry,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::ControlFlow,
};

/// What came of a commit, before the flush.
pub(crate) enum CommitPending {
    Committed(Pending),
    Other(CommitOutcome),
}

impl CommitPending {
    /// What came of it, now that it is durable.
    pub(crate) fn durable(self, group: &GroupId, flushes: &Flushes) -> Result<CommitOutcome> {
        match self {
            Self::Committed(pending) => Ok(CommitOutcome::Committed(pending.durable(group, flushes)?)),
            Self::Other(outcome) => Ok(outcome),
        }
    }
}

/// Bytes a commit writes.
pub(crate) fn weight(new: &NewCommit) -> usize {
    let welcome = new.welcome.as_ref().map_or(0, |welcome| welcome.welcome.len() + welcome.tree.len());
    new.body.len() + welcome + new.group_info.len() + new.snapshot.as_ref().map_or(0, Vec::len)
}

/// Takes a commit if its epoch is in force.
pub(crate) fn commit(batch: &mut Batch<'_>, new: NewCommit, by: &By) -> Result<CommitPending> {
    check_sizes(&new)?;
    let group = new.group;
    let head = batch.head(&group)?;
    require_member(batch, &group, &by.identity)?;
    if new.epoch > head.epoch {
        return Ok(CommitPending::Other(CommitOutcome::StaleEpoch { current: head.epoch }));
    }
    let index = Kind::CommitIndex.key().group(&group).epoch(new.epoch).build();
    if new.epoch < head.epoch {
        let taken: PositionRow = batch.row(&index)?.ok_or(damaged(PositionRow::WHAT))?;
        return lost(batch, &group, Position(taken.position), &new, by).map(CommitPending::Other);
    }
    let position = head.position.next();
    if let Some(welcome) = &new.welcome {
        // The joiner is sent the digests from there to here.
        let limit = LINK_DIGESTS_MAX as u64;
        if welcome.pinned > head.position || position.0 - welcome.pinned.0 > limit {
            return Ok(CommitPending::Other(CommitOutcome::HeadTooOld { limit }));
        }
    }
    let pending = push_entry(batch, &group, head, None, new.body, by)?;
    let opened = head.epoch.next();
    batch.put_new(index, &PositionRow { position: position.0 })?;
    if let MembersAfter::Are(members) = &new.members {
        for gone in put_members(batch, &group, members, position)? {
            access::end_all_of(batch, &group, &gone)?;
            welcomes::withdraw(batch, &group, &gone)?;
            uploads::drop_uploads_of(batch, &group, &gone, by)?;
        }
        batch.hint(Hint::MembersChanged { group });
    }
    if let Some(welcome) = &new.welcome {
        for joiner in &welcome.joiners {
            require_member(batch, &group, &joiner.identity)?;
        }
        welcomes::put(batch, &group, position, opened, welcome)?;
    }
    if let Some(snapshot) = &new.snapshot {
        put_checkpoint(batch, &group, opened, position, snapshot)?;
    }
    let kept = GroupInfoRow { epoch: opened.0, group_info: new.group_info };
    batch.put(Kind::GroupInfo.key().group(&group).build(), &kept)?;
    let audited = Audited { group: Some(&group), position: Some(position), ..Audited::act(Act::Commit) };
    batch.audit(by, audited);
    Ok(CommitPending::Committed(pending))
}

fn check_sizes(new: &NewCommit) -> Result<()> {
    let over = |what, bytes: usize, limit| {
        if bytes > limit { Err(StoreError::TooLarge { what, limit }) } else { Ok(()) }
    };
    over("commit", new.body.len(), COMMIT_BYTES_MAX)?;
    over("group info", new.group_info.len(), COMMIT_GROUP_INFO_BYTES_MAX)?;
    if let Some(welcome) = &new.welcome {
        over("welcome", welcome.welcome.len(), WELCOME_BYTES_MAX)?;
        over("tree", welcome.tree.len(), TREE_BYTES_MAX)?;
    }
    Ok(())
}

/// The epoch is closed: by this very commit, or by another.
fn lost(
    batch: &Batch<'_>,
    group: &GroupId,
    position: Position,
    new: &NewCommit,
    by: &By,
) -> Result<CommitOutcome> {
    if let Some(replayed) = same_entry(batch, group, position, &new.body, by)? {
        return Ok(CommitOutcome::Replayed(replayed));
    }
    let row: EntryRow = batch.row(&entry_key(group, position))?.ok_or(damaged(EntryRow::WHAT))?;
    Ok(CommitOutcome::Superseded { winner: entry_in_batch(batch, group, position, row)? })
}

/// Writes the members that changed; answers whose membership ended: who is none any more, and who was
/// removed and begins anew by this very commit.
fn put_members(
    batch: &mut Batch<'_>,
    group: &GroupId,
    after: &[MemberAfter],
    position: Position,
) -> Result<Vec<Identity>> {
    let leaves: HashSet<u32> = after.iter().map(|member| member.leaf).collect();
    let identities: HashSet<&Identity> = after.iter().map(|member| &member.identity).collect();
    if leaves.len() != after.len() || identities.len() != after.len() || after.is_empty() {
        return Err(StoreError::MembersInconsistent);
    }
    if after.len() > GROUP_LEAVES_MAX {
        return Err(StoreError::TooMany { what: "leaves", limit: GROUP_LEAVES_MAX });
    }
    let mut before: BTreeMap<u32, MemberRow> = BTreeMap::new();
    for (key, value) in batch.scan(&Kind::Leaf.key().group(group).build(), usize::MAX)? {
        let leaf = tail(&key).map(u32::from_be_bytes).ok_or(damaged(MemberRow::WHAT))?;
        before.insert(leaf, MemberRow::from_value(&value)?);
    }
    let joined: HashMap<&str, u64> =
        before.values().map(|member| (member.identity.as_str(), member.joined)).collect();
    for member in after {
        let name = member.identity.to_string();
        let kept = joined.get(name.as_str()).filter(|_| !member.joins_now).copied();
        let row = MemberRow { identity: name, joined: kept.unwrap_or(position.0) };
        if before.get(&member.leaf) != Some(&row) {
            let membership = MembershipRow { leaf: member.leaf, joined: row.joined };
            batch.put(Kind::Leaf.key().group(group).index(member.leaf).build(), &row)?;
            batch.put(membership_key(&member.identity, group), &membership)?;
        }
    }
    for leaf in before.keys().filter(|leaf| !leaves.contains(leaf)) {
        batch.remove(Kind::Leaf.key().group(group).index(*leaf).build())?;
    }
    let begin_anew: HashSet<&Identity> =
        after.iter().filter(|member| member.joins_now).map(|member| &member.identity).collect();
    let mut ended = Vec::new();
    for member in before.values() {
        let before = identity(&member.identity, MemberRow::WHAT)?;
        let goes = !identities.contains(&before);
        if !goes && !begin_anew.contains(&before) {
            continue;
        }
        let stay = Kind::Stay.key().identity(&before).group(group).position(Position(member.joined)).build();
        batch.put(stay, &PositionRow { position: position.0 })?;
        if goes {
            batch.remove(membership_key(&before, group))?;
        }
        ended.push(before);
    }
    Ok(ended)
}

/// The commits made in `from` and later.
pub(crate) fn read(view: &View, group: &GroupId, from: Epoch, bytes_max: usize) -> Result<Vec<LogEntry>> {
    let mut commits = Vec::new();
    let Some(head) = view.head(group)? else { return Ok(commits) };
    let mut bytes = 0;
    let mut epoch = from;
    // Below the durable epoch every commit is durable.
    while epoch < head.epoch {
        let index = Kind::CommitIndex.key().group(group).epoch(epoch).build();
        let index = view.settled(&index)?.ok_or(damaged(PositionRow::WHAT))?;
        let position = Position(PositionRow::from_value(&index)?.position);
        let row = view.settled(&entry_key(group, position))?.ok_or(damaged(EntryRow::WHAT))?;
        let commit = durable_entry(view, group, position, EntryRow::from_value(&row)?)?;
        bytes += commit.body.len();
        if bytes > bytes_max && !commits.is_empty() {
            break;
        }
        commits.push(commit);
        epoch = epoch.next();
    }
    Ok(commits)
}

/// The members by leaf.
pub(crate) fn members(view: &View, group: &GroupId) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    view.each(&Kind::Leaf.key().group(group).build(), |key, value| {
        let row = MemberRow::from_value(value)?;
        members.push(Member {
            leaf: tail(key).map(u32::from_be_bytes).ok_or(damaged(MemberRow::WHAT))?,
            identity: identity(&row.identity, MemberRow::WHAT)?,
            joined: Position(row.joined),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(members)
}

/// One member.
pub(crate) fn member(view: &View, group: &GroupId, identity: Identity) -> Result<Option<Member>> {
    let row = view.row::<MembershipRow>(&membership_key(&identity, group))?;
    Ok(row.map(|row| Member { leaf: row.leaf, identity, joined: Position(row.joined) }))
}

/// The end of the stay in which `after` lies.
pub(crate) fn end_of_stay(
    view: &View,
    group: &GroupId,
    identity: &Identity,
    after: Position,
) -> Result<Option<Position>> {
    let mut end = None;
    view.each(&Kind::Stay.key().identity(identity).group(group).build(), |key, value| {
        let joined = tail(key).map(u64::from_be_bytes).ok_or(damaged(PositionRow::WHAT))?;
        if after.next() < Position(joined) {
            return Ok(ControlFlow::Break(()));
        }
        let last = Position(PositionRow::from_value(value)?.position);
        if after < last {
            end = Some(last);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(end)
}

/// The groups of one device.
pub(crate) fn memberships(
    view: &View,
    identity: &Identity,
    after: Option<GroupId>,
    max: usize,
) -> Result<Vec<Membership>> {
    let prefix = Kind::Membership.key().identity(identity).build();
    let mut from = after.map(|group| membership_key(identity, &group));
    let mut found = Vec::new();
    loop {
        let page = view.scan(&prefix, from.as_deref(), max)?;
        for (key, value) in page.rows {
            let row = MembershipRow::from_value(&value)?;
            let group = tail(&key).map(GroupId).ok_or(damaged(MembershipRow::WHAT))?;
            found.push(Membership { group, leaf: row.leaf, joined: Position(row.joined) });
        }
        match page.next {
            Some(next) if found.len() < max => from = Some(next),
            Some(_) | None => break,
        }
    }
    found.truncate(max);
    Ok(found)
}

/// The newest checkpoint.
pub(crate) fn checkpoint(view: &View, group: &GroupId) -> Result<Option<Checkpoint>> {
    let key = Kind::Checkpoint.key().group(group).build();
    let mut row = view.row::<CheckpointRow>(&key)?;
    while let Some(found) = row {
        let epoch = Epoch(found.epoch);
        let parts = Kind::CheckpointPart.key().group(group).epoch(epoch).build();
        if let Some(snapshot) = view.parts(&parts, found.bytes)? {
            return Ok(Some(Checkpoint { epoch, position: Position(found.position), snapshot }));
        }
        // A newer one took its place between the two reads; otherwise it is damaged.
        row = view.row(&key)?;
        if row.as_ref().is_none_or(|newer| newer.epoch <= found.epoch) {
            return Err(damaged(CheckpointRow::WHAT));
        }
    }
    Ok(None)
}

/// The GroupInfo of the epoch in force, with that epoch; empty when none was handed in for it.
pub(crate) fn group_info(view: &View, group: &GroupId) -> Result<Option<(Epoch, Bytes)>> {
    let Some(head) = view.head(group)? else { return Ok(None) };
    let row = view.row::<GroupInfoRow>(&Kind::GroupInfo.key().group(group).build())?;
    let of_now = row.filter(|row| row.epoch == head.epoch.0).map(|row| row.group_info);
    Ok(Some((head.epoch, of_now.unwrap_or_default())))
}

/// The id a row holds, for the check.
pub(crate) fn group_in_key(key: &[u8]) -> Result<GroupId> {
    key.get(1..17).ok_or(damaged("key")).and_then(|bytes| id(bytes, "key"))
}
