//! Whom somebody whose word counts for nothing brought into a group, or made an owner of it.
//!
//! That a key is believed says whose it is, and not that its owner belongs in this group: an accomplice whom everybody
//! knows from another case is one all the same. So it is kept with the group who came in by such a commit, by person, since
//! their next device or key is theirs too; nothing is sealed there until a person has said that they belong in it, or they are
//! out. And whoever was made an owner that way has an owner's rights by everybody's verdict, and is believed no more than a
//! member here. PROTOCOL.md section 8, "Whose word counts".

use crate::{
    session::{
        Error, KeyChangeCause,
        state::{Roster, Seat, load_row},
    },
    vault::{
        Act,
        rows::{GroupRow, MetRow, SeatsRow},
    },
};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person},
    v1::Role,
};

/// What a roster was before a commit, and whether nothing is believed for the word of its author.
pub(in crate::session) struct Before {
    seats: Vec<(Person, Role)>,
    author: Person,
    /// The author is revoked or outside.
    pub(in crate::session) is_outside: bool,
    /// The author is an owner by the word of such a one.
    is_made_owner: bool,
}

impl Before {
    pub(in crate::session) fn of(
        row: &GroupRow,
        roster: &Roster,
        author: &Identity,
        is_outside: bool,
    ) -> Self {
        let seat = |seat: &Seat| (seat.identity.person.clone(), seat.role);
        Self {
            seats: roster.members.iter().map(seat).collect(),
            author: author.person.clone(),
            is_outside,
            is_made_owner: is_made_owner(row, &author.person),
        }
    }

    /// Whether the commit's word counts for nothing where it brings this device.
    pub(in crate::session) fn counts_for_nothing(&self, brought: &Identity) -> bool {
        self.is_outside || (self.is_made_owner && brought.person != self.author)
    }

    fn sat(&self, person: &Person) -> bool {
        self.seats.iter().any(|(sat, _)| sat == person)
    }

    fn owned(&self, person: &Person) -> bool {
        self.seats.iter().any(|(sat, role)| sat == person && *role == Role::Owner)
    }

    /// Takes note of what the commit did. `after`: the roster that it came to. `added`: whom it added. `now_ms`: milliseconds
    /// since 1970.
    pub(in crate::session) fn settle<'a>(
        &self,
        row: &mut GroupRow,
        after: &Roster,
        added: impl Iterator<Item = &'a Identity>,
        now_ms: i64,
    ) {
        forget_gone(row, after);
        for identity in added.filter(|identity| self.counts_for_nothing(identity)) {
            if !self.sat(&identity.person) {
                insert(&mut row.brought_by_outsiders, &identity.person);
                row.outsiders_noticed_at_ms = now_ms;
            }
        }
        if self.is_outside || self.is_made_owner {
            for seat in after.members.iter().filter(|seat| seat.role == Role::Owner) {
                let person = &seat.identity.person;
                if !self.owned(person) && *person != self.author {
                    insert(&mut row.owners_by_outsiders, person);
                    row.outsiders_noticed_at_ms = now_ms;
                }
            }
        }
    }
}

/// The same for what the log showed of one commit while this device was on its way back.
pub(in crate::session) fn settle_met(
    row: &mut GroupRow,
    met: &MetRow,
    author: &Person,
    person: &Person,
    author_is_outside: bool,
    now_ms: i64,
) {
    // A further device of theirs, or another key, changes nothing about how they came.
    if person == author || (met.person_sat && !met.made_owner) {
        return;
    }
    let counts_for_nothing = author_is_outside || is_made_owner(row, author);
    let names = if met.made_owner { &mut row.owners_by_outsiders } else { &mut row.brought_by_outsiders };
    if counts_for_nothing {
        insert(names, person);
        row.outsiders_noticed_at_ms = now_ms;
    } else {
        // They were out before it, or no owner, and somebody whose word counts brings them.
        let name = person.to_string();
        names.retain(|kept| *kept != name);
    }
}

