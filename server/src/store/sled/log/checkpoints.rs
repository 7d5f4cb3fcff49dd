//! The observer's states: one of each group, the newest.

use crate::store::{
    Result,
    groups::Checkpoint,
    sled::engine::{Batch, CheckpointRow, Kind, Row, View, damaged},
};
use alcove_proto::ids::{Epoch, GroupId, Position};

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
