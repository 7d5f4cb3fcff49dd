//! Handing over what was written before: which records may be passed on, and the grants that carry their keys.
//!
//! PROTOCOL.md section 12. Whether a kind of record is handed over at all, `kinds` says.

use super::queue::queue;
use crate::{
    session::{
        Error,
        acting::Acting,
        kinds::{self, grant},
    },
    vault::{
        Direction, VaultError,
        rows::{EntryRow, GrantPlanRow, GroupRow},
    },
};
use alcove_e2ee::{grants::may_grant, keys::draw};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    limits::{GRANT_CHAINS_MAX, GRANT_RECORDS_MAX},
    names::{Identity, Person},
};
use std::{collections::BTreeSet, ops::ControlFlow};

/// Queues grants of the history since `since_ms` for each device.
pub(in crate::session) fn queue_history(
    acting: &Acting<'_>,
    group: &GroupId,
    row: &mut GroupRow,
    grantees: &[Identity],
    since_ms: i64,
) -> Result<(), Error> {
    for grantee in grantees {
        let sorted = history(acting, group, &grantee.person, row.reads_from(), since_ms)?;
        queue_grants(acting, group, row, grantee, &sorted.given, 0)?;
    }
    Ok(())
}

/// A record that may or may not be passed on.
#[derive(Clone)]
pub(in crate::session) struct Candidate {
    pub(in crate::session) position: Position,
    pub(in crate::session) record: RecordId,
    certificate_hash: Vec<u8>,
}

/// Whether this device may pass a record on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum May {
    Yes,
    /// Another agency wrote it and did not allow it.
    NotOurs,
    /// It is from before this device came (back): the server opens to others only what it opens to us.
    OutOfReach,
}

/// Records, by whether they may be passed on.
#[derive(Default)]
pub(in crate::session) struct Sorted {
    pub(in crate::session) given: Vec<Candidate>,
    pub(in crate::session) withheld: Vec<RecordId>,
    pub(in crate::session) out_of_reach: Vec<RecordId>,
}

impl Sorted {
    pub(in crate::session) fn add(&mut self, candidate: Candidate, may: May) {
        match may {
            May::Yes => self.given.push(candidate),
            May::NotOurs => self.withheld.push(candidate.record),
            May::OutOfReach => self.out_of_reach.push(candidate.record),
        }
    }
}

/// What was written since a time, for a person. `joined`: where this device joined the group.
pub(in crate::session) fn history(
    acting: &Acting<'_>,
    group: &GroupId,
    grantee: &Person,
    joined: u64,
    since_ms: i64,
) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    let mut broken = None;
    acting.act.entries(group, (Position(0), Position(u64::MAX)), Direction::Forward, &mut |key, row| {
        if row.received_at_ms < since_ms {
            return ControlFlow::Continue(());
        }
        match candidate(acting, grantee, joined, key.position, key.record, &row) {
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

/// Whether an entry is something that is handed over, and whether this device may pass it on to a person. `joined`: where this device
/// joined the group.
pub(in crate::session) fn candidate(
    acting: &Acting<'_>,
    grantee: &Person,
    joined: u64,
    position: Position,
    record: RecordId,
    row: &EntryRow,
) -> Result<Option<(Candidate, May)>, Error> {
    let Some(disclosure) = kinds::disclose(acting.kinds, position, row) else { return Ok(None) };
    let author: Identity = row.author.parse().map_err(|_| VaultError::damaged("a log entry"))?;
    let may = if !may_grant(&acting.identity.person, grantee, &author, disclosure.grantable) {
        May::NotOurs
    } else if disclosure.from < Position(joined) && !row.granted {
        May::OutOfReach
    } else {
        May::Yes
    };
    Ok(Some((Candidate { position, record, certificate_hash: row.certificate_hash.clone() }, may)))
}

/// Queues grants of these records to one device, as many as the limits of a grant make; returns their ids.
pub(in crate::session) fn queue_grants(
    acting: &Acting<'_>,
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
        plan.access_id = draw::<16>(acting.random).map_err(|_| Error::Randomness)?.to_vec();
        plan.positions = positions;
        plan.not_after_ms = not_after_ms;
        queued.push(queue(acting, group, row, grant::prepare(plan))?);
    }
    Ok(queued)
}
