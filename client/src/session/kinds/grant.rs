//! Grants: keys of earlier records for one device. PROTOCOL.md section 12.
//!
//! A plan waits in the outbox; the keys are sealed to the grantee's leaf as it is when the grant is sent, and sealed again
//! when the group has moved on. A grant to this device puts its keys into the inbox, from which `granted` fetches.

use super::{
    item::Item,
    kind::{Again, Kind, Readers, Taken},
    taking::{Came, Taking},
};
use crate::{
    session::{
        Error, UnreadableCause,
        state::{Roster, group_place, load_group},
    },
    vault::{
        Act, VaultError,
        rows::{ChainRow, GrantInboxRow, GrantPlanRow, GrantedKeyRow},
    },
};
use alcove_charter::Judge;
use alcove_e2ee::{
    grants::{self, Grant, GrantedRecord, HpkeSealed, Plan},
    keys::RecordKey,
    records::Payload,
};
use alcove_proto::{
    ids::{AccessId, Digest, GroupId, Position},
    names::Identity,
};
use std::collections::BTreeSet;

/// A grant that is to be made.
pub(in crate::session) fn prepare(plan: GrantPlanRow) -> Item {
    Item::planned(plan)
}

/// Seals the keys of a grant to the grantee's leaf as it is now.
pub(super) fn now(act: &Act<'_>, group: &GroupId, plan: &GrantPlanRow) -> Result<Option<Payload>, Error> {
    let damaged = || VaultError::damaged("the outbox");
    let mls = load_group(act, group)?;
    let grantee: Identity = plan.grantee.parse().map_err(|_| damaged())?;
    let Some(member) = mls.member_named(&grantee) else { return Ok(None) };
    let mut chains: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut hashes: Vec<Vec<u8>> = Vec::new();
    let mut records = Vec::with_capacity(plan.positions.len());
    for position in &plan.positions {
        let (_, row) = act.entry_at(group, Position(*position))?.ok_or_else(damaged)?;
        let chain = match hashes.iter().position(|hash| *hash == row.certificate_hash) {
            Some(index) => index,
            None => {
                hashes.push(row.certificate_hash.clone());
                chains.push(act.expect::<ChainRow>(&row.certificate_hash)?.certificates);
                chains.len() - 1
            }
        };
        let hash = Digest::try_from(row.hash.as_slice()).map_err(|_| damaged())?;
        let key = RecordKey::try_from(row.key.as_slice()).map_err(|_| damaged())?;
        records.push((GrantedRecord { position: Position(*position), hash, chain }, key));
    }
    let plan = Plan {
        group: *group,
        grantee,
        grantee_leaf: member.leaf,
        access: AccessId::try_from(plan.access_id.as_slice()).map_err(|_| damaged())?,
        records,
        chains,
        not_after_ms: Some(plan.not_after_ms).filter(|end| *end != 0),
    };
    let grant = grants::make(plan, |context, keys| mls.seal_to(member.leaf, context, keys));
    match grant {
        Ok(grant) => Ok(Some(Payload::Grant(grant))),
        Err(grants::GrantError::Hpke(error)) => Err(error.into()),
        Err(_) => Err(damaged().into()),
    }
}

/// Whether a grant was made by this plan.
pub(super) fn is_by(plan: &GrantPlanRow, grant: &Grant) -> bool {
    plan.grantee == grant.grantee.to_string() && plan.access_id == grant.access.as_bytes()
}

