//! The integrity check: recomputes every chain, reads every chunk, and compares what is kept twice.
//!
//! This is what the parts share, and the audit trail; groups, blobs and agencies are beside what they check. It runs
//! beside a server that goes on writing: what was read at two moments is looked at twice before it is called a problem.

use super::engine::{
    AuditRow, Kind, Row, View, act_of, damaged, go_on, id, identity, side_files, side_folder, tail,
};
use crate::store::{
    Result, StoreError,
    chunk_files::ChunkFiles,
    operation::{CheckReport, PROBLEMS_MAX, Problem},
};
use alcove_proto::ids::{GroupId, Position};
use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

/// A check under way.
pub(super) struct Check<'a> {
    pub(super) view: &'a View,
    pub(super) files: &'a ChunkFiles,
    pub(super) data: &'a Path,
}

impl Check<'_> {
    /// Goes through everything.
    pub(super) fn run(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let count = side_files(self.data)?;
        if count > 0 {
            found(&mut report, Problem::SideFiles(side_folder(self.data), count));
        }
        self.groups(&mut report)?;
        self.blobs(&mut report)?;
        self.beside_groups(&mut report)?;
        self.agencies(&mut report)?;
        let trail = self.trail(&mut report);
        keep(&mut report, trail).map(|_| report)
    }

    /// Reports what `look` finds, and finds again when it looks once more: a server that goes on writing changes
    /// one of two rows between the two reads, and not the same way twice.
    pub(super) fn twice(
        &self,
        report: &mut CheckReport,
        look: impl Fn(&Self) -> Result<Vec<Problem>>,
    ) -> Result<()> {
        let looked = look(self).and_then(|first| {
            let again = if first.is_empty() { Vec::new() } else { look(self)? };
            first
                .into_iter()
                .filter(|problem| again.contains(problem))
                .for_each(|problem| found(report, problem));
            Ok(())
        });
        keep(report, looked).map(drop)
    }

    /// What `look` finds wrong among the rows of a kind.
    pub(super) fn problems(
        &self,
        kind: Kind,
        mut look: impl FnMut(&[u8], &[u8]) -> Result<Option<Problem>>,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        self.view.each(&kind.key().build(), |key, value| {
            problems.extend(look(key, value)?);
            Ok(within(problems.len()))
        })?;
        Ok(problems)
    }

    /// Every row of a kind parses.
    pub(super) fn rows<R: Row>(&self, report: &mut CheckReport, kind: Kind) -> Result<()> {
        self.view.each(&kind.key().build(), |_, value| {
            let parsed = R::from_value(value).map(drop);
            keep(report, parsed)
        })
    }

    /// The audit trail has no gap, and every log is as long as the trail says: the last entries of a log are named
    /// nowhere else.
    fn trail(&self, report: &mut CheckReport) -> Result<()> {
        let what = AuditRow::WHAT;
        let mut expected = 1;
        let mut known: BTreeMap<GroupId, u64> = BTreeMap::new();
        self.view.each(&Kind::Audit.key().build(), |key, value| {
            let first = tail(key).map(u64::from_be_bytes).ok_or(damaged(what))?;
            if first != expected {
                found(report, Problem::AuditGap(expected));
            }
            let acts = AuditRow::from_value(value)?.acts;
            expected = first + acts.len() as u64;
            for act in acts {
                if act_of(act.act).is_none() {
                    found(report, Problem::Row(what));
                }
                if act.position == 0 {
                    identity(&act.identity, what)?;
                } else {
                    let highest = known.entry(id(&act.group, what)?).or_default();
                    *highest = act.position.max(*highest);
                }
            }
            Ok(within(report.problems.len()))
        })?;
        for (group, known) in known {
            // Read after the trail: a log that grows is longer by now, never shorter.
            let last = self.view.head(&group)?.map_or(Position(0), |head| head.position);
            if known > last.0 {
                found(report, Problem::TailLost { group, last, known: Position(known) });
            }
        }
        Ok(())
    }
}

/// Adds a problem, unless there are as many as are told.
pub(super) fn found(report: &mut CheckReport, problem: Problem) {
    if report.problems.len() < PROBLEMS_MAX {
        report.problems.push(problem);
    }
}

/// A damaged row is a finding; any other failure ends the check.
pub(super) fn keep(report: &mut CheckReport, checked: Result<()>) -> Result<ControlFlow<()>> {
    match checked {
        Ok(()) => {}
        Err(StoreError::Damaged { what }) => found(report, Problem::Row(what)),
        Err(error) => return Err(error),
    }
    Ok(within(report.problems.len()))
}

/// Whether to go on after so many problems.
pub(super) fn within(problems: usize) -> ControlFlow<()> {
    go_on(problems < PROBLEMS_MAX)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
