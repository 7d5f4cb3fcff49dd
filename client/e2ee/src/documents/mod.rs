//! Documents: a file in sealed chunks, one chunk in memory at a time.
//!
//! [`Shape`] says how many chunks a size makes. [`DocumentSealer`] seals them in any order,
//! [`DocumentOpener`] opens them in any order, and [`DocumentReader`] opens them from first to last
//! and says at the end whether all of it is the original. PROTOCOL.md section 13.
//!
//! Does no I/O: the caller reads the file and fills the buffers. The construction is STREAM
//! (Hoang, Reyhanitabar, Rogaway, Vizár 2015) with the chunk count bound into key and AAD.

mod error;
mod open;
mod seal;
mod shape;

pub use error::DocumentError;
pub use open::{DocumentOpener, DocumentReader};
pub use seal::{BlobDigest, DocumentSealer};
pub use shape::Shape;

use crate::keys::{Commitment, FileKey, Salt};
use alcove_proto::ids::{BlobId, Digest};
use ring::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    digest,
};

/// SHA-256 of an original, computed beside reading it.
#[derive(Clone)]
pub struct OriginalHash(digest::Context);

impl OriginalHash {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next bytes of the original, without padding.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything taken.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; Digest::LEN];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest(bytes)
    }
}

impl Default for OriginalHash {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes of the additional authenticated data: salt, commitment, blob, chunk count.
const AAD_BYTES: usize = 32 + 32 + 16 + 4;

/// What sealing and opening share: the key, and what every chunk is bound to.
struct Chunks {
    key: LessSafeKey,
    aad: [u8; AAD_BYTES],
    shape: Shape,
}

impl Chunks {
    fn new(file_key: &FileKey, salt: &Salt, commitment: &Commitment, blob: &BlobId, shape: Shape) -> Self {
        let mut aad = [0; AAD_BYTES];
        aad[..32].copy_from_slice(&salt.0);
        aad[32..64].copy_from_slice(&commitment.0);
        aad[64..80].copy_from_slice(blob.as_bytes());
        aad[80..].copy_from_slice(&shape.chunk_count().to_be_bytes());
        Self { key: file_key.aead(), aad, shape }
    }

    fn aad(&self) -> Aad<&[u8; AAD_BYTES]> {
        Aad::from(&self.aad)
    }

    fn is_last(&self, index: u32) -> bool {
        index + 1 == self.shape.chunk_count()
    }
}

/// 11 bytes of counter, then whether it is the last chunk.
fn nonce(index: u32, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[7..11].copy_from_slice(&index.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests;
