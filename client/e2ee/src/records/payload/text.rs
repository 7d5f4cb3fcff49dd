//! Texts with limits of their own.

use super::error::PayloadError;
use alcove_proto::limits::{FILE_NAME_BYTES_MAX, MEDIA_TYPE_BYTES_MAX, NOTE_TEXT_BYTES_MAX, TITLE_BYTES_MAX};

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
