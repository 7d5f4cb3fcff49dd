//! Reads the audit trail out of its rows.

use super::{
    keys::{Kind, tail},
    rows::{ActRow, AuditRow, EntryRow, Row, damaged, id, identity},
    view::View,
};
use crate::store::{
    Result,
    audit::{Act, AuditEntry, AuditPage},
};
use ::sled::Tree;
use alcove_proto::ids::{GroupId, Position};

/// The numbers on disk. Never change one.
const ACTS: [(Act, u32); 24] = [
    (Act::CreateGroup, 1),
    (Act::AppendRecord, 2),
    (Act::Commit, 3),
    (Act::AcknowledgeWelcome, 4),
    (Act::PublishKeyPackages, 5),
    (Act::ClaimKeyPackage, 6),
    (Act::PublishCard, 7),
    (Act::OpenAccess, 8),
    (Act::EndAccess, 9),
    (Act::OpenUpload, 10),
    (Act::FinishUpload, 11),
    (Act::DeleteBlob, 12),
    (Act::ExpireUpload, 13),
    (Act::OpenInvitation, 14),
    (Act::WithdrawInvitation, 15),
    (Act::HandInRequest, 16),
    (Act::HandInRenewal, 17),
    (Act::AnswerRequest, 18),
    (Act::RefuseRequest, 19),
    (Act::PutEscrow, 30),
    (Act::OpenRecovery, 31),
    (Act::WithdrawRecovery, 32),
    (Act::ObjectToRecovery, 33),
    (Act::HandOutEscrow, 34),
];

/// The number of `act` on disk.
pub(crate) fn act_number(act: Act) -> u32 {
    // Cannot be 0: every act is in the list, which a test checks.
    ACTS.iter().find(|(known, _)| *known == act).map_or(0, |(_, number)| *number)
}

/// Whether a number on disk is an act's.
pub(crate) fn is_known_act(number: u32) -> bool {
    ACTS.iter().any(|(_, known)| *known == number)
}

/// The number the next entry gets.
pub(crate) fn next_sequence(tree: &Tree) -> Result<u64> {
    let prefix = Kind::Audit.key().build();
    let Some(last) = tree.scan_prefix(&prefix).next_back() else { return Ok(1) };
    let (key, value) = last.map_err(super::batch::unreadable)?;
    Ok(first_of(&key)? + AuditRow::from_value(&value)?.acts.len() as u64)
}

/// One page of the trail.
pub(crate) fn page(view: &View, after: u64, max: usize) -> Result<AuditPage> {
    let prefix = Kind::Audit.key().build();
    let mut entries = Vec::new();
    // The row that holds the first wanted entry may begin before it: go on after the one before that.
    let mut from = view
        .last_at_or_before(&prefix, &Kind::Audit.key().number(after.saturating_add(1)).build())?
        .map(|holder| first_of(&holder))
        .transpose()?
        .map(|first| Kind::Audit.key().number(first.saturating_sub(1)).build());
    loop {
        // Each row has many entries: one at a time keeps the page small.
        let page = view.scan(&prefix, from.as_deref(), 1)?;
        for (key, value) in &page.rows {
            let first = first_of(key)?;
            for (offset, act) in AuditRow::from_value(value)?.acts.into_iter().enumerate() {
                let sequence = first + offset as u64;
                if sequence <= after {
                    continue;
                }
                if entries.len() >= max {
                    return Ok(AuditPage { entries, more: true });
                }
                entries.push(entry(view, sequence, act)?);
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(AuditPage { entries, more: false }),
        }
    }
}

fn first_of(key: &[u8]) -> Result<u64> {
    tail(key).map(u64::from_be_bytes).ok_or(damaged(AuditRow::WHAT))
}

fn entry(view: &View, sequence: u64, row: ActRow) -> Result<AuditEntry> {
    let what = AuditRow::WHAT;
    let act = ACTS.iter().find(|(_, number)| *number == row.act).ok_or(damaged(what))?.0;
    let group = (!row.group.is_empty()).then(|| id::<GroupId>(&row.group, what)).transpose()?;
    let position = (row.position != 0).then_some(Position(row.position));
    let (author, time_ms) = match (group, position) {
        (Some(group), Some(position)) => {
            let key = Kind::Entry.key().group(&group).position(position).build();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_act_has_a_number_of_its_own() {
        let numbers: HashSet<u32> = ACTS.iter().map(|(act, _)| act_number(*act)).collect();
        assert_eq!(numbers.len(), ACTS.len());
        assert!(!numbers.contains(&0));
        // A new act must be added to the list: the names are matched exhaustively there.
        let names: HashSet<&str> = ACTS.iter().map(|(act, _)| act.name()).collect();
        assert_eq!(names.len(), ACTS.len());
    }
}
