//! What people write: the kinds of record, parsed once, every limit checked.
//!
//! What is written must be what would be read: encoding runs the same checks as parsing. Texts come
//! from peers and are hostile; [`crate::file_names`] makes them safe to show and to save.

use crate::{
    documents::Shape,
    grants::Grant,
    keys::{Commitment, ContentKey, Salt},
};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::{BlobId, Digest, IdLengthError, Position, RecordId},
    limits::{
        CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX, FILE_NAME_BYTES_MAX, MEDIA_TYPE_BYTES_MAX,
        NOTE_TEXT_BYTES_MAX, TITLE_BYTES_MAX,
    },
    names::NameError,
    v1::{self, RecordKind},
};
use prost::Message;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

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

/// A note.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Note {
    /// Between 1 and [`NOTE_TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// The record this one corrects.
    #[zeroize(skip)]
    pub corrects: Option<RecordId>,
    /// Whether members of other agencies may pass it on by a grant.
    pub grantable: bool,
}

/// What a reader needs to fetch, open and check a document.
#[derive(Clone)]
pub struct DocumentManifest {
    /// The blob.
    pub blob: BlobId,
    /// Opens it.
    pub content_key: ContentKey,
    /// Drawn for this attempt.
    pub salt: Salt,
    /// Ties the chunks to one key.
    pub commitment: Commitment,
    /// Size of the original and what follows from it: padded size and chunks.
    pub shape: Shape,
    /// SHA-256 of the original.
    pub sha256: Digest,
    /// The original's name, untouched and at most [`FILE_NAME_BYTES_MAX`] bytes. Hostile: never used
    /// as a path or shown before [`crate::file_names`] has seen it.
    pub name: String,
    /// At most [`MEDIA_TYPE_BYTES_MAX`] bytes; empty when not known. A claim, no more.
    pub media_type: String,
    /// Whether members of other agencies may pass it on by a grant.
    pub grantable: bool,
    /// The newest log position when the blob was closed; for information.
    pub blob_position: Position,
}

impl Drop for DocumentManifest {
    /// The keys wipe themselves.
    fn drop(&mut self) {
        self.name.zeroize();
        self.media_type.zeroize();
    }
}

/// What the conversation is called.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Subject {
    /// Always one of the named kinds, never unspecified.
    #[zeroize(skip)]
    pub kind: v1::SubjectKind,
    /// Between 1 and [`TITLE_BYTES_MAX`] bytes.
    pub title: String,
}

/// The author's own certificate chain. What it is worth is judged by whoever reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Introduction {
    /// DER, leaf first: between 1 and [`CHAIN_CERTIFICATES_MAX`] of at most [`CERTIFICATE_BYTES_MAX`] each.
    pub chain: Vec<Vec<u8>>,
}

/// A text with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// The text of a note.
    NoteText,
    /// The name of a document.
    DocumentName,
    /// A document's media type.
    MediaType,
    /// The name of a conversation.
    Title,
}

impl TextField {
    /// Its limit in bytes.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::NoteText => NOTE_TEXT_BYTES_MAX,
            Self::DocumentName => FILE_NAME_BYTES_MAX,
            Self::MediaType => MEDIA_TYPE_BYTES_MAX,
            Self::Title => TITLE_BYTES_MAX,
        }
    }

    fn may_be_empty(self) -> bool {
        match self {
            Self::NoteText | Self::Title => false,
            Self::DocumentName | Self::MediaType => true,
        }
    }

    fn check(self, text: &str) -> Result<(), PayloadError> {
        if text.is_empty() && !self.may_be_empty() {
            Err(PayloadError::Missing { field: self })
        } else if text.len() > self.bytes_max() {
            Err(PayloadError::TooLong { field: self, bytes: text.len() })
        } else {
            Ok(())
        }
    }
}

