//! What lies in the outbox, and what a person can do about an item: look, drop it, try again.

use super::{let_go, queue::queue, refused::delivery_of};
use crate::{
    session::{
        Delivery, Error, OutboxView, RefusalCause, Session,
        kinds::{
            self,
            kind::{Again, Readers},
        },
        state::{load_open_row, load_row},
    },
    vault::{Act, Durability, VaultError, rows::OutboxRow},
};
use alcove_e2ee::keys::draw;
use alcove_proto::{
    ids::{GroupId, RecordId},
    v1::RecordKind,
};
use std::sync::PoisonError;

fn view(key: &[u8], row: &OutboxRow) -> Result<OutboxView, Error> {
    let damaged = || VaultError::damaged("the outbox");
    Ok(OutboxView {
        case: key.get(..16).and_then(|id| GroupId::try_from(id).ok()).ok_or_else(damaged)?,
        id: RecordId::try_from(row.record_id.as_slice()).map_err(|_| damaged())?,
        kind: kinds::kind_of(row),
        written_at_ms: row.written_at_ms,
        delivery: delivery_of(row),
    })
}

/// Whether the log has an entry under the id of what lies here: it can go out under another one alone.
fn stands_in_the_log(delivery: Delivery) -> bool {
    matches!(delivery, Delivery::Refused { cause: RefusalCause::ChangedInLog | RefusalCause::InLogUnread })
}

impl Session {
    /// What lies in the outbox and is not at the server, in the order it was written, case by case. Local.
    pub fn outbox(&self) -> Result<Vec<OutboxView>, Error> {
        self.vault.read(|act| {
            let rows = act.scan::<OutboxRow>(&[])?;
            rows.iter().filter(|(_, row)| row.position == 0).map(|(key, row)| view(key, row)).collect()
        })
    }

    /// Takes an item out of the outbox. What may have reached the server already stays there. Local.
    ///
    /// Errors: [`Error::NoSuchRecord`] for what is not in the outbox, or is at the server.
    pub fn drop_from_outbox(&self, item: &RecordId) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let (key, queued) = find(act, item)?;
            let case = view(&key, &queued)?.case;
            let mut row = load_row(act, &case)?;
            let_go::item(act, &case, row.epoch, &queued, self.clock.now_ms())?;
            if kinds::kind_of(&queued) == Some(RecordKind::Leave) {
                // Whoever takes the wish back before it was sent writes on.
                row.leaving_since_ms = 0;
                act.put(case.as_bytes(), &row)?;
            }
            Ok(act.delete::<OutboxRow>(&key)?)
        })
    }

    /// Lets a refused item be sent once more, sealed anew; the next sync does it. Returns its id: a new one where the log
    /// has something else under the one it had. Local.
    ///
    /// A note that was never sent since its case had ended goes out as a new one, to whoever reads the case now: the caller
    /// has asked. Returns the id it goes by.
    /// Errors: [`Error::NoSuchRecord`] for what is not in the outbox, or is at the server; [`Error::SendAnew`] for a
    /// document that was never sent; [`Error::OfNewerAlcove`]; those of a case that cannot be written to.
    pub fn try_again(&self, item: &RecordId) -> Result<RecordId, Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let (key, mut row) = find(act, item)?;
            let again = kinds::again(&row, Readers::OfTheGroup);
            if let Again::ByNewerProgram = again {
                return Err(Error::OfNewerAlcove);
            }
            let mut id = *item;
            let case = view(&key, &row)?.case;
            let epoch = load_row(act, &case)?.epoch;
            if stands_in_the_log(delivery_of(&row)) {
                let_go::item(act, &case, epoch, &row, self.clock.now_ms())?;
                id = RecordId(draw(&*self.random).map_err(|_| Error::Randomness)?);
                row.record_id = id.to_vec();
                row.sealings.clear();
            }
            row.refused = 0;
            row.sealed.clear();
            if !row.never_sent {
                act.put(&key, &row)?;
                return Ok(id);
            }
            let_go::item(act, &case, epoch, &row, self.clock.now_ms())?;
            let mut group = load_open_row(act, &case)?;
            let Again::AsNew(item) = again else { return Err(Error::SendAnew) };
            let anew = queue(&self.acting(act)?, &case, &mut group, item)?;
            act.put(case.as_bytes(), &group)?;
            act.delete::<OutboxRow>(&key)?;
            Ok(anew)
        })
    }

    /// What is safe in the outbox while the command that wrote it is still under way: who interrupts it is told,
    /// so as not to write it again.
    pub fn in_hand(&self) -> Vec<(GroupId, RecordId)> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::session) fn take_in_hand(&self, group: &GroupId, record: &RecordId) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).push((*group, *record));
    }

    pub(in crate::session) fn let_go(&self, record: &RecordId) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, held)| held != record);
    }
}

/// The row of an item that is not at the server.
fn find(act: &Act<'_>, item: &RecordId) -> Result<(Vec<u8>, OutboxRow), Error> {
    let rows = act.scan::<OutboxRow>(&[])?;
    let found = rows.into_iter().find(|(_, row)| row.record_id == item.as_bytes() && row.position == 0);
    found.ok_or(Error::NoSuchRecord)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{kinds::note, samples::Enrolled, state::epoch_place},
        vault::rows::GroupRow,
    };

    const CASE: GroupId = GroupId([7; 16]);

    fn queued(id: u8, bend: impl FnOnce(&mut OutboxRow)) -> OutboxRow {
        let mut row = note::prepare("a note", None, false).unwrap().into_row(RecordId([id; 16]), 0);
        bend(&mut row);
        row
    }

    #[test]
    fn what_a_newer_program_wrote_waits_for_it_and_keeps_nothing_else_from_being_shown() {
        let enrolled = Enrolled::new();
        let session = enrolled.session();
        let rows = [
            queued(1, |row| row.kind = 4711),
            queued(2, |row| row.basis = 9),
            queued(3, |row| row.payload = b"\xff no message".to_vec()),
            queued(4, |_| {}),
        ];
        let put = |act: &Act<'_>| {
            act.put(CASE.as_bytes(), &GroupRow::default())?;
            for (number, row) in (0..).zip(&rows) {
                act.put(&epoch_place(&CASE, number), row)?;
            }
            Ok::<_, Error>(())
        };
        session.vault.act(Durability::OnDisk, put).unwrap();

        let listed: Vec<_> = session.outbox().unwrap().iter().map(|item| item.kind).collect();
        assert_eq!(listed, [None, None, Some(RecordKind::Note), Some(RecordKind::Note)]);
        assert_eq!(session.notes(&CASE, None).unwrap().len(), 1, "the one that can be read");
        let sent: Vec<_> = rows.iter().map(kinds::is_to_be_sent).collect();
        assert_eq!(sent, [false, false, false, true]);
        for id in [1, 2] {
            assert!(matches!(session.try_again(&RecordId([id; 16])), Err(Error::OfNewerAlcove)));
        }
        let kept = session.vault.read::<_, Error>(|act| Ok(act.scan::<OutboxRow>(CASE.as_bytes())?)).unwrap();
        assert!(kept.iter().map(|(_, row)| row).eq(&rows), "each is as it was");
    }
}
