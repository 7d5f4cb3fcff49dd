//! Escrow: the keys of epochs, and those that a grant brought, sealed to an agency's recovery key, as both who seals and
//! who opens see them.
//!
//! Judges form only: nothing here seals or opens. PROTOCOL.md, "Recovery".

use crate::key::{P256Point, sha256};
use alcove_proto::{
    canonical::{self, CanonicalError},
    ids::{AccessId, Epoch, EpochId, GroupId, IdLengthError, Position},
    limits::{ACCESS_RANGES_MAX, CERTIFICATE_BYTES_MAX, ESCROW_ENTRIES_MAX, ESCROWED_GRANT_BYTES_MAX},
    names::{NameError, TrustDomain},
    v1,
};
use prost::Message;

/// HPKE's `info` of every escrow entry.
pub const ESCROW_INFO: &[u8] = b"alcove escrow v1";
/// HPKE's `info` of every escrowed grant.
pub const ESCROW_GRANT_INFO: &[u8] = b"alcove escrow grant v1";
/// Bytes of a sealed epoch key: 32 and the tag of AES-256-GCM.
pub const ESCROW_CIPHERTEXT_BYTES: usize = 32 + 16;

/// Bytes AES-256-GCM adds.
const TAG_BYTES: usize = 16;

/// The bundle format this crate reads.
const FORMAT: u32 = 1;

/// Why an escrow entry or a bundle of them is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscrowError {
    /// The bytes are not the one encoding of such a message.
    #[error("the escrow does not parse")]
    Encoding(#[from] CanonicalError),
    /// A format this version does not know.
    #[error("escrow format {found}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// The bundle names no agency.
    #[error("the escrow's agency is no name")]
    TrustDomain(#[from] NameError),
    /// A group id or epoch id has another length.
    #[error(transparent)]
    Id(#[from] IdLengthError),
    /// The encapsulated key is no P-256 point.
    #[error("the encapsulated key is no P-256 point")]
    EncapsulatedKey,
    /// The ciphertext is not as long as a sealed epoch key.
    #[error("a sealed epoch key has {ESCROW_CIPHERTEXT_BYTES} bytes, not {bytes}")]
    Ciphertext {
        /// Bytes it has.
        bytes: usize,
    },
    /// More entries and grants than [`ESCROW_ENTRIES_MAX`], or none of either.
    #[error("{count} escrow entries")]
    Count {
        /// How many.
        count: usize,
    },
    /// An escrowed grant is empty, or over [`ESCROWED_GRANT_BYTES_MAX`].
    #[error("an escrowed grant of {bytes} bytes")]
    GrantSize {
        /// Bytes it has.
        bytes: usize,
    },
    /// The positions of an escrowed grant are none, too many, or not disjoint and rising.
    #[error("the positions of an escrowed grant are not in order")]
    Ranges,
    /// A certificate is empty, or over [`CERTIFICATE_BYTES_MAX`].
    #[error("a certificate of {bytes} bytes")]
    Certificate {
        /// Bytes it has.
        bytes: usize,
    },
}

/// Where an escrow entry belongs: it opens there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EscrowPlace {
    /// The group.
    pub group: GroupId,
    /// The epoch's number.
    pub epoch: Epoch,
    /// The epoch, on one branch of history.
    pub epoch_id: EpochId,
}

/// One epoch's key sealed to a recovery key: its form is checked, what is in it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowEntry {
    /// Which epoch's key it says it is.
    pub place: EscrowPlace,
    /// The KEM's output.
    pub encapsulated_key: P256Point,
    /// The ciphertext with its tag.
    pub ciphertext: [u8; ESCROW_CIPHERTEXT_BYTES],
}

/// Where an escrowed grant belongs: it opens there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EscrowedGrantPlace {
    /// The group.
    pub group: GroupId,
    /// The access entry that goes with the grant.
    pub access: AccessId,
}

/// The record keys of one grant sealed to a recovery key: its form is checked, what is in it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowedGrant {
    /// Which grant it says it is.
    pub place: EscrowedGrantPlace,
    /// First and last position of each run of records, both included: disjoint, rising; between 1 and
    /// [`ACCESS_RANGES_MAX`].
    pub ranges: Vec<(Position, Position)>,
    /// The KEM's output.
    pub encapsulated_key: P256Point,
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
}

