//! Escrow: what this device reads is sealed to its agency's recovery key, so that k officers together can give it back to
//! somebody who has lost every device. PROTOCOL.md section 18, steps 6 to 8.
//!
//! What is to be sealed is marked in the act that brings it, and the mark goes when the server has acknowledged the
//! sealing: killed in between, the next sync seals again, which changes nothing at the server. Nothing here stops
//! anything else: where the server has no escrow, or refuses it, the marks stay and `status` counts them.

mod missing;
mod sealing;

use crate::{
    session::{
        Error, Session,
        own::ONLY,
        state::{Roster, all_rows, epoch_place, group_place},
    },
    vault::{
        Act, VaultError,
        rows::{EscrowCertificateRow, EscrowDueRow, EscrowGrantRow, EscrowStateRow, GrantInboxRow, GroupRow},
    },
};
use alcove_charter::{P256Point, TrustView, sha256};
use alcove_proto::{
    ids::{AccessId, Digest, GroupId, Position},
    names::TrustDomain,
};

/// Devices of one agency that seal each epoch: two, so that a false sealing stands against a true one.
const SEALINGS_WANTED: u32 = 2;

/// The recovery key of an agency in the charter in force; nothing while it has set up no recovery.
pub(in crate::session) fn recovery_key(trust: &TrustView, trust_domain: &TrustDomain) -> Option<P256Point> {
    trust.charter().agency(trust_domain).and_then(|agency| agency.recovery_key)
}

/// Marks the epoch that was just merged, if sealing it is up to this device: in the act that merges it.
///
/// `own_leaf`: this device's. Source: PROTOCOL.md section 18, step 6.
pub(in crate::session) fn mark_epoch(
    act: &Act<'_>,
    trust: &TrustView,
    trust_domain: &TrustDomain,
    group: &GroupId,
    (epoch, own_leaf): (u64, u32),
    roster: &Roster,
) -> Result<(), VaultError> {
    if recovery_key(trust, trust_domain).is_none() || !is_designated(roster, trust_domain, own_leaf) {
        return Ok(());
    }
    act.put(&epoch_place(group, epoch), &EscrowDueRow {})?;
    mark_certificates(act, group, roster.members.iter().map(|seat| seat.certificate_hash))
}

/// Whether a leaf is the lowest or the next one of its agency.
fn is_designated(roster: &Roster, trust_domain: &TrustDomain, own_leaf: u32) -> bool {
    // In order of leaf.
    let agency = roster.members.iter().filter(|seat| seat.identity.person.trust_domain == *trust_domain);
    agency.take(SEALINGS_WANTED as usize).any(|seat| seat.leaf == own_leaf)
}

/// Marks certificates that the server does not have yet.
fn mark_certificates(
    act: &Act<'_>,
    group: &GroupId,
    hashes: impl Iterator<Item = Digest>,
) -> Result<(), VaultError> {
    for hash in hashes {
        let place = certificate_place(group, &hash);
        if !act.has::<EscrowCertificateRow>(&place)? {
            act.put(&place, &EscrowCertificateRow { given: false })?;
        }
    }
    Ok(())
}

/// Remembers a grant whose records were just taken, so that their keys are sealed: nobody else of this agency has them.
///
/// `taken`: position of each record, with the hash of its author's certificate.
pub(in crate::session) fn mark_grant(
    act: &Act<'_>,
    trust: &TrustView,
    trust_domain: &TrustDomain,
    group: &GroupId,
    grant: &GrantInboxRow,
    taken: &[(Position, Digest)],
) -> Result<(), VaultError> {
    // One that an earlier version of this program put in the inbox names none.
    let Ok(access) = AccessId::try_from(grant.access_id.as_slice()) else { return Ok(()) };
    let place = group_place(group, access.as_bytes());
    let mut row: EscrowGrantRow = act.get(&place)?.unwrap_or_default();
    if taken.is_empty() {
        return Ok(());
    }
    row.positions.extend(taken.iter().map(|(position, _)| position.0));
    row.positions.sort_unstable();
    row.positions.dedup();
    row.due = recovery_key(trust, trust_domain).is_some();
    if row.due {
        mark_certificates(act, group, taken.iter().map(|(_, certificate_hash)| *certificate_hash))?;
    }
    act.put(&place, &row)
}

/// A group that has ended for this device: nothing can be handed in for it any more.
pub(in crate::session) fn forget(act: &Act<'_>, group: &GroupId) -> Result<(), VaultError> {
    take_back(act, group.as_bytes())
}

/// Takes the marks back under a prefix of their keys.
fn take_back(act: &Act<'_>, prefix: &[u8]) -> Result<(), VaultError> {
    act.delete_under::<EscrowDueRow>(prefix)?;
    for (place, mut row) in act.scan::<EscrowGrantRow>(prefix)? {
        if row.due {
            row.due = false;
            act.put(&place, &row)?;
        }
    }
    Ok(())
}

/// How many epochs and grants have yet to be sealed.
pub(in crate::session) fn unsealed(act: &Act<'_>) -> Result<u64, VaultError> {
    let grants = act.scan::<EscrowGrantRow>(&[])?.iter().filter(|(_, row)| row.due).count() as u64;
    Ok(act.count::<EscrowDueRow>(&[])? + grants)
}

impl Session {
    /// The key to seal to, with its SHA-256.
    fn key_to_seal_to(&self) -> Option<(P256Point, Digest)> {
        let key = recovery_key(&self.trust(), &self.identity.person.trust_domain)?;
        Some((key, Digest(sha256(&[key.as_bytes()]))))
    }

    /// The groups this device is a member of at the server. One that is frozen here is among them: its keys up to then are
    /// as good as any, and whoever loses every device wants them back.
    fn groups_to_seal(&self) -> Result<Vec<GroupId>, Error> {
        self.vault.read(|act| {
            let rows = all_rows(act)?;
            let joined = |row: &GroupRow| row.created && !row.closed;
            Ok(rows.into_iter().filter(|(_, row)| joined(row)).map(|(group, _)| group).collect())
        })
    }

    fn escrow_state(&self) -> Result<EscrowStateRow, Error> {
        self.vault.read::<_, Error>(|act| Ok(act.get(ONLY)?.unwrap_or_default()))
    }
}

/// The key of a certificate's row.
fn certificate_place(group: &GroupId, hash: &Digest) -> [u8; 48] {
    let mut place = [0; 48];
    place[..16].copy_from_slice(group.as_bytes());
    place[16..].copy_from_slice(hash.as_bytes());
    place
}

#[cfg(test)]
mod tests;
