//! Taking another group for the one that leads a case on, and what was not sent with it.
//!
//! Any stranger can open a group that names any case as the one it leads on, and notes that were not sent follow by
//! themselves. So it is asked what this device itself has processed of the old group, and only when that log has been read
//! as far as it goes: a removal may stand in what is not read yet. PROTOCOL.md section 8, "Successor groups".

use super::successor::predecessor_of;
use crate::{
    session::{
        AlarmKind, Error, Session,
        alarms::{Alarm, raise_by},
        kinds::{
            self,
            kind::{Again, Readers},
        },
        outbox::let_go,
        people::{outsiders::believed_role, seats},
        restored::is_known_to_be_old,
        state::{Roster, Seat, all_rows, epoch_place, load_row, successor_of},
    },
    vault::{
        Act, Durability, VaultError,
        rows::{EpochRow, GroupRow, OutboxRow},
    },
};
use alcove_charter::P256Point;
use alcove_e2ee::keys::draw;
use alcove_mls::{KeyTies, Predecessor};
use alcove_proto::{
    ids::{Epoch, GroupId, RecordId},
    names::Identity,
    v1::Role,
};
use ring::rand::SecureRandom;
use std::{collections::BTreeSet, sync::PoisonError};

impl Session {
    /// Ties the two groups together, and takes what was not sent in the old one over into the new one.
    pub(in crate::session) fn lead_on(
        &self,
        act: &Act<'_>,
        (case, old): (&GroupId, &mut GroupRow),
        (id, row): (&GroupId, &mut GroupRow),
    ) -> Result<(), Error> {
        old.successor = id.to_vec();
        act.put(case.as_bytes(), old)?;
        let is_read = self.is_read_to_its_end(case, old);
        move_over(act, &*self.random, self.clock.now_ms(), (case, old.epoch), (id, row), is_read).map(drop)
    }

    /// The case that a group says it leads on, if its log can be read further.
    pub(in crate::session) fn led_on_by(&self, id: &GroupId) -> Result<Option<GroupId>, Error> {
        self.vault.read(|act| {
            let pair = Pair::of(act, id, &load_row(act, id)?)?;
            Ok(pair.filter(|pair| pair.old.created && !pair.old.frozen).map(|pair| pair.case))
        })
    }

