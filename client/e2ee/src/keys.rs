//! The keys of epochs, records, documents and cards, and how one is derived from another.
//!
//! PROTOCOL.md sections 10 and 13 give the formulas; each function here is one line of them. Keys
//! wipe themselves, show nothing in a debugger's print, and each has one purpose that its type
//! names. Knows no group, no clock, and draws randomness only from a source passed in.

use alcove_proto::ids::{BlobId, Epoch, EpochId, GroupId, RecordId};
use ring::{
    aead, digest,
    hkdf::{self, HKDF_SHA256},
    rand::SecureRandom,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of every key here.
pub const KEY_BYTES: usize = 32;
/// Bytes of a salt.
pub const SALT_BYTES: usize = 32;
/// Label of the MLS exporter for epoch keys (RFC 9420 section 8.5); the context is the epoch id.
pub const EPOCH_KEY_EXPORTER_LABEL: &[u8] = b"alcove epoch key v1";

/// The bytes have another length than the key or salt they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key must have {KEY_BYTES} bytes, not {actual}")]
pub struct KeyLengthError {
    /// Bytes there were.
    pub actual: usize,
}

/// The random source gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed")]
pub struct RandomnessError;

/// Draws `N` bytes from `random`.
pub fn draw<const N: usize>(random: &dyn SecureRandom) -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    random.fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Wiped when dropped. Cloned only so that a vault row and an open conversation can hold one
        /// each.
        #[derive(Clone)]
        pub struct $name(Zeroizing<[u8; KEY_BYTES]>);

        impl $name {
            /// Takes the key's bytes.
            pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(Zeroizing::new(bytes))
            }

            /// The key's bytes, for sealing them elsewhere. Never to be logged.
            pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = KeyLengthError;

            fn try_from(bytes: &[u8]) -> Result<Self, KeyLengthError> {
                let bytes = bytes.try_into().map_err(|_| KeyLengthError { actual: bytes.len() })?;
                Ok(Self::from_bytes(bytes))
            }
        }
    };
}

secret_key!(
    /// The secret of one epoch: every record key of the epoch comes from it.
    ///
    /// Always exported from a merged epoch, never from a pending commit.
    EpochKey
);
secret_key!(
    /// Opens one record, and proves nothing about any other: this is what a grant hands out.
    RecordKey
);
secret_key!(
    /// Opens one version of one document; it stands in the manifest record.
    ContentKey
);
secret_key!(
    /// Opens the collaborative's directory cards. The server never has it.
    DirectoryKey
);
secret_key!(
    /// A content key bound to its salt, group, blob and chunk count.
    FileKey
);

/// A fresh salt: public, but drawn anew for every sealing, so that no AEAD key seals twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_BYTES]);

impl Salt {
    /// Draws a fresh one.
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, RandomnessError> {
        draw(random).map(Self)
    }
}

/// Ties a ciphertext to one key: AES-GCM alone lets one ciphertext open under two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment(pub [u8; KEY_BYTES]);

impl Commitment {
    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Where a record belongs: its key opens it there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPlace {
    /// The group.
    pub group: GroupId,
    /// The epoch, on one branch of history.
    pub epoch_id: EpochId,
    /// The author's leaf in that epoch.
    pub leaf: u32,
    /// The record.
    pub record: RecordId,
}

/// The id of an epoch: two branches of one group's history never share one.
///
/// `confirmed_transcript_hash` and `confirmation_tag`: RFC 9420 section 8.2, 32 bytes each in our suite.
/// Source: PROTOCOL.md section 10.
pub fn epoch_id(
    group: &GroupId,
    epoch: Epoch,
    confirmed_transcript_hash: &[u8],
    confirmation_tag: &[u8],
) -> EpochId {
    EpochId(sha256(&[
        b"alcove epoch id v1\0",
        group.as_bytes(),
        &epoch.0.to_be_bytes(),
        confirmed_transcript_hash,
        confirmation_tag,
    ]))
}

impl EpochKey {
    /// The key of one record sealed in this epoch with `salt`.
    pub fn record_key(&self, place: &RecordPlace, salt: &Salt) -> RecordKey {
        RecordKey(derive(
            &self.0,
            salt,
            &[
                b"alcove record key v1\0",
                place.group.as_bytes(),
                place.epoch_id.as_bytes(),
                &place.leaf.to_be_bytes(),
                place.record.as_bytes(),
            ],
        ))
    }
}

impl RecordKey {
    /// What the record's header must carry.
    pub fn commitment(&self) -> Commitment {
        Commitment(*expand(&self.0, &[b"alcove record commitment v1\0"]))
    }

