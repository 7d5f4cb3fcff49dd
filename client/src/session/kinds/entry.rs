//! The rows of a log: what is kept of each entry, and by which number why one cannot be shown.

use super::taking::Came;
use crate::{session::UnreadableCause, vault::rows::EntryRow};
use alcove_e2ee::records::{OpenedRecord, Payload, RecordError};

/// The row of a record that opened, with what was signed.
pub(in crate::session) fn entry_row(
    opened: &OpenedRecord,
    came: Came,
    key: &[u8; 32],
    received_at_ms: i64,
    head: &[u8],
) -> EntryRow {
    let mut row = working_row(&opened.author.to_string(), received_at_ms, head);
    row.written_at_ms = opened.time_ms;
    row.hash = opened.hash.to_vec();
    row.certificate_hash = opened.certificate_hash.to_vec();
    row.key = key.to_vec();
    row.granted = came == Came::ByGrant;
    row.recovered = came == Came::Recovered;
    row.kind = opened.kind;
    row.basis = opened.basis;
    row.payload = opened.content.to_vec();
    if let Payload::Unknown(unknown) = &opened.payload {
        row.unknown_basis = Some(unknown.basis);
    }
    row
}

/// How the record of a row came.
pub(in crate::session) fn came(row: &EntryRow) -> Came {
    if row.granted {
        Came::ByGrant
    } else if row.recovered {
        Came::Recovered
    } else {
        Came::InTheLog
    }
}

/// The row of something that did not open.
pub(in crate::session) fn unreadable_row(
    author: &str,
    received_at_ms: i64,
    head: &[u8],
    cause: UnreadableCause,
) -> EntryRow {
    let mut row = working_row(author, received_at_ms, head);
    row.unreadable = cause_number(cause);
    row
}

/// The row of an entry that is no record, kept for the head after it.
pub(in crate::session) fn working_row(author: &str, received_at_ms: i64, head: &[u8]) -> EntryRow {
    let mut row = EntryRow::default();
    row.author = author.to_owned();
    row.received_at_ms = received_at_ms;
    row.head = head.to_vec();
    row
}

/// Why a record that was refused cannot be shown.
pub(in crate::session) fn cause_of(error: &RecordError) -> UnreadableCause {
    match error {
        RecordError::Format { .. } | RecordError::Suite { .. } => UnreadableCause::NeedsNewerAlcove,
        RecordError::TooLarge { .. }
        | RecordError::Encoding { .. }
        | RecordError::Length(_)
        | RecordError::Padding
        | RecordError::Payload(_)
        | RecordError::BadSequence => UnreadableCause::Malformed,
        RecordError::OtherGroup
        | RecordError::OtherEpoch
        | RecordError::OtherEpochId
        | RecordError::WrongCommitment
        | RecordError::Tampered
        | RecordError::HeaderDiffers
        | RecordError::OtherCharter
        | RecordError::OtherAuthor
        | RecordError::BadSignature => UnreadableCause::DoesNotVerify,
    }
}

/// Numbers stand in the vault: never reused.
const CAUSES: [(UnreadableCause, u32); 6] = [
    (UnreadableCause::NeedsNewerAlcove, 1),
    (UnreadableCause::DoesNotVerify, 2),
    (UnreadableCause::Malformed, 3),
    (UnreadableCause::GrantNotForThisDevice, 4),
    (UnreadableCause::KeyNotRecovered, 5),
    (UnreadableCause::WrittenBeforeReturn, 44),
];

pub(in crate::session) fn cause_number(cause: UnreadableCause) -> u32 {
    CAUSES.iter().find(|(known, _)| *known == cause).map_or(0, |(_, number)| *number)
}

/// The cause of this number, if it is one.
pub(super) fn cause_of_number(number: u32) -> Option<UnreadableCause> {
    CAUSES.iter().find(|(_, known)| *known == number).map(|(cause, _)| *cause)
}
