//! Leading a case on that froze, in a new group without whoever froze it.
//!
//! A member can send a commit whose secrets are wrong, and no server can see that: whoever cannot process it stops. An
//! owner among them opens a successor, which names the old group and how far it could be followed; everybody who
//! was there comes over, and what they had not sent yet comes with them. PROTOCOL.md section 8, "Successor groups".

use crate::{
    session::{
        AlarmKind, AlarmView, Error, HeldUp, PersonView, Session, Succession, SuccessionPlan, alarms, outbox,
        people::{
            cards::person_view,
            known_keys::believes,
            members::Claimed,
            outsiders::{believed_role, is_brought},
            seats,
        },
        restored::{check_is_current, is_of_before, known_times},
        state::{Roster, Seat, load_row, successor_of},
    },
    vault::{
        Act, Durability, VaultError,
        rows::{AddRow, CarryRow, GroupRow, IntentRow, PredecessorRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::keys::draw;
use alcove_mls::Predecessor;
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, Head, Position},
    names::{Identity, Person},
    v1::Role,
};
use std::collections::{BTreeMap, BTreeSet};

/// Devices that one commit adds when a group is led on; a commit of a thousand cold leaves has 3.1 MB.
const CARRIED_PER_COMMIT_MAX: usize = 500;
/// Milliseconds for which somebody who cannot be added yet is waited for: 30 days. Afterwards they are added by hand.
const CARRY_MS_MAX: i64 = 30 * 24 * 3600 * 1000;
/// Milliseconds until a device whose key package was unfit is tried again: a day.
const UNFIT_MS: i64 = 24 * 3600 * 1000;

impl Session {
    /// Who would read the case that leads this one on, and who would be left out. Local.
    ///
    /// Errors: [`Error::NoSuchCase`], [`Error::NotFrozen`], [`Error::CaseSucceeded`], [`Error::NotAllowed`] for
    /// whoever is no owner while one is in force, [`Error::CaseRestored`], [`Error::Alarm`].
    pub fn succession_plan(&self, case: &GroupId) -> Result<SuccessionPlan, Error> {
        let trust = self.trust();
        let by_member = self.vault.read(|act| {
            let row = load_row(act, case)?;
            self.check_may_succeed(act, case, &row)?;
            self.has_no_owner(act, case)
        })?;
        let left_out = self.vault.read(|act| {
            let row = load_row(act, case)?;
            let Some(spoiler) = Spoiler::of(&row, &self.identity)? else { return Ok(None) };
            let devices = match &spoiler {
                Spoiler::Person(_) => Vec::new(),
                Spoiler::OwnDevice(identity) => vec![identity.device],
            };
            let view = person_view(act, &self.own(), &trust, spoiler.person(), devices)?;
            Ok::<_, Error>(Some((spoiler, view)))
        })?;
        let coming: BTreeSet<Identity> = self.vault.read::<_, Error>(|act| {
            let mut coming = BTreeSet::from([self.identity.clone()]);
            let old = load_row(act, case)?;
            for seat in Roster::load(act, case)?.members {
                if self.may_come_over(act, &old, &seat)? {
                    coming.insert(seat.identity);
                }
            }
            Ok(coming)
        })?;
        let is_out = |device: &Identity| left_out.as_ref().is_some_and(|(spoiler, _)| spoiler.is(device));
        let (mut members, mut not_believed) = (self.members(case)?, Vec::new());
        for member in &mut members {
            let person = member.person.person.clone();
            let (come, stay): (Vec<u16>, Vec<u16>) =
                member.person.devices.iter().partition(|number| coming.contains(&person.device(**number)));
            let stay: Vec<u16> = stay.into_iter().filter(|number| !is_out(&person.device(*number))).collect();
            if !stay.is_empty() {
                not_believed.push(PersonView { devices: stay, ..member.person.clone() });
            }
            member.person.devices =
                come.into_iter().filter(|number| !is_out(&person.device(*number))).collect();
        }
        members.retain(|member| !member.person.devices.is_empty());
        let left_out = left_out.map(|(_, view)| view);
        Ok(SuccessionPlan { members, left_out, not_believed, by_member })
    }

    /// Opens the case that leads a frozen one on, and adds everybody who was there but whoever froze it.
    ///
    /// It is in the vault, and the old case closed for writing, before the server hears of it. Whoever cannot be added
    /// now is added by a later sync. Errors: those of [`Session::succession_plan`], [`Error::Certificate`].
    pub async fn succeed(&self, case: &GroupId) -> Result<Succession, Error> {
        self.own().check_in_force(&self.trust(), self.clock.now_ms())?;
        let id = GroupId(draw(&*self.random).map_err(|_| Error::Randomness)?);
        self.vault.act::<_, Error>(Durability::OnDisk, |act| self.succeed_in(act, case, &id))?;
        let held_up = match self.bring_over(&id).await {
            Ok(()) => None,
            Err(error) => Some(HeldUp { case: id, error }),
        };
        let waiting = self.vault.read::<_, Error>(|act| {
            load_row(act, &id)?.carry.iter().map(identity_of).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(Succession { case: id, waiting, held_up })
    }

    async fn bring_over(&self, id: &GroupId) -> Result<(), Error> {
        self.finish_creation(id).await?;
        let carried = match self.carry_over(id).await {
            told @ Err(Error::KeyPackagesUnfit { .. }) => told,
            carried => Ok(carried?),
        };
        self.flush(id).await?;
        carried
    }

    fn succeed_in(&self, act: &Act<'_>, case: &GroupId, id: &GroupId) -> Result<(), Error> {
        let mut old = load_row(act, case)?;
        self.check_may_succeed(act, case, &old)?;
        let acting = self.acting(act)?;
        let spoiler = Spoiler::of(&old, &self.identity)?;
        let now_ms = acting.now_ms;
        let mut carry = Vec::new();
        for seat in Roster::load(act, case)?.members {
            let is_out = spoiler.as_ref().is_some_and(|spoiler| spoiler.is(&seat.identity));
            if seat.identity != self.identity && !is_out && self.may_come_over(act, &old, &seat)? {
                let owner = believed_role(&old, &seat) == Role::Owner;
                carry.push(CarryRow { identity: seat.identity.to_string(), owner, ..CarryRow::default() });
            }
        }
        let row = GroupRow {
            led_by: self.identity.to_string(),
            led_by_key: acting.own.device.public_key().as_bytes().to_vec(),
            title: old.title.clone(),
            subject_kind: old.subject_kind,
            joined_at_ms: now_ms,
            last_activity_ms: now_ms,
            led_by_member: self.has_no_owner(act, case)?,
            predecessor: Some(PredecessorRow {
                group: case.to_vec(),
                epoch: old.epoch,
                epoch_id: old.epoch_id.clone(),
                position: old.position,
                head: old.head.clone(),
            }),
            carry,
            carry_restores_known: known_times(act)?,
            ..GroupRow::default()
        };
        let mut row = acting.found(id, row)?;
        outbox::queue_subject(&acting, id, &mut row)?;
        self.lead_on(act, (case, &mut old), (id, &mut row))?;
        Ok(act.put(id.as_bytes(), &row)?)
    }

    fn check_may_succeed(&self, act: &Act<'_>, case: &GroupId, row: &GroupRow) -> Result<(), Error> {
        if let Some(by) = successor_of(row)? {
            return Err(Error::CaseSucceeded { by });
        }
        if row.closed || row.recovered {
            return Err(Error::NotFrozen);
        }
        // Of a group without an owner in force nobody has the right: then any member may, and the others are asked.
        let has_no_owner = self.has_no_owner(act, case)?;
        if !row.frozen && row.ordered_invalid_at == 0 && !has_no_owner {
            return Err(Error::NotFrozen);
        }
        check_is_current(act, &self.identity, row)?;
        check_nothing_else_stands(act, case, row)?;
        let own = Roster::load(act, case)?.members.into_iter().find(|seat| seat.leaf == row.own_leaf);
        let is_owner = own.is_some_and(|seat| seat.role == Role::Owner);
        if is_owner || has_no_owner { Ok(()) } else { Err(Error::NotAllowed) }
    }

    /// Whether a seat comes over without anybody being asked: something would be sealed for it here, and its person has not
    /// asked to leave, nor sits there by the word of nobody. Whoever is missed is added by a person.
    fn may_come_over(&self, act: &Act<'_>, old: &GroupRow, seat: &Seat) -> Result<bool, Error> {
        let person = &seat.identity.person;
        if is_brought(old, person) {
            return Ok(false);
        }
        if *person != self.identity.person && old.leaving.contains(&person.to_string()) {
            return Ok(false);
        }
        seats::would_pass(act, &self.identity, &self.trust(), seat, self.clock.now_ms())
    }

    /// Adds whoever is still to come over from the group that this one leads on.
    ///
    /// Whoever has no key package yet, or signs with a key that nobody has looked at, stays for a later sync. So does
    /// whoever the group cannot take in, and keeps nobody else out.
    ///
    /// Errors: [`Error::KeyPackagesUnfit`], once for each device, when everybody else was added; [`Error::BegunBeforeCopy`],
    /// once, where the list came with a copy that this vault was put back from: it is given up; those of [`Session::commit`].
    pub(in crate::session) async fn carry_over(&self, group: &GroupId) -> Result<(), Error> {
        let came_with_copy = |act: &Act<'_>| {
            let row = load_row(act, group)?;
            Ok::<_, Error>(!row.carry.is_empty() && is_of_before(act, row.carry_restores_known)?)
        };
        if self.vault.read(came_with_copy)? {
            self.forget_carry(group, |_| true)?;
            return Err(Error::BegunBeforeCopy);
        }
        let mut told = Vec::new();
        let carried = self.carry_over_telling(group, &mut told).await;
        // Whatever came in between comes again by itself; this is told once.
        if told.is_empty() { carried } else { Err(Error::KeyPackagesUnfit { devices: told }) }
    }

    async fn carry_over_telling(&self, group: &GroupId, told: &mut Vec<Identity>) -> Result<(), Error> {
        for owner in [true, false] {
            let waiting = self.still_to_come(group, owner)?;
            for batch in waiting.chunks(CARRIED_PER_COMMIT_MAX) {
                let claimed = self.claim(batch).await?;
                let keys: Vec<_> = claimed.iter().map(|one| (one.identity.clone(), one.public_key)).collect();
                let claimed = self.without_changed_keys(claimed)?;
                let is_added = |device: &Identity| claimed.iter().any(|one| one.identity == *device);
                let changed = keys.into_iter().filter(|(device, _)| !is_added(device));
                self.wait_for_a_look(group, changed)?;
                if claimed.is_empty() {
                    continue;
                }
                let add = claimed.into_iter().map(|Claimed { identity, key_package, .. }| AddRow {
                    identity: identity.to_string(),
                    key_package,
                });
                let intent = IntentRow { add: add.collect(), as_owner: owner, ..IntentRow::default() };
                let mut unfit = Vec::new();
                let added = self.commit_adding(group, intent, &mut unfit).await;
                told.extend(self.set_unfit_aside(group, unfit)?);
                match added {
                    Ok(()) => {}
                    // Others have taken the adding of people from us meanwhile: it is theirs to do.
                    Err(Error::NotAllowed) => return self.forget_carry(group, |_| true).map(drop),
                    Err(error) => return Err(error),
                }
            }
            self.still_to_come(group, owner)?;
        }
        Ok(())
    }

    /// Who is still to be added, owners or others; whoever is there by now is taken off the list.
    fn still_to_come(&self, group: &GroupId, owner: bool) -> Result<Vec<Identity>, Error> {
        let row = self.row(group)?;
        if row.carry.is_empty() {
            return Ok(Vec::new());
        }
        if row.joined_at_ms.saturating_add(CARRY_MS_MAX) < self.clock.now_ms() {
            self.forget_carry(group, |_| true)?;
            return Ok(Vec::new());
        }
        let there: BTreeSet<String> = self.vault.read::<_, Error>(|act| {
            let members = Roster::load(act, group)?.members;
            Ok(members.into_iter().map(|seat| seat.identity.to_string()).collect())
        })?;
        self.forget_carry(group, |row| there.contains(&row.identity))?;
        self.vault.read(|act| {
            let mut devices = Vec::new();
            let now_ms = self.clock.now_ms();
            for row in load_row(act, group)?.carry.iter().filter(|row| row.owner == owner) {
                if is_looked_at(act, row)? && is_due(row, now_ms) {
                    devices.push(identity_of(row)?);
                }
            }
            Ok(devices)
        })
    }

    /// Of these no key package is taken again before somebody has looked at the key: each would be thrown away, and a device
    /// gives away few a day.
    fn wait_for_a_look(
        &self,
        group: &GroupId,
        changed: impl Iterator<Item = (Identity, P256Point)>,
    ) -> Result<(), Error> {
        let changed: BTreeMap<String, P256Point> =
            changed.map(|(device, key)| (device.to_string(), key)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, group)?;
            for waiting in &mut row.carry {
                if let Some(key) = changed.get(&waiting.identity) {
                    waiting.changed_key = key.as_bytes().to_vec();
                }
            }
            Ok(act.put(group.as_bytes(), &row)?)
        })
    }

    /// Of these no key package is taken again for a day. Answers whom nobody has been told of yet.
    fn set_unfit_aside(&self, group: &GroupId, unfit: Vec<Identity>) -> Result<Vec<Identity>, Error> {
        if unfit.is_empty() {
            return Ok(unfit);
        }
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, group)?;
            let mut new = Vec::new();
            for device in unfit {
                let name = device.to_string();
                let Some(waiting) = row.carry.iter_mut().find(|waiting| waiting.identity == name) else {
                    continue;
                };
                if std::mem::replace(&mut waiting.unfit_at_ms, now_ms) == 0 {
                    new.push(device);
                }
            }
            act.put(group.as_bytes(), &row)?;
            Ok(new)
        })
    }

    /// Takes these off the list of who is still to come. Answers whether any were on it.
    pub(in crate::session) fn forget_carry(
        &self,
        group: &GroupId,
        forget: impl Fn(&CarryRow) -> bool,
    ) -> Result<bool, Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, group)?;
            let before = row.carry.len();
            row.carry.retain(|row| !forget(row));
            let forgotten = row.carry.len() < before;
            if forgotten {
                act.put(group.as_bytes(), &row)?;
            }
            Ok(forgotten)
        })
    }
}

