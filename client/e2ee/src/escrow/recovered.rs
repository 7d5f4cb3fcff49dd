//! What came back of escrow, for the device it was sealed to: keys of epochs, granted record keys, and certificates.

use crate::keys::{EpochKey, KeyLengthError, RecordKey};
use alcove_charter::{EscrowPlace, EscrowedGrantPlace};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::{AccessId, Digest, Epoch, EpochId, GroupId, IdLengthError, Position},
    limits::CERTIFICATE_BYTES_MAX,
    v1,
};

/// Why recovered keys cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveredError {
    /// The bytes are not the one encoding of such a message.
    #[error("the recovered keys do not parse")]
    Encoding(#[from] CanonicalError),
    /// A group id, epoch id, access id or hash has another length.
    #[error(transparent)]
    Id(#[from] IdLengthError),
    /// A key has another length.
    #[error(transparent)]
    Key(#[from] KeyLengthError),
    /// Keys, grants or certificates are not sorted, or one stands there twice.
    #[error("the recovered keys are out of order")]
    Order,
    /// A certificate is empty, or over [`CERTIFICATE_BYTES_MAX`].
    #[error("a certificate of {bytes} bytes")]
    Certificate {
        /// Bytes it has.
        bytes: usize,
    },
}

/// Everything that was recovered.
pub struct Recovered {
    /// By group, epoch, epoch id and key. Two with one place: one of them is false, and the commitments of that epoch's
    /// records tell which.
    pub keys: Vec<RecoveredKey>,
    /// By group and access id.
    pub grants: Vec<RecoveredGrant>,
    /// MLS certificates (DER), in rising order. None of them is believed yet.
    pub certificates: Vec<Vec<u8>>,
}

/// One recovered key of an epoch.
pub struct RecoveredKey {
    /// Which epoch's it was sealed as.
    pub place: EscrowPlace,
    /// The key.
    pub key: EpochKey,
}

/// The record keys of one grant that the lost device had received.
pub struct RecoveredGrant {
    /// Which grant's.
    pub place: EscrowedGrantPlace,
    /// Position, hash of the sealed record, and its key, in rising order of position.
    pub keys: Vec<(Position, Digest, RecordKey)>,
}

/// Reads the recovered keys that were sealed to this device, once HPKE has opened them.
///
/// `opened`: an encoded [`v1::RecoveredEpochKeys`]. Errors: [`RecoveredError`].
pub fn read_recovered(opened: &[u8]) -> Result<Recovered, RecoveredError> {
    let message: v1::RecoveredEpochKeys = canonical::decode(opened)?;
    let keys = message.keys.iter().map(|key| {
        let place = EscrowPlace {
            group: GroupId::try_from(key.group_id.as_slice())?,
            epoch: Epoch(key.epoch),
            epoch_id: EpochId::try_from(key.epoch_id.as_slice())?,
        };
        Ok(RecoveredKey { place, key: EpochKey::try_from(key.key.as_slice())? })
    });
    let keys = keys.collect::<Result<Vec<_>, RecoveredError>>()?;
    let rising = |a: &RecoveredKey, b: &RecoveredKey| {
        (a.place, a.key.as_bytes().as_slice()) < (b.place, b.key.as_bytes().as_slice())
    };
    let grants = message.grants.iter().map(parse_grant).collect::<Result<Vec<_>, _>>()?;
    let sorted = keys.is_sorted_by(rising)
        && grants.is_sorted_by(|a, b| a.place < b.place)
        && message.certificates.is_sorted_by(|a, b| a < b);
    if !sorted {
        return Err(RecoveredError::Order);
    }
    for bytes in message.certificates.iter().map(Vec::len) {
        if bytes == 0 || bytes > CERTIFICATE_BYTES_MAX {
            return Err(RecoveredError::Certificate { bytes });
        }
    }
    Ok(Recovered { keys, grants, certificates: message.certificates })
}

fn parse_grant(grant: &v1::RecoveredGrant) -> Result<RecoveredGrant, RecoveredError> {
    let keys = grant.keys.iter().map(|key| {
        let hash = Digest::try_from(key.hash.as_slice())?;
        Ok((Position(key.position), hash, RecordKey::try_from(key.key.as_slice())?))
    });
    let keys = keys.collect::<Result<Vec<_>, RecoveredError>>()?;
    if !keys.is_sorted_by(|(a, ..), (b, ..)| a < b) {
        return Err(RecoveredError::Order);
    }
    let place = EscrowedGrantPlace {
        group: GroupId::try_from(grant.group_id.as_slice())?,
        access: AccessId::try_from(grant.access_id.as_slice())?,
    };
    Ok(RecoveredGrant { place, keys })
}
