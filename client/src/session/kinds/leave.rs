//! Wishes to leave a case. `leaving` says what comes of them. PROTOCOL.md section 8, "Leaving".

use super::{
    item::Item,
    kind::{Again, Kind, Readers, Taken},
    taking::{Came, Taking},
};
use crate::{
    session::{Error, acting::Acting, state::Roster},
    vault::rows::GroupRow,
};
use alcove_e2ee::records::{Leave, Payload};
use alcove_proto::{
    names::{Identity, Person},
    v1::Role,
};

/// That we leave.
pub(in crate::session) fn prepare() -> Result<Item, Error> {
    Item::saying(&Payload::Leave(Leave))
}

impl Kind for Leave {
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        if taking.came != Came::InTheLog {
            return Ok(Taken::Done);
        }
        let Acting { act, identity, .. } = taking.acting;
        let roster = taking.held.roster(act, &taking.key.group)?;
        // One that is opened late may be from before its author was taken off, and added again.
        if roster.named(taking.author).is_some_and(|seat| taking.key.position < seat.since) {
            return Ok(Taken::Done);
        }
        // Nor is anybody taken off for what a ghost, or a stolen laptop, says in their name.
        if taking.author_counts()? {
            let roster = taking.held.roster(act, &taking.key.group)?;
            asked(&identity.person, taking.row, roster, taking.author, taking.received_at_ms);
        }
        Ok(Taken::Done)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::Never
    }
}

/// The log shows that somebody asks to be taken off: the author of the record, and nobody else by it. Of the only owner it
/// comes to nothing.
///
/// `own`: this person.
fn asked(own: &Person, row: &mut GroupRow, roster: &Roster, author: &Identity, at_ms: i64) {
    let person = author.person.to_string();
    if is_only_owner(&author.person, roster) {
        if author.person == *own {
            (row.leaving_since_ms, row.wish_lapsed_at_ms) = (0, at_ms);
        }
        return;
    }
    if author.person == *own && row.leaving_since_ms == 0 {
        // Another device of ours, or this one before its vault was put back.
        row.leaving_since_ms = at_ms;
    }
    if !row.leaving.contains(&person) {
        row.leaving.push(person);
    }
}

/// Whether a person is the only one who is an owner. Nobody is left who could take them off, or do anything else for the
/// case: whatever they wish, they stay.
pub(in crate::session) fn is_only_owner(person: &Person, roster: &Roster) -> bool {
    let mut owners = roster.members.iter().filter(|seat| seat.role == Role::Owner).peekable();
    owners.peek().is_some() && owners.all(|seat| seat.identity.person == *person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::samples::{device, roster};

    #[test]
    fn what_the_only_owner_asks_for_comes_to_nothing_wherever_it_stands() {
        use Role::{Member, Owner};
        let (own, seats) = (device('b', 1), roster(&[('b', 1, Owner), ('c', 1, Member)]));
        let heard_by = |person: &Person, seats: &Roster| {
            let mut row = GroupRow::default();
            asked(person, &mut row, seats, &own, 9);
            (row.leaving.len(), row.leaving_since_ms, row.wish_lapsed_at_ms)
        };
        assert_eq!(heard_by(&own.person, &seats), (0, 0, 9), "it was on its way when the other one went");
        assert_eq!(heard_by(&device('c', 1).person, &seats), (0, 0, 0));
        // The control: somebody else is an owner too.
        let two = roster(&[('b', 1, Owner), ('c', 1, Owner)]);
        assert_eq!(heard_by(&own.person, &two), (1, 9, 0));
        assert_eq!(heard_by(&device('c', 1).person, &two), (1, 0, 0));
    }
}
