//! What records are shown as: notes, documents, and what cannot be opened.

use super::{outbox::Delivery, spelled};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    names::Identity,
};
use serde::Serialize;
use std::fmt;

/// What a record is shown as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A note.
    Note(NoteView),
    /// A document.
    Document(DocumentView),
    /// Something that cannot be opened.
    Unreadable(UnreadableView),
}

impl Shown {
    /// Its case.
    pub fn case(&self) -> GroupId {
        match self {
            Self::Note(note) => note.case,
            Self::Document(document) => document.case,
            Self::Unreadable(item) => item.case,
        }
    }

    /// When it was written or came, whichever is later, milliseconds since 1970: what was written offline long ago and came
    /// today is new today.
    pub fn at_ms(&self) -> i64 {
        match self {
            Self::Note(note) => note.written_at_ms.max(note.received_at_ms),
            Self::Document(document) => document.written_at_ms.max(document.received_at_ms),
            Self::Unreadable(item) => item.received_at_ms,
        }
    }
}

/// A note. Printed without what it says.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NoteView {
    /// Its case.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Its id.
    #[serde(serialize_with = "spelled::text")]
    pub id: RecordId,
    /// Who wrote it, on which device.
    #[serde(skip)]
    pub author: Identity,
    /// What the author's clock said, milliseconds since 1970.
    #[serde(rename = "written_at", serialize_with = "spelled::time")]
    pub written_at_ms: i64,
    /// When the server took it, milliseconds since 1970; 0 while it is queued.
    #[serde(rename = "received_at", serialize_with = "spelled::time_if_any")]
    pub received_at_ms: i64,
    /// Where it is.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// What it says.
    pub text: String,
    /// The note this one corrects: one of the same person.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub corrects: Option<RecordId>,
    /// The note this one says it corrects, where that is somebody else's, or is not here: it is a comment on it.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub comments_on: Option<RecordId>,
    /// The newest note of the same person that corrects this one.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub corrected_by: Option<RecordId>,
    /// Members of other agencies may pass it on.
    pub grantable: bool,
    /// It was granted to this device rather than received as a member.
    pub granted: bool,
}

impl fmt::Debug for NoteView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NoteView").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A document, as its manifest describes it. Printed without its name.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DocumentView {
    /// Its case.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Id of its manifest record: what `doc get` takes.
    #[serde(serialize_with = "spelled::text")]
    pub id: RecordId,
    /// Who sent it, on which device.
    #[serde(skip)]
    pub author: Identity,
    /// What the author's clock said, milliseconds since 1970.
    #[serde(rename = "written_at", serialize_with = "spelled::time")]
    pub written_at_ms: i64,
    /// When the server took the manifest; 0 while it is queued.
    #[serde(rename = "received_at", serialize_with = "spelled::time_if_any")]
    pub received_at_ms: i64,
    /// Where it is.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// File name, untouched: never use it as a path. Of one that is no UTF-8, what is shown for it.
    pub name: String,
    /// Of such a name, its own bytes: never use them as a path either.
    #[serde(serialize_with = "spelled::bytes", skip_serializing_if = "Vec::is_empty")]
    pub name_bytes: Vec<u8>,
    /// Media type as the sender guessed it.
    pub media_type: String,
    /// Bytes of the original.
    pub size: u64,
    /// SHA-256 of the original.
    #[serde(serialize_with = "spelled::digest")]
    pub sha256: [u8; 32],
    /// Members of other agencies may pass it on.
    pub grantable: bool,
    /// It was granted to this device rather than received as a member.
    pub granted: bool,
}

impl fmt::Debug for DocumentView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DocumentView").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Something in the log that this device could not open, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableView {
    /// Its case.
    #[serde(serialize_with = "spelled::text")]
    pub case: GroupId,
    /// Where it stands.
    #[serde(serialize_with = "spelled::number")]
    pub position: Position,
    /// The device that appended it.
    #[serde(skip)]
    pub author: Identity,
    /// When the server took it, milliseconds since 1970.
    #[serde(skip)]
    pub received_at_ms: i64,
    /// Why.
    pub cause: UnreadableCause,
}

/// Why an item cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableCause {
    /// A kind of record, or a basis, that this version does not know.
    NeedsNewerAlcove,
    /// It does not verify: altered, or signed by another key than its author's.
    DoesNotVerify,
    /// It breaks the rules of its kind (a limit, a form).
    Malformed,
    /// A grant for another device, or one that could not be opened: ask the granter again.
    GrantNotForThisDevice,
    /// No key of it was recovered, or a false one.
    KeyNotRecovered,
    /// It was written while this device, whose vault was put back from a copy, was not in the case.
    WrittenBeforeReturn,
}