/// A roster that another alarm is about is not one to lead a case on from: what was seen of the log may not be true.
///
/// Errors: [`Error::Alarm`].
fn check_nothing_else_stands(act: &Act<'_>, case: &GroupId, row: &GroupRow) -> Result<(), Error> {
    let other = alarms::standing(act, None)?.into_iter().find(|alarm| {
        let is_here = alarm.case.is_none() || alarm.case.as_ref() == Some(case);
        is_here && alarm.kind.stops_sending() && !is_no_matter(alarm, case, row)
    });
    match other {
        Some(alarm) => Err(alarms::as_error(alarm)),
        None => Ok(()),
    }
}

/// Whether an alarm says nothing against the roster that a case is led on from: it is about what stopped the case, or about
/// what the server showed at that place or behind it, of which nothing was taken in.
fn is_no_matter(alarm: &AlarmView, case: &GroupId, row: &GroupRow) -> bool {
    let is_behind = row.ordered_invalid_at != 0 && alarm.position >= row.ordered_invalid_at;
    match alarm.kind {
        AlarmKind::CommitUnprocessable | AlarmKind::ServerOrderedInvalid => true,
        AlarmKind::Gap | AlarmKind::Rollback | AlarmKind::HeadMismatch | AlarmKind::BadSignature => {
            is_behind && alarm.case.as_ref() == Some(case)
        }
        _ => false,
    }
}

