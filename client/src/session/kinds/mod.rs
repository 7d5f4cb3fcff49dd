//! The kinds of record: a room for each, with the same things to say of it.
//!
//! `prepare` makes what is to be written, within its limits; `take` does what a record changes when it comes; `disclose`
//! says whether it may be handed over, and from where on; `view` shows it; `again` says what becomes of one that was not
//! sent before its readers became others. A new kind is a file here, a line in [`of`] and one in [`outbox_kind`], and its
//! form in e2ee. PROTOCOL.md section 11, step 7.

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

use super::{Delivery, Error, OutboxKind, UnreadableCause, own::Own};
use crate::vault::{
    Act, EntryKey, VaultError,
    rows::{EntryRow, OutboxRow},
};
use alcove_e2ee::records::{Kinds, OpenedRecord, Payload, PayloadError, Unknown};
use alcove_proto::{
    ids::{BlobId, GroupId, Position, RecordId},
    names::Identity,
    v1::{Basis, RecordKind},
};
use kind::{Again, Disclosure, Kind, Place, Readers, Shown, Taken};
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
    }
}

/// What an item of the outbox is called.
pub(super) fn outbox_kind(row: &OutboxRow) -> Result<OutboxKind, VaultError> {
    match RecordKind::try_from(row.kind) {
        // A newer program put it there.
        Err(_) => Ok(OutboxKind::Unknown),
        Ok(RecordKind::Unspecified) => Err(VaultError::damaged("the outbox")),
        Ok(RecordKind::Note) => Ok(OutboxKind::Note),
        Ok(RecordKind::Document) => Ok(OutboxKind::Document),
        Ok(RecordKind::Grant) => Ok(OutboxKind::Grant),
        Ok(RecordKind::Subject) => Ok(OutboxKind::Title),
        Ok(RecordKind::Introduction) => Ok(OutboxKind::Introduction),
        Ok(RecordKind::Leave) => Ok(OutboxKind::Leave),
    }
}

/// Does what a record changes beside its own row.
pub(super) fn take(payload: &mut Payload, taking: &mut Taking<'_>) -> Result<Taken, Error> {
    of(payload).take(taking)
}

/// What an entry says that was opened, read from what was signed.
///
/// Errors: [`PayloadError`] for what breaks the rules of its kind.
pub(super) fn content(kinds: Kinds, row: &EntryRow) -> Result<Payload, PayloadError> {
    if row.is_unknown {
        // Until `reopening` has opened it, what it does is still to be done.
        return Ok(Payload::Unknown(Unknown { kind: row.kind, basis: row.basis }));
    }
    Payload::parse_kept(kinds, row.kind, row.basis, &row.payload)
}

/// Whether an entry is a record that may be handed over, and from where on.
pub(super) fn disclose(kinds: Kinds, position: Position, row: &EntryRow) -> Option<Disclosure> {
    if !row.says_something() {
        return None;
    }
    of(&mut content(kinds, row).ok()?).disclose(position)
}

/// What an entry is shown as.
pub(super) fn view(kinds: Kinds, key: &EntryKey, row: &EntryRow) -> Result<Shown, VaultError> {
    if row.unreadable == 0 && row.kind == i32::from(RecordKind::Unspecified) {
        return Ok(Shown::Nothing);
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
    Ok(match content(kinds, row) {
        Ok(mut payload) => of(&mut payload).view(place),
        Err(_) => place.unreadable(UnreadableCause::Malformed),
    })
}

/// What is shown of something that waits in the outbox. `delivery`: where it is.
pub(super) fn view_queued(
    case: &GroupId,
    own: &Identity,
    row: &OutboxRow,
    delivery: Delivery,
) -> Result<Shown, VaultError> {
    let Some(mut payload) = waiting(row)? else { return Ok(Shown::Nothing) };
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
pub(super) fn again(row: &OutboxRow, readers: Readers) -> Result<Again, VaultError> {
    Ok(waiting(row)?.map_or(Again::Never, |mut payload| of(&mut payload).again(readers)))
}

/// What an item of the outbox says, in the act that seals it; nothing if it was for somebody who has left.
pub(super) fn written(
    act: &Act<'_>,
    group: &GroupId,
    own: &Own,
    row: &OutboxRow,
) -> Result<Option<Payload>, Error> {
    match (&row.grant, waiting(row)?) {
        (Some(plan), _) => grant::now(act, group, plan),
        (None, Some(payload)) => Ok(Some(payload)),
        (None, None) => Ok(Some(introduction::now(own))),
    }
}

/// Whether a record under our own signature says what this item says.
pub(super) fn says_the_same(row: &OutboxRow, opened: &OpenedRecord) -> bool {
    row.kind == opened.kind
        && match (&row.grant, &opened.payload) {
            // Its keys are sealed anew each time; what it opens is the same.
            (Some(plan), Payload::Grant(grant)) => grant::is_by(plan, grant),
            (Some(_), _) => false,
            // What is made when it is sealed says what there was then.
            (None, _) => row.payload == *opened.content || is_made_when_sealed(row),
        }
}

/// The blob that an item of the outbox makes readable, if it names one.
pub(super) fn blob_of(row: &OutboxRow) -> Result<Option<BlobId>, VaultError> {
    if row.kind != i32::from(RecordKind::Document) {
        return Ok(None);
    }
    Ok(match waiting(row)? {
        Some(Payload::Document(manifest)) => Some(manifest.blob),
        _ => None,
    })
}

/// What an item says whose words are known; nothing for what is only made when it is sealed.
fn waiting(row: &OutboxRow) -> Result<Option<Payload>, VaultError> {
    if row.grant.is_some() || is_made_when_sealed(row) {
        return Ok(None);
    }
    let basis = Basis::Undeclared.into();
    let payload = Payload::parse(Kinds::all(), row.kind, basis, &row.payload);
    payload.map(Some).map_err(|_| VaultError::damaged("the outbox"))
}

fn is_made_when_sealed(row: &OutboxRow) -> bool {
    row.kind == i32::from(RecordKind::Introduction)
}
