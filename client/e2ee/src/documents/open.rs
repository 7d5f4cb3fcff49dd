//! Opening chunks on the reader's side.

use super::{Chunks, DocumentError, OriginalHash, Shape, nonce};
use crate::{padding::is_zero, records::DocumentManifest};
use alcove_proto::ids::{Digest, GroupId};
use std::cmp::Ordering;

/// Opens single chunks, in any order and from several threads.
///
/// An opened chunk is what its sealer put there; that the whole is complete and is the original, only
/// [`DocumentReader::finish`] says.
pub struct DocumentOpener {
    chunks: Chunks,
}

impl DocumentOpener {
    /// Prepares to open the document of a manifest from `group`.
    ///
    /// Errors: [`DocumentError::WrongCommitment`]: key, salt, group, blob or chunk count are not those
    /// it was sealed with. Nothing needs to be fetched then.
    pub fn new(manifest: &DocumentManifest, group: &GroupId) -> Result<Self, DocumentError> {
        let DocumentManifest { blob, content_key, salt, commitment, shape, .. } = manifest;
        let file_key = content_key.file_key(salt, group, blob, shape.chunk_count());
        if !file_key.commitment().matches(commitment) {
            return Err(DocumentError::WrongCommitment);
        }
        Ok(Self { chunks: Chunks::new(&file_key, salt, commitment, blob, *shape) })
    }

    /// The document's chunks.
    pub fn shape(&self) -> Shape {
        self.chunks.shape
    }

    /// Opens chunk `index` into `out`: afterwards the original's bytes of this chunk, without padding.
    ///
    /// After an error `out` is empty. Errors: [`DocumentError`], the fault named as closely as the
    /// sealed bytes tell.
    pub fn open_chunk(&self, index: u32, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), DocumentError> {
        self.copy_and_open(index, sealed, out, self.chunks.is_last(index)).map_err(|error| {
            let fault = match error {
                DocumentError::ChunkTampered { .. } => self.name_fault(index, sealed, out),
                other => other,
            };
            out.clear();
            fault
        })
    }

    /// The same without the copy: `buffer` holds the sealed chunk before and the original's bytes after.
    ///
    /// A chunk that was sealed with the wrong last flag counts as [`DocumentError::ChunkTampered`] here.
    pub fn open_chunk_in_place(&self, index: u32, buffer: &mut Vec<u8>) -> Result<(), DocumentError> {
        self.open(index, buffer, self.chunks.is_last(index)).inspect_err(|_| buffer.clear())
    }

    fn copy_and_open(
        &self,
        index: u32,
        sealed: &[u8],
        out: &mut Vec<u8>,
        last: bool,
    ) -> Result<(), DocumentError> {
        out.clear();
        // The length is judged before anything is copied.
        self.check_length(index, sealed.len())?;
        out.extend_from_slice(sealed);
        self.open(index, out, last)
    }

    fn open(&self, index: u32, buffer: &mut Vec<u8>, last: bool) -> Result<(), DocumentError> {
        self.check_length(index, buffer.len())?;
        self.chunks
            .key
            .open_in_place(nonce(index, last), self.chunks.aad(), buffer)
            .map_err(|_| DocumentError::ChunkTampered { index })?;
        let (file_bytes, padded) = (self.shape().file_bytes(index), self.shape().padded_bytes(index));
        if !is_zero(&buffer[file_bytes..padded]) {
            return Err(DocumentError::Padding { index });
        }
        buffer.truncate(file_bytes);
        Ok(())
    }

    fn check_length(&self, index: u32, found: usize) -> Result<(), DocumentError> {
        let expected = self.shape().sealed_bytes(index)?;
        match found.cmp(&expected) {
            Ordering::Less => Err(DocumentError::ChunkTruncated { index }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(DocumentError::ChunkExtended { index }),
        }
    }

    /// A chunk did not open: was it sealed with the other last flag?
    fn name_fault(&self, index: u32, sealed: &[u8], out: &mut Vec<u8>) -> DocumentError {
        let last = self.chunks.is_last(index);
        match (self.copy_and_open(index, sealed, out, !last), last) {
            (Err(DocumentError::ChunkTampered { .. }), _) => DocumentError::ChunkTampered { index },
            (_, true) => DocumentError::MissingFinal,
            (_, false) => DocumentError::TwoFinals { index },
        }
    }
}

/// Opens a document from its first chunk to its last and vouches for the whole.
///
/// Nothing it gave out is complete before [`DocumentReader::finish`] has said so: the caller keeps it
/// under another name until then.
pub struct DocumentReader {
    opener: DocumentOpener,
    next: u32,
    hash: OriginalHash,
    sha256: Digest,
}

impl DocumentReader {
    /// Prepares to read the document of a manifest from `group`.
    ///
    /// Errors: [`DocumentError::WrongCommitment`].
    pub fn new(manifest: &DocumentManifest, group: &GroupId) -> Result<Self, DocumentError> {
        Ok(Self {
            opener: DocumentOpener::new(manifest, group)?,
            next: 0,
            hash: OriginalHash::new(),
            sha256: manifest.sha256,
        })
    }

    /// The index of the chunk that is due.
    pub fn next_index(&self) -> u32 {
        self.next
    }

    /// The document's chunks.
    pub fn shape(&self) -> Shape {
        self.opener.shape()
    }

    /// Opens the chunk that is due into `out`.
    ///
    /// Errors: [`DocumentError::Extended`] after the last one; [`DocumentOpener::open_chunk`]'s. The
    /// same chunk may be offered again, from another fetch.
    pub fn open_next(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), DocumentError> {
        if self.next == self.shape().chunk_count() {
            out.clear();
            return Err(DocumentError::Extended);
        }
        self.opener.open_chunk(self.next, sealed, out)?;
        self.take(out);
        Ok(())
    }

    /// Takes the original's bytes of the chunk that is due from an earlier fetch, as they lie on disk.
    ///
    /// They count for the hash like any other, so what was changed on disk is found at the end.
    /// Errors: [`DocumentError::Extended`], [`DocumentError::ChunkTruncated`],
    /// [`DocumentError::ChunkExtended`]: the bytes are not as many as the chunk has.
    pub fn resume_with(&mut self, original: &[u8]) -> Result<(), DocumentError> {
        let index = self.next;
        if index == self.shape().chunk_count() {
            return Err(DocumentError::Extended);
        }
        match original.len().cmp(&self.shape().file_bytes(index)) {
            Ordering::Less => return Err(DocumentError::ChunkTruncated { index }),
            Ordering::Equal => self.take(original),
            Ordering::Greater => return Err(DocumentError::ChunkExtended { index }),
        }
        Ok(())
    }

    fn take(&mut self, original: &[u8]) {
        self.hash.update(original);
        self.next += 1;
    }

    /// Says that the document is complete and is the original.
    ///
    /// Errors: [`DocumentError::Truncated`], [`DocumentError::WrongHash`].
    pub fn finish(self) -> Result<(), DocumentError> {
        let expected = self.shape().chunk_count();
        if self.next != expected {
            return Err(DocumentError::Truncated { expected, found: self.next });
        }
        if self.hash.finish() == self.sha256 { Ok(()) } else { Err(DocumentError::WrongHash) }
    }
}
