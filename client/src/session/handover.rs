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
    names::{Identity, Person},
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
    for grantee in grantees {
        let sorted = history(session, act, group, &grantee.person, row.reads_from(), since_ms)?;
        queue_grants(session, act, group, row, grantee, &sorted.given, 0)?;
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

/// Whether this device may pass a record on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Yes,
    /// Another agency wrote it and did not allow it.
    NotOurs,
    /// It is from before this device came (back): the server opens to others only what it opens to us.
    OutOfReach,
}

/// Records, by whether they may be passed on.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) given: Vec<Candidate>,
    pub(super) withheld: Vec<RecordId>,
    pub(super) out_of_reach: Vec<RecordId>,
}

impl Sorted {
    pub(super) fn add(&mut self, candidate: Candidate, may: May) {
        match may {
            May::Yes => self.given.push(candidate),
            May::NotOurs => self.withheld.push(candidate.record),
            May::OutOfReach => self.out_of_reach.push(candidate.record),
        }
    }
}

/// Notes and documents since a time, for a person. `joined`: where this device joined the group.
pub(super) fn history(
    session: &Session,
    act: &Act<'_>,
    group: &GroupId,
    grantee: &Person,
    joined: u64,
    since_ms: i64,
) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    let mut broken = None;
    act.entries(group, (Position(0), Position(u64::MAX)), Direction::Forward, &mut |key, row| {
        if row.received_at_ms < since_ms {
            return ControlFlow::Continue(());
        }
        match candidate(session, grantee, joined, key.position, key.record, &row) {
            Ok(Some((candidate, may))) => sorted.add(candidate, may),
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
        None => Ok(sorted),
    }
}

/// Whether an entry is a note or document, and whether this device may pass it on to a person. `joined`: where this device
/// joined the group.
pub(super) fn candidate(
    session: &Session,
    grantee: &Person,
    joined: u64,
    position: Position,
    record: RecordId,
    row: &EntryRow,
) -> Result<Option<(Candidate, May)>, Error> {
    let (grantable, first) = match (&row.note, &row.document) {
        (Some(note), _) if row.class == EntryClass::Note as u32 => (note.grantable, position.0),
        (_, Some(document)) if row.class == EntryClass::Document as u32 => {
            (document.grantable, position.0.min(document.blob_position))
        }
        _ => return Ok(None),
    };
    let author: Identity = row.author.parse().map_err(|_| VaultError::damaged("a log entry"))?;
    let may = if !may_grant(&session.identity.person, grantee, &author, grantable) {
        May::NotOurs
    } else if first < joined && !row.granted {
        May::OutOfReach
    } else {
        May::Yes
    };
    Ok(Some((Candidate { position, record, certificate_hash: row.certificate_hash.clone() }, may)))
}

/// Queues grants of these records to one device, as many as the limits of a grant make; returns their ids.
pub(super) fn queue_grants(
    session: &Session,
    act: &Act<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    grantee: &Identity,
    records: &[Candidate],
    not_after_ms: i64,
) -> Result<Vec<RecordId>, Error> {
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
    let mut queued = Vec::new();
    for positions in batches.into_iter().filter(|positions| !positions.is_empty()) {
        let mut plan = GrantPlanRow::default();
        plan.grantee = grantee.to_string();
        plan.access_id = draw::<16>(&*session.random).map_err(|_| Error::Randomness)?.to_vec();
        plan.positions = positions;
        plan.not_after_ms = not_after_ms;
        queued.push(queue(session, act, group, row, Item::Grant(plan))?);
    }
    Ok(queued)
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