/// Why what was written is refused, before it is sealed or after it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It does not parse or is not in canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A field of fixed size has another one.
    #[error(transparent)]
    Length(#[from] IdLengthError),
    /// A name in it is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text that must be there is empty.
    #[error("{field:?} is missing")]
    Missing {
        /// Which text.
        field: TextField,
    },
    /// A text is over its limit.
    #[error("{field:?} has {bytes} bytes, which is over its limit")]
    TooLong {
        /// Which text.
        field: TextField,
        /// Bytes it has.
        bytes: usize,
    },
    /// The record has no kind, or one this program cannot write.
    #[error("the record has kind {kind}")]
    Kind {
        /// The number of the kind.
        kind: i32,
    },
    /// The conversation is neither case, channel nor library.
    #[error("the conversation has kind {kind}")]
    SubjectKind {
        /// The number of the kind.
        kind: i32,
    },
    /// The chunk count does not follow from the size, or the size is over the limit.
    #[error("{chunk_count} chunks cannot hold a document of {size} bytes")]
    DocumentShape {
        /// Bytes of the original.
        size: u64,
        /// Chunks named.
        chunk_count: u32,
    },
    /// The grant opens nothing, or more than its limit.
    #[error("the grant names {records} records")]
    GrantRecords {
        /// How many it names.
        records: usize,
    },
    /// The granted records do not stand in rising order of position.
    #[error("the granted records are not in rising order of position")]
    GrantOrder,
    /// The chains are too many or too long, or a record names one that is not there.
    #[error("the grant's certificate chains are wrong")]
    GrantChains,
    /// An introduction without a chain, or with one that is too long.
    #[error("the introduction's certificate chain is wrong")]
    IntroductionChain,
    /// The sealed keys are not as many as the records.
    #[error("the grant's sealed keys have {bytes} bytes")]
    GrantKeys {
        /// Bytes of the sealed keys.
        bytes: usize,
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

impl Note {
    fn to_wire(&self) -> v1::Note {
        v1::Note {
            text: self.text.clone(),
            corrects: self.corrects.map(RecordId::to_vec).unwrap_or_default(),
            grantable: self.grantable,
        }
    }

    fn parse(mut note: v1::Note) -> Result<Self, PayloadError> {
        TextField::NoteText.check(&note.text)?;
        let corrects = match note.corrects.as_slice() {
            [] => None,
            id => Some(RecordId::try_from(id)?),
        };
        Ok(Self { text: std::mem::take(&mut note.text), corrects, grantable: note.grantable })
    }
}

impl DocumentManifest {
    fn to_wire(&self) -> v1::DocumentManifest {
        v1::DocumentManifest {
            blob_id: self.blob.to_vec(),
            content_key: self.content_key.as_bytes().to_vec(),
            salt: self.salt.0.to_vec(),
            commitment: self.commitment.0.to_vec(),
            chunk_count: self.shape.chunk_count(),
            size: self.shape.size(),
            sha256: self.sha256.to_vec(),
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            grantable: self.grantable,
            blob_position: self.blob_position.0,
        }
    }

    fn parse(mut manifest: v1::DocumentManifest) -> Result<Self, PayloadError> {
        TextField::DocumentName.check(&manifest.name)?;
        TextField::MediaType.check(&manifest.media_type)?;
        let shape = Shape::of(manifest.size)
            .ok()
            .filter(|shape| shape.chunk_count() == manifest.chunk_count)
            .ok_or(PayloadError::DocumentShape { size: manifest.size, chunk_count: manifest.chunk_count })?;
        Ok(Self {
            blob: BlobId::try_from(manifest.blob_id.as_slice())?,
            // Key, salt and commitment have the length of a digest; the error names it.
            content_key: ContentKey::from_bytes(Digest::try_from(manifest.content_key.as_slice())?.0),
            salt: Salt(Digest::try_from(manifest.salt.as_slice())?.0),
            commitment: Commitment(Digest::try_from(manifest.commitment.as_slice())?.0),
            shape,
            sha256: Digest::try_from(manifest.sha256.as_slice())?,
            name: std::mem::take(&mut manifest.name),
            media_type: std::mem::take(&mut manifest.media_type),
            grantable: manifest.grantable,
            blob_position: Position(manifest.blob_position),
        })
    }
}

impl Introduction {
    fn to_wire(&self) -> v1::Introduction {
        v1::Introduction { chain: Some(v1::AuthorChain { certificates: self.chain.clone() }) }
    }

    fn parse(introduction: v1::Introduction) -> Result<Self, PayloadError> {
        let chain = introduction.chain.unwrap_or_default().certificates;
        let fits = |certificate: &Vec<u8>| (1..=CERTIFICATE_BYTES_MAX).contains(&certificate.len());
        if (1..=CHAIN_CERTIFICATES_MAX).contains(&chain.len()) && chain.iter().all(fits) {
            Ok(Self { chain })
        } else {
            Err(PayloadError::IntroductionChain)
        }
    }
}

impl Subject {
    fn to_wire(&self) -> v1::Subject {
        v1::Subject { kind: self.kind.into(), title: self.title.clone() }
    }

    fn parse(mut subject: v1::Subject) -> Result<Self, PayloadError> {
        TextField::Title.check(&subject.title)?;
        match v1::SubjectKind::try_from(subject.kind) {
            Err(_) | Ok(v1::SubjectKind::Unspecified) => {
                Err(PayloadError::SubjectKind { kind: subject.kind })
            }
            Ok(kind) => Ok(Self { kind, title: std::mem::take(&mut subject.title) }),
        }
    }
}
