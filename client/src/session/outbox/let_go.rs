//! What was sealed here and then let go of: an item that was dropped or goes by another id, a commit that was given up.
//!
//! A server may have had it and shown nothing of it, or have said that it refuses it. Should it turn up in the log it was sent
//! after all, by this vault and no other: that is no sign that a vault was put back from a copy, and without this memory
//! it would look like one. What was made for an epoch is in the log before that epoch ends or never, so the memory ends
//! with the epoch. PROTOCOL.md section 8, "Vaults put back".

use crate::{
    session::state::group_place,
    vault::{
        Act, VaultError,
        rows::{LetGoRow, OutboxRow, PendingRow},
    },
};
use alcove_charter::sha256;
use alcove_proto::{ids::GroupId, v1::LogEntry};

/// What is remembered of one group in one epoch; one more takes the place of the oldest.
const LET_GO_MAX: usize = 1_024;

/// An item leaves the outbox, or goes by another id from here on.
///
/// `epoch`: the one in force in the group.
pub(in crate::session) fn item(
    act: &Act<'_>,
    group: &GroupId,
    epoch: u64,
    row: &OutboxRow,
    now_ms: i64,
) -> Result<(), VaultError> {
    for sealing in row.sealings.iter().filter(|sealing| sealing.epoch >= epoch) {
        remember(act, group, (sealing.epoch, &sealing.hash), now_ms)?;
    }
    // What an earlier version sealed stands in no list.
    if !row.sealed.is_empty() && row.sealed_epoch >= epoch {
        remember(act, group, (row.sealed_epoch, &sha256(&[&row.sealed])), now_ms)?;
    }
    Ok(())
}

/// A commit is made anew, or not at all.
pub(in crate::session) fn commit(
    act: &Act<'_>,
    group: &GroupId,
    pending: &PendingRow,
    now_ms: i64,
) -> Result<(), VaultError> {
    if pending.commit.is_empty() {
        return Ok(());
    }
    remember(act, group, (pending.epoch, &sha256(&[&pending.commit])), now_ms)
}

/// Whether an entry of the log is something that was let go of here.
pub(in crate::session) fn is_one(
    act: &Act<'_>,
    group: &GroupId,
    entry: &LogEntry,
) -> Result<bool, VaultError> {
    let hash = sha256(&[&entry.body]);
    let row: Option<LetGoRow> = act.get(&place(group, &hash))?;
    Ok(row.is_some_and(|row| row.epoch == entry.epoch && row.hash == hash))
}

/// An epoch has begun: what was made for an earlier one is in the log by now or never.
pub(in crate::session) fn end_earlier(act: &Act<'_>, group: &GroupId, epoch: u64) -> Result<(), VaultError> {
    for (key, row) in act.scan::<LetGoRow>(group.as_bytes())? {
        if row.epoch < epoch {
            act.delete::<LetGoRow>(&key)?;
        }
    }
    Ok(())
}

fn remember(
    act: &Act<'_>,
    group: &GroupId,
    (epoch, hash): (u64, &[u8]),
    now_ms: i64,
) -> Result<(), VaultError> {
    let there = act.scan::<LetGoRow>(group.as_bytes())?;
    if there.len() >= LET_GO_MAX
        && let Some((oldest, _)) = there.into_iter().min_by_key(|(_, row)| row.let_go_at_ms)
    {
        act.delete::<LetGoRow>(&oldest)?;
    }
    act.put(&place(group, hash), &LetGoRow { epoch, hash: hash.to_vec(), let_go_at_ms: now_ms })
}

fn place(group: &GroupId, hash: &[u8]) -> [u8; 32] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = *from;
    }
    group_place(group, &short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::samples::in_a_vault,
        vault::rows::{SealingRow, tests::GROUP},
    };
    use alcove_tests::stored::Forms;

    fn entry(epoch: u64, body: &[u8]) -> LogEntry {
        LogEntry { epoch, body: body.to_vec().into(), ..LogEntry::default() }
    }

    fn sealed(epoch: u64, body: &[u8]) -> OutboxRow {
        let mut row = OutboxRow::default();
        row.sealings = vec![SealingRow { epoch, hash: sha256(&[body]).to_vec() }];
        row
    }

    #[test]
    fn it_lies_where_its_stored_form_says() {
        assert_eq!(place(&GROUP, &[2; 32]).to_vec(), Forms::of("vault").key("let_go"));
    }

    #[test]
    fn what_was_let_go_of_is_known_again_by_its_bytes_until_its_epoch_ends() {
        in_a_vault(|act| {
            let (group, other) = (GroupId([7; 16]), GroupId([8; 16]));
            item(act, &group, 4, &sealed(4, b"dropped"), 1)?;
            item(act, &group, 4, &sealed(3, b"of an epoch that is over"), 1)?;
            let pending = PendingRow { commit: b"given up".to_vec(), epoch: 4, ..PendingRow::default() };
            commit(act, &group, &pending, 1)?;
            for body in [&b"dropped"[..], b"given up"] {
                assert!(is_one(act, &group, &entry(4, body))?);
                assert!(!is_one(act, &group, &entry(5, body))?, "of another epoch");
                assert!(!is_one(act, &other, &entry(4, body))?, "of another group");
            }
            // The control: what this vault never made is still a sign that it was put back.
            assert!(!is_one(act, &group, &entry(4, b"of the laptop since the backup"))?);
            assert!(!is_one(act, &group, &entry(3, b"of an epoch that is over"))?);
            end_earlier(act, &group, 4)?;
            assert!(is_one(act, &group, &entry(4, b"dropped"))?);
            end_earlier(act, &group, 5)?;
            assert!(!is_one(act, &group, &entry(4, b"dropped"))?);
            Ok(())
        });
    }

    #[test]
    fn the_memory_is_bounded_and_lets_the_oldest_go() {
        in_a_vault(|act| {
            let group = GroupId([7; 16]);
            let made = |number: usize| PendingRow {
                commit: format!("commit {number}").into_bytes(),
                epoch: 1,
                ..PendingRow::default()
            };
            for number in 0..=LET_GO_MAX {
                commit(act, &group, &made(number), number as i64)?;
            }
            let knows = |number| is_one(act, &group, &entry(1, &made(number).commit));
            assert!(!knows(0)? && knows(1)? && knows(LET_GO_MAX)?);
            assert_eq!(act.scan::<LetGoRow>(&[])?.len(), LET_GO_MAX);
            Ok(())
        });
    }
}