/// The group that this one leads on, as its policy names it.
pub(in crate::session) fn predecessor_of(row: &GroupRow) -> Result<Option<Predecessor>, Error> {
    let Some(row) = &row.predecessor else { return Ok(None) };
    Ok(Some(Predecessor {
        group: GroupId::try_from(row.group.as_slice()).map_err(|_| damaged())?,
        epoch: Epoch(row.epoch),
        epoch_id: EpochId::try_from(row.epoch_id.as_slice()).map_err(|_| damaged())?,
        position: Position(row.position),
        head: Head::try_from(row.head.as_slice()).map_err(|_| damaged())?,
    }))
}

/// What is kept of what a policy says.
pub(in crate::session) fn predecessor_row(predecessor: &Predecessor) -> PredecessorRow {
    PredecessorRow {
        group: predecessor.group.to_vec(),
        epoch: predecessor.epoch.0,
        epoch_id: predecessor.epoch_id.to_vec(),
        position: predecessor.position.0,
        head: predecessor.head.to_vec(),
    }
}

/// Whose commit froze a group, and so who is left out of the one that leads it on.
enum Spoiler {
    /// Somebody else, with every device of theirs.
    Person(Person),
    /// Another device of this person: that one alone.
    OwnDevice(Identity),
}

impl Spoiler {
    /// Nobody when it was this device's own commit, which this vault has forgotten, and nobody whose signature over all
    /// of it was not seen here.
    fn of(row: &GroupRow, own: &Identity) -> Result<Option<Self>, Error> {
        if row.frozen_by.is_empty() || !row.frozen_by_signed {
            return Ok(None);
        }
        let identity: Identity = row.frozen_by.parse().map_err(|_| damaged())?;
        Ok(if identity == *own {
            None
        } else if identity.person == own.person {
            Some(Self::OwnDevice(identity))
        } else {
            Some(Self::Person(identity.person))
        })
    }

