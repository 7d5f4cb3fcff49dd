//! Where a log ends, by its last entry's row.

use super::{
    keys::tail,
    rows::{EntryRow, Row, damaged, id},
};
use crate::store::{Result, groups::GroupHead};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Epoch, GroupId, Position},
    log,
    v1::EntryKind,
};

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
