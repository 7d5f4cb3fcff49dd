//! Under which keys escrow lies: everything of one agency in one group together.

use crate::store::{
    Result,
    sled::engine::{EscrowRow, Key, Kind, Row, damaged, identity_in},
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId},
    names::{Identity, TrustDomain},
};

pub(crate) fn entries_prefix(agency: &TrustDomain, group: &GroupId) -> Key {
    Kind::Escrow.key().trust_domain(agency).group(group).build()
}

pub(crate) fn epoch_prefix(agency: &TrustDomain, group: &GroupId, epoch: Epoch) -> Key {
    Kind::Escrow.key().trust_domain(agency).group(group).epoch(epoch).build()
}

pub(crate) fn entry_of(
    agency: &TrustDomain,
    group: &GroupId,
    epoch: Epoch,
    hash: &Digest,
    device: &Identity,
) -> Key {
    Kind::Escrow.key().trust_domain(agency).group(group).epoch(epoch).digest(hash).identity(device).build()
}

pub(crate) fn grants_prefix(agency: &TrustDomain, group: &GroupId, device: &Identity) -> Key {
    Kind::EscrowedGrant.key().trust_domain(agency).group(group).identity(device).build()
}

pub(crate) fn certificates_prefix(agency: &TrustDomain, group: &GroupId) -> Key {
    Kind::EscrowCertificate.key().trust_domain(agency).group(group).build()
}

pub(crate) fn certificate_key(agency: &TrustDomain, group: &GroupId, digest: &Digest) -> Key {
    Kind::EscrowCertificate.key().trust_domain(agency).group(group).digest(digest).build()
}

pub(crate) fn count_key(agency: &TrustDomain, group: &GroupId) -> Key {
    Kind::EscrowCount.key().trust_domain(agency).group(group).build()
}

/// Epoch, recovery key hash and device of an entry's key, behind a prefix of that many bytes.
pub(crate) fn parts_of(key: &[u8], prefix: usize) -> Result<(Epoch, Digest, Identity)> {
    let broken = damaged(EscrowRow::WHAT);
    let rest = key.get(prefix..).ok_or(damaged(EscrowRow::WHAT))?;
    let (epoch, rest) = rest.split_first_chunk::<8>().ok_or(damaged(EscrowRow::WHAT))?;
    let (hash, device) = rest.split_first_chunk::<{ Digest::LEN }>().ok_or(damaged(EscrowRow::WHAT))?;
    let device = identity_in(device).ok_or(broken)?;
    Ok((Epoch(u64::from_be_bytes(*epoch)), Digest(*hash), device))
}
