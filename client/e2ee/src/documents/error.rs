//! What can go wrong with a document, as facts.

/// Why a document cannot be sealed or is refused. Only [`DocumentError::Changed`] can be mended: by a
/// new attempt with a new content key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More chunks than [`alcove_proto::limits::CHUNKS_MAX`].
    #[error("a document of {size} bytes is over the limit")]
    TooLarge {
        /// Bytes of the original.
        size: u64,
    },
    /// No chunk has this index.
    #[error("there is no chunk {index}")]
    NoSuchChunk {
        /// The index asked for.
        index: u32,
    },
    /// The file is not what it was when the attempt began. Nothing may be sealed under its keys any more.
    #[error("the file changed at chunk {index} while it was being sent")]
    Changed {
        /// The first chunk that differs.
        index: u32,
    },
    /// The key is not the one the document was sealed with, or the blob is another.
    #[error("the document does not commit to this key")]
    WrongCommitment,
    /// A chunk is shorter than it must be.
    #[error("chunk {index} is cut short")]
    ChunkTruncated {
        /// Which chunk.
        index: u32,
    },
    /// A chunk is longer than it must be.
    #[error("chunk {index} is too long")]
    ChunkExtended {
        /// Which chunk.
        index: u32,
    },
    /// A chunk has been changed, or stands in the place of another.
    #[error("chunk {index} has been changed")]
    ChunkTampered {
        /// Which chunk.
        index: u32,
    },
    /// A chunk that is not the last was sealed as the last one.
    #[error("chunk {index} says it is the last one, and it is not")]
    TwoFinals {
        /// Which chunk.
        index: u32,
    },
    /// The last chunk was not sealed as the last one.
    #[error("the last chunk does not say that it is the last one")]
    MissingFinal,
    /// The padding behind the original is not zero.
    #[error("the padding in chunk {index} is wrong")]
    Padding {
        /// Which chunk.
        index: u32,
    },
    /// The document ended before its last chunk.
    #[error("the document ends after {found} of {expected} chunks")]
    Truncated {
        /// Chunks there must be.
        expected: u32,
        /// Chunks there were.
        found: u32,
    },
    /// There are more chunks than there must be.
    #[error("the document goes on after its last chunk")]
    Extended,
    /// Every chunk opened, and together they are not the original the manifest names.
    #[error("the document is not the one that was sent")]
    WrongHash,
}
