//! How many chunks a document makes, and how long each is. Arithmetic only.

use super::DocumentError;
use crate::padding::{DOCUMENT_PADDING_FLOOR_BYTES, padded_length};
use alcove_proto::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, CHUNKS_MAX};

/// A document's size and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    size: u64,
    padded: u64,
    chunk_count: u32,
}

impl Shape {
    /// The shape of an original of `size` bytes.
    ///
    /// Errors: [`DocumentError::TooLarge`] beyond [`CHUNKS_MAX`] chunks.
    pub fn of(size: u64) -> Result<Self, DocumentError> {
        let padded = padded_length(size, DOCUMENT_PADDING_FLOOR_BYTES);
        let chunk_count = u32::try_from(padded.div_ceil(CHUNK_BYTES as u64))
            .ok()
            .filter(|count| *count <= CHUNKS_MAX)
            .ok_or(DocumentError::TooLarge { size })?;
        Ok(Self { size, padded, chunk_count })
    }

    /// Bytes of the original.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Chunks, at least one.
    pub fn chunk_count(&self) -> u32 {
        self.chunk_count
    }

    /// Bytes of all sealed chunks together: what the server stores.
    pub fn sealed_bytes_total(&self) -> u64 {
        self.padded + u64::from(self.chunk_count) * CHUNK_TAG_BYTES as u64
    }

    /// Where the original's bytes of chunk `index` begin in the file.
    pub fn file_offset(&self, index: u32) -> u64 {
        (u64::from(index) * CHUNK_BYTES as u64).min(self.size)
    }

    /// Bytes of the original in chunk `index`: what the caller reads for it. 0 where there is only
    /// padding, or no such chunk.
    pub fn file_bytes(&self, index: u32) -> usize {
        Self::share(self.size, index)
    }

    /// Bytes of the original and padding in chunk `index`.
    pub fn padded_bytes(&self, index: u32) -> usize {
        Self::share(self.padded, index)
    }

    /// Bytes of the sealed chunk `index`.
    ///
    /// Errors: [`DocumentError::NoSuchChunk`].
    pub fn sealed_bytes(&self, index: u32) -> Result<usize, DocumentError> {
        if index < self.chunk_count {
            Ok(self.padded_bytes(index) + CHUNK_TAG_BYTES)
        } else {
            Err(DocumentError::NoSuchChunk { index })
        }
    }

    /// How much of `total` bytes falls into chunk `index`.
    fn share(total: u64, index: u32) -> usize {
        let before = u64::from(index) * CHUNK_BYTES as u64;
        // At most one chunk's bytes, which fit every usize.
        total.saturating_sub(before).min(CHUNK_BYTES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHUNK: u64 = CHUNK_BYTES as u64;

    #[test]
    fn sizes_around_the_chunk_limit_have_the_chunks_they_need() {
        for (size, padded, chunk_count) in [
            (0, 256, 1),
            (1, 256, 1),
            (CHUNK - 1, CHUNK, 1),
            (CHUNK, CHUNK, 1),
            (CHUNK + 1, CHUNK + (1 << 15), 2),
            (200_000_000, 201_326_592, 192),
            (5 << 30, 5 << 30, 5120),
            ((5 << 30) + 1, (5 << 30) + (1 << 26), 5184),
        ] {
            let shape = Shape::of(size).unwrap();
            assert_eq!((shape.padded, shape.chunk_count()), (padded, chunk_count), "{size}");
        }
    }

    #[test]
    fn the_largest_document_fits_and_one_byte_more_is_refused() {
        let most = u64::from(CHUNKS_MAX) * CHUNK;
        assert_eq!(Shape::of(most).unwrap().chunk_count(), CHUNKS_MAX);
        assert_eq!(Shape::of(most + 1), Err(DocumentError::TooLarge { size: most + 1 }));
        assert_eq!(Shape::of(u64::MAX), Err(DocumentError::TooLarge { size: u64::MAX }));
    }

    #[test]
    fn a_chunk_that_is_not_there_has_no_bytes() {
        let shape = Shape::of(1).unwrap();
        assert_eq!(shape.file_bytes(1), 0);
        assert_eq!(shape.sealed_bytes(1), Err(DocumentError::NoSuchChunk { index: 1 }));
        assert_eq!(shape.sealed_bytes(u32::MAX), Err(DocumentError::NoSuchChunk { index: u32::MAX }));
    }

    proptest! {
        #[test]
        fn chunks_add_up_to_the_whole(size in 0u64..64 * CHUNK) {
            let shape = Shape::of(size).unwrap();
            let chunks = 0..shape.chunk_count();
            prop_assert_eq!(chunks.clone().map(|index| shape.file_bytes(index) as u64).sum::<u64>(), size);
            let sealed = chunks.map(|index| shape.sealed_bytes(index).unwrap() as u64).sum::<u64>();
            prop_assert_eq!(sealed, shape.sealed_bytes_total());
            prop_assert!(shape.sealed_bytes_total() - size <= size / 8 + 256 + 16 * 72);
        }
    }
}
