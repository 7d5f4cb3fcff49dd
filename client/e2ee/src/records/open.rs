//! Opening: from stored bytes to what somebody wrote, every claim checked.

use super::{Author, FORMAT, Header, Kinds, LENGTH_BYTES, Part, Payload, RecordError, SUITE, SealedRecord};
use crate::{
    keys::{EpochKey, RecordKey},
    padding::{is_zero, padded_length},
};
use alcove_proto::{
    canonical,
    ids::{Digest, Epoch, EpochId, GroupId, Head, Position},
    limits::RECORD_PADDING_FLOOR_BYTES,
    names::Identity,
    v1,
};
use ring::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

/// What opens a record.
pub enum KeySource<'a> {
    /// The key of its epoch: the reader was a member then.
    Epoch(&'a EpochKey),
    /// Its own key, from a grant or kept from before.
    Record(&'a RecordKey),
}

/// What the log says about a record; the record must say the same.
pub struct Expected<'a> {
    /// The group whose log it stands in.
    pub group: GroupId,
    /// The epoch in force at its position.
    pub epoch: Epoch,
    /// The id of that epoch, unless the reader was no member then.
    pub epoch_id: Option<EpochId>,
    /// The charter the group's policy names: the one it was made under, which never changes.
    pub charter_hash: Digest,
    /// Who appended it, by the log entry.
    pub appended_by: &'a Identity,
    /// The kinds of record that the reader knows.
    pub kinds: Kinds,
}

/// A record that opened, with every claim in it checked but those about other records.
pub struct OpenedRecord {
    /// What stood in clear.
    pub header: Header,
    /// SHA-256 of the sealed record.
    pub hash: Digest,
    /// Who signed it.
    pub author: Identity,
    /// What was written; [`Payload::Unknown`] when its kind or basis is one that the reader does not know,
    /// [`Payload::Malformed`] when it breaks the rules of its kind.
    pub payload: Payload,
    /// The number of its kind.
    pub kind: i32,
    /// The number of its basis.
    pub basis: i32,
    /// What was signed of it: the payload as it came, of whichever kind.
    pub content: Zeroizing<Vec<u8>>,
    /// The author's clock, milliseconds since 1970. A claim of the author's, no more.
    pub time_ms: i64,
    /// SHA-256 of the author's certificate.
    pub certificate_hash: Digest,
    /// The author's number for it in this group, from 1.
    pub sequence: u64,
    /// SHA-256 of the author's record before it; nothing for the first.
    pub previous: Option<Digest>,
    /// How far the author had read the log, and the head there: compare it with one's own.
    pub seen_position: Position,
    /// The head at `seen_position`.
    pub seen_head: Head,
    /// The encoded SignedRecord: body and signature, for whoever must prove it later.
    pub signed: Zeroizing<Vec<u8>>,
}

impl SealedRecord {
    /// Opens the record and checks it against `expected` and against its `author`.
    ///
    /// `author`: the device at the header's leaf in that epoch, or the one of a granted chain.
    /// The order of the author's records is left to [`super::AuthorPoint::after`].
    /// Errors: [`RecordError`]. Source: PROTOCOL.md section 11, steps 2 and 3.
    pub fn open(
        self,
        key: &KeySource<'_>,
        expected: &Expected<'_>,
        author: &Author,
    ) -> Result<OpenedRecord, RecordError> {
        check_place(&self.header, expected.group, expected.epoch, expected.epoch_id)?;
        self.unseal(key)?.verify(expected.kinds, &expected.charter_hash, expected.appended_by, author)
    }

    /// The same for whoever knows neither the group's policy nor its rosters: takes the seal off, so that the claims can
    /// be looked at and their author found. Nothing of it is believed before [`UnsealedRecord::verify`].
    ///
    /// `group`, `epoch`: as the log says. Errors: [`RecordError`]. Source: PROTOCOL.md section 18, step 13.
    pub fn unseal_in(
        self,
        group: GroupId,
        epoch: Epoch,
        key: &KeySource<'_>,
    ) -> Result<UnsealedRecord, RecordError> {
        check_place(&self.header, group, epoch, None)?;
        self.unseal(key)
    }

    /// Whether this is the key the record was sealed with: of two keys of one epoch, only one is.
    pub fn commits_to(&self, key: &KeySource<'_>) -> bool {
        key.with_record_key(&self.header, |key| key.commitment().matches(&self.header.commitment))
    }

    fn unseal(self, key: &KeySource<'_>) -> Result<UnsealedRecord, RecordError> {
        let Self { header, message, hash } = self;
        let signed = decrypt(key, &header, message)?;
        let record: v1::SignedRecord =
            canonical::decode(&signed).map_err(RecordError::encoding(Part::Signed))?;
        let body: v1::RecordBody =
            canonical::decode(&record.body).map_err(RecordError::encoding(Part::Body))?;
        check_body(&header, &body)?;
        Ok(UnsealedRecord { header, hash, signed, record, body })
    }
}

/// A record whose seal is off and whose author is not proven yet.
pub struct UnsealedRecord {
    header: Header,
    hash: Digest,
    signed: Zeroizing<Vec<u8>>,
    record: v1::SignedRecord,
    body: v1::RecordBody,
}