/// Escrow of one agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowBundle {
    /// Whose recovery key opens it.
    pub trust_domain: TrustDomain,
    /// In any order; with `grants` between 1 and [`ESCROW_ENTRIES_MAX`].
    pub entries: Vec<EscrowEntry>,
    /// In any order.
    pub grants: Vec<EscrowedGrant>,
    /// MLS certificates (DER) of whoever was in these groups, in any order. Nobody has looked into them.
    pub certificates: Vec<Vec<u8>>,
}

impl EscrowPlace {
    /// HPKE's AAD of an entry for this place, sealed to `recovery_key` of `trust_domain`.
    ///
    /// What follows the name has one length, so no two places give the same bytes. Source: PROTOCOL.md, "Recovery".
    pub fn aad(&self, trust_domain: &TrustDomain, recovery_key: &P256Point) -> Vec<u8> {
        [
            b"alcove escrow v1\0",
            trust_domain.as_str().as_bytes(),
            &sha256(&[recovery_key.as_bytes()]),
            self.group.as_bytes(),
            &self.epoch.0.to_be_bytes(),
            self.epoch_id.as_bytes(),
        ]
        .concat()
    }
}

impl EscrowEntry {
    /// Checks that an entry is well formed.
    ///
    /// Errors: [`EscrowError`].
    pub fn parse(entry: &v1::EscrowEntry) -> Result<Self, EscrowError> {
        let bytes = entry.ciphertext.len();
        Ok(Self {
            place: EscrowPlace {
                group: GroupId::try_from(entry.group_id.as_slice())?,
                epoch: Epoch(entry.epoch),
                epoch_id: EpochId::try_from(entry.epoch_id.as_slice())?,
            },
            encapsulated_key: P256Point::parse(&entry.encapsulated_key)
                .ok_or(EscrowError::EncapsulatedKey)?,
            ciphertext: entry
                .ciphertext
                .as_slice()
                .try_into()
                .map_err(|_| EscrowError::Ciphertext { bytes })?,
        })
    }

    /// The message.
    pub fn to_wire(&self) -> v1::EscrowEntry {
        v1::EscrowEntry {
            group_id: self.place.group.to_vec(),
            epoch: self.place.epoch.0,
            epoch_id: self.place.epoch_id.to_vec(),
            encapsulated_key: self.encapsulated_key.as_bytes().to_vec(),
            ciphertext: self.ciphertext.to_vec(),
        }
    }
}

impl EscrowedGrantPlace {
    /// HPKE's AAD of a grant at this place, sealed to `recovery_key` of `trust_domain`.
    ///
    /// What follows the name has one length, so no two places give the same bytes. Source: PROTOCOL.md, "Recovery".
    pub fn aad(&self, trust_domain: &TrustDomain, recovery_key: &P256Point) -> Vec<u8> {
        [
            b"alcove escrow grant v1\0",
            trust_domain.as_str().as_bytes(),
            &sha256(&[recovery_key.as_bytes()]),
            self.group.as_bytes(),
            self.access.as_bytes(),
        ]
        .concat()
    }
}

impl EscrowedGrant {
    /// Checks that an escrowed grant is well formed.
    ///
    /// Errors: [`EscrowError`].
    pub fn parse(grant: &v1::EscrowedGrant) -> Result<Self, EscrowError> {
        let bytes = grant.encoded_len();
        if grant.ciphertext.len() <= TAG_BYTES || bytes > ESCROWED_GRANT_BYTES_MAX {
            return Err(EscrowError::GrantSize { bytes });
        }
        Ok(Self {
            place: EscrowedGrantPlace {
                group: GroupId::try_from(grant.group_id.as_slice())?,
                access: AccessId::try_from(grant.access_id.as_slice())?,
            },
            ranges: rising_ranges(&grant.ranges)?,
            encapsulated_key: P256Point::parse(&grant.encapsulated_key)
                .ok_or(EscrowError::EncapsulatedKey)?,
            ciphertext: grant.ciphertext.clone(),
        })
    }

    /// The message.
    pub fn to_wire(&self) -> v1::EscrowedGrant {
        let range = |(first, last): &(Position, Position)| v1::PositionRange { first: first.0, last: last.0 };
        v1::EscrowedGrant {
            group_id: self.place.group.to_vec(),
            access_id: self.place.access.to_vec(),
            ranges: self.ranges.iter().map(range).collect(),
            encapsulated_key: self.encapsulated_key.as_bytes().to_vec(),
            ciphertext: self.ciphertext.clone(),
        }
    }
}

