//! The integrity check of waiting welcomes, key packages, cards, access entries and the audit trail.

use super::{
    audit::is_known_act,
    check::{Check, found, keep, within},
    keys::{Key, Kind, identity_of, tail},
    rows::{
        AccessRow, AuditRow, CardRow, KeyPackageRow, Row, WelcomeContentRow, WelcomeRow, damaged, id,
        identity,
    },
};
use crate::store::{
    Result,
    operation::{CheckReport, Problem},
};
use alcove_proto::ids::{Digest, GroupId, Position};
use std::{collections::BTreeMap, ops::ControlFlow};

impl Check<'_> {
    /// Goes through what is neither a log nor a blob.
    pub(super) fn welcomes_key_packages_and_trail(&self, report: &mut CheckReport) -> Result<()> {
        self.twice(report, Self::welcomes)?;
        self.twice(report, Self::key_packages)?;
        self.rows::<KeyPackageRow>(report, Kind::LastResort)?;
        self.rows::<CardRow>(report, Kind::Card)?;
        self.rows::<AccessRow>(report, Kind::Access)?;
        let trail = self.trail(report);
        keep(report, trail).map(drop)
    }

    /// Every row of a kind parses.
    fn rows<R: Row>(&self, report: &mut CheckReport, kind: Kind) -> Result<()> {
        self.view.each(&kind.key().build(), |_, value| {
            let parsed = R::from_value(value).map(drop);
            keep(report, parsed)
        })
    }

    /// Every waiting welcome has what its joiners share, whole, and that counts them right.
    fn welcomes(&self) -> Result<Vec<Problem>> {
        // Group and position to how many wait.
        let mut waiting: BTreeMap<(GroupId, u64), u32> = BTreeMap::new();
        self.view.each(&Kind::Welcome.key().build(), |_, value| {
            let row = WelcomeRow::from_value(value)?;
            *waiting.entry((id(&row.group, WelcomeRow::WHAT)?, row.position)).or_default() += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        let mut problems = Vec::new();
        self.view.each(&Kind::WelcomeContent.key().build(), |key, value| {
            let what = WelcomeContentRow::WHAT;
            let row = WelcomeContentRow::from_value(value)?;
            let group: GroupId = id(key.get(1..17).ok_or(damaged(what))?, what)?;
            let position = tail(key).map(u64::from_be_bytes).map(Position).ok_or(damaged(what))?;
            let counted = waiting.remove(&(group, position.0)).unwrap_or_default();
            let whole = |kind: Kind, bytes| {
                let parts: Key = kind.key().group(&group).position(position).build();
                Ok(self.view.parts(&parts, bytes)?.is_some())
            };
            let is_whole =
                whole(Kind::WelcomePart, row.welcome_bytes)? && whole(Kind::TreePart, row.tree_bytes)?;
            if counted != row.waiting || !is_whole {
                problems.push(Problem::WelcomeBroken { group, position });
            }
            Ok(within(problems.len()))
        })?;
        let alone = waiting.into_keys();
        problems.extend(
            alone.map(|(group, position)| Problem::WelcomeBroken { group, position: Position(position) }),
        );
        Ok(problems)
    }

    /// No one-time key package waits that has been handed out.
    fn key_packages(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        self.view.each(&Kind::OneTime.key().build(), |key, value| {
            let what = KeyPackageRow::WHAT;
            KeyPackageRow::from_value(value)?;
            let identity = identity_of(key, Digest::LEN).ok_or(damaged(what))?;
            let digest = tail(key).map(Digest).ok_or(damaged(what))?;
            let claimed = Kind::Claimed.key().identity(&identity).digest(&digest).build();
            if self.view.value(&claimed)?.is_some() {
                problems.push(Problem::KeyPackageTwice { identity: identity.to_string() });
            }
            Ok(within(problems.len()))
        })?;
        Ok(problems)
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
                found(report, Problem::AuditGap { sequence: expected });
            }
            let acts = AuditRow::from_value(value)?.acts;
            expected = first + acts.len() as u64;
            for act in acts {
                if !is_known_act(act.act) {
                    found(report, Problem::Row { what });
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