impl UnsealedRecord {
    /// SHA-256 of the certificate the author claims to have signed under.
    pub fn certificate_hash(&self) -> Result<Digest, RecordError> {
        Ok(Digest::try_from(self.body.certificate_hash.as_slice())?)
    }

    /// The charter the author claims the group was made under.
    pub fn charter_hash(&self) -> Result<Digest, RecordError> {
        Ok(Digest::try_from(self.body.charter_hash.as_slice())?)
    }

    /// Checks every claim.
    ///
    /// `kinds`: those that the reader knows. `charter_hash`: of the group's policy. `appended_by`: by the log entry.
    /// Errors: [`RecordError`].
    pub fn verify(
        self,
        kinds: Kinds,
        charter_hash: &Digest,
        appended_by: &Identity,
        author: &Author,
    ) -> Result<OpenedRecord, RecordError> {
        let Self { header, hash, signed, record, mut body } = self;
        if Digest::try_from(body.charter_hash.as_slice())? != *charter_hash {
            return Err(RecordError::OtherCharter);
        }
        if author.identity() != appended_by || !author.is_at(header.place.leaf, &body.certificate_hash) {
            return Err(RecordError::OtherAuthor);
        }
        if !author.signed(&record.body, &record.signature) {
            return Err(RecordError::BadSignature);
        }
        let previous = match (body.author_sequence, body.previous.as_slice()) {
            (0, _) | (1, [_, ..]) | (2.., []) => return Err(RecordError::BadSequence),
            (1, []) => None,
            (2.., hash) => Some(Digest::try_from(hash)?),
        };
        Ok(OpenedRecord {
            header,
            hash,
            author: author.identity().clone(),
            payload: Payload::read(kinds, body.kind, body.basis, &body.payload)?,
            kind: body.kind,
            basis: body.basis,
            content: Zeroizing::new(std::mem::take(&mut body.payload)),
            time_ms: body.time_ms,
            certificate_hash: Digest::try_from(body.certificate_hash.as_slice())?,
            sequence: body.author_sequence,
            previous,
            seen_position: Position(body.seen_position),
            seen_head: Head::try_from(body.seen_head.as_slice())?,
            signed,
        })
    }
}

impl KeySource<'_> {
    /// Gives the record's own key to `use_key`.
    fn with_record_key<T>(&self, header: &Header, use_key: impl FnOnce(&RecordKey) -> T) -> T {
        match self {
            Self::Epoch(epoch_key) => use_key(&epoch_key.record_key(&header.place, &header.salt)),
            Self::Record(record_key) => use_key(record_key),
        }
    }
}

fn check_place(
    header: &Header,
    group: GroupId,
    epoch: Epoch,
    epoch_id: Option<EpochId>,
) -> Result<(), RecordError> {
    if header.place.group != group {
        return Err(RecordError::OtherGroup);
    }
    if header.epoch != epoch {
        return Err(RecordError::OtherEpoch);
    }
    if epoch_id.is_some_and(|epoch_id| epoch_id != header.place.epoch_id) {
        return Err(RecordError::OtherEpochId);
    }
    Ok(())
}

/// Checks the commitment, decrypts, and takes the padding off: the encoded SignedRecord.
fn decrypt(
    key: &KeySource<'_>,
    header: &Header,
    message: v1::SealedRecord,
) -> Result<Zeroizing<Vec<u8>>, RecordError> {
    let aead = key.with_record_key(header, |key| {
        // The commitment comes first: without it one ciphertext could open under two keys.
        key.commitment().matches(&header.commitment).then(|| key.aead()).ok_or(RecordError::WrongCommitment)
    })?;
    let mut buffer = Zeroizing::new(message.ciphertext);
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let plaintext = aead
        .open_in_place(nonce, Aad::from(&message.header), &mut buffer)
        .map_err(|_| RecordError::Tampered)?;
    Ok(Zeroizing::new(unpad(plaintext)?.to_vec()))
}

/// Takes length and padding off; only the one right padding passes.
fn unpad(plaintext: &[u8]) -> Result<&[u8], RecordError> {
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_BYTES>().ok_or(RecordError::Padding)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (signed, zeros) = rest.split_at_checked(length).ok_or(RecordError::Padding)?;
    let padded = padded_length((LENGTH_BYTES + length) as u64, RECORD_PADDING_FLOOR_BYTES as u64);
    if plaintext.len() as u64 == padded && is_zero(zeros) { Ok(signed) } else { Err(RecordError::Padding) }
}

fn check_body(header: &Header, body: &v1::RecordBody) -> Result<(), RecordError> {
    if body.format != FORMAT {
        return Err(RecordError::Format { found: body.format });
    }
    if body.suite != SUITE {
        return Err(RecordError::Suite { found: body.suite });
    }
    let same = body.group_id == header.place.group.as_bytes()
        && body.epoch_id == header.place.epoch_id.as_bytes()
        && body.leaf == header.place.leaf
        && body.record_id == header.place.record.as_bytes();
    if same { Ok(()) } else { Err(RecordError::HeaderDiffers) }
}
