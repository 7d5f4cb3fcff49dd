//! Leaving a case. MLS lets nobody remove itself (RFC 9420 section 12.3): a device says in the log that its person leaves,
//! stops sending, and an owner's program takes the person off with its next upkeep. PROTOCOL.md section 8, "Leaving".

use crate::{
    session::{
        Error, Session,
        kinds::{
            self,
            leave::{self, is_only_owner},
        },
        outbox::{self, let_go},
        people::{
            outsiders::believed_role,
            seats::{self, Standing},
        },
        state::{Roster, Seat, load_joined_row, load_row},
    },
    vault::{
        Act, Durability, VaultError,
        rows::{GroupRow, OutboxRow},
    },
};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person},
    v1::{RecordKind, Role},
};
use std::collections::BTreeSet;

impl Session {
    /// Asks to be taken off a case, with all devices. Once: asked again it only sends what waits.
    ///
    /// Nothing that people write is sent from here on; what was written before goes first. Returns what keeps the request
    /// from being sent now: it waits. Errors: [`Error::NoOwnerStays`] when no other person is an owner who stands and stays;
    /// [`Error::Alone`]; those of a case that nothing can be sent to.
    pub async fn leave_case(&self, case: &GroupId) -> Result<Option<Error>, Error> {
        self.vault.read(|act| load_joined_row(act, case).map(drop))?;
        if self.sync_log(case).await?.closed {
            return Ok(None);
        }
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_joined_row(act, case)?;
            if row.leaving_since_ms != 0 {
                return Ok(());
            }
            let mut seats = seats::standings(act, &self.identity, &trust, case, now_ms)?;
            for (seat, _) in &mut seats {
                seat.role = believed_role(&row, seat);
            }
            may_leave(&self.identity.person, &seats, &row.leaving)?;
            outbox::queue(&self.acting(act)?, case, &mut row, leave::prepare()?)?;
            row.leaving_since_ms = now_ms;
            row.wish_lapsed_at_ms = 0;
            Ok::<_, Error>(act.put(case.as_bytes(), &row)?)
        })?;
        Ok(self.flush(case).await.err())
    }

    /// The devices that this device, as an owner's, is to take off because their people asked for it.
    pub(in crate::session) fn leavers(&self, case: &GroupId) -> Result<Vec<String>, Error> {
        self.vault.read(|act| {
            let row = load_row(act, case)?;
            if row.leaving.is_empty() {
                return Ok(Vec::new());
            }
            let roster = Roster::load(act, case)?;
            Ok(to_take_off(&self.identity.person, &row.leaving, &roster))
        })
    }

    /// Those of `leavers` who are on the case no more.
    pub(in crate::session) fn gone(
        &self,
        case: &GroupId,
        leavers: &[String],
    ) -> Result<Vec<(GroupId, Person)>, Error> {
        if leavers.is_empty() {
            return Ok(Vec::new());
        }
        let roster = self.vault.read(|act| Roster::load(act, case))?;
        let gone: BTreeSet<Person> = leavers
            .iter()
            .filter_map(|device| device.parse::<Identity>().ok())
            .map(|device| device.person)
            .filter(|person| roster.members.iter().all(|seat| seat.identity.person != *person))
            .collect();
        Ok(gone.into_iter().map(|person| (*case, person)).collect())
    }

    /// Whether this person's wish to leave has come to nothing, and they have not been told so yet. They are now.
    pub(in crate::session) fn tell_lapsed_wish(&self, case: &GroupId) -> Result<bool, Error> {
        if self.row(case)?.wish_lapsed_at_ms == 0 {
            return Ok(false);
        }
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, case)?;
            row.wish_lapsed_at_ms = 0;
            act.put(case.as_bytes(), &row)?;
            Ok(true)
        })
    }
}

