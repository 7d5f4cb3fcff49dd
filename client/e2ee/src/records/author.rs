//! Who wrote a record, and in which order an author's records stand.

use super::OpenedRecord;
use alcove_charter::{DeviceCertificate, P256Point, sign_content};
use alcove_proto::{ids::Digest, names::Identity};
use zeroize::Zeroizing;

/// The label of SignWithLabel (RFC 9420 section 5.1.2) that authors sign records under.
const SIGNATURE_LABEL: &str = "alcove record v1";

/// The device a record's signature is checked against.
///
/// Always taken from a verified certificate chain: the group's roster for a record of an epoch the
/// reader was in, the chain a grant brings for an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    identity: Identity,
    leaf: Option<u32>,
    certificate_hash: Digest,
    public_key: P256Point,
}

impl Author {
    /// The member at `leaf` in the roster of the epoch the record was sealed in.
    ///
    /// `certificate_hash`: SHA-256 of its leaf certificate (DER). `public_key`: the leaf's signature key.
    pub fn in_roster(identity: Identity, leaf: u32, certificate_hash: Digest, public_key: P256Point) -> Self {
        Self { identity, leaf: Some(leaf), certificate_hash, public_key }
    }

    /// The device of a granted chain, verified for the time at the record's log position. At which leaf
    /// it sat is not known.
    pub fn in_chain(certificate: &DeviceCertificate) -> Self {
        let DeviceCertificate { identity, certificate_hash, public_key, .. } = certificate;
        Self {
            identity: identity.clone(),
            leaf: None,
            certificate_hash: *certificate_hash,
            public_key: *public_key,
        }
    }

    /// Whose device.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether `leaf` can be this author's, and `certificate_hash` is.
    pub(super) fn is_at(&self, leaf: u32, certificate_hash: &[u8]) -> bool {
        self.leaf.is_none_or(|own| own == leaf) && self.certificate_hash.as_bytes() == certificate_hash
    }

    pub(super) fn signed(&self, body: &[u8], signature: &[u8]) -> bool {
        self.public_key.verify(&signed_content(body), signature).is_ok()
    }
}

/// The bytes under a record's signature: SignContent of RFC 9420 section 5.1.2 with our label.
///
/// Wiped when dropped: the body is what somebody wrote.
pub fn signed_content(body: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(sign_content(SIGNATURE_LABEL, body))
}

/// The last record of one author device in one group that a reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorPoint {
    /// Its number, from 1.
    pub sequence: u64,
    /// SHA-256 of the sealed record.
    pub hash: Digest,
}

/// What a reader knows of an author before the first record it sees of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorStart {
    /// The reader has the log from its first entry: the author's records begin with number 1.
    FromTheFirst,
    /// The reader joined later; earlier records of the author may be closed to it.
    FromAnywhere,
}

/// What is wrong with the order of an author's records. Each is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorFault {
    /// Records of this author are missing before this one.
    #[error("records of this author are missing: number {found} came where {expected} was due")]
    Gap {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A record that was seen before came again.
    #[error("record number {found} of this author came again")]
    Replay {
        /// Its number.
        found: u64,
    },
    /// The author signed two histories: a number taken twice, or another predecessor than was seen.
    #[error("the author's record number {found} contradicts what the author wrote before")]
    Fork {
        /// Its number.
        found: u64,
    },
}

impl AuthorPoint {
    /// Checks that `record` is the author's next one after `last`, and moves on to it.
    ///
    /// Call it for each record in the order of the log, with one point per author device and group;
    /// `start` counts only while there is no `last`. Errors: [`AuthorFault`]; then `last` stays the
    /// author's point.
    pub fn after(last: Option<Self>, start: AuthorStart, record: &OpenedRecord) -> Result<Self, AuthorFault> {
        let point = Self { sequence: record.sequence, hash: record.hash };
        let found = point.sequence;
        let Some(last) = last else {
            return match start {
                AuthorStart::FromTheFirst if found != 1 => Err(AuthorFault::Gap { expected: 1, found }),
                AuthorStart::FromTheFirst | AuthorStart::FromAnywhere => Ok(point),
            };
        };
        let expected = last.sequence.saturating_add(1);
        if point == last {
            Err(AuthorFault::Replay { found })
        } else if found == last.sequence {
            Err(AuthorFault::Fork { found })
        } else if found < last.sequence {
            Err(AuthorFault::Replay { found })
        } else if found > expected {
            Err(AuthorFault::Gap { expected, found })
        } else if record.previous != Some(last.hash) {
            Err(AuthorFault::Fork { found })
        } else {
            Ok(point)
        }
    }
}
