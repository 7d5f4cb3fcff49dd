//! What people write: the kinds of record, a file each, parsed once, every limit checked.
//!
//! What is written must be what would be read: encoding runs the same checks as parsing. Texts come
//! from peers and are hostile; they are made safe where they are shown or saved.

mod document;
mod error;
mod grant;
mod introduction;
mod note;
mod subject;
mod text;

pub use document::DocumentManifest;
pub use error::PayloadError;
pub use grant::{Grant, GrantedRecord, HpkeSealed};
pub use introduction::Introduction;
pub use note::Note;
pub use subject::Subject;
pub use text::TextField;

use alcove_proto::{
    canonical,
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
    Leave,
    /// Needs a newer Alcove: kept as it came, counted and shown as such. Never written.
    Unknown {
        /// The number of its kind.
        kind: i32,
        /// Its content.
        bytes: Zeroizing<Vec<u8>>,
    },
}

impl Payload {
    /// Whether its author lets other agencies' members pass it on.
    pub fn grantable(&self) -> bool {
        match self {
            Self::Note(note) => note.grantable,
            Self::Document(manifest) => manifest.grantable,
            Self::Grant(_)
            | Self::Subject(_)
            | Self::Introduction(_)
            | Self::Leave
            | Self::Unknown { .. } => false,
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
            Self::Leave => (RecordKind::Leave, v1::Leave {}.encode_to_vec()),
            Self::Unknown { kind, .. } => return Err(PayloadError::Kind { kind: *kind }),
        };
        let bytes = Zeroizing::new(bytes);
        Self::parse(kind.into(), &bytes)?;
        Ok((kind, bytes))
    }

    /// Parses the payload of a record of `kind`; a kind this program does not know is kept.
    ///
    /// Errors: [`PayloadError`].
    pub fn parse(kind: i32, bytes: &[u8]) -> Result<Self, PayloadError> {
        let unknown = || Self::Unknown { kind, bytes: Zeroizing::new(bytes.to_vec()) };
        let Ok(known) = RecordKind::try_from(kind) else { return Ok(unknown()) };
        match known {
            RecordKind::Unspecified => Err(PayloadError::Kind { kind }),
            RecordKind::Note => Note::parse(canonical::decode(bytes)?).map(Self::Note),
            RecordKind::Document => DocumentManifest::parse(canonical::decode(bytes)?).map(Self::Document),
            RecordKind::Grant => match canonical::decode::<v1::Grant>(bytes)? {
                // A basis of a later version may forbid what this one would do with the keys.
                grant if grant.basis != i32::from(v1::Basis::Undeclared) => Ok(unknown()),
                grant => Grant::parse(grant).map(Self::Grant),
            },
            RecordKind::Subject => Subject::parse(canonical::decode(bytes)?).map(Self::Subject),
            RecordKind::Introduction => {
                Introduction::parse(canonical::decode(bytes)?).map(Self::Introduction)
            }
            RecordKind::Leave => {
                canonical::decode::<v1::Leave>(bytes).map(|_| Self::Leave).map_err(Into::into)
            }
        }
    }
}