    fn person(&self) -> &Person {
        match self {
            Self::Person(person) => person,
            Self::OwnDevice(identity) => &identity.person,
        }
    }

    fn is(&self, identity: &Identity) -> bool {
        match self {
            Self::Person(person) => identity.person == *person,
            Self::OwnDevice(device) => identity == device,
        }
    }
}

/// Whether a key package of a device may be taken: its last one had a key that is believed, or nobody has seen one.
fn is_looked_at(act: &Act<'_>, row: &CarryRow) -> Result<bool, Error> {
    if row.changed_key.is_empty() {
        return Ok(true);
    }
    let key = P256Point::parse(&row.changed_key).ok_or_else(damaged)?;
    believes(act, &identity_of(row)?, &key)
}

/// Whether a device whose last key package was unfit is tried again: its next one may be in order.
fn is_due(row: &CarryRow, now_ms: i64) -> bool {
    row.unfit_at_ms == 0 || row.unfit_at_ms.saturating_add(UNFIT_MS) <= now_ms
}

fn identity_of(row: &CarryRow) -> Result<Identity, Error> {
    row.identity.parse().map_err(|_| damaged().into())
}

fn damaged() -> VaultError {
    VaultError::damaged("a case")
}

#[cfg(test)]
#[path = "successor_tests.rs"]
mod tests;
