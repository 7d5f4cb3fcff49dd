//! A document: what a reader needs to fetch, open and check it.

use super::limits::{PayloadError, TextField};
use crate::{
    documents::Shape,
    keys::{Commitment, ContentKey, Salt},
};
use alcove_proto::{
    ids::{BlobId, Digest, Position},
    limits::FILE_NAME_BYTES_MAX,
    v1,
};
use zeroize::Zeroize;

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
    /// The original's name, untouched, of at most [`alcove_proto::limits::FILE_NAME_BYTES_MAX`] bytes. Hostile: never
    /// used as a path or shown before it has been made safe.
    pub name: String,
    /// The name's own bytes where they are no UTF-8, as old archives have them; empty otherwise. `name` is then
    /// [`name_of_bytes`] of them. Shown to programs alone, and never used as a path.
    pub name_bytes: Vec<u8>,
    /// At most [`alcove_proto::limits::MEDIA_TYPE_BYTES_MAX`] bytes; empty when not known. A claim, no more.
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
        self.name_bytes.zeroize();
        self.media_type.zeroize();
    }
}

/// The name that is shown for one that is no UTF-8: `_` for each longest part of it that belongs to no character. Never
/// longer than the bytes.
pub fn name_of_bytes(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::with_capacity(bytes.len()), |mut name, part| {
        name.push_str(part.valid());
        if !part.invalid().is_empty() {
            name.push('_');
        }
        name
    })
}

/// The bytes of a name say the same as the name, and only what the name alone cannot say: no two readers see two names.
fn check_name_bytes(name: &str, bytes: &[u8]) -> Result<(), PayloadError> {
    if bytes.is_empty() {
        Ok(())
    } else if bytes.len() > FILE_NAME_BYTES_MAX {
        Err(PayloadError::TooLong { field: TextField::DocumentName, bytes: bytes.len() })
    } else if std::str::from_utf8(bytes).is_ok() || name != name_of_bytes(bytes) {
        Err(PayloadError::NameBytes)
    } else {
        Ok(())
    }
}

impl DocumentManifest {
    pub(super) fn to_wire(&self) -> v1::DocumentManifest {
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
            name_bytes: self.name_bytes.clone(),
        }
    }

    pub(super) fn parse(mut manifest: v1::DocumentManifest) -> Result<Self, PayloadError> {
        TextField::DocumentName.check(&manifest.name)?;
        check_name_bytes(&manifest.name, &manifest.name_bytes)?;
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
            name_bytes: std::mem::take(&mut manifest.name_bytes),
            media_type: std::mem::take(&mut manifest.media_type),
            grantable: manifest.grantable,
            blob_position: Position(manifest.blob_position),
        })
    }
}
