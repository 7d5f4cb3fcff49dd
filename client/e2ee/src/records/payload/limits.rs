//! The limits of texts, and why what was written is refused.

use alcove_proto::{
    canonical::CanonicalError,
    ids::IdLengthError,
    limits::{FILE_NAME_BYTES_MAX, MEDIA_TYPE_BYTES_MAX, NOTE_TEXT_BYTES_MAX, TITLE_BYTES_MAX},
    names::NameError,
};

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

    pub(super) fn check(self, text: &str) -> Result<(), PayloadError> {
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
#[error("{self:?}")]
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
    Missing {
        /// Which text.
        field: TextField,
    },
    /// A text is over its limit.
    TooLong {
        /// Which text.
        field: TextField,
        /// Bytes it has.
        bytes: usize,
    },
    /// The record has no kind, or one this program cannot write.
    Kind {
        /// The number of the kind.
        kind: i32,
    },
    /// The conversation is neither case, channel nor library.
    SubjectKind {
        /// The number of the kind.
        kind: i32,
    },
    /// The chunk count does not follow from the size, or the size is over the limit.
    DocumentShape {
        /// Bytes of the original.
        size: u64,
        /// Chunks named.
        chunk_count: u32,
    },
    /// The bytes of a name are UTF-8, so that they are no use, or make another name than the one beside them.
    NameBytes,
    /// The grant opens nothing, or more than its limit.
    GrantRecords {
        /// How many it names.
        records: usize,
    },
    /// The granted records do not stand in rising order of position.
    GrantOrder,
    /// The chains are too many or too long, or a record names one that is not there.
    GrantChains,
    /// An introduction without a chain, or with one that is too long.
    IntroductionChain,
    /// The sealed keys are not as many as the records.
    GrantKeys {
        /// Bytes of the sealed keys.
        bytes: usize,
    },
}
