//! Leading a case on that froze, in a new group without whoever froze it.
//!
//! A member can send a commit whose secrets are wrong, and no server can see that: whoever cannot process it stops. An
//! owner among them opens a successor, which names the old group and how far it could be followed; everybody who
//! was there comes over, and what they had not sent yet comes with them. PROTOCOL.md section 8, "Successor groups".

use super::{
    AlarmKind, AlarmView, Error, HeldUp, PersonView, Session, Succession, SuccessionPlan, SyncReport,
    alarms::{self, Alarm, raise},
    following::may_be_asked_about,
    known_keys::believes,
    members::Claimed,
    outbox,
    people::person_view,
    restored::{check_is_current, is_known_to_be_old},
    seats,
    state::{Roster, Seat, all_rows, epoch_place, load_row},
};
use crate::vault::{
    Act, Durability, VaultError,
    rows::{AddRow, CarryRow, EpochRow, GroupRow, IntentRow, OutboxRow, PredecessorRow},
};
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
            for seat in Roster::load(act, case)?.members {
                if self.may_come_over(act, &seat)? {
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
        self.carry_over(id).await?;
        self.flush(id).await.map(drop)
    }

    fn succeed_in(&self, act: &Act<'_>, case: &GroupId, id: &GroupId) -> Result<(), Error> {
        let mut old = load_row(act, case)?;
        self.check_may_succeed(act, case, &old)?;
        let spoiler = Spoiler::of(&old, &self.identity)?;
        let now_ms = self.clock.now_ms();
        let mut carry = Vec::new();
        for seat in Roster::load(act, case)?.members {
            let is_out = spoiler.as_ref().is_some_and(|spoiler| spoiler.is(&seat.identity));
            if seat.identity != self.identity && !is_out && self.may_come_over(act, &seat)? {
                let owner = seat.role == Role::Owner;
                carry.push(CarryRow { identity: seat.identity.to_string(), owner });
            }
        }
        let row = GroupRow {
            led_by: self.identity.to_string(),
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
            ..GroupRow::default()
        };
        let mut row = self.found(act, id, row)?;
        outbox::queue_subject(self, act, id, &mut row)?;
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

    /// Whether a seat comes over without anybody being asked: something would be sealed for it here. Whoever is missed is
    /// added by a person.
    fn may_come_over(&self, act: &Act<'_>, seat: &Seat) -> Result<bool, Error> {
        seats::would_pass(act, &self.identity, &self.trust(), seat, self.clock.now_ms())
    }

    /// Ties the two groups together, and takes what was not sent in the old one over into the new one.
    pub(super) fn lead_on(
        &self,
        act: &Act<'_>,
        (case, old): (&GroupId, &mut GroupRow),
        (id, row): (&GroupId, &mut GroupRow),
    ) -> Result<(), Error> {
        old.successor = id.to_vec();
        act.put(case.as_bytes(), old)?;
        for (key, mut queued) in act.scan::<OutboxRow>(case.as_bytes())? {
            if queued.position != 0 || queued.never_sent {
                continue;
            }
            if let Some(note) = &mut queued.note {
                // What it corrects is not in the new group: there it is a new one.
                note.corrects.clear();
                queued.sealed.clear();
                queued.refused = 0;
                act.put(&epoch_place(id, row.outbox_next), &queued)?;
                row.outbox_next += 1;
                act.delete::<OutboxRow>(&key)?;
            } else if queued.document.is_some() {
                // Its chunks belong to the old group: it has to be sent again.
                queued.never_sent = true;
                act.put(&key, &queued)?;
            } else {
                act.delete::<OutboxRow>(&key)?;
            }
        }
        Ok(())
    }

    /// Groups were joined: ties those together that belong together, once the log of each old one has been read to its end.
    /// Whoever leads on may have been removed from it while this device was away, and then has no say any more.
    pub(super) async fn tie_successors(&self, report: &mut SyncReport) -> Result<(), Error> {
        let led_on = self.vault.read::<_, Error>(|act| {
            let mut led_on = BTreeMap::new();
            for (id, row) in all_rows(act)? {
                let Some(predecessor) = predecessor_of(&row)?.filter(|_| !row.led_by_member) else {
                    continue;
                };
                let Some(old) = act.get::<GroupRow>(predecessor.group.as_bytes())? else { continue };
                if old.successor != id.as_bytes() {
                    let is_read = old.created && !old.closed && !old.frozen && !old.recovered;
                    led_on.insert(predecessor.group, is_read);
                }
            }
            Ok(led_on)
        })?;
        if led_on.is_empty() {
            return Ok(());
        }
        for (old, _) in led_on.into_iter().filter(|(_, is_read)| *is_read) {
            let walked = self.sync_log(&old).await?;
            report.notes += walked.notes;
            report.documents += walked.documents;
            if walked.closed {
                report.closed.push(old);
            }
        }
        self.vault.act(Durability::OnDisk, |act| self.recognise_successors(act))
    }

    /// Ties together what belongs together, whichever of the two came first.
    ///
    /// Only an owner of the old group can say that another one leads it on, and only of the history that was seen here;
    /// else the new group is one like any other. An owner who names another history raises an alarm. What a member says
    /// who is no owner is kept for a person to decide (`following`).
    fn recognise_successors(&self, act: &Act<'_>) -> Result<(), Error> {
        for (id, mut row) in all_rows(act)? {
            let Some(predecessor) = predecessor_of(&row)? else { continue };
            let Some(mut old) = act.get::<GroupRow>(predecessor.group.as_bytes())? else { continue };
            if old.successor == id.as_bytes() || row.led_by_member {
                continue;
            }
            // Who had the right is known once this device is back in the old one.
            if is_known_to_be_old(act, &self.identity, &old)? {
                continue;
            }
            let led_by_right = self.may_lead_on(act, (&predecessor.group, &old), (&id, &row))?;
            let then = (predecessor.epoch, &Roster::load(act, &id)?);
            if led_by_right
                && brings_nobody_back((Epoch(old.epoch), &Roster::load(act, &predecessor.group)?), then)
            {
                if is_our_history(act, &old, &predecessor)? {
                    self.lead_on(act, (&predecessor.group, &mut old), (&id, &mut row))?;
                    act.put(id.as_bytes(), &row)?;
                    continue;
                }
                let (kind, position) = (AlarmKind::HeadMismatch, predecessor.position.0);
                let alarm = Alarm { group: Some(predecessor.group), kind, position };
                raise(act, alarm, self.clock.now_ms())?;
            } else if !led_by_right && may_be_asked_about(act, (&predecessor.group, &old), &row)? {
                row.led_by_member = true;
                act.put(id.as_bytes(), &row)?;
                continue;
            }
            row.predecessor = None;
            act.put(id.as_bytes(), &row)?;
        }
        Ok(())
    }

    /// Whether whoever added us to a group may say that it leads this one on: an owner of the old one, or our own person,
    /// by a key that is believed here. A name alone is its agency's to give to somebody else.
    fn may_lead_on(
        &self,
        act: &Act<'_>,
        (case, old): (&GroupId, &GroupRow),
        (id, row): (&GroupId, &GroupRow),
    ) -> Result<bool, Error> {
        let adder: Identity = row.led_by.parse().map_err(|_| damaged())?;
        let owner = |seat: &Seat| seat.identity.person == adder.person && seat.role == Role::Owner;
        let by_name =
            adder.person == self.identity.person || Roster::load(act, case)?.members.iter().any(owner);
        let by_key = match Roster::load(act, id)?.key_of(&adder) {
            Some(key) => adder == self.identity || believes(act, &adder, &key)?,
            None => false,
        };
        Ok(by_name && by_key && old.successor.is_empty())
    }

    /// Adds whoever is still to come over from the group that this one leads on.
    ///
    /// Whoever has no key package yet, or signs with a key that nobody has looked at, stays for a later sync.
    pub(super) async fn carry_over(&self, group: &GroupId) -> Result<(), Error> {
        for owner in [true, false] {
            let waiting = self.still_to_come(group, owner)?;
            for batch in waiting.chunks(CARRIED_PER_COMMIT_MAX) {
                let claimed = self.without_changed_keys(self.claim(batch).await?)?;
                if claimed.is_empty() {
                    continue;
                }
                let add = claimed.into_iter().map(|Claimed { identity, key_package, .. }| AddRow {
                    identity: identity.to_string(),
                    key_package,
                });
                let intent = IntentRow { add: add.collect(), as_owner: owner, ..IntentRow::default() };
                match self.commit(group, intent).await {
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
        let carry = self.row(group)?.carry;
        carry.iter().filter(|row| row.owner == owner).map(identity_of).collect()
    }

    /// Takes these off the list of who is still to come. Answers whether any were on it.
    pub(super) fn forget_carry(
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

/// The group that leads this one on.
pub(super) fn successor_of(row: &GroupRow) -> Result<Option<GroupId>, Error> {
    match row.successor.as_slice() {
        [] => Ok(None),
        id => Ok(Some(GroupId::try_from(id).map_err(|_| damaged())?)),
    }
}

/// The group that this one leads on, as its policy names it.
pub(super) fn predecessor_of(row: &GroupRow) -> Result<Option<Predecessor>, Error> {
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
pub(super) fn predecessor_row(predecessor: &Predecessor) -> PredecessorRow {
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

/// Whether the history that is led on is the one seen here, as far as both have seen it.
pub(super) fn is_our_history(
    act: &Act<'_>,
    old: &GroupRow,
    predecessor: &Predecessor,
) -> Result<bool, Error> {
    let epoch: Option<EpochRow> = act.get(&epoch_place(&predecessor.group, predecessor.epoch.0))?;
    if epoch.is_some_and(|epoch| epoch.epoch_id != predecessor.epoch_id.as_bytes()) {
        return Ok(false);
    }
    let head = if old.position == predecessor.position.0 {
        Some(old.head.clone())
    } else {
        act.entry_at(&predecessor.group, predecessor.position)?.map(|(_, entry)| entry.head.clone())
    };
    Ok(head.is_none_or(|head| head == predecessor.head.as_bytes()))
}

/// Whether a group that leads another one on brings back nobody whom this device has seen go. `here` is where this device
/// stands in the old group, `led_on` where whoever leads on stood, and who is in the new one.
///
/// Whoever leads on may have missed commits, a removal among them: a vault put back has, and so has an owner from whom the
/// server kept them. Then those alone may be in the new group who are in this device's own last roster.
pub(super) fn brings_nobody_back(here: (Epoch, &Roster), led_on: (Epoch, &Roster)) -> bool {
    let ((epoch, last), (left_at, led)) = (here, led_on);
    left_at >= epoch || led.members.iter().all(|seat| last.named(&seat.identity).is_some())
}

fn identity_of(row: &CarryRow) -> Result<Identity, Error> {
    row.identity.parse().map_err(|_| damaged().into())
}

fn damaged() -> VaultError {
    VaultError::damaged("a case")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_froze_it_is_left_out_and_of_oneself_that_device_alone() {
        let person = |letter: &str| -> Person {
            let name = format!("spiffe://harborlight.northmark.example/staff/{}", letter.repeat(16));
            name.parse().unwrap()
        };
        let (own, other) = (person("a"), person("b"));
        let by = |identity: &Identity| {
            let row =
                GroupRow { frozen_by: identity.to_string(), frozen_by_signed: true, ..GroupRow::default() };
            let unsigned = GroupRow { frozen_by_signed: false, ..row.clone() };
            assert!(
                Spoiler::of(&unsigned, &own.device(1)).unwrap().is_none(),
                "it may be the server's doing"
            );
            Spoiler::of(&row, &own.device(1)).unwrap()
        };
        let left_out = |spoiler: &Option<Spoiler>, identity: &Identity| {
            spoiler.as_ref().is_some_and(|spoiler| spoiler.is(identity))
        };
        let stranger = by(&other.device(2));
        assert!(left_out(&stranger, &other.device(1)) && left_out(&stranger, &other.device(2)));
        assert!(!left_out(&stranger, &own.device(2)));
        let second = by(&own.device(2));
        assert!(left_out(&second, &own.device(2)));
        assert!(!left_out(&second, &own.device(3)) && !left_out(&second, &other.device(1)));
        assert!(by(&own.device(1)).is_none(), "one's own, which a restored vault has forgotten");
    }
}
