//! Escrow: what a device seals to its agency's recovery key, and what comes back of it.
//!
//! A device only ever seals: nothing in a client opens an escrow entry. Two devices of an agency seal each epoch's key, so
//! that one that seals something else is noticed when the two are opened side by side; the record keys that came by a grant
//! are sealed by the one device that has them. [`read_recovered`] takes what officers gave back. PROTOCOL.md, "Recovery".

mod recovered;

pub use recovered::{Recovered, RecoveredError, RecoveredGrant, RecoveredKey, read_recovered};

use crate::{grants::GrantedKey, keys::EpochKey};
use alcove_charter::{
    ESCROW_GRANT_INFO, ESCROW_INFO, EscrowEntry, EscrowError, EscrowPlace, EscrowedGrant, EscrowedGrantPlace,
    P256Point,
};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, Position},
    names::TrustDomain,
    v1,
};
use prost::Message;
use zeroize::Zeroizing;

/// Encapsulated key and ciphertext (RFC 9180 section 6.1).
pub type Sealed = (Vec<u8>, Vec<u8>);

/// Why something was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscrowSealError {
    /// HPKE failed: the recovery key does not lie on the curve, or there is no randomness.
    #[error("it cannot be sealed to the recovery key")]
    Hpke,
    /// There is nothing to seal, or it is over a limit.
    #[error(transparent)]
    Form(#[from] EscrowError),
}

/// Seals the key of an epoch to the recovery key of this device's own agency.
///
/// `recovery_key`, `trust_domain`: of the agency's entry in the charter in force. `epoch_id`: of a merged epoch. `seal`: HPKE
/// base mode to a P-256 point, with `info`, AAD and plaintext; its randomness is its own (RFC 9180 section 4.1).
/// Errors: [`EscrowSealError`]. Source: PROTOCOL.md, "Recovery".
pub fn seal_epoch_key<E>(
    recovery_key: &P256Point,
    trust_domain: &TrustDomain,
    group: GroupId,
    epoch: Epoch,
    epoch_id: EpochId,
    key: &EpochKey,
    seal: impl FnOnce(&[u8], &[u8], &[u8], &P256Point) -> Result<Sealed, E>,
) -> Result<EscrowEntry, EscrowSealError> {
    let place = EscrowPlace { group, epoch, epoch_id };
    let aad = place.aad(trust_domain, recovery_key);
    let (encapsulated_key, ciphertext) =
        seal(ESCROW_INFO, &aad, key.as_bytes(), recovery_key).map_err(|_| EscrowSealError::Hpke)?;
    Ok(EscrowEntry {
        place,
        encapsulated_key: P256Point::parse(&encapsulated_key).ok_or(EscrowSealError::Hpke)?,
        ciphertext: ciphertext.try_into().map_err(|_| EscrowSealError::Hpke)?,
    })
}

/// Seals the record keys that this device received by one grant to the recovery key of its own agency.
///
/// `place`: the group and the access entry that goes with the grant. `keys`: in rising order of position, as
/// [`crate::grants::unseal`] gives them. `seal`: as for [`seal_epoch_key`].
/// Errors: [`EscrowSealError`]; [`EscrowSealError::Form`] for no keys, or for more than
/// a grant holds. Source: PROTOCOL.md, "Recovery", step 6.
pub fn seal_grant<E>(
    recovery_key: &P256Point,
    trust_domain: &TrustDomain,
    place: EscrowedGrantPlace,
    keys: &[GrantedKey],
    seal: impl FnOnce(&[u8], &[u8], &[u8], &P256Point) -> Result<Sealed, E>,
) -> Result<EscrowedGrant, EscrowSealError> {
    let message = v1::EscrowedRecordKeys {
        keys: keys
            .iter()
            .map(|granted| v1::EscrowedRecordKey {
                position: granted.record.position.0,
                hash: granted.record.hash.to_vec(),
                key: granted.key.as_bytes().to_vec(),
            })
            .collect(),
    };
    let plaintext = Zeroizing::new(message.encode_to_vec());
    let aad = place.aad(trust_domain, recovery_key);
    let (encapsulated_key, ciphertext) =
        seal(ESCROW_GRANT_INFO, &aad, &plaintext, recovery_key).map_err(|_| EscrowSealError::Hpke)?;
    let grant = EscrowedGrant {
        place,
        ranges: ranges(keys),
        encapsulated_key: P256Point::parse(&encapsulated_key).ok_or(EscrowSealError::Hpke)?,
        ciphertext,
    };
    Ok(EscrowedGrant::parse(&grant.to_wire())?)
}

/// Whether an entry that somebody else sealed is well formed; what is in it cannot be known here.
///
/// Errors: [`EscrowError`].
pub fn check(entry: &v1::EscrowEntry) -> Result<EscrowEntry, EscrowError> {
    EscrowEntry::parse(entry)
}

/// Neighbouring positions joined.
fn ranges(keys: &[GrantedKey]) -> Vec<(Position, Position)> {
    let mut ranges: Vec<(Position, Position)> = Vec::new();
    for position in keys.iter().map(|granted| granted.record.position) {
        match ranges.last_mut() {
            Some((_, last)) if last.next() == position => *last = position,
            _ => ranges.push((position, position)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;
