//! Handing over what was written before: which records may be passed on, and the grants that carry their keys.
//!
//! PROTOCOL.md section 12. A plan waits in the outbox; the keys are sealed to the grantee's leaf as it is when the
//! grant is sent, and sealed again when the group has moved on.

use super::{
    Error, Session,
    outbox::{Item, queue},
    state::{self, load_group},
};
use crate::vault::{
    Act, Direction, VaultError,
    rows::{ChainRow, EntryClass, EntryRow, GrantPlanRow, GroupRow},
};
use alcove_e2ee::{
    grants::{self, GrantedRecord, Plan, may_grant},
    keys::{RecordKey, draw},
    records::Payload,
};
use alcove_proto::{
    ids::{AccessId, Digest, GroupId, Position, RecordId},
    limits::{GRANT_CHAINS_MAX, GRANT_RECORDS_MAX},
    names::Identity,
};
use std::{collections::BTreeSet, ops::ControlFlow};

/// Queues grants of the history since `since_ms` for each device.
pub(super) fn queue_history(
    session: &Session,
    act: &Act<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    grantees: &[Identity],
    since_ms: i64,
) -> Result<(), Error> {
    let (mine_to_give, _) = history(session, act, group, since_ms)?;
    for grantee in grantees {
        queue_grants(session, act, group, row, grantee, &mine_to_give, 0)?;
    }
    Ok(())
}

/// A record that may or may not be passed on.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) position: Position,
    pub(super) record: RecordId,
    certificate_hash: Vec<u8>,
}

/// Notes and documents since a time: those this device may pass on, and those it may not.
pub(super) fn history(
    session: &Session,
    act: &Act<'_>,
    group: &GroupId,
    since_ms: i64,
) -> Result<(Vec<Candidate>, Vec<RecordId>), Error> {
    let mut given = Vec::new();
    let mut withheld = Vec::new();
    let mut broken = None;
    act.entries(group, (Position(0), Position(u64::MAX)), Direction::Forward, &mut |key, row| {
        if row.received_at_ms < since_ms {
            return ControlFlow::Continue(());
        }
        match candidate(session, key.position, key.record, &row) {
            Ok(Some((candidate, true))) => given.push(candidate),
            Ok(Some((candidate, false))) => withheld.push(candidate.record),
            Ok(None) => {}
            Err(error) => {
                broken = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    match broken {
        Some(error) => Err(error),
        None => Ok((given, withheld)),
    }
}

/// Whether an entry is a note or document, and whether this device may pass it on.
pub(super) fn candidate(
    session: &Session,
    position: Position,
    record: RecordId,
    row: &EntryRow,
) -> Result<Option<(Candidate, bool)>, Error> {
    let grantable = match (&row.note, &row.document) {
        (Some(note), _) if row.class == EntryClass::Note as u32 => note.grantable,
        (_, Some(document)) if row.class == EntryClass::Document as u32 => document.grantable,
        _ => return Ok(None),
    };
    let author: Identity = row.author.parse().map_err(|_| VaultError::damaged("a log entry"))?;
    let may = may_grant(&session.own.identity.person.trust_domain, &author, grantable);
    Ok(Some((Candidate { position, record, certificate_hash: row.certificate_hash.clone() }, may)))
}

/// Queues grants of these records to one device: as many as the limits of a grant make.
pub(super) fn queue_grants(
    session: &Session,
    act: &Act<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    grantee: &Identity,
    records: &[Candidate],
    not_after_ms: i64,
) -> Result<(), Error> {
    let mut records = records.to_vec();
    records.sort_by_key(|candidate| candidate.position);
    let mut batch: Vec<u64> = Vec::new();
    let mut chains: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut batches = Vec::new();
    for candidate in records {
        let new_chain = !chains.contains(&candidate.certificate_hash);
        if batch.len() == GRANT_RECORDS_MAX || (new_chain && chains.len() == GRANT_CHAINS_MAX) {
            batches.push(std::mem::take(&mut batch));
            chains.clear();
        }
        chains.insert(candidate.certificate_hash);
        batch.push(candidate.position.0);
    }
    batches.push(batch);
    for positions in batches.into_iter().filter(|positions| !positions.is_empty()) {
        let mut plan = GrantPlanRow::default();
        plan.grantee = grantee.to_string();
        plan.access_id = draw::<16>(&*session.random).map_err(|_| Error::Randomness)?.to_vec();
        plan.positions = positions;
        plan.not_after_ms = not_after_ms;
        queue(session, act, group, row, Item::Grant(plan))?;
    }
    Ok(())
}

/// Seals the keys of a grant to the grantee's leaf as it is now.
pub(super) fn make_grant(
    act: &Act<'_>,
    group: &GroupId,
    plan: &GrantPlanRow,
) -> Result<Option<Payload>, Error> {
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

/// The access entry of a grant; nothing if the grantee has left.
pub(super) fn access(
    act: &Act<'_>,
    group: &GroupId,
    plan: &GrantPlanRow,
) -> Result<Option<AccessPlan>, Error> {
    let damaged = || VaultError::damaged("the outbox");
    let grantee: Identity = plan.grantee.parse().map_err(|_| damaged())?;
    if state::Roster::load(act, group)?.named(&grantee).is_none() {
        return Ok(None);
    }
    // A document's position opens its blob as well.
    let positions: BTreeSet<u64> = plan.positions.iter().copied().collect();
    let access = AccessId::try_from(plan.access_id.as_slice()).map_err(|_| damaged())?;
    Ok(Some(AccessPlan { access, grantee, ranges: ranges(&positions), not_after_ms: plan.not_after_ms }))
}

/// Joins neighbouring positions into ranges.
fn ranges(positions: &BTreeSet<u64>) -> Vec<(Position, Position)> {
    let mut ranges: Vec<(Position, Position)> = Vec::new();
    for position in positions {
        match ranges.last_mut() {
            Some((_, last)) if last.0 + 1 == *position => last.0 = *position,
            _ => ranges.push((Position(*position), Position(*position))),
        }
    }
    ranges
}

/// The access entry that goes with a grant.
pub(super) struct AccessPlan {
    pub(super) access: AccessId,
    pub(super) grantee: Identity,
    /// Inclusive.
    pub(super) ranges: Vec<(Position, Position)>,
    /// Milliseconds since 1970; 0 means no end.
    pub(super) not_after_ms: i64,
}

#[cfg(test)]
mod tests {
    #[test]
    fn neighbouring_positions_become_one_range() {
        let ranges = |positions: &[u64]| -> Vec<(u64, u64)> {
            let set = positions.iter().copied().collect();
            super::ranges(&set).into_iter().map(|(first, last)| (first.0, last.0)).collect()
        };
        assert_eq!(ranges(&[]), []);
        assert_eq!(ranges(&[7]), [(7, 7)]);
        assert_eq!(ranges(&[9, 2, 3, 4, 7, 8]), [(2, 4), (7, 9)]);
    }
}
