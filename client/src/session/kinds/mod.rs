//! The kinds of record: a room for each, with the same things to say of it.
//!
//! `prepare` makes what is to be written, within its limits; `take` does what a record changes when it comes; `disclose`
//! says whether it may be handed over, and from where on; `view` shows it; `again` says what becomes of one that was not
//! sent before its readers became others. A new kind is a file here, a line in [`of`], and its form in e2ee. PROTOCOL.md
//! section 11, step 7.

pub(super) mod document;
pub(super) mod entry;
pub(super) mod grant;
pub(super) mod introduction;
pub(super) mod item;
pub(super) mod kind;
pub(super) mod leave;
pub(super) mod note;
pub(super) mod subject;
pub(super) mod taking;
mod unknown;

use super::{Delivery, Error, Shown, UnreadableCause, own::Own};
use crate::vault::{
    Act, EntryKey, VaultError,
    rows::{EntryRow, OutboxRow},
};
use alcove_e2ee::records::{Kinds, OpenedRecord, Payload, Unknown};
use alcove_proto::{
    ids::{BlobId, GroupId, Position, RecordId},
    names::Identity,
    v1::RecordKind,
};
use kind::{Again, Disclosure, Kind, Place, Readers, Taken};
use taking::Taking;

/// The room of what a record says.
fn of(payload: &mut Payload) -> &mut dyn Kind {
    match payload {
        Payload::Note(note) => note,
        Payload::Document(manifest) => manifest,
        Payload::Grant(grant) => grant,
        Payload::Subject(subject) => subject,
        Payload::Introduction(introduction) => introduction,
        Payload::Leave(leave) => leave,
        Payload::Unknown(unknown) => unknown,
        Payload::Malformed(error) => error,
    }
}

/// The kind of an item of the outbox; nothing for what a newer program put there.
pub(super) fn kind_of(row: &OutboxRow) -> Option<RecordKind> {
    Kinds::all().known(row.kind, row.basis)
}

/// Does what a record changes beside its own row, and says in that row what cannot be used here.
pub(super) fn take(payload: &mut Payload, row: &mut EntryRow, taking: &mut Taking<'_>) -> Result<(), Error> {
    if let Taken::Unreadable(cause) = of(payload).take(taking)? {
        row.unreadable = entry::cause_number(cause);
    }
    Ok(())
}

/// What an entry says that was opened, read from what was signed.
pub(super) fn content(kinds: Kinds, row: &EntryRow) -> Payload {
    if let Some(basis) = row.unknown_basis {
        // Until `reopening` has opened it, what it does is still to be done.
        return Payload::Unknown(Unknown { kind: row.kind, basis });
    }
    let payload = Payload::parse_kept(kinds, row.kind, row.basis, &row.payload);
    payload.unwrap_or_else(Payload::Malformed)
}

/// Whether an entry is a record that may be handed over, and from where on.
pub(super) fn disclose(kinds: Kinds, position: Position, row: &EntryRow) -> Option<Disclosure> {
    if row.says_something() { of(&mut content(kinds, row)).disclose(position) } else { None }
}

/// What an entry is shown as; nothing for what is worked with.
pub(super) fn view(kinds: Kinds, key: &EntryKey, row: &EntryRow) -> Result<Option<Shown>, VaultError> {
    if row.unreadable == 0 && row.kind == i32::from(RecordKind::Unspecified) {
        return Ok(None);
    }
    let place = Place {
        case: key.group,
        id: key.record,
        author: row.author.parse().map_err(|_| VaultError::damaged("a log entry"))?,
        written_at_ms: row.written_at_ms,
        received_at_ms: row.received_at_ms,
        delivery: Delivery::Stored { position: key.position },
        granted: row.granted,
    };
    if row.unreadable != 0 {
        // A cause that a later program wrote takes nothing else of the list with it.
        let cause = entry::cause_of_number(row.unreadable).unwrap_or(UnreadableCause::NeedsNewerAlcove);
        return Ok(place.unreadable(cause));
    }
    Ok(of(&mut content(kinds, row)).view(place))
}

/// What is shown of something that waits in the outbox; nothing for what is worked with. `delivery`: where it is.
pub(super) fn view_queued(
    case: &GroupId,
    own: &Identity,
    row: &OutboxRow,
    delivery: Delivery,
) -> Result<Option<Shown>, VaultError> {
    let Some(mut payload) = waiting(row) else { return Ok(None) };
    Ok(of(&mut payload).view(Place {
        case: *case,
        id: RecordId::try_from(row.record_id.as_slice()).map_err(|_| VaultError::damaged("the outbox"))?,
        author: own.clone(),
        written_at_ms: row.written_at_ms,
        received_at_ms: row.received_at_ms,
        delivery,
        granted: false,
    }))
}

/// What becomes of something that was not sent, now that others would read it.
pub(super) fn again(row: &OutboxRow, readers: Readers) -> Again {
    waiting(row).map_or(Again::Never, |mut payload| of(&mut payload).again(readers))
}

/// Whether this program can send an item: a newer one's waits for that, and one that breaks the rules of its kind stays to
/// be read.
pub(super) fn is_to_be_sent(row: &OutboxRow) -> bool {
    !matches!(waiting(row), Some(Payload::Unknown(_) | Payload::Malformed(_)))
}

/// What an item of the outbox says, in the act that seals it; nothing if it was for somebody who has left.
pub(super) fn written(
    act: &Act<'_>,
    group: &GroupId,
    own: &Own,
    row: &OutboxRow,
) -> Result<Option<Payload>, Error> {
    match (&row.grant, waiting(row)) {
        (Some(plan), _) => grant::now(act, group, plan),
        (None, Some(payload)) => Ok(Some(payload)),
        (None, None) => Ok(Some(introduction::now(own))),
    }
}

/// Whether a record under our own signature says what this item says.
pub(super) fn says_the_same(row: &OutboxRow, opened: &OpenedRecord) -> bool {
    (row.kind, row.basis) == (opened.kind, opened.basis)
        && match (&row.grant, &opened.payload) {
            // Its keys are sealed anew each time; what it opens is the same.
            (Some(plan), Payload::Grant(grant)) => grant::is_by(plan, grant),
            (Some(_), _) => false,
            // What is made when it is sealed says what there was then.
            (None, _) => row.payload == *opened.content || kind_of(row) == Some(RecordKind::Introduction),
        }
}

/// The blob that an item of the outbox makes readable, if it names one.
pub(super) fn blob_of(row: &OutboxRow) -> Option<BlobId> {
    match waiting(row) {
        Some(Payload::Document(manifest)) => Some(manifest.blob),
        _ => None,
    }
}

/// What an item says whose words are known; nothing for what is only made when it is sealed.
fn waiting(row: &OutboxRow) -> Option<Payload> {
    let Some(kind) = kind_of(row) else {
        return Some(Payload::Unknown(Unknown { kind: row.kind, basis: row.basis }));
    };
    if row.grant.is_some() || kind == RecordKind::Introduction {
        return None;
    }
    let payload = Payload::parse(Kinds::all(), row.kind, row.basis, &row.payload);
    Some(payload.unwrap_or_else(Payload::Malformed))
}
