//! Following a member who leads a case on because none of its owners is left.
//!
//! The last owner's leaf cannot be removed. Once it is revoked, nothing is sealed for the group any more and nobody is left
//! who could open its successor by right: then any member may, and each of the others says once, in person, whom they
//! follow. PROTOCOL.md section 8, "Successor groups".

use super::{
    succeeding::{
        brings_nobody_back, is_ahead, is_our_history, leader_in, leads_in_a_circle, may_be_asked_about,
    },
    successor::predecessor_of,
};
use crate::{
    session::{
        Error, FollowFault, LeaderView, PersonView, Session,
        people::{cards::person_view, outsiders::believed_role, seats},
        restored::check_is_current,
        state::{Roster, all_rows, load_row, successor_of},
    },
    vault::{Act, Durability, VaultError, rows::GroupRow},
};
use alcove_charter::device_words;
use alcove_mls::Predecessor;
use alcove_proto::{
    ids::{Epoch, GroupId},
    names::{Identity, Person},
};
use std::collections::{BTreeMap, BTreeSet};

/// A group that is to lead another one on by the word of a member.
struct Led {
    id: GroupId,
    row: GroupRow,
    predecessor: Predecessor,
    old: GroupRow,
}

impl Led {
    fn of(act: &Act<'_>, id: GroupId, row: GroupRow) -> Result<Option<Self>, Error> {
        // Of a group that has ended for this device there is nothing to follow.
        if !row.led_by_member || row.closed {
            return Ok(None);
        }
        let Some(predecessor) = predecessor_of(&row)? else { return Ok(None) };
        let old: Option<GroupRow> = act.get(predecessor.group.as_bytes())?;
        // Of one that was read with recovered keys alone no roster was processed.
        Ok(old.filter(|old| !old.recovered).map(|old| Self { id, row, predecessor, old }))
    }

    fn leader(&self) -> Result<Identity, VaultError> {
        self.row.led_by.parse().map_err(|_| VaultError::damaged("a case"))
    }

    fn is_followed(&self) -> bool {
        self.old.successor == self.id.as_bytes()
    }
}

impl Session {
    /// Whether every owner of a case is revoked or outside by this device's own newest charter and lists.
    pub(in crate::session) fn has_no_owner(&self, act: &Act<'_>, case: &GroupId) -> Result<bool, Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        let row = load_row(act, case)?;
        let mut standings = seats::standings(act, &self.identity, &trust, case, now_ms)?;
        standings.retain(|(seat, _)| seat.role == believed_role(&row, seat));
        Ok(seats::has_no_owner(&standings))
    }

    /// Why nobody is asked whether to follow: everything that this device can see for itself.
    fn fault_of(&self, act: &Act<'_>, led: &Led) -> Result<Option<FollowFault>, Error> {
        let Led { id, row, predecessor, old } = led;
        let (last, roster) = (Roster::load(act, &predecessor.group)?, Roster::load(act, id)?);
        let believed = match leader_in(&last, &roster, row)? {
            Some(seat) => seat.identity == self.identity || self.is_believed(act, seat, &roster)?,
            None => false,
        };
        Ok(if !may_be_asked_about(act, (&predecessor.group, old), row)? {
            Some(FollowFault::NoMember)
        } else if !self.has_no_owner(act, &predecessor.group)? {
            Some(FollowFault::OwnerStands)
        } else if !believed {
            Some(FollowFault::KeyNotBelieved)
        } else if is_ahead(old, predecessor) {
            Some(FollowFault::NotRead)
        } else if !is_our_history(act, old, predecessor)? || leads_in_a_circle(act, &predecessor.group, id)? {
            Some(FollowFault::OtherHistory)
        } else if !brings_nobody_back((Epoch(old.epoch), &last), (predecessor.epoch, &roster)) {
            Some(FollowFault::BringsBack)
        } else {
            None
        })
    }