    pub(crate) fn aead(&self) -> aead::LessSafeKey {
        aes_256_gcm(&expand(&self.0, &[b"alcove record aead v1\0"]))
    }
}

impl ContentKey {
    /// Draws a fresh one: each attempt at each version of a document has its own.
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, RandomnessError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random.fill(key.as_mut_slice()).map_err(|_| RandomnessError)?;
        Ok(Self(key))
    }

    /// The key of the blob it is used for.
    pub fn file_key(&self, salt: &Salt, group: &GroupId, blob: &BlobId, chunk_count: u32) -> FileKey {
        FileKey(derive(
            &self.0,
            salt,
            &[b"alcove document key v1\0", group.as_bytes(), blob.as_bytes(), &chunk_count.to_be_bytes()],
        ))
    }
}

impl FileKey {
    /// What the manifest must carry.
    pub fn commitment(&self) -> Commitment {
        Commitment(*expand(&self.0, &[b"alcove document commitment v1\0"]))
    }

    pub(crate) fn aead(&self) -> aead::LessSafeKey {
        aes_256_gcm(&expand(&self.0, &[b"alcove document aead v1\0"]))
    }
}

impl DirectoryKey {
    pub(crate) fn aead(&self) -> aead::LessSafeKey {
        aes_256_gcm(&self.0)
    }
}

/// SHA-256 over the concatenation of `parts`; the function [`alcove_proto::log`] asks for.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// HKDF-SHA256 whole: extract, then expand to 32 bytes (RFC 5869).
fn derive(ikm: &[u8; KEY_BYTES], salt: &Salt, info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    fill(&hkdf::Salt::new(HKDF_SHA256, &salt.0).extract(ikm), info)
}

/// HKDF-Expand alone: `key` is already uniformly random.
fn expand(key: &[u8; KEY_BYTES], info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    fill(&hkdf::Prk::new_less_safe(HKDF_SHA256, key), info)
}

fn fill(key: &hkdf::Prk, info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    // Cannot fail: 32 bytes are asked for and 32 are given, far below HKDF's limit of 8,160.
    let Ok(()) = key.expand(info, HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut_slice())) else {
        unreachable!("HKDF-SHA256 gives 32 bytes")
    };
    bytes
}

fn aes_256_gcm(key: &[u8; KEY_BYTES]) -> aead::LessSafeKey {
    // Cannot fail: AES-256 takes exactly 32 bytes.
    let Ok(key) = aead::UnboundKey::new(&aead::AES_256_GCM, key) else {
        unreachable!("AES-256 takes 32 bytes")
    };
    aead::LessSafeKey::new(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> RecordPlace {
        RecordPlace {
            group: GroupId([1; 16]),
            epoch_id: EpochId([2; 32]),
            leaf: 3,
            record: RecordId([4; 16]),
        }
    }

    #[test]
    fn every_part_of_the_place_and_the_salt_changes_the_record_key() {
        let key = EpochKey::from_bytes([9; 32]);
        let salt = Salt([5; 32]);
        let base = key.record_key(&place(), &salt);
        let others = [
            key.record_key(&RecordPlace { group: GroupId([0; 16]), ..place() }, &salt),
            key.record_key(&RecordPlace { epoch_id: EpochId([0; 32]), ..place() }, &salt),
            key.record_key(&RecordPlace { leaf: 4, ..place() }, &salt),
            key.record_key(&RecordPlace { record: RecordId([0; 16]), ..place() }, &salt),
            key.record_key(&place(), &Salt([6; 32])),
            EpochKey::from_bytes([8; 32]).record_key(&place(), &salt),
        ];
        for other in others {
            assert_ne!(base.as_bytes(), other.as_bytes());
            assert!(!base.commitment().matches(&other.commitment()));
        }
        let again = key.record_key(&place(), &salt);
        assert_eq!(base.as_bytes(), again.as_bytes(), "the same inputs give the same key");
    }

    #[test]
    fn every_part_of_the_epoch_changes_its_id() {
        let base = epoch_id(&GroupId([1; 16]), Epoch(7), &[2; 32], &[3; 32]);
        assert_ne!(base, epoch_id(&GroupId([0; 16]), Epoch(7), &[2; 32], &[3; 32]));
        assert_ne!(base, epoch_id(&GroupId([1; 16]), Epoch(8), &[2; 32], &[3; 32]));
        assert_ne!(base, epoch_id(&GroupId([1; 16]), Epoch(7), &[0; 32], &[3; 32]));
        assert_ne!(base, epoch_id(&GroupId([1; 16]), Epoch(7), &[2; 32], &[0; 32]));
    }

    #[test]
    fn a_commitment_is_not_the_key_and_a_short_key_is_refused() {
        let key = RecordKey::from_bytes([7; 32]);
        assert_ne!(&key.commitment().0, key.as_bytes());
        assert_eq!(RecordKey::try_from(&[0; 31][..]).err(), Some(KeyLengthError { actual: 31 }));
    }
}
