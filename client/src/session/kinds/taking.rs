//! What a record has in hand while it is taken: its group, its place, and what the reader knows of the members.

use crate::{
    session::{
        AlarmKind, Error,
        acting::Acting,
        alarms::{Alarm, raise_by},
        people::{known_keys, seats},
        state::{Roster, load_group},
    },
    vault::{Act, EntryKey, rows::GroupRow},
};
use alcove_e2ee::group::Group;
use alcove_proto::{ids::GroupId, names::Identity};

/// How a record came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Came {
    /// In the log, as to every member.
    InTheLog,
    /// By a grant: from before this device joined.
    ByGrant,
    /// With recovered keys.
    Recovered,
}

/// A record that is being taken, inside one act.
pub(in crate::session) struct Taking<'a> {
    pub(in crate::session) acting: &'a Acting<'a>,
    pub(in crate::session) came: Came,
    pub(in crate::session) key: EntryKey,
    pub(in crate::session) author: &'a Identity,
    pub(in crate::session) received_at_ms: i64,
    /// Of its group.
    pub(in crate::session) row: &'a mut GroupRow,
    pub(in crate::session) held: &'a mut Held,
}

/// What is loaded once for many records of a group, and what they have come to.
#[derive(Default)]
pub(in crate::session) struct Held {
    /// The state of MLS, once it is needed.
    pub(in crate::session) mls: Option<Group>,
    /// The members, once they are needed.
    pub(in crate::session) roster: Option<Roster>,
    /// Alarms that were raised.
    pub(in crate::session) alarms: Vec<Alarm>,
    /// Notes that others wrote.
    pub(in crate::session) notes: u64,
    /// Documents that others sent.
    pub(in crate::session) documents: u64,
}

impl Held {
    pub(in crate::session) fn roster(&mut self, act: &Act<'_>, group: &GroupId) -> Result<&Roster, Error> {
        match &mut self.roster {
            Some(roster) => Ok(roster),
            empty => Ok(empty.insert(Roster::load(act, group)?)),
        }
    }

    pub(in crate::session) fn mls(&mut self, act: &Act<'_>, group: &GroupId) -> Result<&mut Group, Error> {
        match &mut self.mls {
            Some(mls) => Ok(mls),
            empty => Ok(empty.insert(load_group(act, group)?)),
        }
    }

    /// Raises an alarm about what an author, or the server in an author's name, can do as often as it likes.
    pub(in crate::session) fn alarm_by(
        &mut self,
        act: &Act<'_>,
        (group, kind, position): (GroupId, AlarmKind, u64),
        author: Option<&Identity>,
        now_ms: i64,
    ) -> Result<(), Error> {
        // Whoever is no member is one of nobody's names: else a server could invent a row for each.
        let author = match author {
            Some(author) => self.roster(act, &group)?.named(author).map(|seat| seat.identity.clone()),
            None => None,
        };
        let alarm = Alarm { group: Some(group), kind, position };
        if raise_by(act, alarm, author.as_ref(), now_ms)? {
            self.alarms.push(alarm);
        }
        Ok(())
    }
}

impl Taking<'_> {
    /// One more that can be read. Answers how many of these are news to the reader.
    pub(in crate::session) fn item(&mut self) -> u64 {
        self.row.items += 1;
        match self.came {
            Came::InTheLog => u64::from(self.author != self.acting.identity),
            Came::ByGrant => 1,
            Came::Recovered => 0,
        }
    }

    /// Whether what the program obeys counts from the author: their key is believed here, and this device's own newest
    /// charter and lists do not call it revoked or outside. As of when it is read; a certificate that has merely ended does.
    /// PROTOCOL.md section 8, "Whose word counts".
    pub(in crate::session) fn author_counts(&mut self) -> Result<bool, Error> {
        let Acting { act, identity, trust, .. } = self.acting;
        if self.author == *identity {
            return Ok(true);
        }
        let Some(seat) = self.held.roster(act, &self.key.group)?.named(self.author) else {
            return Ok(false);
        };
        let is_outside = seats::is_seat_outside(act, identity, trust, seat)?;
        Ok(!is_outside && known_keys::believes(act, self.author, &seat.public_key)?)
    }

    /// Raises an alarm about the record, by its author's name.
    pub(in crate::session) fn alarm(&mut self, kind: AlarmKind) -> Result<(), Error> {
        let about = (self.key.group, kind, self.key.position.0);
        self.held.alarm_by(self.acting.act, about, Some(self.author), self.acting.now_ms)
    }
}
