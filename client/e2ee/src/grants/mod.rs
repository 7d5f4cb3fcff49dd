//! Grants: record keys handed to one device, so that it can read what stands before it joined.
//!
//! [`make`] seals record keys to a leaf, [`unseal`] takes them out on the other side, and
//! [`open_granted`] opens one granted record and checks that it was the granter's to give. Only
//! record keys travel, never epoch keys. PROTOCOL.md section 12.
//!
//! HPKE is passed in: the group knows the grantee's leaf key, this module knows what to seal.

pub use crate::records::{Grant, GrantedRecord, HpkeSealed};

use crate::{
    keys::{KEY_BYTES, RecordKey, sha256},
    records::{Author, Expected, KeySource, OpenedRecord, PayloadError, RecordError, SealedRecord},
};
use alcove_proto::{
    ids::{AccessId, GroupId},
    names::{Identity, Person},
};
use prost::Message;
use zeroize::Zeroizing;

/// What a granter decides; [`make`] adds the sealed keys.
pub struct Plan {
    /// The group whose records these are.
    pub group: GroupId,
    /// The device that may read.
    pub grantee: Identity,
    /// Its leaf in the epoch in force.
    pub grantee_leaf: u32,
    /// Drawn at random, or the one of the access entry that is open already.
    pub access: AccessId,
    /// Each record with its key. Their order does not matter.
    pub records: Vec<(GrantedRecord, RecordKey)>,
    /// The authors' certificate chains, DER, leaf first.
    pub chains: Vec<Vec<Vec<u8>>>,
    /// Milliseconds since 1970; nothing means no end.
    pub not_after_ms: Option<i64>,
}

/// A record the reader has been given the key of.
#[derive(Clone)]
pub struct GrantedKey {
    /// Position, hash and author's chain.
    pub record: GrantedRecord,
    /// Opens it.
    pub key: RecordKey,
}

/// Why a grant or a granted record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError<E> {
    /// The grant names another group than the one it stands in.
    #[error("the grant is for another group")]
    OtherGroup,
    /// The grant is for another device.
    #[error("the grant is for another device")]
    OtherGrantee,
    /// The grant itself is over a limit or contradicts itself.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// HPKE failed: the keys were sealed to a leaf key this device no longer has, or not for this grant.
    #[error("the grant's keys do not open")]
    Hpke(E),
    /// The sealed keys opened to another length than the records need.
    #[error("the grant holds {bytes} bytes of keys for {records} records")]
    KeysLength {
        /// Bytes that came out.
        bytes: usize,
        /// Records the grant names.
        records: usize,
    },
}

/// Why a granted record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantedRecordError {
    /// The record is not the one whose key was granted.
    #[error("the record is not the one that was granted")]
    OtherRecord,
    /// The granter is of another agency than the author, who did not mark the record.
    #[error("the granter had no right to pass this record on")]
    NotGrantable,
    /// The record itself is refused.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Seals the plan's record keys to the grantee.
///
/// `hpke_seal(context, keys)`: HPKE base mode to the encryption key of the grantee's leaf, `context`
/// bound as info or additional data.
/// Errors: [`GrantError::Payload`] when the plan is over a limit, [`GrantError::Hpke`].
pub fn make<E>(
    mut plan: Plan,
    hpke_seal: impl FnOnce(&[u8], &[u8]) -> Result<HpkeSealed, E>,
) -> Result<Grant, GrantError<E>> {
    plan.records.sort_by_key(|(record, _)| record.position);
    let mut keys = Zeroizing::new(Vec::with_capacity(plan.records.len() * KEY_BYTES));
    plan.records.iter().for_each(|(_, key)| keys.extend(key.as_bytes()));
    let mut grant = Grant {
        group: plan.group,
        grantee: plan.grantee,
        grantee_leaf: plan.grantee_leaf,
        access: plan.access,
        records: plan.records.iter().map(|(record, _)| *record).collect(),
        chains: plan.chains,
        not_after_ms: plan.not_after_ms,
        sealed: HpkeSealed { encapsulated_key: Vec::new(), ciphertext: Vec::new() },
    };
    grant.sealed = hpke_seal(&grant.context(), &keys).map_err(GrantError::Hpke)?;
    grant.check()?;
    Ok(grant)
}

/// Takes the record keys out of a grant that this device received.
///
/// `group`: the group whose log brought it. `own`: this device. `hpke_open(context, sealed)`: the
/// counterpart of the granter's seal, with this device's leaf key.
/// Errors: [`GrantError`]; after [`GrantError::Hpke`] the grantee asks to have it sealed again.
pub fn unseal<E>(
    grant: &Grant,
    group: &GroupId,
    own: &Identity,
    hpke_open: impl FnOnce(&[u8], &HpkeSealed) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<Vec<GrantedKey>, GrantError<E>> {
    if grant.group != *group {
        return Err(GrantError::OtherGroup);
    }
    if grant.grantee != *own {
        return Err(GrantError::OtherGrantee);
    }
    let keys = hpke_open(&grant.context(), &grant.sealed).map_err(GrantError::Hpke)?;
    let (keys, rest) = keys.as_chunks::<KEY_BYTES>();
    if !rest.is_empty() || keys.len() != grant.records.len() {
        let bytes = keys.len() * KEY_BYTES + rest.len();
        return Err(GrantError::KeysLength { bytes, records: grant.records.len() });
    }
    let granted = grant.records.iter().zip(keys);
    Ok(granted
        .map(|(record, key)| GrantedKey { record: *record, key: RecordKey::from_bytes(*key) })
        .collect())
}

/// Opens one granted record.
///
/// `bytes`: the record as the server stores it. `granter`: the grant's author. `grantee`: whose this device is.
/// `author`: verified from the chain the grant names for it, judged as of the time the record's log entry has.
/// Errors: [`GrantedRecordError`]. Source: PROTOCOL.md section 12, step 2.
pub fn open_granted(
    bytes: &[u8],
    granted: &GrantedKey,
    granter: &Person,
    grantee: &Person,
    expected: &Expected<'_>,
    author: &Author,
) -> Result<OpenedRecord, GrantedRecordError> {
    let record = SealedRecord::parse(bytes)?;
    if record.hash() != granted.record.hash {
        return Err(GrantedRecordError::OtherRecord);
    }
    let opened = record.open(&KeySource::Record(&granted.key), expected, author)?;
    let may = may_grant(granter, grantee, author.identity(), opened.payload.grantable());
    if may { Ok(opened) } else { Err(GrantedRecordError::NotGrantable) }
}

/// Whether `granter` may grant `grantee` a record of `author` that says `grantable`.
///
/// What one device of a person reads, another one of the same person may, and what somebody wrote goes back to them: nobody
/// new reads it. Granters ask before they make a grant; receivers check it again in [`open_granted`].
pub fn may_grant(granter: &Person, grantee: &Person, author: &Identity, grantable: bool) -> bool {
    let nobody_new = granter == grantee || author.person == *grantee;
    author.person.trust_domain == granter.trust_domain || grantable || nobody_new
}

impl Grant {
    /// What binds the sealed keys to this grant: everything in it but themselves.
    ///
    /// Source: PROTOCOL.md section 12.
    fn context(&self) -> Vec<u8> {
        let nothing = HpkeSealed { encapsulated_key: Vec::new(), ciphertext: Vec::new() };
        let open_part = Self { sealed: nothing, ..self.clone() }.to_wire().encode_to_vec();
        let mut context = b"alcove grant v1\0".to_vec();
        context.extend(sha256(&[&open_part]));
        context
    }
}

#[cfg(test)]
mod tests;
