//! What the server refuses for good: the reasons, and what can be done about an item that lies there.
//!
//! Every other failure passes (a full disk, a limit on calls, an expired certificate), and the item waits.

use super::let_go;
use crate::{
    session::{
        Delivery, Error, OutboxKind, OutboxView, Session,
        kinds::{
            self,
            kind::{Again, Readers},
        },
        outbox,
        state::{load_open_row, load_row},
        view::RefusalCause,
    },
    transport::ServerError,
    vault::{Act, Durability, VaultError, rows::OutboxRow},
};
use alcove_e2ee::keys::draw;
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::Reason,
};
use std::sync::PoisonError;

/// Numbers stand in the vault: never reused, and 0 is taken.
const NUMBERS: [(RefusalCause, u32); 6] = [
    (RefusalCause::NotUnderstood, 1),
    (RefusalCause::TooLarge, 2),
    (RefusalCause::IdReused, 3),
    (RefusalCause::OutOfReach, 4),
    (RefusalCause::ChangedInLog, 5),
    (RefusalCause::InLogUnread, 60),
];

/// Whether a refused record can never be taken as it is.
///
/// "Not found" is not among the reasons: it also says that this device is no member any more, and that the log
/// decides.
pub(in crate::session) fn of_record(error: &ServerError) -> Option<RefusalCause> {
    match error.reason()? {
        Reason::Malformed | Reason::NotCanonical => Some(RefusalCause::NotUnderstood),
        Reason::TooLarge => Some(RefusalCause::TooLarge),
        Reason::IdReused => Some(RefusalCause::IdReused),
        // The rest passes, is made anew, or is for the log to decide; what waits is not lost.
        _ => None,
    }
}

/// The same for the access entry of a grant: there, "not found" also says that the records are out of reach.
pub(in crate::session) fn of_access(error: &ServerError) -> Option<RefusalCause> {
    match error.reason() {
        Some(Reason::NotFound) => Some(RefusalCause::OutOfReach),
        _ => of_record(error),
    }
}

/// Whether an item is still to be sent.
pub(in crate::session) fn is_waiting(row: &OutboxRow) -> bool {
    row.position == 0 && row.refused == 0 && !row.never_sent
}

/// Marks an item as refused; it stays.
pub(in crate::session) fn mark(act: &Act<'_>, key: &[u8], cause: RefusalCause) -> Result<(), VaultError> {
    let Some(mut row) = act.get::<OutboxRow>(key)? else { return Ok(()) };
    row.refused = NUMBERS.iter().find(|(known, _)| *known == cause).map_or(0, |(_, number)| *number);
    act.put(key, &row)
}

/// Whether the log has an entry under the id of what lies here: it can go out under another one alone.
fn stands_in_the_log(delivery: Delivery) -> bool {
    matches!(delivery, Delivery::Refused { cause: RefusalCause::ChangedInLog | RefusalCause::InLogUnread })
}

/// How many items are refused.
pub(in crate::session) fn count(act: &Act<'_>) -> Result<u64, VaultError> {
    Ok(act.scan::<OutboxRow>(&[])?.iter().filter(|(_, row)| row.position == 0 && row.refused != 0).count()
        as u64)
}

/// Where something in the outbox is.
pub(in crate::session) fn delivery_of(row: &OutboxRow) -> Delivery {
    match (row.position, row.refused) {
        (0, _) if row.never_sent => Delivery::NeverSent,
        (0, 0) => Delivery::Queued,
        (0, number) => Delivery::Refused {
            // A number of a later version is nothing this one understands.
            cause: NUMBERS
                .iter()
                .find(|(_, known)| *known == number)
                .map_or(RefusalCause::NotUnderstood, |(cause, _)| *cause),
        },
        (position, _) => Delivery::Stored { position: Position(position) },
    }
}

fn view(key: &[u8], row: &OutboxRow) -> Result<OutboxView, Error> {
    let damaged = || VaultError::damaged("the outbox");
    Ok(OutboxView {
        case: key.get(..16).and_then(|id| GroupId::try_from(id).ok()).ok_or_else(damaged)?,
        id: RecordId::try_from(row.record_id.as_slice()).map_err(|_| damaged())?,
        kind: kinds::outbox_kind(row)?,
        written_at_ms: row.written_at_ms,
        delivery: delivery_of(row),
    })
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
            if kinds::outbox_kind(&queued)? == OutboxKind::Leave {
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
    /// document that was never sent; those of a case that cannot be written to.
    pub fn try_again(&self, item: &RecordId) -> Result<RecordId, Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let (key, mut row) = find(act, item)?;
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
            let Again::AsNew(item) = kinds::again(&row, Readers::OfTheGroup)? else {
                return Err(Error::SendAnew);
            };
            let anew = outbox::queue(self, act, &case, &mut group, item)?;
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
    use alcove_proto::v1::ErrorDetail;
    use tonic::{Code, Status};

    fn refusal(reason: Reason) -> ServerError {
        let detail = ErrorDetail::because(reason).to_status_details();
        Status::with_details(Code::Aborted, "", detail.into()).into()
    }

    #[test]
    fn only_what_never_gets_better_is_refused_for_good() {
        let for_good = [Reason::Malformed, Reason::NotCanonical, Reason::TooLarge, Reason::IdReused];
        for reason in (0..).map_while(|number| Reason::try_from(number).ok()) {
            let error = refusal(reason);
            assert_eq!(of_record(&error).is_some(), for_good.contains(&reason), "{reason:?}");
            let closed = for_good.contains(&reason) || reason == Reason::NotFound;
            assert_eq!(of_access(&error).is_some(), closed, "{reason:?}");
        }
        assert_eq!(of_record(&ServerError::Unreachable), None);
        assert_eq!(of_record(&ServerError::bad("an answer")), None);
    }

    #[test]
    fn every_cause_has_a_number_of_its_own_and_comes_back() {
        for (cause, number) in NUMBERS {
            let row = |refused, position| {
                let mut row = OutboxRow::default();
                (row.refused, row.position) = (refused, position);
                row
            };
            assert_eq!(delivery_of(&row(number, 0)), Delivery::Refused { cause });
            assert!(!is_waiting(&row(number, 0)));
            // The log has shown it all the same: it is there.
            assert_eq!(delivery_of(&row(number, 7)), Delivery::Stored { position: Position(7) });
        }
        assert_eq!(delivery_of(&OutboxRow::default()), Delivery::Queued);
    }
}
