//! The part of a record that stands in clear, and the record before it is opened.

use super::{FORMAT, Part, RecordError};
use crate::keys::{Commitment, RecordPlace, Salt, sha256};
use alcove_proto::{
    canonical,
    ids::{Digest, Epoch, EpochId, GroupId, RecordId},
    limits::RECORD_BYTES_MAX,
    v1,
};
use prost::Message;

/// A record's header. Anybody who has the bytes can read it; nobody can change it unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Group, epoch, leaf and record: what the key is bound to.
    pub place: RecordPlace,
    /// The epoch's number.
    pub epoch: Epoch,
    /// Fresh for every sealing.
    pub salt: Salt,
    /// Ties the ciphertext to one key.
    pub commitment: Commitment,
}

impl Header {
    /// The canonical bytes: the additional authenticated data of the ciphertext.
    pub(super) fn encode(&self) -> Vec<u8> {
        v1::RecordHeader {
            format: FORMAT,
            group_id: self.place.group.to_vec(),
            epoch_id: self.place.epoch_id.to_vec(),
            epoch: self.epoch.0,
            leaf: self.place.leaf,
            record_id: self.place.record.to_vec(),
            salt: self.salt.0.to_vec(),
            commitment: self.commitment.0.to_vec(),
        }
        .encode_to_vec()
    }

    fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let header: v1::RecordHeader =
            canonical::decode(bytes).map_err(RecordError::encoding(Part::Header))?;
        if header.format != FORMAT {
            return Err(RecordError::Format { found: header.format });
        }
        Ok(Self {
            place: RecordPlace {
                group: GroupId::try_from(header.group_id.as_slice())?,
                epoch_id: EpochId::try_from(header.epoch_id.as_slice())?,
                leaf: header.leaf,
                record: RecordId::try_from(header.record_id.as_slice())?,
            },
            epoch: Epoch(header.epoch),
            // Salt and commitment have the length of a digest; the error names it.
            salt: Salt(Digest::try_from(header.salt.as_slice())?.0),
            commitment: Commitment(Digest::try_from(header.commitment.as_slice())?.0),
        })
    }
}

/// A record as the server has it, its header read and nothing opened yet.
pub struct SealedRecord {
    pub(super) header: Header,
    pub(super) message: v1::SealedRecord,
    pub(super) hash: Digest,
}

impl SealedRecord {
    /// Reads a record's header.
    ///
    /// `bytes`: the body of a log entry, at most [`RECORD_BYTES_MAX`].
    /// Errors: [`RecordError::TooLarge`], [`RecordError::Encoding`], [`RecordError::Format`],
    /// [`RecordError::Length`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLarge { bytes: bytes.len() });
        }
        let message: v1::SealedRecord =
            canonical::decode(bytes).map_err(RecordError::encoding(Part::Sealed))?;
        let header = Header::parse(&message.header)?;
        Ok(Self { header, message, hash: Digest(sha256(&[bytes])) })
    }

    /// Says whose leaf, which epoch, which record. Not proven before the record is opened.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// SHA-256 of the whole record: what grants and the author's next record name it by.
    pub fn hash(&self) -> Digest {
        self.hash
    }
}
