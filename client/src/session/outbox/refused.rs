//! What the server refuses for good: the reasons, and how an item is marked so.
//!
//! Every other failure passes (a full disk, a limit on calls, an expired certificate), and the item waits.

use crate::{
    session::{Delivery, RefusalCause},
    transport::ServerError,
    vault::{Act, VaultError, rows::OutboxRow},
};
use alcove_proto::{ids::Position, v1::Reason};

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
    row.refused = cause as u32;
    act.put(key, &row)
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
            cause: RefusalCause::try_from(number as i32).unwrap_or(RefusalCause::NotUnderstood),
        },
        (position, _) => Delivery::Stored { position: Position(position) },
    }
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
        let numbers = [
            (RefusalCause::NotUnderstood, 1),
            (RefusalCause::TooLarge, 2),
            (RefusalCause::IdReused, 3),
            (RefusalCause::OutOfReach, 4),
            (RefusalCause::ChangedInLog, 5),
            (RefusalCause::InLogUnread, 60),
        ];
        for (cause, number) in numbers {
            assert_eq!(cause as u32, number);
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
