//! A vault that was put back from a copy: how that is kept, what is known to be old by it, and what is not carried on.
//!
//! Such a vault remembers a world in which people were members who have been removed since. It learns so from a log that
//! shows a record or a commit of its own that it does not know. From then on nothing is done by what it remembers of who
//! reads a case, until that case's log has been read to its end or the device has come back into it.
//! PROTOCOL.md section 8, "Vaults put back".

use super::Error;
use crate::vault::{
    Act, VaultError,
    rows::{GroupRow, PendingRow, RestoredRow},
};
use alcove_proto::{ids::GroupId, names::Identity};

/// The log shows something of this device that this vault does not know.
///
/// What was under way is given up: it may have been carried out since, and undone again by people who knew why.
pub(super) fn notice(
    act: &Act<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    now_ms: i64,
) -> Result<(), VaultError> {
    let noticed = count(act)?.saturating_add(1);
    act.put(&[], &RestoredRow { noticed, noticed_at_ms: now_ms })?;
    act.delete::<PendingRow>(group.as_bytes())?;
    row.carry.clear();
    Ok(())
}

/// This log has been read to its end: who reads the case is known as of now.
pub(super) fn read_to_the_end(act: &Act<'_>, row: &mut GroupRow) -> Result<(), VaultError> {
    row.restores_known = count(act)?;
    Ok(())
}

/// Whether what this vault remembers of a group, its roster first, is known to be from before it was put back.
///
/// What has ended for this device, or was never its own, grows no older.
/// A commit of one's own that cannot be processed says so by itself; vaults made before this was counted have that alone.
pub(super) fn is_known_to_be_old(act: &Act<'_>, own: &Identity, row: &GroupRow) -> Result<bool, VaultError> {
    if row.closed || row.recovered {
        return Ok(false);
    }
    let own_commit_forgotten = row.frozen && row.frozen_by == own.to_string();
    Ok(own_commit_forgotten || counts_as_old(act, row)?)
}

/// [`is_known_to_be_old`] as far as it was counted.
pub(super) fn counts_as_old(act: &Act<'_>, row: &GroupRow) -> Result<bool, VaultError> {
    Ok(row.restores_known < count(act)?)
}

/// Refuses to lead a case on from a roster that is known to be old.
///
/// Errors: [`Error::CaseRestored`].
pub(super) fn check_is_current(act: &Act<'_>, own: &Identity, row: &GroupRow) -> Result<(), Error> {
    if is_known_to_be_old(act, own, row)? { Err(Error::CaseRestored) } else { Ok(()) }
}

fn count(act: &Act<'_>) -> Result<u64, VaultError> {
    Ok(act.get::<RestoredRow>(&[])?.map_or(0, |row| row.noticed))
}