/// Somebody has to be left who can take the person off, and can do everything else for the case afterwards: another person
/// who is an owner, whose certificate holds, and who has not asked to leave themselves.
fn may_leave(own: &Person, seats: &[(Seat, Standing)], leaving: &[String]) -> Result<(), Error> {
    let mut others = seats.iter().filter(|(seat, _)| seat.identity.person != *own).peekable();
    if others.peek().is_none() {
        return Err(Error::Alone);
    }
    let stays = |(seat, standing): &(Seat, Standing)| {
        let holds = matches!(standing, Standing::Good { .. });
        seat.role == Role::Owner && holds && !leaving.contains(&seat.identity.person.to_string())
    };
    if others.any(stays) { Ok(()) } else { Err(Error::NoOwnerStays) }
}

fn to_take_off(own: &Person, leaving: &[String], roster: &Roster) -> Vec<String> {
    let is_owner = roster.members.iter().any(|seat| seat.identity.person == *own && seat.role == Role::Owner);
    if !is_owner {
        return Vec::new();
    }
    let leaves = |person: &Person| *person != *own && leaving.contains(&person.to_string());
    let theirs = roster.members.iter().filter(|seat| leaves(&seat.identity.person));
    theirs.map(|seat| seat.identity.to_string()).collect()
}