fn rising_ranges(ranges: &[v1::PositionRange]) -> Result<Vec<(Position, Position)>, EscrowError> {
    if ranges.is_empty() || ranges.len() > ACCESS_RANGES_MAX {
        return Err(EscrowError::Ranges);
    }
    let mut last = 0;
    let mut rising = Vec::with_capacity(ranges.len());
    for range in ranges {
        if range.first <= last || range.last < range.first {
            return Err(EscrowError::Ranges);
        }
        last = range.last;
        rising.push((Position(range.first), Position(range.last)));
    }
    Ok(rising)
}

impl EscrowBundle {
    /// Parses an encoded [`v1::EscrowBundle`]; one entry that is not well formed spoils it.
    ///
    /// Whoever gathers a bundle leaves such entries out. Errors: [`EscrowError`].
    pub fn parse(bundle: &[u8]) -> Result<Self, EscrowError> {
        let message: v1::EscrowBundle = canonical::decode(bundle)?;
        if message.format != FORMAT {
            return Err(EscrowError::Format { found: message.format });
        }
        let count = message.entries.len() + message.grants.len();
        if count == 0 || count > ESCROW_ENTRIES_MAX {
            return Err(EscrowError::Count { count });
        }
        Ok(Self {
            trust_domain: message.trust_domain.parse()?,
            entries: message.entries.iter().map(EscrowEntry::parse).collect::<Result<_, _>>()?,
            grants: message.grants.iter().map(EscrowedGrant::parse).collect::<Result<_, _>>()?,
            certificates: message.certificates.into_iter().map(sized).collect::<Result<_, _>>()?,
        })
    }

    /// The encoded [`v1::EscrowBundle`].
    pub fn encode(&self) -> Vec<u8> {
        v1::EscrowBundle {
            format: FORMAT,
            trust_domain: self.trust_domain.to_string(),
            entries: self.entries.iter().map(EscrowEntry::to_wire).collect(),
            grants: self.grants.iter().map(EscrowedGrant::to_wire).collect(),
            certificates: self.certificates.clone(),
        }
        .encode_to_vec()
    }
}

