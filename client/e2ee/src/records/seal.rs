//! Sealing: from what somebody wrote to the bytes the server keeps.

use super::{AuthorPoint, FORMAT, Header, LENGTH_BYTES, Payload, PayloadError, SUITE};
use crate::{
    keys::{EpochKey, RecordKey, RecordPlace, Salt, sha256},
    padding::padded_length,
};
use alcove_proto::{
    ids::{Digest, Epoch, Head, Position},
    limits::{CHUNK_TAG_BYTES, RECORD_BYTES_MAX, RECORD_PADDING_FLOOR_BYTES},
    v1,
};
use prost::Message;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

/// A record before it is signed and sealed.
pub struct Draft<'a> {
    /// Group, epoch, own leaf, and an id drawn for this record. Sealing it again in a later epoch
    /// keeps the id.
    pub place: RecordPlace,
    /// The epoch's number.
    pub epoch: Epoch,
    /// SHA-256 of the author's leaf certificate (DER).
    pub certificate_hash: Digest,
    /// The charter the group was made under: readers take no other.
    pub charter_hash: Digest,
    /// The author's clock, milliseconds since 1970.
    pub time_ms: i64,
    /// The author's own last record in this group as it was sealed, sent or still waiting.
    pub after: Option<AuthorPoint>,
    /// The last log position the author has processed.
    pub seen_position: Position,
    /// The head there.
    pub seen_head: Head,
    /// What was written.
    pub payload: &'a Payload,
}

/// A sealed record, ready to be sent.
pub struct Sealed {
    /// What goes to the server, and what a resend repeats byte for byte.
    pub bytes: Vec<u8>,
    /// Number and hash: the `after` of the author's next record.
    pub point: AuthorPoint,
    /// Opens this one record.
    pub key: RecordKey,
}

/// Why a draft could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError<E> {
    /// What was written is over a limit or incomplete.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The sealed record would be over [`RECORD_BYTES_MAX`].
    #[error("the sealed record has {bytes} bytes, which is over the limit")]
    TooLarge {
        /// Bytes it would have.
        bytes: usize,
    },
    /// The signer failed.
    #[error("the record could not be signed")]
    Sign(E),
}

/// Signs and seals `draft` under a key of its own.
///
/// `salt`: fresh from a random source, for every call. `sign`: MLS SignWithLabel with the label
/// "alcove record v1" over the bytes given, by the key of the author's leaf.
/// Errors: [`SealError`]. Source: PROTOCOL.md section 11, steps 1 to 4.
pub fn seal<E>(
    epoch_key: &EpochKey,
    draft: &Draft<'_>,
    salt: Salt,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Sealed, SealError<E>> {
    let (kind, mut payload) = draft.payload.encode()?;
    let sequence = draft.after.map_or(1, |point| point.sequence.saturating_add(1));
    let body = v1::RecordBody {
        format: FORMAT,
        suite: SUITE,
        group_id: draft.place.group.to_vec(),
        epoch_id: draft.place.epoch_id.to_vec(),
        leaf: draft.place.leaf,
        certificate_hash: draft.certificate_hash.to_vec(),
        charter_hash: draft.charter_hash.to_vec(),
        record_id: draft.place.record.to_vec(),
        kind: kind.into(),
        time_ms: draft.time_ms,
        payload: std::mem::take(&mut *payload),
        previous: draft.after.map(|point| point.hash.to_vec()).unwrap_or_default(),
        author_sequence: sequence,
        seen_position: draft.seen_position.0,
        seen_head: draft.seen_head.to_vec(),
        basis: v1::Basis::Undeclared.into(),
    };
    // Each of these holds what was written: the messages and buffers wipe themselves.
    let mut encoded = Zeroizing::new(body.encode_to_vec());
    let signature = sign(&encoded).map_err(SealError::Sign)?;
    let signed = v1::SignedRecord { body: std::mem::take(&mut *encoded), signature };
    let signed = Zeroizing::new(signed.encode_to_vec());

    let key = epoch_key.record_key(&draft.place, &salt);
    let header = Header { place: draft.place, epoch: draft.epoch, salt, commitment: key.commitment() };
    let bytes = encrypt(&key, &header, &signed)?;
    let point = AuthorPoint { sequence, hash: Digest(sha256(&[&bytes])) };
    Ok(Sealed { bytes, point, key })
}

/// Pads and encrypts an encoded SignedRecord, and puts the header in front.
fn encrypt<E>(key: &RecordKey, header: &Header, signed: &[u8]) -> Result<Vec<u8>, SealError<E>> {
    let filled = LENGTH_BYTES + signed.len();
    let length = u32::try_from(signed.len()).map_err(|_| SealError::TooLarge { bytes: filled })?;
    let padded = padded_length(filled as u64, RECORD_PADDING_FLOOR_BYTES as u64) as usize;
    // Room for all of it, so that growing leaves no plaintext behind.
    let mut ciphertext = Vec::with_capacity(padded + CHUNK_TAG_BYTES);
    ciphertext.extend(length.to_be_bytes());
    ciphertext.extend(signed);
    ciphertext.resize(padded, 0);

    let header = header.encode();
    // The nonce is zero because the key is: it seals this one plaintext and no other.
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    // Cannot fail: AES-256-GCM takes far longer texts than a record.
    let Ok(()) = key.aead().seal_in_place_append_tag(nonce, Aad::from(&header), &mut ciphertext) else {
        unreachable!("a record is below AES-GCM's limit of 64 GiB")
    };
    let bytes = v1::SealedRecord { header, ciphertext }.encode_to_vec();
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(SealError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}