impl Kind for Grant {
    /// Takes the keys out of a grant to us. The records are fetched when nothing else is under way.
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        let act = taking.acting.act;
        if taking.came != Came::InTheLog || self.grantee != *taking.acting.identity {
            return Ok(Taken::Done);
        }
        // Of a group that has ended for this device there is no leaf key any more.
        let unsealed = if taking.row.closed {
            None
        } else {
            let mls = taking.held.mls(act, &taking.key.group)?;
            let open = |context: &[u8], sealed: &HpkeSealed| mls.open_sealed(context, sealed);
            grants::unseal(self, &taking.key.group, taking.acting.identity, open).ok()
        };
        let Some(keys) = unsealed else {
            return Ok(Taken::Unreadable(UnreadableCause::GrantNotForThisDevice));
        };
        let mut hashes = Vec::with_capacity(self.chains.len());
        for chain in &self.chains {
            // A chain that is not believed takes its records with it; the others are good. Times and revocation
            // are judged when the records are fetched: their log entries say as of when.
            let certificate = taking.acting.trust.verify_device_mls(chain, Judge::Never).ok();
            if let Some(certificate) = &certificate {
                let row = ChainRow { certificates: chain.clone() };
                act.put(certificate.certificate_hash.as_bytes(), &row)?;
            }
            hashes.push(certificate.map(|certificate| certificate.certificate_hash));
        }
        let mut inbox = GrantInboxRow::default();
        inbox.granter = taking.author.to_string();
        inbox.not_after_ms = self.not_after_ms.unwrap_or(0);
        inbox.access_id = self.access.to_vec();
        for granted in keys {
            let Some(Some(hash)) = hashes.get(granted.record.chain) else { continue };
            let mut key = GrantedKeyRow::default();
            key.position = granted.record.position.0;
            key.hash = granted.record.hash.to_vec();
            key.key = granted.key.as_bytes().to_vec();
            key.certificate_hash = hash.to_vec();
            inbox.records.push(key);
        }
        act.put(&group_place(&taking.key.group, taking.key.record.as_bytes()), &inbox)?;
        Ok(Taken::Done)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::Never
    }
}

/// The access entry that goes with a grant.
pub(in crate::session) struct AccessPlan {
    pub(in crate::session) access: AccessId,
    pub(in crate::session) grantee: Identity,
    /// Inclusive.
    pub(in crate::session) ranges: Vec<(Position, Position)>,
    /// Milliseconds since 1970; 0 means no end.
    pub(in crate::session) not_after_ms: i64,
}

/// The access entry of a grant; nothing if the grantee has left.
pub(in crate::session) fn access(
    act: &Act<'_>,
    group: &GroupId,
    plan: &GrantPlanRow,
) -> Result<Option<AccessPlan>, Error> {
    let damaged = || VaultError::damaged("the outbox");
    let grantee: Identity = plan.grantee.parse().map_err(|_| damaged())?;
    if Roster::load(act, group)?.named(&grantee).is_none() {
        return Ok(None);
    }
    // A document's position opens its blob as well.
    let positions: BTreeSet<u64> = plan.positions.iter().copied().collect();
    let access = AccessId::try_from(plan.access_id.as_slice()).map_err(|_| damaged())?;
    Ok(Some(AccessPlan { access, grantee, ranges: ranges(positions), not_after_ms: plan.not_after_ms }))
}

/// Joins neighbouring positions, which rise, into ranges, inclusive.
pub(in crate::session) fn ranges(positions: impl IntoIterator<Item = u64>) -> Vec<(Position, Position)> {
    let mut ranges: Vec<(Position, Position)> = Vec::new();
    for position in positions {
        match ranges.last_mut() {
            Some((_, last)) if last.0 + 1 == position => last.0 = position,
            _ => ranges.push((Position(position), Position(position))),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    #[test]
    fn neighbouring_positions_become_one_range() {
        let ranges = |positions: &[u64]| -> Vec<(u64, u64)> {
            super::ranges(positions.iter().copied())
                .into_iter()
                .map(|(first, last)| (first.0, last.0))
                .collect()
        };
        assert_eq!(ranges(&[]), []);
        assert_eq!(ranges(&[7]), [(7, 7)]);
        assert_eq!(ranges(&[2, 3, 4, 7, 8, 9]), [(2, 4), (7, 9)]);
    }
}
