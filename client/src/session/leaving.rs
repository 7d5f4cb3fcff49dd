//! Leaving a case. MLS lets nobody remove itself (RFC 9420 section 12.3): a device says in the log that its person leaves,
//! stops sending, and an owner's program takes the person off with its next upkeep. PROTOCOL.md section 8, "Leaving".

use super::{
    Error, Session,
    outbox::{self, Item},
    state::{Roster, load_joined_row, load_row},
};
use crate::vault::{Durability, rows::GroupRow};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person},
    v1::Role,
};

impl Session {
    /// Asks to be taken off a case, with all devices. Once: asked again it only sends what waits.
    ///
    /// Nothing that people write is sent from here on; what was written before goes first. Returns what keeps the request
    /// from being sent now: it waits. Errors: [`Error::LastOwner`] when no other person is an owner, who could do it;
    /// [`Error::Alone`]; those of a case that nothing can be sent to.
    pub async fn leave_case(&self, case: &GroupId) -> Result<Option<Error>, Error> {
        self.vault.read(|act| load_joined_row(act, case).map(drop))?;
        if self.sync_log(case).await?.closed {
            return Ok(None);
        }
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_joined_row(act, case)?;
            if row.leaving_since_ms != 0 {
                return Ok(());
            }
            may_leave(&self.identity.person, &Roster::load(act, case)?)?;
            outbox::queue(self, act, case, &mut row, Item::Leave)?;
            row.leaving_since_ms = self.clock.now_ms();
            Ok::<_, Error>(act.put(case.as_bytes(), &row)?)
        })?;
        Ok(self.flush(case).await.err())
    }

    /// The devices that this device, as an owner's, is to take off because their people asked for it.
    pub(super) fn leavers(&self, case: &GroupId) -> Result<Vec<String>, Error> {
        self.vault.read(|act| {
            let row = load_row(act, case)?;
            if row.leaving.is_empty() {
                return Ok(Vec::new());
            }
            let roster = Roster::load(act, case)?;
            Ok(to_take_off(&self.identity.person, &row.leaving, &roster))
        })
    }
}

/// Somebody has to be left who can take the person off: an owner that is another person.
fn may_leave(own: &Person, roster: &Roster) -> Result<(), Error> {
    let mut others = roster.members.iter().filter(|seat| seat.identity.person != *own).peekable();
    if others.peek().is_none() {
        return Err(Error::Alone);
    }
    if others.any(|seat| seat.role == Role::Owner) { Ok(()) } else { Err(Error::LastOwner) }
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

/// The log shows that somebody asks to be taken off: the author of the record, and nobody else by it.
pub(super) fn asked(session: &Session, row: &mut GroupRow, author: &Identity, at_ms: i64) {
    let person = author.person.to_string();
    if author.person == session.identity.person && row.leaving_since_ms == 0 {
        // Another device of ours, or this one before its vault was put back.
        row.leaving_since_ms = at_ms;
    }
    if !row.leaving.contains(&person) {
        row.leaving.push(person);
    }
}

/// A commit has changed the members: whoever is gone, or was added since, has asked for nothing any more.
pub(super) fn settle(row: &mut GroupRow, members: &[Identity], added: &[Identity]) {
    row.leaving.retain(|leaver| {
        let is = |device: &Identity| device.person.to_string() == *leaver;
        members.iter().any(is) && !added.iter().any(is)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state::Seat;
    use alcove_charter::P256Point;
    use alcove_proto::ids::Digest;

    fn device(letter: char, number: u16) -> Identity {
        let handle = letter.to_string().repeat(16);
        format!("spiffe://elmgate.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
    }

    fn roster(seats: &[(char, u16, Role)]) -> Roster {
        let seat = |(leaf, (letter, number, role)): (usize, &(char, u16, Role))| Seat {
            leaf: leaf as u32,
            identity: device(*letter, *number),
            role: *role,
            certificate_hash: Digest([0; 32]),
            public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
        };
        Roster { members: seats.iter().enumerate().map(seat).collect() }
    }

    #[test]
    fn whoever_leaves_leaves_an_owner_behind() {
        use Role::{Member, Owner};
        let own = device('a', 1).person;
        let alone = roster(&[('a', 1, Owner), ('a', 2, Owner)]);
        assert!(matches!(may_leave(&own, &alone), Err(Error::Alone)));
        let last_owner = roster(&[('a', 1, Owner), ('b', 1, Member)]);
        assert!(matches!(may_leave(&own, &last_owner), Err(Error::LastOwner)));
        assert!(may_leave(&own, &roster(&[('a', 1, Owner), ('b', 1, Owner)])).is_ok());
        assert!(may_leave(&own, &roster(&[('a', 1, Member), ('b', 1, Owner)])).is_ok());
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
        let leaver = device('b', 1);
        let wish = || GroupRow { leaving: vec![leaver.person.to_string()], ..GroupRow::default() };
        let (owner, second) = (device('a', 1), device('b', 2));
        let mut row = wish();
        settle(&mut row, &[owner.clone(), leaver.clone()], &[]);
        assert_eq!(row.leaving.len(), 1, "a commit of somebody else");
        settle(&mut row, std::slice::from_ref(&owner), &[]);
        assert!(row.leaving.is_empty());
        let mut row = wish();
        settle(&mut row, &[owner, second.clone()], &[second]);
        assert!(row.leaving.is_empty(), "removed and added again at one time");
    }
}
