//! What happens to an item of the outbox inside an act: it is put there, found in the log, taken back, set aside.

use super::refused::{self, is_waiting};
use crate::{
    session::{
        Error, RefusalCause,
        acting::Acting,
        kinds::{self, item::Item, subject},
        state::epoch_place,
    },
    vault::{
        Act, VaultError,
        rows::{GroupRow, OutboxRow, SealingRow},
    },
};
use alcove_charter::sha256;
use alcove_e2ee::{keys::draw, records::OpenedRecord};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::LogEntry,
};
use std::collections::BTreeMap;

/// Puts something into the outbox and returns its record id.
pub(in crate::session) fn queue(
    acting: &Acting<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    item: Item,
) -> Result<RecordId, Error> {
    let record = RecordId(draw(acting.random).map_err(|_| Error::Randomness)?);
    let queued = item.into_row(record, acting.now_ms);
    acting.act.put(&epoch_place(group, row.outbox_next), &queued)?;
    row.outbox_next += 1;
    Ok(record)
}

/// Queues the title, for those who have just joined.
pub(in crate::session) fn queue_subject(
    acting: &Acting<'_>,
    group: &GroupId,
    row: &mut GroupRow,
) -> Result<(), Error> {
    if row.title.is_empty() {
        return Ok(());
    }
    let subject = subject::known(row)?;
    queue(acting, group, row, subject).map(drop)
}

/// What lies in the outbox of a group: the key of each row by its record id.
pub(in crate::session) fn lying_there(
    act: &Act<'_>,
    group: &GroupId,
) -> Result<BTreeMap<RecordId, Vec<u8>>, Error> {
    let rows = act.scan::<OutboxRow>(group.as_bytes())?;
    rows.into_iter().map(|(key, row)| Ok((record_of(&row)?, key))).collect()
}

/// Whether an entry that opened as this device's own is the item that lies under `key`: by the hash of a sealing it had in
/// that epoch, or, where the vault was put back since, by saying the same. Then it leaves the outbox.
///
/// Everything else under its id is somebody else's doing, and the only copy of what was written stays.
pub(in crate::session) fn settle(
    act: &Act<'_>,
    key: &[u8],
    entry: &LogEntry,
    opened: &OpenedRecord,
) -> Result<bool, Error> {
    let row: OutboxRow = act.expect(key)?;
    let is_it = is_sealing(&row, entry) || kinds::says_the_same(&row, opened);
    if is_it {
        act.delete::<OutboxRow>(key)?;
    }
    Ok(is_it)
}

/// The same for an entry that this device cannot open: by its bytes alone.
pub(in crate::session) fn settle_unread(act: &Act<'_>, key: &[u8], entry: &LogEntry) -> Result<bool, Error> {
    let row: OutboxRow = act.expect(key)?;
    let is_it = is_sealing(&row, entry);
    if is_it {
        act.delete::<OutboxRow>(key)?;
    }
    Ok(is_it)
}

/// The log shows something under the id of this item that is not it, or cannot be told to be it: it is not sent any more
/// as it is, and stays to be read.
pub(in crate::session) fn set_aside(act: &Act<'_>, key: &[u8], cause: RefusalCause) -> Result<(), Error> {
    let mut row: OutboxRow = act.expect(key)?;
    (row.position, row.received_at_ms, row.never_sent) = (0, 0, false);
    act.put(key, &row)?;
    Ok(refused::mark(act, key, cause)?)
}

/// Whether these very bytes were sealed for this item, for the epoch that the log names.
fn is_sealing(row: &OutboxRow, entry: &LogEntry) -> bool {
    let hash = sha256(&[&entry.body]);
    let same = |sealing: &SealingRow| sealing.epoch == entry.epoch && sealing.hash == hash;
    // What an earlier version sealed stands in no list.
    let newest = row.sealed_epoch == entry.epoch && !row.sealed.is_empty() && row.sealed == entry.body;
    newest || row.sealings.iter().any(same)
}

/// Takes back what was promised a place up to `passed` and does not stand there: it waits again.
///
/// Returns the places.
pub(in crate::session) fn take_back(
    act: &Act<'_>,
    group: &GroupId,
    passed: Position,
) -> Result<Vec<u64>, VaultError> {
    let mut places = Vec::new();
    for (key, mut row) in act.scan::<OutboxRow>(group.as_bytes())? {
        if row.position == 0 || row.position > passed.0 {
            continue;
        }
        places.push(row.position);
        row.position = 0;
        row.received_at_ms = 0;
        act.put(&key, &row)?;
    }
    Ok(places)
}

/// The group has ended for us: what was not sent stays to be read, and never goes to other readers should
/// we come back.
pub(in crate::session) fn strand(act: &Act<'_>, group: &GroupId) -> Result<(), VaultError> {
    for (key, mut row) in act.scan::<OutboxRow>(group.as_bytes())? {
        row.never_sent = true;
        act.put(&key, &row)?;
    }
    Ok(())
}

/// What waits to be sent in one group, or everywhere.
pub(in crate::session) fn queued(act: &Act<'_>, prefix: &[u8]) -> Result<u64, VaultError> {
    let rows = act.scan::<OutboxRow>(prefix)?;
    Ok(rows.iter().filter(|(_, row)| is_waiting(row)).count() as u64)
}

/// The id of an item.
pub(super) fn record_of(queued: &OutboxRow) -> Result<RecordId, Error> {
    RecordId::try_from(queued.record_id.as_slice()).map_err(|_| VaultError::damaged("the outbox").into())
}
