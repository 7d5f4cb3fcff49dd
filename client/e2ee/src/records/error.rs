//! Why a record is refused, as facts.

use super::PayloadError;
use alcove_proto::{canonical::CanonicalError, ids::IdLengthError};

/// A part of a record that has an encoding of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The outermost message.
    Sealed,
    /// What stands in clear.
    Header,
    /// Body and signature.
    Signed,
    /// What the author signed.
    Body,
}

/// Why a record was refused. None of these goes away by trying again with the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum RecordError {
    /// Over [`alcove_proto::limits::RECORD_BYTES_MAX`].
    TooLarge {
        /// Bytes of the record.
        bytes: usize,
    },
    /// A part does not parse or is not in canonical form.
    Encoding {
        /// Which part.
        part: Part,
        /// What is wrong with it.
        error: CanonicalError,
    },
    /// A field of fixed size has another one.
    #[error(transparent)]
    Length(#[from] IdLengthError),
    /// Written in a format this program does not know.
    Format {
        /// The format named.
        found: u32,
    },
    /// Written for another MLS cipher suite.
    Suite {
        /// The suite named.
        found: u32,
    },
    /// The header names another group than the log it stands in.
    OtherGroup,
    /// The header names another epoch than the one in force when the server took it.
    OtherEpoch,
    /// The header names the epoch on another branch of the group's history.
    OtherEpochId,
    /// The key is not the one the record was sealed with.
    WrongCommitment,
    /// Header or ciphertext have been changed.
    Tampered,
    /// The padding has another length than it must have, or is not zero.
    Padding,
    /// The signed body names another group, epoch, leaf or id than the header.
    HeaderDiffers,
    /// The author worked under another charter than the one the group was made under.
    OtherCharter,
    /// The leaf or certificate is not the author's, or the log names another author.
    OtherAuthor,
    /// The author's key did not sign this body.
    BadSignature,
    /// The author's sequence is 0, or only one of "first" and "no predecessor" holds.
    BadSequence,
    /// What was written is refused.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl RecordError {
    pub(super) fn encoding(part: Part) -> impl FnOnce(CanonicalError) -> Self {
        move |error| Self::Encoding { part, error }
    }
}
