//! Between what e2ee opens and seals and what the vault keeps of it.

use super::{Delivery, DocumentView, Error, NoteView, UnreadableCause, UnreadableView};
use crate::vault::{
    EntryKey, VaultError,
    rows::{DocumentRow, EntryClass, EntryRow, NoteRow, SubjectRow},
};
use alcove_e2ee::{
    documents::Shape,
    keys::{Commitment, ContentKey, Salt},
    records::{DocumentManifest, Note, OpenedRecord, Payload, RecordError, Subject},
};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId, Position, RecordId},
    names::Identity,
    v1::SubjectKind,
};

pub(super) fn note_row(note: &Note) -> NoteRow {
    let mut row = NoteRow::default();
    row.text = note.text.clone();
    row.corrects = note.corrects.map(RecordId::to_vec).unwrap_or_default();
    row.grantable = note.grantable;
    row
}

pub(super) fn note_of(row: &NoteRow) -> Result<Note, Error> {
    Ok(Note { text: row.text.clone(), corrects: corrects_of(row)?, grantable: row.grantable })
}

fn corrects_of(row: &NoteRow) -> Result<Option<RecordId>, Error> {
    match row.corrects.as_slice() {
        [] => Ok(None),
        id => Ok(Some(RecordId::try_from(id).map_err(|_| damaged())?)),
    }
}

pub(super) fn document_row(manifest: &DocumentManifest) -> DocumentRow {
    let mut row = DocumentRow::default();
    row.blob_id = manifest.blob.to_vec();
    row.content_key = manifest.content_key.as_bytes().to_vec();
    row.salt = manifest.salt.0.to_vec();
    row.commitment = manifest.commitment.0.to_vec();
    row.size = manifest.shape.size();
    row.sha256 = manifest.sha256.to_vec();
    row.name = manifest.name.clone();
    row.media_type = manifest.media_type.clone();
    row.grantable = manifest.grantable;
    row.blob_position = manifest.blob_position.0;
    row
}

pub(super) fn manifest_of(row: &DocumentRow) -> Result<DocumentManifest, Error> {
    let bytes32 = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| damaged());
    Ok(DocumentManifest {
        blob: BlobId::try_from(row.blob_id.as_slice()).map_err(|_| damaged())?,
        content_key: ContentKey::from_bytes(bytes32(&row.content_key)?),
        salt: Salt(bytes32(&row.salt)?),
        commitment: Commitment(bytes32(&row.commitment)?),
        shape: Shape::of(row.size).map_err(|_| damaged())?,
        sha256: Digest(bytes32(&row.sha256)?),
        name: row.name.clone(),
        media_type: row.media_type.clone(),
        grantable: row.grantable,
        blob_position: Position(row.blob_position),
    })
}

pub(super) fn subject_of(row: &SubjectRow) -> Result<Subject, Error> {
    let kind = SubjectKind::try_from(row.kind).map_err(|_| damaged())?;
    Ok(Subject { kind, title: row.title.clone() })
}

/// The row of a record that opened. Titles and grants are worked with by the caller.
pub(super) fn entry_row(opened: &OpenedRecord, key: &[u8; 32], received_at_ms: i64, head: &[u8]) -> EntryRow {
    let mut row = EntryRow::default();
    row.author = opened.author.to_string();
    row.written_at_ms = opened.time_ms;
    row.received_at_ms = received_at_ms;
    row.hash = opened.hash.to_vec();
    row.certificate_hash = opened.certificate_hash.to_vec();
    row.key = key.to_vec();
    row.head = head.to_vec();
    match &opened.payload {
        Payload::Note(note) => {
            row.class = EntryClass::Note as u32;
            row.note = Some(note_row(note));
        }
        Payload::Document(manifest) => {
            row.class = EntryClass::Document as u32;
            row.document = Some(document_row(manifest));
        }
        Payload::Grant(_) | Payload::Subject(_) | Payload::Introduction(_) | Payload::Leave => {
            row.class = EntryClass::Working as u32
        }
        Payload::Unknown { .. } => {
            row.class = EntryClass::Unreadable as u32;
            row.unreadable = cause_number(UnreadableCause::NeedsNewerAlcove);
        }
    }
    row
}

