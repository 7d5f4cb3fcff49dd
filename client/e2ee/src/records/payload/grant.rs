//! A grant: record keys for one device, under seal. [`crate::grants`] makes it and takes the keys out.

use super::limits::PayloadError;
use crate::keys::KEY_BYTES;
use alcove_proto::{
    ids::{AccessId, Digest, GroupId, Position},
    limits::{
        CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX, CHUNK_TAG_BYTES, GRANT_CHAINS_MAX, GRANT_RECORDS_MAX,
    },
    names::Identity,
    v1,
};

/// Bytes an HPKE encapsulated key may have; X-Wing's has 1,120.
const ENCAPSULATED_KEY_BYTES_MAX: usize = 2048;

/// A grant: who may read which earlier records, and their keys under seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The group whose records these are.
    pub group: GroupId,
    /// The device that may read.
    pub grantee: Identity,
    /// Its leaf when the keys were sealed.
    pub grantee_leaf: u32,
    /// The access entry the server was given with it.
    pub access: AccessId,
    /// Between 1 and [`GRANT_RECORDS_MAX`], in rising order of position.
    pub records: Vec<GrantedRecord>,
    /// The authors' certificate chains, DER, leaf first; at most [`GRANT_CHAINS_MAX`].
    pub chains: Vec<Vec<Vec<u8>>>,
    /// Milliseconds since 1970; nothing means no end.
    pub not_after_ms: Option<i64>,
    pub(crate) sealed: HpkeSealed,
}

/// One record of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedRecord {
    /// Where it stands in the log.
    pub position: Position,
    /// SHA-256 of the sealed record.
    pub hash: Digest,
    /// Whose it is: an index into [`Grant::chains`].
    pub chain: usize,
}

/// An HPKE ciphertext (RFC 9180) with the encapsulated key that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpkeSealed {
    /// The KEM's output.
    pub encapsulated_key: Vec<u8>,
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
}

impl Grant {
    /// The keys under seal.
    pub fn sealed(&self) -> &HpkeSealed {
        &self.sealed
    }

    pub(crate) fn to_wire(&self) -> v1::Grant {
        let records = self.records.iter().map(|record| v1::GrantedRecord {
            position: record.position.0,
            hash: record.hash.to_vec(),
            // An index over the limit is refused by `check`.
            chain: u32::try_from(record.chain).unwrap_or(u32::MAX),
        });
        let chains = self.chains.iter().map(|chain| v1::AuthorChain { certificates: chain.clone() });
        v1::Grant {
            group_id: self.group.to_vec(),
            grantee: self.grantee.to_string(),
            grantee_leaf: self.grantee_leaf,
            access_id: self.access.to_vec(),
            records: records.collect(),
            encapsulated_key: self.sealed.encapsulated_key.clone(),
            sealed_keys: self.sealed.ciphertext.clone(),
            not_after_ms: self.not_after_ms.unwrap_or(0),
            // Any other is of a later version, and never parsed into this.
            basis: v1::Basis::Undeclared.into(),
            chains: chains.collect(),
        }
    }

    pub(super) fn parse(grant: v1::Grant) -> Result<Self, PayloadError> {
        let records = grant.records.iter().map(|record| {
            Ok(GrantedRecord {
                position: Position(record.position),
                hash: Digest::try_from(record.hash.as_slice())?,
                chain: record.chain as usize,
            })
        });
        let grant = Self {
            group: GroupId::try_from(grant.group_id.as_slice())?,
            grantee: grant.grantee.parse()?,
            grantee_leaf: grant.grantee_leaf,
            access: AccessId::try_from(grant.access_id.as_slice())?,
            records: records.collect::<Result<_, PayloadError>>()?,
            chains: grant.chains.into_iter().map(|chain| chain.certificates).collect(),
            not_after_ms: Some(grant.not_after_ms).filter(|end| *end != 0),
            sealed: HpkeSealed { encapsulated_key: grant.encapsulated_key, ciphertext: grant.sealed_keys },
        };
        grant.check()?;
        Ok(grant)
    }

    pub(crate) fn check(&self) -> Result<(), PayloadError> {
        let records = self.records.len();
        if records == 0 || records > GRANT_RECORDS_MAX {
            return Err(PayloadError::GrantRecords { records });
        }
        if !self.records.is_sorted_by(|a, b| a.position < b.position) {
            return Err(PayloadError::GrantOrder);
        }
        let certificate_ok = |certificate: &Vec<u8>| (1..=CERTIFICATE_BYTES_MAX).contains(&certificate.len());
        let chain_ok = |chain: &Vec<Vec<u8>>| {
            (1..=CHAIN_CERTIFICATES_MAX).contains(&chain.len()) && chain.iter().all(certificate_ok)
        };
        if self.chains.len() > GRANT_CHAINS_MAX
            || !self.chains.iter().all(chain_ok)
            || self.records.iter().any(|record| record.chain >= self.chains.len())
        {
            return Err(PayloadError::GrantChains);
        }
        let bytes = self.sealed.ciphertext.len();
        let encapsulated = self.sealed.encapsulated_key.len();
        if bytes != records * KEY_BYTES + CHUNK_TAG_BYTES
            || !(1..=ENCAPSULATED_KEY_BYTES_MAX).contains(&encapsulated)
        {
            return Err(PayloadError::GrantKeys { bytes });
        }
        Ok(())
    }
}
