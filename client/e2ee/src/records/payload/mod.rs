//! What people write: the kinds of record, a file each, parsed once, every limit checked.
//!
//! What is written must be what would be read: encoding runs the same checks as parsing. Texts come
//! from peers and are hostile; they are made safe where they are shown or saved.

mod document;
mod grant;
mod introduction;
mod kinds;
mod leave;
mod limits;
mod note;
mod subject;
mod unknown;

pub use document::{DocumentManifest, name_of_bytes};
pub use grant::{Grant, GrantedRecord, HpkeSealed};
pub use introduction::Introduction;
pub use kinds::Kinds;
pub use leave::Leave;
pub use limits::{PayloadError, TextField};
pub use note::Note;
pub use subject::Subject;
pub use unknown::Unknown;

use alcove_proto::{
    canonical::{self, CanonicalError},
    v1::{self, RecordKind},
};
use prost::Message;
use zeroize::Zeroizing;

/// What a record says. Neither printed for debugging nor logged: it is what the whole is built to keep. Wiped when
/// dropped, as far as it is content.
#[derive(Clone)]
pub enum Payload {
    /// A note, new or correcting another.
    Note(Note),
    /// A document: names a finished blob and carries the key that opens it.
    Document(DocumentManifest),
    /// Record keys for one device.
    Grant(Grant),
    /// Name and kind of the conversation.
    Subject(Subject),
    /// The author's certificate chain.
    Introduction(Introduction),
    /// The author's person wants to be a member no more.
    Leave(Leave),
    /// Needs a newer Alcove.
    Unknown(Unknown),
    /// Breaks the rules of its kind. [`crate::records::OpenedRecord`] has it as it was signed. Never written.
    Malformed(PayloadError),
}

impl Payload {
    /// Whether its author lets other agencies' members pass it on.
    pub fn grantable(&self) -> bool {
        match self {
            Self::Note(note) => note.grantable,
            Self::Document(manifest) => manifest.grantable,
            _ => false,
        }
    }

    /// Kind and canonical bytes, after the same checks a reader makes.
    ///
    /// Errors: [`PayloadError`]; [`PayloadError::Kind`] for one this program cannot write.
    pub fn encode(&self) -> Result<(RecordKind, Zeroizing<Vec<u8>>), PayloadError> {
        let (kind, bytes) = match self {
            Self::Note(note) => (RecordKind::Note, note.to_wire().encode_to_vec()),
            Self::Document(manifest) => (RecordKind::Document, manifest.to_wire().encode_to_vec()),
            Self::Grant(grant) => (RecordKind::Grant, grant.to_wire().encode_to_vec()),
            Self::Subject(subject) => (RecordKind::Subject, subject.to_wire().encode_to_vec()),
            Self::Introduction(introduction) => {
                (RecordKind::Introduction, introduction.to_wire().encode_to_vec())
            }
            Self::Leave(leave) => (RecordKind::Leave, leave.to_wire().encode_to_vec()),
            Self::Unknown(unknown) => return Err(PayloadError::Kind { kind: unknown.kind }),
            Self::Malformed(error) => return Err(*error),
        };
        let bytes = Zeroizing::new(bytes);
        Self::parse(Kinds::all(), kind.into(), v1::Basis::Undeclared.into(), &bytes)?;
        Ok((kind, bytes))
    }

    /// Reads what was signed as a record of this kind, under this basis: what breaks the rules of its kind was signed all the
    /// same, and is kept. `kinds`: which of them the reader knows.
    ///
    /// Errors: [`PayloadError::Kind`] for what is no record.
    pub fn read(kinds: Kinds, kind: i32, basis: i32, bytes: &[u8]) -> Result<Self, PayloadError> {
        match Self::parse(kinds, kind, basis, bytes) {
            Err(error @ PayloadError::Kind { .. }) => Err(error),
            Err(error) => Ok(Self::Malformed(error)),
            parsed => parsed,
        }
    }

    /// Parses what was signed as a record of this kind, under this basis. `kinds`: which of them the reader knows.
    ///
    /// Errors: [`PayloadError`].
    pub fn parse(kinds: Kinds, kind: i32, basis: i32, bytes: &[u8]) -> Result<Self, PayloadError> {
        Self::of(kinds, (kind, basis), bytes, Form::Any)
    }

    /// The same of what was parsed before it was kept, so that it is known to be in canonical form.
    pub fn parse_kept(kinds: Kinds, kind: i32, basis: i32, bytes: &[u8]) -> Result<Self, PayloadError> {
        Self::of(kinds, (kind, basis), bytes, Form::Canonical)
    }

    fn of(kinds: Kinds, (kind, basis): (i32, i32), bytes: &[u8], form: Form) -> Result<Self, PayloadError> {
        if kind == i32::from(RecordKind::Unspecified) {
            // It is none, under whichever basis.
            return Err(PayloadError::Kind { kind });
        }
        let Some(known) = kinds.known(kind, basis) else {
            return Ok(Self::Unknown(Unknown { kind, basis }));
        };
        match known {
            RecordKind::Unspecified => Err(PayloadError::Kind { kind }),
            RecordKind::Note => Note::parse(form.decode(bytes)?).map(Self::Note),
            RecordKind::Document => DocumentManifest::parse(form.decode(bytes)?).map(Self::Document),
            RecordKind::Grant => match form.decode::<v1::Grant>(bytes)? {
                // It has a basis of its own, for what is done with the keys.
                grant if kinds.known(kind, grant.basis).is_none() => {
                    Ok(Self::Unknown(Unknown { kind, basis: grant.basis }))
                }
                grant => Grant::parse(grant).map(Self::Grant),
            },
            RecordKind::Subject => Subject::parse(form.decode(bytes)?).map(Self::Subject),
            RecordKind::Introduction => Introduction::parse(form.decode(bytes)?).map(Self::Introduction),
            RecordKind::Leave => Leave::parse(form.decode(bytes)?).map(Self::Leave),
        }
    }
}

/// What is known of the form of a payload's bytes.
#[derive(Clone, Copy)]
enum Form {
    Any,
    Canonical,
}

impl Form {
    fn decode<M: Message + Default>(self, bytes: &[u8]) -> Result<M, CanonicalError> {
        match self {
            Self::Any => canonical::decode(bytes),
            // Ten thousand notes are not encoded again to be compared.
            Self::Canonical => M::decode(bytes).map_err(|_| CanonicalError::Malformed),
        }
    }
}
