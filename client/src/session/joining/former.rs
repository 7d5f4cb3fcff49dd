//! Cases that another group has taken the place of, under the same id at the server, by a person's word alone.
//!
//! What was here stays to be read, under an id of this device's own; what was not sent stays with it. Nothing of it goes on
//! in the other group: not its title, not its history, not what waited. PROTOCOL.md section 8, "Coming back".

use crate::{
    session::{Error, alarms, outbox, recovery::escrow, state::all_rows},
    vault::{
        Act, Direction, EntryKey, VaultError,
        rows::{
            AccessRow, AuthorRow, EntryRow, EpochRow, GrantInboxRow, GroupRow, IssuedRow, MlsRow, OutboxRow,
            PendingRow, ReceiptRow, RecoveredGroupRow, RosterRow, SeatsRow,
        },
    },
};
use alcove_charter::sha256;
use alcove_proto::ids::{GroupId, Position, WelcomeId};
use std::ops::ControlFlow;

/// Entries that are moved at one time.
const MOVED_AT_ONCE: usize = 1000;

/// Whether a case is one that another group has taken the place of.
pub(in crate::session) fn is_former(row: &GroupRow) -> bool {
    !row.former_of.is_empty()
}

/// The id that a case has at the server, and that keys and chunks of its documents are bound to.
pub(in crate::session) fn at_server(case: &GroupId, row: &GroupRow) -> Result<GroupId, Error> {
    match row.former_of.as_slice() {
        [] => Ok(*case),
        id => Ok(GroupId::try_from(id).map_err(|_| VaultError::damaged("a case"))?),
    }
}

/// Sets a case apart from the group that is joined by `welcome` under its id. In this act: killed anywhere, either both
/// stand beside each other or nothing has changed.
pub(in crate::session) fn set_apart(
    act: &Act<'_>,
    group: &GroupId,
    mut row: GroupRow,
    welcome: &WelcomeId,
) -> Result<GroupId, Error> {
    let former = former_id(group, welcome);
    outbox::strand(act, group)?;
    for (key, queued) in act.scan::<OutboxRow>(group.as_bytes())? {
        let number = key.get(GroupId::LEN..).unwrap_or_default();
        act.put(&[former.as_bytes(), number].concat(), &queued)?;
        act.delete::<OutboxRow>(&key)?;
    }
    move_entries(act, group, &former)?;
    if let Some(roster) = act.get::<RosterRow>(group.as_bytes())? {
        act.put(former.as_bytes(), &roster)?;
        act.delete::<RosterRow>(group.as_bytes())?;
    }
    if let Some(recovered) = act.get::<RecoveredGroupRow>(group.as_bytes())? {
        // The server opens to a member what is after its joining, and the rest by grants.
        act.put(former.as_bytes(), &RecoveredGroupRow { done: true, ..recovered })?;
        act.delete::<RecoveredGroupRow>(group.as_bytes())?;
    }
    // What belongs to taking part in it. The keys of what was read lie with the entries.
    act.delete::<MlsRow>(group.as_bytes())?;
    act.delete::<PendingRow>(group.as_bytes())?;
    act.delete::<SeatsRow>(group.as_bytes())?;
    act.delete::<IssuedRow>(group.as_bytes())?;
    act.delete_under::<EpochRow>(group.as_bytes())?;
    act.delete_under::<AuthorRow>(group.as_bytes())?;
    act.delete_under::<GrantInboxRow>(group.as_bytes())?;
    act.delete_under::<AccessRow>(group.as_bytes())?;
    act.delete_under::<ReceiptRow>(group.as_bytes())?;
    escrow::forget(act, group)?;
    alarms::move_to(act, group, &former)?;
    for (id, mut other) in all_rows(act)? {
        if other.successor == group.as_bytes() {
            other.successor = former.to_vec();
            act.put(id.as_bytes(), &other)?;
        }
    }
    row.former_of = group.to_vec();
    row.closed = true;
    act.put(former.as_bytes(), &row)?;
    act.delete::<GroupRow>(group.as_bytes())?;
    Ok(former)
}

fn former_id(group: &GroupId, welcome: &WelcomeId) -> GroupId {
    let hash = sha256(&[b"alcove former case v1\0", group.as_bytes(), welcome.as_bytes()]);
    let mut id = [0; GroupId::LEN];
    id.copy_from_slice(&hash[..GroupId::LEN]);
    GroupId(id)
}

fn move_entries(act: &Act<'_>, group: &GroupId, former: &GroupId) -> Result<(), Error> {
    let mut first = Position(0);
    loop {
        let mut moved: Vec<(EntryKey, EntryRow)> = Vec::new();
        act.entries(group, (first, Position(u64::MAX)), Direction::Forward, &mut |key, row| {
            moved.push((key, row));
            if moved.len() < MOVED_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let Some((last, _)) = moved.last() else { break };
        first = last.position.next();
        for (key, row) in &moved {
            act.put_entry(&EntryKey { group: *former, ..*key }, row)?;
        }
    }
    Ok(act.delete_entries_from(group, Position(0))?)
}

#[cfg(test)]
#[path = "former_tests.rs"]
mod tests;
