//! Access entries.

use super::members::{group_row, require_member};
use crate::store::{
    Result,
    access::{Access, AccessEntry, NewAccess, OpenAccessOutcome, PositionRange},
    audit::{Act, By},
    error::count_at_most,
    sled::{
        engine::{
            AccessRow, Audited, Batch, Demand, Key, Kind, Row, UsageRow, View, damaged, group_key, identity,
            tail,
        },
        store::SledStore,
    },
};
use alcove_proto::{
    ids::{AccessId, GroupId, Position},
    limits::{ACCESS_PER_GROUP_MAX, ACCESS_RANGES_MAX},
    names::Identity,
};
use std::ops::ControlFlow;

impl Access for SledStore {
    async fn open_access(&self, access: NewAccess, by: By) -> Result<OpenAccessOutcome> {
        let demand = Demand::bytes(access.ranges.len() * 16);
        self.queue.submit(demand, move |batch| open(batch, &access, &by)).await
    }

    async fn end_access(&self, group: GroupId, access: AccessId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| end(batch, &group, &access, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn access_entry(&self, group: GroupId, access: AccessId) -> Result<Option<AccessEntry>> {
        self.read(move |view| entry(view, &group, access)).await
    }

    async fn access_of(&self, group: GroupId, grantee: Identity) -> Result<Vec<AccessEntry>> {
        self.read(move |view| of(view, &group, &grantee)).await
    }
}

pub(crate) fn access_key(group: &GroupId, access: &AccessId) -> Key {
    Kind::Access.key().group(group).access(access).build()
}

fn of_prefix(group: &GroupId, grantee: &Identity) -> Key {
    Kind::AccessOf.key().group(group).identity(grantee).build()
}

pub(crate) fn of_key(group: &GroupId, grantee: &Identity, access: &AccessId) -> Key {
    Kind::AccessOf.key().group(group).identity(grantee).access(access).build()
}

/// Opens access.
pub(crate) fn open(batch: &mut Batch<'_>, new: &NewAccess, by: &By) -> Result<OpenAccessOutcome> {
    count_at_most("ranges", new.ranges.len(), ACCESS_RANGES_MAX)?;
    let mut group = group_row(batch, &new.group)?;
    require_member(batch, &new.group, &by.identity)?;
    let key = access_key(&new.group, &new.access);
    let row = AccessRow {
        opener: by.identity.to_string(),
        grantee: new.grantee.to_string(),
        ranges: new.ranges.iter().flat_map(|range| [range.first.0, range.last.0]).collect(),
        not_after_ms: new.not_after_ms,
        ended: false,
    };
    if let Some(taken) = batch.row::<AccessRow>(&key)? {
        let same = taken == row;
        return Ok(if same { OpenAccessOutcome::Replayed } else { OpenAccessOutcome::IdReused });
    }
    require_member(batch, &new.group, &new.grantee)?;
    group.access_open += 1;
    count_at_most("access entries", group.access_open as usize, ACCESS_PER_GROUP_MAX)?;
    batch.put(group_key(&new.group), &group)?;
    batch.put_new(key, &row)?;
    // The index row is empty but for its version: any row type without a set field would do.
    batch.put(of_key(&new.group, &new.grantee, &new.access), &UsageRow::default())?;
    batch.audit(
        by,
        Audited {
            group: Some(&new.group),
            subject: Some(new.access.as_bytes()),
            concerning: Some(&new.grantee),
            ..Audited::act(Act::OpenAccess)
        },
    );
    Ok(OpenAccessOutcome::Opened)
}

/// Opens to a device, which may be no member, what a recovery brings back: `parts` have their ids and at most
/// [`ACCESS_RANGES_MAX`] ranges each. What is open under these ids already makes way, and what was ended stays so: whoever
/// was removed from the group since gets nothing again.
///
/// [`ACCESS_PER_GROUP_MAX`] does not keep it out, for the group cannot know: it counts, and there are few of them.
pub(crate) fn open_recovered(
    batch: &mut Batch<'_>,
    group: &GroupId,
    grantee: &Identity,
    parts: &[(AccessId, &[PositionRange])],
) -> Result<()> {
    let mut group_row = group_row(batch, group)?;
    for (access, ranges) in parts {
        let key = access_key(group, access);
        let before = batch.row::<AccessRow>(&key)?;
        if before.as_ref().is_some_and(|row| row.ended) {
            return Ok(());
        }
        let row = AccessRow {
            opener: grantee.to_string(),
            grantee: grantee.to_string(),
            ranges: ranges.iter().flat_map(|range| [range.first.0, range.last.0]).collect(),
            not_after_ms: None,
            ended: false,
        };
        batch.put(key, &row)?;
        if before.is_none() {
            group_row.access_open = group_row.access_open.saturating_add(1);
            batch.put(group_key(group), &group_row)?;
            batch.put(of_key(group, grantee, access), &UsageRow::default())?;
        }
    }
    Ok(())
}

/// Ends access.
pub(crate) fn end(batch: &mut Batch<'_>, group: &GroupId, access: &AccessId, by: &By) -> Result<bool> {
    let mut group_row = group_row(batch, group)?;
    let Some(row) = batch.row::<AccessRow>(&access_key(group, access))?.filter(|row| !row.ended) else {
        return Ok(false);
    };
    let grantee = identity(&row.grantee, AccessRow::WHAT)?;
    end_row(batch, group, access, &grantee, row)?;
    group_row.access_open = group_row.access_open.saturating_sub(1);
    batch.put(group_key(group), &group_row)?;
    batch.audit(
        by,
        Audited {
            group: Some(group),
            subject: Some(access.as_bytes()),
            concerning: Some(&grantee),
            ..Audited::act(Act::EndAccess)
        },
    );
    Ok(true)
}

fn end_row(
    batch: &mut Batch<'_>,
    group: &GroupId,
    access: &AccessId,
    grantee: &Identity,
    row: AccessRow,
) -> Result<()> {
    // What it opened is of no use any more; the row only keeps the id from being opened again.
    let ended = AccessRow { ended: true, ranges: Vec::new(), ..row };
    batch.put(access_key(group, access), &ended)?;
    batch.remove(of_key(group, grantee, access))
}

/// Ends all access of a device that is no member any more.
pub(crate) fn end_all_of(batch: &mut Batch<'_>, group: &GroupId, grantee: &Identity) -> Result<()> {
    let rows = batch.scan(&of_prefix(group, grantee), usize::MAX)?;
    if rows.is_empty() {
        return Ok(());
    }
    for (key, _) in &rows {
        let access = tail(key).map(AccessId).ok_or(damaged(AccessRow::WHAT))?;
        let row = batch.row(&access_key(group, &access))?.ok_or(damaged(AccessRow::WHAT))?;
        end_row(batch, group, &access, grantee, row)?;
    }
    let mut group_row = group_row(batch, group)?;
    group_row.access_open = group_row.access_open.saturating_sub(rows.len() as u32);
    batch.put(group_key(group), &group_row)
}

/// One open entry.
pub(crate) fn entry(view: &View, group: &GroupId, access: AccessId) -> Result<Option<AccessEntry>> {
    let Some(row) = view.row::<AccessRow>(&access_key(group, &access))?.filter(|row| !row.ended) else {
        return Ok(None);
    };
    let ranges = row
        .ranges
        .chunks_exact(2)
        .map(|pair| PositionRange { first: Position(pair[0]), last: Position(pair[1]) });
    Ok(Some(AccessEntry {
        access,
        opener: identity(&row.opener, AccessRow::WHAT)?,
        grantee: identity(&row.grantee, AccessRow::WHAT)?,
        ranges: ranges.collect(),
        not_after_ms: row.not_after_ms,
    }))
}

/// All open entries of one grantee.
pub(crate) fn of(view: &View, group: &GroupId, grantee: &Identity) -> Result<Vec<AccessEntry>> {
    let mut entries = Vec::new();
    view.each(&of_prefix(group, grantee), |key, _| {
        let access = tail(key).map(AccessId).ok_or(damaged(AccessRow::WHAT))?;
        // None when it ended between the two reads.
        entries.extend(entry(view, group, access)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(entries)
}