fn sized(certificate: Vec<u8>) -> Result<Vec<u8>, EscrowError> {
    let bytes = certificate.len();
    if bytes == 0 || bytes > CERTIFICATE_BYTES_MAX {
        return Err(EscrowError::Certificate { bytes });
    }
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> v1::EscrowEntry {
        v1::EscrowEntry {
            group_id: vec![1; 16],
            epoch: 7,
            epoch_id: vec![2; 32],
            encapsulated_key: vec![4; 65],
            ciphertext: vec![5; 48],
        }
    }

    fn refused(change: impl FnOnce(&mut v1::EscrowEntry)) -> EscrowError {
        let mut altered = entry();
        change(&mut altered);
        EscrowEntry::parse(&altered).unwrap_err()
    }

    #[test]
    fn a_well_formed_entry_comes_back_and_no_other_is_taken() {
        assert_eq!(EscrowEntry::parse(&entry()).unwrap().to_wire(), entry(), "the control");
        assert!(matches!(refused(|e| e.group_id = vec![1; 15]), EscrowError::Id(_)));
        assert!(matches!(refused(|e| e.epoch_id = vec![]), EscrowError::Id(_)));
        assert_eq!(refused(|e| e.encapsulated_key = vec![2; 33]), EscrowError::EncapsulatedKey);
        assert_eq!(refused(|e| e.ciphertext = vec![5; 32]), EscrowError::Ciphertext { bytes: 32 });
        assert_eq!(refused(|e| e.ciphertext = vec![5; 49]), EscrowError::Ciphertext { bytes: 49 });
    }

    #[test]
    fn a_bundle_comes_back_and_an_empty_or_altered_one_is_refused() {
        let bundle = EscrowBundle {
            trust_domain: "harborlight.northmark.example".parse().unwrap(),
            entries: vec![EscrowEntry::parse(&entry()).unwrap(); 2],
            grants: vec![EscrowedGrant::parse(&grant()).unwrap()],
            certificates: vec![vec![7; 400]],
        };
        let bytes = bundle.encode();
        assert_eq!(EscrowBundle::parse(&bytes), Ok(bundle.clone()));
        assert!(matches!(EscrowBundle::parse(&bytes[1..]), Err(EscrowError::Encoding(_))));
        let granted = EscrowBundle { entries: Vec::new(), ..bundle.clone() };
        assert!(EscrowBundle::parse(&granted.encode()).is_ok(), "grants alone are worth a journey");
        let empty = EscrowBundle { entries: Vec::new(), grants: Vec::new(), ..bundle.clone() };
        assert_eq!(EscrowBundle::parse(&empty.encode()), Err(EscrowError::Count { count: 0 }));
        let large = EscrowBundle { certificates: vec![vec![7; CERTIFICATE_BYTES_MAX + 1]], ..bundle };
        let bytes = CERTIFICATE_BYTES_MAX + 1;
        assert_eq!(EscrowBundle::parse(&large.encode()), Err(EscrowError::Certificate { bytes }));
        let later = v1::EscrowBundle { format: 2, ..v1::EscrowBundle::default() };
        assert_eq!(EscrowBundle::parse(&later.encode_to_vec()), Err(EscrowError::Format { found: 2 }));
    }

    fn grant() -> v1::EscrowedGrant {
        let range = |first, last| v1::PositionRange { first, last };
        v1::EscrowedGrant {
            group_id: vec![1; 16],
            access_id: vec![3; 16],
            ranges: vec![range(2, 2), range(4, 9)],
            encapsulated_key: vec![4; 65],
            ciphertext: vec![5; 100],
        }
    }

    fn grant_refused(change: impl FnOnce(&mut v1::EscrowedGrant)) -> EscrowError {
        let mut altered = grant();
        change(&mut altered);
        EscrowedGrant::parse(&altered).unwrap_err()
    }

    #[test]
    fn a_well_formed_grant_comes_back_and_no_other_is_taken() {
        assert_eq!(EscrowedGrant::parse(&grant()).unwrap().to_wire(), grant(), "the control");
        assert!(matches!(grant_refused(|g| g.group_id = vec![1; 15]), EscrowError::Id(_)));
        assert!(matches!(grant_refused(|g| g.access_id = vec![]), EscrowError::Id(_)));
        assert_eq!(grant_refused(|g| g.encapsulated_key = vec![2; 33]), EscrowError::EncapsulatedKey);
        assert!(matches!(grant_refused(|g| g.ciphertext = vec![5; 16]), EscrowError::GrantSize { .. }));
        let large = vec![5; ESCROWED_GRANT_BYTES_MAX];
        assert!(matches!(grant_refused(|g| g.ciphertext = large), EscrowError::GrantSize { .. }));
        for (index, first, last) in [(0, 0, 2), (0, 3, 2), (0, 2, 4), (1, 2, 9), (1, 5, 4)] {
            let range = v1::PositionRange { first, last };
            assert_eq!(grant_refused(|g| g.ranges[index] = range), EscrowError::Ranges, "{range:?}");
        }
        assert_eq!(grant_refused(|g| g.ranges.clear()), EscrowError::Ranges);
    }

    #[test]
    fn every_part_of_the_place_changes_what_an_entry_is_bound_to() {
        let place = EscrowEntry::parse(&entry()).unwrap().place;
        let agency = |label: &str| format!("{label}.northmark.example").parse::<TrustDomain>().unwrap();
        let key = |byte| P256Point::parse(&[[4; 1].as_slice(), &[byte; 64]].concat()).unwrap();
        let base = place.aad(&agency("harborlight"), &key(1));
        let others = [
            place.aad(&agency("elmgate"), &key(1)),
            place.aad(&agency("harborlight"), &key(2)),
            EscrowPlace { group: GroupId([9; 16]), ..place }.aad(&agency("harborlight"), &key(1)),
            EscrowPlace { epoch: Epoch(8), ..place }.aad(&agency("harborlight"), &key(1)),
            EscrowPlace { epoch_id: EpochId([9; 32]), ..place }.aad(&agency("harborlight"), &key(1)),
        ];
        assert!(others.iter().all(|other| *other != base));

        let place = EscrowedGrant::parse(&grant()).unwrap().place;
        let base = place.aad(&agency("harborlight"), &key(1));
        let others = [
            place.aad(&agency("elmgate"), &key(1)),
            place.aad(&agency("harborlight"), &key(2)),
            EscrowedGrantPlace { group: GroupId([9; 16]), ..place }.aad(&agency("harborlight"), &key(1)),
            EscrowedGrantPlace { access: AccessId([9; 16]), ..place }.aad(&agency("harborlight"), &key(1)),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