/// Whoever has no seat any more, or is no owner, is nobody's word: who brings them next is asked then.
pub(in crate::session) fn forget_gone(row: &mut GroupRow, roster: &Roster) {
    let names = |seat: &Seat, name: &str| seat.identity.person.to_string() == name;
    row.brought_by_outsiders.retain(|name| roster.members.iter().any(|seat| names(seat, name)));
    let owns = |seat: &Seat, name: &str| seat.role == Role::Owner && names(seat, name);
    row.owners_by_outsiders.retain(|name| roster.members.iter().any(|seat| owns(seat, name)));
}

fn insert(names: &mut Vec<String>, person: &Person) {
    let name = person.to_string();
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Whether a person sits in the group by the word of nobody.
pub(in crate::session) fn is_brought(row: &GroupRow, person: &Person) -> bool {
    // Empty in nearly every group: no name is spelt out then.
    !row.brought_by_outsiders.is_empty() && row.brought_by_outsiders.contains(&person.to_string())
}

/// Whether a person was made an owner of the group by the word of nobody.
pub(in crate::session) fn is_made_owner(row: &GroupRow, person: &Person) -> bool {
    !row.owners_by_outsiders.is_empty() && row.owners_by_outsiders.contains(&person.to_string())
}

/// What somebody here is to be asked about a person in this group.
pub(in crate::session) fn cause(row: &GroupRow, person: &Person) -> Option<KeyChangeCause> {
    if is_brought(row, person) {
        Some(KeyChangeCause::BroughtByOutsider)
    } else {
        is_made_owner(row, person).then_some(KeyChangeCause::MadeOwnerByOutsider)
    }
}

/// The role in which a seat is believed here.
pub(in crate::session) fn believed_role(row: &GroupRow, seat: &Seat) -> Role {
    if is_made_owner(row, &seat.identity.person) { Role::Member } else { seat.role }
}

/// Somebody here says that a person belongs in these groups.
pub(in crate::session) fn accept(act: &Act<'_>, person: &Person, groups: &[GroupId]) -> Result<(), Error> {
    let name = person.to_string();
    for group in groups {
        let mut row = load_row(act, group)?;
        row.brought_by_outsiders.retain(|kept| *kept != name);
        row.owners_by_outsiders.retain(|kept| *kept != name);
        act.put(group.as_bytes(), &row)?;
        act.delete::<SeatsRow>(group.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_charter::P256Point;
    use alcove_proto::ids::Digest;

    /// Device 1 of somebody, by the letter their name begins with.
    fn identity(name: &str) -> Identity {
        let handle = name[..1].repeat(16);
        format!("spiffe://elmgate.northmark.example/staff/{handle}/device/1").parse().unwrap()
    }

    fn roster(seats: &[(&str, Role)]) -> Roster {
        let seat = |(leaf, (name, role)): (usize, &(&str, Role))| Seat {
            leaf: u32::try_from(leaf).unwrap(),
            identity: identity(name),
            role: *role,
            certificate_hash: Digest([0; 32]),
            public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
            since: Default::default(),
        };
        Roster { members: seats.iter().enumerate().map(seat).collect() }
    }

    use Role::{Member, Owner};

    /// `author` turns the roster `before` into `after`.
    fn commit(
        row: &mut GroupRow,
        (author, is_outside): (&str, bool),
        before: &[(&str, Role)],
        after: &[(&str, Role)],
    ) {
        let (was, is) = (roster(before), roster(after));
        let added: Vec<Identity> = after
            .iter()
            .filter(|(name, _)| before.iter().all(|(there, _)| there != name))
            .map(|(name, _)| identity(name))
            .collect();
        Before::of(row, &was, &identity(author), is_outside).settle(row, &is, added.iter(), 7);
    }

    fn named(row: &GroupRow, person: &str) -> (bool, bool) {
        let person = identity(person).person;
        (is_brought(row, &person), is_made_owner(row, &person))
    }

    #[test]
    fn whoever_comes_by_an_outsiders_commit_is_kept_until_they_are_out() {
        let mut row = GroupRow::default();
        let two = [("rosa", Owner), ("leon", Member)];
        let three = [("rosa", Owner), ("leon", Member), ("hannah", Member)];
        // The control: by somebody whose word counts.
        commit(&mut row, ("rosa", false), &two, &three);
        assert_eq!(named(&row, "hannah"), (false, false));
        assert_eq!(row.outsiders_noticed_at_ms, 0);
        commit(&mut row, ("rosa", true), &two, &three);
        assert_eq!((named(&row, "hannah"), row.outsiders_noticed_at_ms), ((true, false), 7));
        assert_eq!(named(&row, "leon"), (false, false), "he was there");
        // Somebody else's commit changes nothing about it; their removal does.
        commit(&mut row, ("leon", false), &three, &three);
        assert!(named(&row, "hannah").0);
        commit(&mut row, ("rosa", false), &three, &two);
        assert!(!named(&row, "hannah").0);
        commit(&mut row, ("rosa", false), &two, &three);
        assert!(!named(&row, "hannah").0, "brought by somebody whose word counts");
    }

    #[test]
    fn whoever_an_outsider_makes_an_owner_is_believed_as_a_member() {
        let mut row = GroupRow::default();
        let before = [("rosa", Owner), ("leon", Member)];
        let raised = [("rosa", Owner), ("leon", Owner)];
        let joined = [("rosa", Owner), ("leon", Owner), ("hannah", Owner)];
        commit(&mut row, ("rosa", true), &before, &raised);
        assert_eq!(named(&row, "leon"), (false, true));
        let leon = roster(&raised).members.remove(1);
        assert_eq!(believed_role(&row, &leon), Member);
        // Whom he brings, and makes owners, is by nobody's word either; a further device of his own is his.
        commit(&mut row, ("leon", false), &raised, &joined);
        assert_eq!(named(&row, "hannah"), (true, true));
        let own = Before::of(&row, &roster(&raised), &identity("leon"), false);
        assert!(!own.counts_for_nothing(&identity("leon").person.device(2)));
        // The control: made an owner by somebody whose word counts.
        let mut row = GroupRow::default();
        commit(&mut row, ("rosa", false), &before, &raised);
        assert_eq!((named(&row, "leon"), believed_role(&row, &leon)), ((false, false), Owner));
        // Back among the members, nothing is left of it.
        commit(&mut row, ("rosa", true), &before, &raised);
        commit(&mut row, ("rosa", false), &raised, &before);
        assert_eq!(named(&row, "leon"), (false, false));
    }

    #[test]
    fn on_the_way_back_the_same_is_seen_commit_by_commit() {
        let [rosa, leon, hannah] = ["rosa", "leon", "hannah"].map(|name| identity(name).person);
        let met = |made_owner, person_sat| {
            let mut met = MetRow::default();
            (met.made_owner, met.person_sat) = (made_owner, person_sat);
            met
        };
        let mut row = GroupRow::default();
        settle_met(&mut row, &met(false, false), &rosa, &hannah, false, 7);
        settle_met(&mut row, &met(false, true), &rosa, &leon, true, 7);
        assert_eq!(
            (named(&row, "hannah"), named(&row, "leon")),
            ((false, false), (false, false)),
            "the controls"
        );
        // Whether they sat in the roster that this device saw last makes no difference: they were out since.
        settle_met(&mut row, &met(false, false), &rosa, &hannah, true, 7);
        settle_met(&mut row, &met(true, true), &rosa, &leon, true, 7);
        assert_eq!((named(&row, "hannah"), named(&row, "leon")), ((true, false), (false, true)));
        // A further device of hers, by somebody whose word counts, says nothing about how she came.
        settle_met(&mut row, &met(false, true), &rosa, &hannah, false, 7);
        assert_eq!(named(&row, "hannah"), (true, false));
        // Out in between, and brought by somebody whose word counts.
        settle_met(&mut row, &met(false, false), &rosa, &hannah, false, 7);
        assert_eq!(named(&row, "hannah"), (false, false));
    }
}