/// The row of something that did not open.
pub(super) fn unreadable_row(
    author: &str,
    received_at_ms: i64,
    head: &[u8],
    cause: UnreadableCause,
) -> EntryRow {
    let mut row = EntryRow::default();
    row.class = EntryClass::Unreadable as u32;
    row.author = author.to_owned();
    row.received_at_ms = received_at_ms;
    row.head = head.to_vec();
    row.unreadable = cause_number(cause);
    row
}

/// The row of an entry that is no record, kept for the head after it.
pub(super) fn working_row(author: &str, received_at_ms: i64, head: &[u8]) -> EntryRow {
    let mut row = EntryRow::default();
    row.class = EntryClass::Working as u32;
    row.author = author.to_owned();
    row.received_at_ms = received_at_ms;
    row.head = head.to_vec();
    row
}

/// Why a record that was refused cannot be shown.
pub(super) fn cause_of(error: &RecordError) -> UnreadableCause {
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

pub(super) fn cause_number(cause: UnreadableCause) -> u32 {
    CAUSES.iter().find(|(known, _)| *known == cause).map_or(0, |(_, number)| *number)
}

fn cause_of_number(number: u32) -> Result<UnreadableCause, Error> {
    let found = CAUSES.iter().find(|(_, known)| *known == number);
    found.map(|(cause, _)| *cause).ok_or_else(|| damaged().into())
}

/// What an entry is to be shown as.
pub(super) enum Shown {
    Note(NoteView),
    Document(DocumentView),
    Unreadable(UnreadableView),
    Nothing,
}

/// Makes a view of an entry, and takes the text of a note for it.
pub(super) fn view(key: &EntryKey, row: &mut EntryRow) -> Result<Shown, Error> {
    let delivery = Delivery::Stored { position: key.position };
    let author = || -> Result<Identity, Error> { Ok(row.author.parse().map_err(|_| damaged())?) };
    let class = |class: EntryClass| class as u32 == row.class;
    if class(EntryClass::Note) {
        let author = author()?;
        let note = row.note.as_mut().ok_or_else(damaged)?;
        // Ten thousand of them are not copied, to be wiped a moment later.
        let text = std::mem::take(&mut note.text);
        let mut view = note_view(&key.group, key.record, author, row.written_at_ms, delivery, note, text)?;
        view.received_at_ms = row.received_at_ms;
        view.granted = row.granted;
        Ok(Shown::Note(view))
    } else if class(EntryClass::Document) {
        let document = row.document.as_ref().ok_or_else(damaged)?;
        let mut view =
            document_view(&key.group, key.record, author()?, row.written_at_ms, delivery, document)?;
        view.received_at_ms = row.received_at_ms;
        view.granted = row.granted;
        Ok(Shown::Document(view))
    } else if class(EntryClass::Unreadable) {
        Ok(Shown::Unreadable(UnreadableView {
            case: key.group,
            position: key.position,
            author: author()?,
            cause: cause_of_number(row.unreadable)?,
        }))
    } else {
        Ok(Shown::Nothing)
    }
}

pub(super) fn note_view(
    case: &GroupId,
    id: RecordId,
    author: Identity,
    written_at_ms: i64,
    delivery: Delivery,
    note: &NoteRow,
    text: String,
) -> Result<NoteView, Error> {
    Ok(NoteView {
        case: *case,
        id,
        author,
        written_at_ms,
        received_at_ms: 0,
        delivery,
        text,
        corrects: corrects_of(note)?,
        comments_on: None,
        corrected_by: None,
        grantable: note.grantable,
        granted: false,
    })
}

pub(super) fn document_view(
    case: &GroupId,
    id: RecordId,
    author: Identity,
    written_at_ms: i64,
    delivery: Delivery,
    document: &DocumentRow,
) -> Result<DocumentView, Error> {
    Ok(DocumentView {
        case: *case,
        id,
        author,
        written_at_ms,
        received_at_ms: 0,
        delivery,
        name: document.name.clone(),
        media_type: document.media_type.clone(),
        size: document.size,
        sha256: document.sha256.as_slice().try_into().map_err(|_| damaged())?,
        grantable: document.grantable,
        granted: false,
    })
}

fn damaged() -> VaultError {
    VaultError::damaged("a log entry")
}
