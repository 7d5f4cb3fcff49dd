//! What can go wrong with a document, as facts.

/// Why a document cannot be sealed or is refused. Only [`DocumentError::Changed`] can be mended: by a
/// new attempt with a new content key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum DocumentError {
    /// More chunks than [`alcove_proto::limits::CHUNKS_MAX`].
    TooLarge {
        /// Bytes of the original.
        size: u64,
    },
    /// No chunk has this index.
    NoSuchChunk {
        /// The index asked for.
        index: u32,
    },
    /// The file is not what it was when the attempt began. Nothing may be sealed under its keys any more.
    Changed {
        /// The first chunk that differs.
        index: u32,
    },
    /// The key is not the one the document was sealed with, or the blob is another.
    WrongCommitment,
    /// A chunk is shorter than it must be.
    ChunkTruncated {
        /// Which chunk.
        index: u32,
    },
    /// A chunk is longer than it must be.
    ChunkExtended {
        /// Which chunk.
        index: u32,
    },
    /// A chunk has been changed, or stands in the place of another.
    ChunkTampered {
        /// Which chunk.
        index: u32,
    },
    /// A chunk that is not the last was sealed as the last one.
    TwoFinals {
        /// Which chunk.
        index: u32,
    },
    /// The last chunk was not sealed as the last one.
    MissingFinal,
    /// The padding behind the original is not zero.
    Padding {
        /// Which chunk.
        index: u32,
    },
    /// The document ended before its last chunk.
    Truncated {
        /// Chunks there must be.
        expected: u32,
        /// Chunks there were.
        found: u32,
    },
    /// There are more chunks than there must be.
    Extended,
    /// Every chunk opened, and together they are not the original the manifest names.
    WrongHash,
}
