//! Commits: the log entry, the members, the welcomes and the checkpoint of a new epoch in one act.

use super::{
    access,
    checkpoints::put_checkpoint,
    entries::{Pending, durable_entry, entry_in_batch, push_entry, same_entry},
    members::{put_members, require_member},
    welcomes,
};
use crate::store::{
    Result,
    audit::{Act, By},
    error::bytes_at_most,
    groups::{CommitOutcome, MembersAfter, NewCommit},
    operation::Hint,
    sled::{
        blobs::uploads,
        engine::{
            Audited, Batch, EntryRow, Flushes, GroupInfoRow, Kind, PositionRow, Row, View, damaged, entry_key,
        },
    },
};
use alcove_proto::{
    ids::{Epoch, GroupId, Position},
    limits::{
        COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX, LINK_DIGESTS_MAX, TREE_BYTES_MAX, WELCOME_BYTES_MAX,
    },
    v1::LogEntry,
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
        batch.hint(Hint::MembersChanged(group));
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
    bytes_at_most("commit", new.body.len(), COMMIT_BYTES_MAX)?;
    bytes_at_most("group info", new.group_info.len(), COMMIT_GROUP_INFO_BYTES_MAX)?;
    if let Some(welcome) = &new.welcome {
        bytes_at_most("welcome", welcome.welcome.len(), WELCOME_BYTES_MAX)?;
        bytes_at_most("tree", welcome.tree.len(), TREE_BYTES_MAX)?;
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
    Ok(CommitOutcome::Superseded(entry_in_batch(batch, group, position, row)?))
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
