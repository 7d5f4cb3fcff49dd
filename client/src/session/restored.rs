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
/// `made_at_ms`: when it was made. What was under way is given up: it may have been carried out since, and undone again by
/// people who knew why.
pub(super) fn notice(
    act: &Act<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    made_at_ms: i64,
    now_ms: i64,
) -> Result<(), VaultError> {
    let before = known(act)?;
    let made_at_ms = match before.made_at_ms {
        // Of an earlier notice nobody knows when what it shows was made.
        0 if before.noticed > 0 => 0,
        earlier_ms => made_at_ms.max(earlier_ms).max(1),
    };
    let noticed = before.noticed.saturating_add(1);
    act.put(&[], &RestoredRow { noticed, noticed_at_ms: now_ms, made_at_ms })?;
    act.delete::<PendingRow>(group.as_bytes())?;
    row.carry.clear();
    Ok(())
}

/// This log has been read to its end: who reads the case is known as of now.
pub(super) fn read_to_the_end(act: &Act<'_>, row: &mut GroupRow) -> Result<(), VaultError> {
    row.restores_known = known(act)?.noticed;
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
///
/// A group that somebody else froze is never read to its end again, and nobody is removed from it any more. So it is not
/// made older by what was made before this device noticed that freeze: the copy is from before that, and the log was
/// read up to the freeze since the vault was put back. A freeze that was noticed before may have come with the copy.
pub(super) fn counts_as_old(act: &Act<'_>, row: &GroupRow) -> Result<bool, VaultError> {
    let restored = known(act)?;
    let frozen_since = row.frozen && restored.made_at_ms != 0 && row.frozen_at_ms > restored.made_at_ms;
    Ok(row.restores_known < restored.noticed && !frozen_since)
}

/// How often it was noticed that this vault was put back from a copy. What is begun is kept with it.
pub(super) fn known_times(act: &Act<'_>) -> Result<u64, VaultError> {
    Ok(known(act)?.noticed)
}

/// Whether something that was begun, when so many copies had been noticed, may be the copy's: in whichever case it is and
/// whichever one has shown the copy, it may have been carried out since, and undone again by people who knew why.
pub(super) fn is_of_before(act: &Act<'_>, restores_known: u64) -> Result<bool, VaultError> {
    Ok(restores_known < known_times(act)?)
}

/// Refuses to lead a case on from a roster that is known to be old.
///
/// Errors: [`Error::CaseRestored`].
pub(super) fn check_is_current(act: &Act<'_>, own: &Identity, row: &GroupRow) -> Result<(), Error> {
    if is_known_to_be_old(act, own, row)? { Err(Error::CaseRestored) } else { Ok(()) }
}

fn known(act: &Act<'_>) -> Result<RestoredRow, VaultError> {
    Ok(act.get::<RestoredRow>(&[])?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::samples::in_a_vault;

    /// A case that somebody else froze, which was noticed then; and one that goes on.
    fn frozen_at(ms: i64) -> GroupRow {
        GroupRow { frozen: true, frozen_by: "somebody".into(), frozen_at_ms: ms, ..GroupRow::default() }
    }

    #[test]
    fn a_freeze_that_was_noticed_since_the_vault_was_put_back_is_as_of_now() {
        in_a_vault(|act| {
            let case = GroupId([7; 16]);
            notice(act, &case, &mut GroupRow::default(), 1_000, 5_000)?;
            assert!(!counts_as_old(act, &frozen_at(1_001))?, "its log was read up to there since");
            // The controls: it may have come with the copy; nobody knows when it was noticed; it is not frozen.
            for old in [frozen_at(999), frozen_at(1_000), frozen_at(0), GroupRow::default()] {
                assert!(counts_as_old(act, &old)?, "frozen at {}", old.frozen_at_ms);
            }
            // A newer thing that this vault does not know: the copy may be from after that freeze.
            notice(act, &case, &mut GroupRow::default(), 2_000, 5_001)?;
            assert!(counts_as_old(act, &frozen_at(1_001))?);
            // An older one changes nothing.
            notice(act, &case, &mut GroupRow::default(), 1_500, 5_002)?;
            assert!(!counts_as_old(act, &frozen_at(2_001))? && counts_as_old(act, &frozen_at(2_000))?);
            Ok(())
        });
    }

    #[test]
    fn after_a_notice_of_an_earlier_version_every_case_that_was_frozen_is_old() {
        in_a_vault(|act| {
            act.put(&[], &RestoredRow { noticed: 1, noticed_at_ms: 1_000, made_at_ms: 0 })?;
            assert!(counts_as_old(act, &frozen_at(i64::MAX))?);
            notice(act, &GroupId([7; 16]), &mut GroupRow::default(), 2_000, 5_000)?;
            assert!(counts_as_old(act, &frozen_at(i64::MAX))?, "of the earlier one nobody knows more");
            Ok(())
        });
    }
}