    /// Whether a log was read as far as it goes since the last time that something sent there may have come into it.
    fn is_read_to_its_end(&self, case: &GroupId, row: &GroupRow) -> bool {
        let goes_no_further = row.frozen || row.ordered_invalid_at != 0;
        goes_no_further || self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).contains(case)
    }

    /// The logs of these groups were read to their ends just now: ties together what belongs together, whichever of two
    /// groups came first. Answers which groups have something to send by that.
    pub(in crate::session) fn recognise_successors(
        &self,
        read: &BTreeSet<GroupId>,
    ) -> Result<BTreeSet<GroupId>, Error> {
        let is_read = |case: &GroupId, old: &GroupRow| {
            let was_asked = read.contains(case) || old.frozen || old.ordered_invalid_at != 0;
            was_asked && self.is_read_to_its_end(case, old)
        };
        // Most often there is nothing, and then nothing has to reach the disk.
        let any = self.vault.read::<_, Error>(|act| {
            for (id, row) in all_rows(act)? {
                let Some(pair) = Pair::of(act, &id, &row)? else { continue };
                if is_read(&pair.case, &pair.old) && (!pair.is_tied() || has_waiting(act, &pair.case)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if !any {
            return Ok(BTreeSet::new());
        }
        self.vault.act(Durability::OnDisk, |act| {
            let ids: Vec<GroupId> = all_rows(act)?.into_iter().map(|(id, _)| id).collect();
            // What one of them comes to changes the row of another: each is read when it is its turn.
            for id in &ids {
                let mut row = load_row(act, id)?;
                let Some(pair) = Pair::of(act, id, &row)? else { continue };
                if pair.is_tied() || !is_read(&pair.case, &pair.old) {
                    continue;
                }
                let before = row.clone();
                self.take_word(act, pair, &mut row)?;
                if row != before {
                    act.put(id.as_bytes(), &row)?;
                }
            }
            // Only then is it known where a case goes on that was led on more than once: whoever was left out on the way reads
            // nothing of what was not sent.
            let mut have_more = BTreeSet::new();
            for id in &ids {
                let Some(pair) = Pair::of(act, id, &load_row(act, id)?)? else { continue };
                if !pair.is_tied() || !is_read(&pair.case, &pair.old) {
                    continue;
                }
                let Some((last, mut row)) = last_of_chain(act, id)? else { continue };
                let (from, now_ms) = ((&pair.case, pair.old.epoch), self.clock.now_ms());
                if move_over(act, &*self.random, now_ms, from, (&last, &mut row), true)? {
                    act.put(last.as_bytes(), &row)?;
                    have_more.insert(last);
                }
            }
            Ok(have_more)
        })
    }

    /// Acts on what a group says of itself.
    ///
    /// Only an owner of the old group can say that another one leads it on, and only of the history that was seen here;
    /// else the new group is one like any other. An owner who names another history raises an alarm. What a member says
    /// who is no owner is kept for a person to decide (`following`).
    fn take_word(&self, act: &Act<'_>, pair: Pair, row: &mut GroupRow) -> Result<(), Error> {
        let Pair { id, case, predecessor, mut old } = pair;
        match self.judge(act, (&case, &old), (&id, row), &predecessor)? {
            // The first one counts.
            Verdict::LeadsOn if old.successor.is_empty() && !leads_in_a_circle(act, &case, &id)? => {
                row.led_by_member = false;
                old.successor = id.to_vec();
                act.put(case.as_bytes(), &old)?;
            }
            Verdict::LeadsOn | Verdict::NotYet | Verdict::BringsBack => {}
            Verdict::OtherHistory => {
                let (kind, position) = (AlarmKind::HistoryDisputed, predecessor.position.0);
                // An owner's word about the server: it stops nothing, another owner's way on above all.
                let leader = row.led_by.parse().map_err(|_| VaultError::damaged("a case"))?;
                let alarm = Alarm { group: Some(case), kind, position };
                raise_by(act, alarm, Some(&leader), self.clock.now_ms())?;
                row.predecessor = None;
            }
            Verdict::NoRight => {
                row.led_by_member = row.led_by_member || may_be_asked_about(act, (&case, &old), row)?;
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        act: &Act<'_>,
        (case, old): (&GroupId, &GroupRow),
        (id, row): (&GroupId, &GroupRow),
        predecessor: &Predecessor,
    ) -> Result<Verdict, Error> {
        if is_known_to_be_old(act, &self.identity, old)? {
            return Ok(Verdict::NotYet);
        }
        let (last, new) = (Roster::load(act, case)?, Roster::load(act, id)?);
        let Some(seat) = leader_in(&last, &new, row)? else { return Ok(Verdict::NoRight) };
        let has_right =
            believed_role(old, seat) == Role::Owner || seat.identity.person == self.identity.person;
        Ok(if !has_right || !self.is_believed(act, seat, &new)? {
            Verdict::NoRight
        } else if is_ahead(old, predecessor) {
            Verdict::NotYet
        } else if !is_our_history(act, old, predecessor)? {
            Verdict::OtherHistory
        } else if !brings_nobody_back((Epoch(old.epoch), &last), (predecessor.epoch, &new)) {
            Verdict::BringsBack
        } else {
            Verdict::LeadsOn
        })
    }

    /// Whether somebody, who sits at `seat` of the old group, would be sealed for in the new one, and is not out of the old
    /// one by the newest charter and lists, whether or not their removal has been committed.
    pub(in crate::session) fn is_believed(
        &self,
        act: &Act<'_>,
        seat: &Seat,
        new: &Roster,
    ) -> Result<bool, Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        let Some(there) = new.named(&seat.identity) else { return Ok(false) };
        Ok(!seats::is_seat_outside(act, &self.identity, &trust, seat)?
            && seats::would_pass(act, &self.identity, &trust, there, now_ms)?)
    }
}

/// Whether the word of whoever opened a group that it leads another one on is worth a person's yes: a member of the last
/// roster that was seen here, who is no owner.
pub(super) fn may_be_asked_about(
    act: &Act<'_>,
    (case, old): (&GroupId, &GroupRow),
    row: &GroupRow,
) -> Result<bool, Error> {
    if old.closed || old.recovered {
        return Ok(false);
    }
    let leader: Identity = row.led_by.parse().map_err(|_| VaultError::damaged("a case"))?;
    let member = |seat: &Seat| seat.identity == leader && believed_role(old, seat) != Role::Owner;
    Ok(Roster::load(act, case)?.members.iter().any(member))
}

/// What comes of it that a group says it leads another one on.
enum Verdict {
    LeadsOn,
    /// It goes on from behind what was read here: what became of whoever says so is not known yet.
    NotYet,
    /// Whoever says so is nobody who could.
    NoRight,
    /// The history that is led on is not the one that was seen here.
    OtherHistory,
    /// Somebody is in it who was seen to go.
    BringsBack,
}

/// A group and the one that it says it leads on.
struct Pair {
    id: GroupId,
    case: GroupId,
    predecessor: Predecessor,
    old: GroupRow,
}

impl Pair {
    /// Nothing where the old group has ended here, or was read with recovered keys alone: of that no roster was processed,
    /// and nothing waits in it.
    fn of(act: &Act<'_>, id: &GroupId, row: &GroupRow) -> Result<Option<Self>, Error> {
        let Some(predecessor) = predecessor_of(row)? else { return Ok(None) };
        let case = predecessor.group;
        let old: Option<GroupRow> = act.get(case.as_bytes())?;
        let old = old.filter(|old| !old.recovered && !old.closed && !row.recovered && !row.closed);
        Ok(old.map(|old| Self { id: *id, case, predecessor, old }))
    }

    fn is_tied(&self) -> bool {
        self.old.successor == self.id.as_bytes()
    }
}

/// The seat, in the last roster that was processed of the old group, of the very device that added this one to the new group:
/// it signed there with the key of then, or with one that it has tied to it. Its person's other devices are not it: a device
/// that was replaced and removed keeps its key.
pub(in crate::session) fn leader_in<'a>(
    last: &'a Roster,
    new: &Roster,
    row: &GroupRow,
) -> Result<Option<&'a Seat>, VaultError> {
    let damaged = || VaultError::damaged("a case");
    let leader: Identity = row.led_by.parse().map_err(|_| damaged())?;
    let Some(seat) = last.named(&leader) else { return Ok(None) };
    let key = match row.led_by_key.as_slice() {
        [] => new.key_of(&leader),
        key => Some(P256Point::parse(key).ok_or_else(damaged)?),
    };
    let ties = match row.led_by_ties.as_slice() {
        [] => KeyTies::default(),
        ties => KeyTies::parse(ties).map_err(|_| damaged())?,
    };
    Ok(Some(seat).filter(|seat| key.is_some_and(|key| ties.lead(&leader, &seat.public_key, &key))))
}

/// Whether a group goes on from behind what was processed here of the one that it leads on. Of that nothing can be compared,
/// and anybody can name a place that nobody has seen.
pub(in crate::session) fn is_ahead(old: &GroupRow, predecessor: &Predecessor) -> bool {
    predecessor.epoch.0 > old.epoch || predecessor.position.0 > old.position
}

/// Whether the history that is led on is the one seen here, as far as both have seen it.
pub(in crate::session) fn is_our_history(
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
pub(in crate::session) fn brings_nobody_back(here: (Epoch, &Roster), led_on: (Epoch, &Roster)) -> bool {
    let ((epoch, last), (left_at, led)) = (here, led_on);
    left_at >= epoch || led.members.iter().all(|seat| last.named(&seat.identity).is_some())
}

/// Whether a group would be led on by one that it leads on itself, over however many: nobody has seen such a history.
pub(in crate::session) fn leads_in_a_circle(
    act: &Act<'_>,
    case: &GroupId,
    id: &GroupId,
) -> Result<bool, Error> {
    let mut chain = Chain::from(*id);
    while let Some((group, _)) = chain.next(act)? {
        if group == *case {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where a case goes on that this group leads on: the last one of those that lead each other on. Nothing where that one has
/// ended here: what was not sent stays where it is.
fn last_of_chain(act: &Act<'_>, id: &GroupId) -> Result<Option<(GroupId, GroupRow)>, Error> {
    let mut chain = Chain::from(*id);
    let mut last = None;
    while let Some(group) = chain.next(act)? {
        last = Some(group);
    }
    Ok(last.filter(|(_, row)| row.successor.is_empty() && !row.closed && !row.recovered))
}

/// A group, the one that leads it on, and so forth; each once, whatever the rows say.
struct Chain {
    next: Option<GroupId>,
    seen: BTreeSet<GroupId>,
}

impl Chain {
    fn from(id: GroupId) -> Self {
        Self { next: Some(id), seen: BTreeSet::new() }
    }

    fn next(&mut self, act: &Act<'_>) -> Result<Option<(GroupId, GroupRow)>, Error> {
        let Some(id) = self.next.take().filter(|id| self.seen.insert(*id)) else { return Ok(None) };
        let Some(row) = act.get::<GroupRow>(id.as_bytes())? else { return Ok(None) };
        self.next = successor_of(&row)?;
        Ok(Some((id, row)))
    }
}

/// Whether anything is left in the outbox of a group that is led on.
fn has_waiting(act: &Act<'_>, case: &GroupId) -> Result<bool, Error> {
    let rows = act.scan::<OutboxRow>(case.as_bytes())?;
    Ok(rows.iter().any(|(_, row)| row.position == 0 && !row.never_sent))
}

/// Takes what was not sent in a group over into the one that leads it on. Answers whether there was any.
///
/// `case`: the old one, with the epoch in force there. `is_read`: its log was read as far as it goes. What was sealed may
/// stand there, and is not moved before that is known: it would be sent twice. It goes out under a new id then. What was set
/// aside stays so, and goes out by a person's yes alone.
fn move_over(
    act: &Act<'_>,
    random: &dyn SecureRandom,
    now_ms: i64,
    (case, epoch): (&GroupId, u64),
    (id, row): (&GroupId, &mut GroupRow),
    is_read: bool,
) -> Result<bool, Error> {
    let mut has_moved = false;
    for (key, mut queued) in act.scan::<OutboxRow>(case.as_bytes())? {
        let was_sealed = !queued.sealed.is_empty() || !queued.sealings.is_empty() || queued.refused != 0;
        if queued.position != 0 || queued.never_sent || (was_sealed && !is_read) {
            continue;
        }
        let again = kinds::again(&queued, Readers::OfItsSuccessor);
        if let Again::ByItsAuthor | Again::ByNewerProgram = again {
            queued.never_sent = true;
            act.put(&key, &queued)?;
            continue;
        }
        // A server may show late what it took without a receipt.
        let_go::item(act, case, epoch, &queued, now_ms)?;
        act.delete::<OutboxRow>(&key)?;
        let Again::AsNew(item) = again else { continue };
        item.say_in(&mut queued);
        if was_sealed {
            queued.record_id = RecordId(draw(random).map_err(|_| Error::Randomness)?).to_vec();
            queued.sealed.clear();
            queued.sealings.clear();
        }
        act.put(&epoch_place(id, row.outbox_next), &queued)?;
        row.outbox_next += 1;
        has_moved = true;
    }
    Ok(has_moved)
}

#[cfg(test)]
#[path = "succeeding_tests.rs"]
mod tests;
