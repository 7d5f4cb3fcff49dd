//! Sealing chunks on the sender's side.

use super::{Chunks, DocumentError, Shape, nonce};
use crate::keys::{Commitment, ContentKey, Salt, sha256};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId},
    limits::CHUNK_TAG_BYTES,
};
use ring::digest;
use subtle::ConstantTimeEq;

/// Seals the chunks of one attempt at one version of one document.
///
/// Never used for two different originals: the caller draws a new content key, salt and blob id for
/// each attempt, and after a pause uses [`DocumentSealer::seal_chunk_again`].
pub struct DocumentSealer {
    chunks: Chunks,
    commitment: Commitment,
}

impl DocumentSealer {
    /// Prepares to seal an original of `size` bytes.
    ///
    /// `content_key`, `salt`, `blob`: drawn for this attempt.
    /// Errors: [`DocumentError::TooLarge`].
    pub fn new(
        content_key: &ContentKey,
        salt: Salt,
        group: &GroupId,
        blob: &BlobId,
        size: u64,
    ) -> Result<Self, DocumentError> {
        let shape = Shape::of(size)?;
        let file_key = content_key.file_key(&salt, group, blob, shape.chunk_count());
        let commitment = file_key.commitment();
        Ok(Self { chunks: Chunks::new(&file_key, &salt, &commitment, blob, shape), commitment })
    }

    /// What the manifest must carry.
    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// The document's chunks.
    pub fn shape(&self) -> Shape {
        self.chunks.shape
    }

    /// Seals chunk `index` in place, and returns the sealed chunk's digest.
    ///
    /// `buffer`: exactly the [`Shape::file_bytes`] of this chunk; with room for a chunk and its tag in
    /// it nothing is copied. Each index is sealed once: before a sealed chunk leaves the device, its
    /// digest is kept, and whoever needs the chunk again calls [`Self::seal_chunk_again`] with it.
    /// Two different chunks under one index would let the server learn their difference.
    /// Errors: [`DocumentError::NoSuchChunk`]; [`DocumentError::Changed`] when the file gave another
    /// number of bytes.
    pub fn seal_chunk(&self, index: u32, buffer: &mut Vec<u8>) -> Result<Digest, DocumentError> {
        self.chunks.shape.sealed_bytes(index)?;
        if buffer.len() != self.chunks.shape.file_bytes(index) {
            return Err(DocumentError::Changed { index });
        }
        buffer.reserve(self.chunks.shape.padded_bytes(index) + CHUNK_TAG_BYTES - buffer.len());
        buffer.resize(self.chunks.shape.padded_bytes(index), 0);
        let nonce = nonce(index, self.chunks.is_last(index));
        // Cannot fail: AES-256-GCM takes far longer texts than a chunk.
        let Ok(()) = self.chunks.key.seal_in_place_append_tag(nonce, self.chunks.aad(), buffer) else {
            unreachable!("a chunk is below AES-GCM's limit of 64 GiB")
        };
        Ok(Digest(sha256(&[buffer])))
    }

    /// Seals chunk `index` of a resumed attempt: only if it comes out as the chunk of `sealed`.
    ///
    /// Errors: as [`Self::seal_chunk`]; [`DocumentError::Changed`] when the file is another now. Then
    /// the buffer is empty: what came out must not be sent, as its nonce was used before.
    pub fn seal_chunk_again(
        &self,
        index: u32,
        buffer: &mut Vec<u8>,
        sealed: &Digest,
    ) -> Result<(), DocumentError> {
        let again = self.seal_chunk(index, buffer)?;
        if again.as_bytes().ct_eq(sealed.as_bytes()).into() {
            Ok(())
        } else {
            buffer.clear();
            Err(DocumentError::Changed { index })
        }
    }
}

/// The digest of a whole blob: SHA-256 over the digests of its sealed chunks in order.
#[derive(Clone)]
pub struct BlobDigest(digest::Context);

impl BlobDigest {
    /// Of no chunk yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the digest of the next sealed chunk.
    pub fn push(&mut self, chunk: &Digest) {
        self.0.update(chunk.as_bytes());
    }

    /// What FinishUpload carries.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; Digest::LEN];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest(bytes)
    }
}

impl Default for BlobDigest {
    fn default() -> Self {
        Self::new()
    }
}
