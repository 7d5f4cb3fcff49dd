//! The integrity check of waiting welcomes, key packages, cards, access entries, the desk, ledgers, escrow and the
//! audit trail.

use super::{
    enrolment::{Place, invitation_key},
    escrow_rows::{AttemptRow, CertificateRow, EscrowCountRow, EscrowRow, EscrowedGrantRow},
    events::{Lane, desk_key, event_of},
    ledger::entries_prefix,
};
use crate::store::{
    Result,
    operation::{CheckReport, Problem},
    sled::{
        check::{Check, found, keep, within},
        engine::{
            audit::is_known_act,
            keys::{Key, Kind, identity_of, middle, tail},
            rows::{
                AccessRow, AnswerRow, AuditRow, CardRow, DeskRow, InvitationRow, KeyPackageRow, LedgerEndRow,
                LedgerEntryRow, RequestRow, Row, WelcomeContentRow, WelcomeRow, damaged, id, identity,
            },
        },
        log::entries::sha256,
    },
};
use alcove_charter::LedgerPoint;
use alcove_proto::{
    ids::{Digest, GroupId, Position},
    names::TrustDomain,
};
use std::{collections::BTreeMap, ops::ControlFlow};

impl Check<'_> {
    /// Goes through what is neither a log nor a blob.
    pub(crate) fn welcomes_key_packages_and_trail(&self, report: &mut CheckReport) -> Result<()> {
        self.twice(report, Self::welcomes)?;
        self.twice(report, Self::key_packages)?;
        self.rows::<KeyPackageRow>(report, Kind::LastResort)?;
        self.rows::<CardRow>(report, Kind::Card)?;
        self.rows::<AccessRow>(report, Kind::Access)?;
        self.rows::<InvitationRow>(report, Kind::Invitation)?;
        self.rows::<AnswerRow>(report, Kind::Answer)?;
        self.twice(report, Self::requests)?;
        self.twice(report, Self::desk_events)?;
        self.twice(report, Self::renewals)?;
        self.rows::<AttemptRow>(report, Kind::Attempt)?;
        self.rows::<EscrowRow>(report, Kind::Escrow)?;
        self.rows::<EscrowedGrantRow>(report, Kind::EscrowedGrant)?;
        self.twice(report, Self::certificates_beside_escrow)?;
        self.twice(report, Self::ledgers)?;
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

    /// Every request by invitation is the one that was taken on an invitation.
    fn requests(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        self.view.each(&Kind::Request.key().build(), |key, value| {
            let row = RequestRow::from_value(value)?;
            let (identity, place) = Place::of_key(key, RequestRow::WHAT)?;
            match place {
                Place::Renewal => {}
                Place::Invitation => {
                    let invitation = self.view.row::<InvitationRow>(&invitation_key(&identity))?;
                    let named =
                        invitation.is_some_and(|invitation| invitation.request_hash == row.request_hash);
                    if !named || row.request_hash != sha256(&[&row.bytes]) {
                        problems.push(Problem::RequestAlone { identity: identity.to_string() });
                    }
                }
            }
            Ok(within(problems.len()))
        })?;
        Ok(problems)
    }

    /// Every agency's events are as many as are counted, and none is newer than its newest.
    fn desk_events(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        // Trust domain and lane, as they stand in the key, to how many there are and the newest of them.
        let mut there: BTreeMap<Vec<u8>, (u32, u64)> = BTreeMap::new();
        self.view.each(&Kind::DeskEvent.key().build(), |key, value| {
            let lane = middle(key, 8).ok_or(damaged(DeskRow::WHAT))?;
            let (count, newest) = there.entry(lane.to_vec()).or_default();
            *count += 1;
            *newest = event_of(key, value)?.sequence;
            Ok(ControlFlow::Continue(()))
        })?;
        self.view.each(&Kind::Desk.key().build(), |key, value| {
            let desk = DeskRow::from_value(value)?;
            let agency = middle(key, 0).ok_or(damaged(DeskRow::WHAT))?;
            let fits = Lane::ALL.into_iter().all(|lane| {
                let (count, newest) = there.remove(&[agency, &[lane as u8]].concat()).unwrap_or_default();
                count == lane.kept(&desk) && newest <= desk.sequence
            });
            if !fits {
                problems.push(events_mismatch(agency));
            }
            Ok(within(problems.len()))
        })?;
        problems.extend(there.keys().map(|lane| events_mismatch(&lane[..lane.len().saturating_sub(1)])));
        Ok(problems)
    }

    /// As many renewals of each agency wait as are counted, where somebody has counted them.
    fn renewals(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        // An agency's desk to how many there are.
        let mut there: BTreeMap<Key, u32> = BTreeMap::new();
        self.view.each(&Kind::Request.key().build(), |key, _| {
            let (identity, place) = Place::of_key(key, RequestRow::WHAT)?;
            if place == Place::Renewal {
                *there.entry(desk_key(&identity.person.trust_domain)).or_default() += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.view.each(&Kind::Desk.key().build(), |key, value| {
            let count = there.get(key).copied().unwrap_or_default();
            if DeskRow::from_value(value)?.renewals.is_some_and(|counted| counted != count) {
                let trust_domain = agency_name(middle(key, 0).ok_or(damaged(DeskRow::WHAT))?);
                problems.push(Problem::RenewalsMismatch { trust_domain });
            }
            Ok(within(problems.len()))
        })?;
        Ok(problems)
    }

    /// The certificates beside escrow are what their digests say, and as many as are counted.
    fn certificates_beside_escrow(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        // Trust domain and group, as they stand in the key, to how many there are.
        let mut there: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        self.view.each(&Kind::EscrowCertificate.key().build(), |key, value| {
            let what = CertificateRow::WHAT;
            let row = CertificateRow::from_value(value)?;
            let place = middle(key, Digest::LEN).ok_or(damaged(what))?;
            *there.entry(place.to_vec()).or_default() += 1;
            if tail(key) != Some(sha256(&[&row.certificate])) {
                problems.push(certificates_mismatch(place));
            }
            Ok(within(problems.len()))
        })?;
        self.view.each(&Kind::EscrowCount.key().build(), |key, value| {
            let place = middle(key, 0).ok_or(damaged(EscrowCountRow::WHAT))?;
            let counted = EscrowCountRow::from_value(value)?.certificates;
            if there.remove(place).unwrap_or_default() != counted {
                problems.push(certificates_mismatch(place));
            }
            Ok(within(problems.len()))
        })?;
        problems.extend(there.keys().map(|place| certificates_mismatch(place)));
        problems.dedup();
        Ok(problems)
    }

    /// Every published ledger is one chain from its first entry to its end.
    fn ledgers(&self) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        self.view.each(&Kind::LedgerEnd.key().build(), |key, value| {
            let end = LedgerEndRow::from_value(value)?;
            let name = middle(key, 0).and_then(|name| name.strip_suffix(&[0]));
            let name =
                name.and_then(|name| std::str::from_utf8(name).ok()).and_then(|name| name.parse().ok());
            let trust_domain: TrustDomain = name.ok_or(damaged(LedgerEndRow::WHAT))?;
            let mut point = LedgerPoint::start(&trust_domain);
            let mut is_chain = true;
            self.view.each(&entries_prefix(&trust_domain), |_, value| {
                // A server that goes on writing adds entries behind the end that was read before.
                if point.count == end.count {
                    return Ok(ControlFlow::Break(()));
                }
                is_chain = point.follow(&trust_domain, &LedgerEntryRow::from_value(value)?.entry).is_ok();
                Ok(if is_chain { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            if !is_chain || point.count != end.count || end.head != point.head.to_vec() {
                problems.push(Problem::LedgerBroken {
                    trust_domain: trust_domain.to_string(),
                    after: point.count,
                });
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

/// `place`: a trust domain with what ends it, and a group.
fn certificates_mismatch(place: &[u8]) -> Problem {
    let name = place.split(|byte| *byte == 0).next().unwrap_or(place);
    Problem::CertificatesMismatch { trust_domain: String::from_utf8_lossy(name).into_owned() }
}

/// `agency`: a trust domain and what ends it.
fn events_mismatch(agency: &[u8]) -> Problem {
    Problem::EventsMismatch { trust_domain: agency_name(agency) }
}

/// A trust domain as it stands in a key.
fn agency_name(agency: &[u8]) -> String {
    let name = agency.strip_suffix(&[0]).unwrap_or(agency);
    String::from_utf8_lossy(name).into_owned()
}
