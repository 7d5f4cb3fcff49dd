//! The audit trail, read out of its rows.

use super::{
    engine::{
        ActRow, AuditRow, EntryRow, Kind, Row, View, act_of, damaged, entry_key, first_of, go_on, id,
        identity,
    },
    store::SledStore,
};
use crate::store::{
    Result,
    audit::{Audit, AuditEntry, AuditPage},
};
use alcove_proto::ids::{GroupId, Position};

impl Audit for SledStore {
    async fn audit(&self, after: u64, max: usize) -> Result<AuditPage> {
        self.read(move |view| page(view, after, max)).await
    }
}

/// One page of the trail.
fn page(view: &View, after: u64, max: usize) -> Result<AuditPage> {
    let prefix = Kind::Audit.key().build();
    let mut page = AuditPage { entries: Vec::new(), more: false };
    // The row that holds the first wanted entry may begin before it: go on after the one before that.
    let from = view
        .last_at_or_before(&prefix, &Kind::Audit.key().number(after.saturating_add(1)).build())?
        .map(|holder| first_of(&holder))
        .transpose()?
        .map(|first| Kind::Audit.key().number(first.saturating_sub(1)).build());
    // Each row has many entries: one at a time keeps the page small.
    view.each_after(&prefix, from, 1, |key, value| {
        let first = first_of(key)?;
        for (sequence, act) in (first..).zip(AuditRow::from_value(value)?.acts) {
            page.more = page.entries.len() >= max && sequence > after;
            if page.more {
                break;
            }
            if sequence > after {
                page.entries.push(entry(view, sequence, act)?);
            }
        }
        Ok(go_on(!page.more))
    })?;
    Ok(page)
}

fn entry(view: &View, sequence: u64, row: ActRow) -> Result<AuditEntry> {
    let what = AuditRow::WHAT;
    let act = act_of(row.act).ok_or(damaged(what))?;
    let group = (!row.group.is_empty()).then(|| id::<GroupId>(&row.group, what)).transpose()?;
    let position = (row.position != 0).then_some(Position(row.position));
    let (author, time_ms) = match (group, position) {
        (Some(group), Some(position)) => {
            let key = entry_key(&group, position);
            let logged = view.settled(&key)?.ok_or(damaged(what))?;
            let logged = EntryRow::from_value(&logged)?;
            (logged.author, logged.received_at_ms)
        }
        _ => (row.identity, row.time_ms),
    };
    Ok(AuditEntry {
        sequence,
        act,
        identity: identity(&author, what)?,
        time_ms,
        request: row.request,
        group,
        position,
        subject: (!row.subject.is_empty())
            .then(|| row.subject.as_slice().try_into().map_err(|_| damaged(what)))
            .transpose()?,
        concerning: (!row.concerning.is_empty()).then(|| identity(&row.concerning, what)).transpose()?,
    })
}