/// A commit has changed the members: whoever is gone, or was added since, has asked for nothing any more; nor has whoever is
/// the only owner by it. Of two owners who leave at one time the first to go leaves the other one behind, and nothing could be
/// done in a case whose last owner does nothing any more.
///
/// `own`: this person. `at_ms`: when.
pub(in crate::session) fn settle(
    act: &Act<'_>,
    own: &Person,
    (group, row): (&GroupId, &mut GroupRow),
    roster: &Roster,
    added: &[Identity],
    at_ms: i64,
) -> Result<(), VaultError> {
    row.leaving.retain(|leaver| {
        let is = |device: &Identity| device.person.to_string() == *leaver;
        let is_there = roster.members.iter().any(|seat| is(&seat.identity));
        let stays = roster
            .members
            .iter()
            .any(|seat| is(&seat.identity) && is_only_owner(&seat.identity.person, roster));
        is_there && !stays && !added.iter().any(is)
    });
    if row.leaving_since_ms == 0 || !is_only_owner(own, roster) {
        return Ok(());
    }
    (row.leaving_since_ms, row.wish_lapsed_at_ms) = (0, at_ms);
    for (key, queued) in act.scan::<OutboxRow>(group.as_bytes())? {
        if kinds::kind_of(&queued) == Some(RecordKind::Leave) && queued.position == 0 {
            let_go::item(act, group, row.epoch, &queued, at_ms)?;
            act.delete::<OutboxRow>(&key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::samples::{device, in_a_vault, roster};
    use alcove_proto::ids::RecordId;

    const CASE: GroupId = GroupId([7; 16]);

    /// The seats of a roster, each with a certificate that holds but that of the person of this letter.
    fn seats(of: &[(char, u16, Role)], out: Option<(char, Standing)>) -> Vec<(Seat, Standing)> {
        let judged = |seat: Seat| match out {
            Some((letter, standing)) if seat.identity.person == device(letter, 1).person => (seat, standing),
            _ => (seat, Standing::Good { until_ms: i64::MAX }),
        };
        roster(of).members.into_iter().map(judged).collect()
    }

    #[test]
    fn whoever_leaves_leaves_an_owner_behind_who_stands_and_stays() {
        use Role::{Member, Owner};
        let own = device('a', 1).person;
        let alone = seats(&[('a', 1, Owner), ('a', 2, Owner)], None);
        assert!(matches!(may_leave(&own, &alone, &[]), Err(Error::Alone)));
        let last_owner = seats(&[('a', 1, Owner), ('b', 1, Member)], None);
        assert!(matches!(may_leave(&own, &last_owner, &[]), Err(Error::NoOwnerStays)));
        let two = [('a', 1, Owner), ('b', 1, Owner)];
        assert!(may_leave(&own, &seats(&two, None), &[]).is_ok(), "the control");
        assert!(may_leave(&own, &seats(&[('a', 1, Member), ('b', 1, Owner)], None), &[]).is_ok());
        let asked = [device('b', 1).person.to_string()];
        assert!(matches!(may_leave(&own, &seats(&two, None), &asked), Err(Error::NoOwnerStays)));
        for standing in [Standing::Outside, Standing::Expired] {
            let out = seats(&two, Some(('b', standing)));
            assert!(matches!(may_leave(&own, &out, &[]), Err(Error::NoOwnerStays)), "{standing:?}");
        }
        // A member whose wish is known is nobody who would have been left behind.
        let asked = [device('c', 1).person.to_string()];
        assert!(
            may_leave(&own, &seats(&[('a', 1, Owner), ('b', 1, Owner), ('c', 1, Owner)], None), &asked)
                .is_ok()
        );
    }

    #[test]
    fn an_owner_takes_off_whoever_asked_with_every_device_and_nobody_else() {
        use Role::{Member, Owner};
        let seats = roster(&[('a', 1, Owner), ('b', 1, Member), ('b', 2, Member), ('c', 1, Member)]);
        let asked = vec![device('b', 1).person.to_string(), device('a', 1).person.to_string()];
        let off = [device('b', 1).to_string(), device('b', 2).to_string()];
        assert_eq!(to_take_off(&device('a', 1).person, &asked, &seats), off);
        assert_eq!(to_take_off(&device('c', 1).person, &asked, &seats), [""; 0], "no owner");
    }

    #[test]
    fn a_wish_ends_with_the_stay_it_was_made_in() {
        use Role::{Member, Owner};
        in_a_vault(|act| {
            let leaver = device('b', 1);
            let wish = || GroupRow { leaving: vec![leaver.person.to_string()], ..GroupRow::default() };
            let after = |seats: &[(char, u16, Role)], added: &[Identity]| {
                let mut row = wish();
                let own = device('a', 1).person;
                settle(act, &own, (&CASE, &mut row), &roster(seats), added, 1).map(|()| row.leaving.len())
            };
            let both = [('a', 1, Owner), ('b', 1, Member)];
            assert_eq!(after(&both, &[])?, 1, "a commit of somebody else");
            assert_eq!(after(&both[..1], &[])?, 0);
            let again = [('a', 1, Owner), ('b', 2, Member)];
            assert_eq!(after(&again, &[device('b', 2)])?, 0, "removed and added again at one time");
            Ok(())
        });
    }

    #[test]
    fn of_two_owners_who_leave_the_one_who_is_left_goes_on_and_is_told() {
        use Role::{Member, Owner};
        in_a_vault(|act| {
            let (own, other) = (device('b', 1).person, device('a', 1).person);
            let both = vec![other.to_string(), own.to_string()];
            let leaving = GroupRow { leaving: both, leaving_since_ms: 5, epoch: 1, ..GroupRow::default() };
            let wish = leave::prepare()?.into_row(RecordId([1; 16]), 5);
            act.put(&[&CASE.as_bytes()[..], &[0; 8]].concat(), &wish)?;
            let waits = || act.scan::<OutboxRow>(CASE.as_bytes()).map(|rows| rows.len());
            let settled = |seats: &[(char, u16, Role)]| {
                let mut row = leaving.clone();
                settle(act, &own, (&CASE, &mut row), &roster(seats), &[], 9).map(|()| row)
            };
            // The controls: another owner is left; it is no owner who leaves.
            let row = settled(&[('a', 1, Owner), ('b', 1, Owner), ('c', 1, Member)])?;
            assert_eq!((row.leaving.len(), row.leaving_since_ms, row.wish_lapsed_at_ms), (2, 5, 0));
            let row = settled(&[('b', 1, Member), ('c', 1, Owner)])?;
            assert_eq!((row.leaving, row.leaving_since_ms), (vec![own.to_string()], 5));
            assert_eq!(waits()?, 1);
            // The first of them is off.
            let row = settled(&[('b', 1, Owner), ('b', 2, Owner), ('c', 1, Member)])?;
            assert_eq!((row.leaving.len(), row.leaving_since_ms, row.wish_lapsed_at_ms), (0, 0, 9));
            assert_eq!(waits()?, 0, "what was not sent yet is not sent any more");
            Ok(())
        });
    }
}