    /// Who leads a case on by their word alone, oldest first: those that can be followed, those that cannot, and those that
    /// are. Local.
    pub fn leaders(&self) -> Result<Vec<LeaderView>, Error> {
        let trust = self.trust();
        let mut leaders = self.vault.read::<_, Error>(|act| {
            let own = self.own();
            let view = |person: &Person, devices| person_view(act, &own, &trust, person, devices);
            let mut leaders = Vec::new();
            for (id, row) in all_rows(act)? {
                let Some(led) = Led::of(act, id, row)? else { continue };
                let leader = led.leader()?;
                let (now, before) = (Roster::load(act, &id)?, Roster::load(act, &led.predecessor.group)?);
                let Some(key) = now.key_of(&leader) else { continue };
                let missing = |from: &Roster, there: &Roster| -> Result<Vec<PersonView>, Error> {
                    by_person(from, there)
                        .into_iter()
                        .map(|(person, devices)| view(&person, devices))
                        .collect()
                };
                leaders.push(LeaderView {
                    case: id,
                    title: Some(led.row.title.clone()).filter(|title| !title.is_empty()),
                    leads_on: led.predecessor.group,
                    leader: view(&leader.person, vec![leader.device])?,
                    words: device_words(&leader, &key),
                    since_ms: led.row.joined_at_ms,
                    members: Vec::new(),
                    gone: missing(&before, &now)?,
                    new: missing(&now, &before)?,
                    fault: if led.is_followed() { None } else { self.fault_of(act, &led)? },
                    followed: led.is_followed(),
                });
            }
            Ok(leaders)
        })?;
        for leader in &mut leaders {
            leader.members = self.members(&leader.case)?;
        }
        leaders.sort_by_key(|leader| (leader.since_ms, leader.case));
        Ok(leaders)
    }

    /// How many cases wait for a person's word about whom to follow.
    pub(in crate::session) fn leaders_waiting(&self, act: &Act<'_>) -> Result<u64, Error> {
        let mut cases = BTreeSet::new();
        for (id, row) in all_rows(act)? {
            let Some(led) = Led::of(act, id, row)? else { continue };
            if led.old.successor.is_empty() && self.fault_of(act, &led)?.is_none() {
                cases.insert(led.predecessor.group);
            }
        }
        Ok(cases.len() as u64)
    }

    /// A person has said yes to a member who leads a case on: what was not sent there goes out here. Of several they may
    /// choose another one later; what was sent stays where it is. Local.
    ///
    /// Errors: [`Error::NoSuchCase`]; [`Error::NotToBeFollowed`]; [`Error::CaseSucceeded`] when somebody with the right to
    /// leads it on; [`Error::CaseRestored`] when the old case's roster here is known to be old.
    pub fn follow_leader(&self, case: &GroupId) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let led = Led::of(act, *case, load_row(act, case)?)?.ok_or(Error::NoSuchCase)?;
            if led.is_followed() {
                return Ok(());
            }
            if let Some(by) = successor_of(&led.old)?
                && !act.get::<GroupRow>(by.as_bytes())?.is_some_and(|row| row.led_by_member)
            {
                return Err(Error::CaseSucceeded { by });
            }
            check_is_current(act, &self.identity, &led.old)?;
            if let Some(fault) = self.fault_of(act, &led)? {
                return Err(Error::NotToBeFollowed(fault));
            }
            let Led { id, mut row, predecessor, mut old } = led;
            self.lead_on(act, (&predecessor.group, &mut old), (&id, &mut row))?;
            Ok(act.put(id.as_bytes(), &row)?)
        })
    }
}

/// The devices of one roster that are not in the other one, by person.
fn by_person(from: &Roster, there: &Roster) -> BTreeMap<Person, Vec<u16>> {
    let mut people: BTreeMap<Person, Vec<u16>> = BTreeMap::new();
    for seat in from.members.iter().filter(|seat| there.named(&seat.identity).is_none()) {
        people.entry(seat.identity.person.clone()).or_default().push(seat.identity.device);
    }
    people
}
