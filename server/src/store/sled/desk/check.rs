//! The integrity check of the desk, ledgers, escrow and attempts at recovery.

use super::{
    events::{Lane, desk_key, event_of},
    ledger::entries_prefix,
    places::{Place, invitation_key},
};
use crate::store::{
    Result,
    operation::{CheckReport, Problem},
    sled::{
        check::Check,
        engine::{
            AnswerRow, AttemptRow, CertificateRow, DeskRow, EscrowCountRow, EscrowRow, EscrowedGrantRow,
            InvitationRow, Key, Kind, LedgerEndRow, LedgerEntryRow, RequestRow, Row, damaged, go_on, middle,
            tail,
        },
    },
};
use alcove_charter::{LedgerPoint, sha256};
use alcove_proto::{ids::Digest, names::TrustDomain};
use std::{collections::BTreeMap, ops::ControlFlow};

impl Check<'_> {
    /// Goes through what agencies keep.
    pub(crate) fn agencies(&self, report: &mut CheckReport) -> Result<()> {
        self.rows::<InvitationRow>(report, Kind::Invitation)?;
        self.rows::<AnswerRow>(report, Kind::Answer)?;
        self.twice(report, Self::requests)?;
        self.twice(report, Self::desk_events)?;
        self.twice(report, Self::renewals)?;
        self.rows::<AttemptRow>(report, Kind::Attempt)?;
        self.rows::<EscrowRow>(report, Kind::Escrow)?;
        self.rows::<EscrowedGrantRow>(report, Kind::EscrowedGrant)?;
        self.twice(report, Self::certificates_beside_escrow)?;
        self.twice(report, Self::ledgers)
    }

    /// Every request by invitation is the one that was taken on an invitation.
    fn requests(&self) -> Result<Vec<Problem>> {
        self.problems(Kind::Request, |key, value| {
            let row = RequestRow::from_value(value)?;
            let (identity, place) = Place::of_key(key, RequestRow::WHAT)?;
            let is_right = match place {
                Place::Renewal => true,
                Place::Invitation => {
                    let invitation = self.view.row::<InvitationRow>(&invitation_key(&identity))?;
                    invitation.is_some_and(|invitation| invitation.request_hash == row.request_hash)
                        && row.request_hash == sha256(&[&row.bytes])
                }
            };
            Ok((!is_right).then(|| Problem::RequestAlone(identity.to_string())))
        })
    }

    /// Every agency's events are as many as are counted, and none is newer than its newest.
    fn desk_events(&self) -> Result<Vec<Problem>> {
        // Trust domain and lane, as they stand in the key, to how many there are and the newest of them.
        let mut there: BTreeMap<Vec<u8>, (u32, u64)> = BTreeMap::new();
        self.view.each(&Kind::DeskEvent.key().build(), |key, value| {
            let lane = middle(key, 8).ok_or(damaged(DeskRow::WHAT))?;
            let (count, newest) = there.entry(lane.to_vec()).or_default();
            *count += 1;
            *newest = event_of(key, value)?.sequence;
            Ok(ControlFlow::Continue(()))
        })?;
        let mut problems = self.problems(Kind::Desk, |key, value| {
            let desk = DeskRow::from_value(value)?;
            let agency = middle(key, 0).ok_or(damaged(DeskRow::WHAT))?;
            let fits = Lane::ALL.into_iter().all(|lane| {
                let (count, newest) = there.remove(&[agency, &[lane as u8]].concat()).unwrap_or_default();
                count == lane.kept(&desk) && newest <= desk.sequence
            });
            Ok((!fits).then(|| events_mismatch(agency)))
        })?;
        problems.extend(there.keys().map(|lane| events_mismatch(&lane[..lane.len().saturating_sub(1)])));
        Ok(problems)
    }

    /// As many renewals of each agency wait as are counted, where somebody has counted them.
    fn renewals(&self) -> Result<Vec<Problem>> {
        // An agency's desk to how many there are.
        let mut there: BTreeMap<Key, u32> = BTreeMap::new();
        self.view.each(&Kind::Request.key().build(), |key, _| {
            let (identity, place) = Place::of_key(key, RequestRow::WHAT)?;
            if place == Place::Renewal {
                *there.entry(desk_key(&identity.person.trust_domain)).or_default() += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.problems(Kind::Desk, |key, value| {
            let count = there.get(key).copied().unwrap_or_default();
            let differs = DeskRow::from_value(value)?.renewals.is_some_and(|counted| counted != count);
            let trust_domain = agency_name(middle(key, 0).ok_or(damaged(DeskRow::WHAT))?);
            Ok(differs.then_some(Problem::RenewalsMismatch(trust_domain)))
        })
    }

    /// The certificates beside escrow are what their digests say, and as many as are counted.
    fn certificates_beside_escrow(&self) -> Result<Vec<Problem>> {
        // Trust domain and group, as they stand in the key, to how many there are.
        let mut there: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut problems = self.problems(Kind::EscrowCertificate, |key, value| {
            let what = CertificateRow::WHAT;
            let row = CertificateRow::from_value(value)?;
            let place = middle(key, Digest::LEN).ok_or(damaged(what))?;
            *there.entry(place.to_vec()).or_default() += 1;
            let differs = tail(key) != Some(sha256(&[&row.certificate]));
            Ok(differs.then(|| certificates_mismatch(place)))
        })?;
        problems.extend(self.problems(Kind::EscrowCount, |key, value| {
            let place = middle(key, 0).ok_or(damaged(EscrowCountRow::WHAT))?;
            let counted = EscrowCountRow::from_value(value)?.certificates;
            let differs = there.remove(place).unwrap_or_default() != counted;
            Ok(differs.then(|| certificates_mismatch(place)))
        })?);
        problems.extend(there.keys().map(|place| certificates_mismatch(place)));
        problems.dedup();
        Ok(problems)
    }

    /// Every published ledger is one chain from its first entry to its end.
    fn ledgers(&self) -> Result<Vec<Problem>> {
        self.problems(Kind::LedgerEnd, |key, value| {
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
                Ok(go_on(is_chain))
            })?;
            let is_whole = is_chain && point.count == end.count && end.head == point.head.to_vec();
            let trust_domain = trust_domain.to_string();
            Ok((!is_whole).then_some(Problem::LedgerBroken(trust_domain, point.count)))
        })
    }
}

/// `place`: a trust domain with what ends it, and a group.
fn certificates_mismatch(place: &[u8]) -> Problem {
    let name = place.split(|byte| *byte == 0).next().unwrap_or(place);
    Problem::CertificatesMismatch(String::from_utf8_lossy(name).into_owned())
}

/// `agency`: a trust domain and what ends it.
fn events_mismatch(agency: &[u8]) -> Problem {
    Problem::EventsMismatch(agency_name(agency))
}

/// A trust domain as it stands in a key.
fn agency_name(agency: &[u8]) -> String {
    let name = agency.strip_suffix(&[0]).unwrap_or(agency);
    String::from_utf8_lossy(name).into_owned()
}
