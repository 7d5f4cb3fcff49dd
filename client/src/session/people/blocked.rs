//! People by whom this device is put on no case. Only it knows them: neither they nor the server are told.

use super::cards::person_view;
use crate::{
    session::{Error, PersonView, Session, joining::requests},
    vault::{Act, Durability, VaultError, rows::BlockedRow},
};
use alcove_proto::names::Person;

/// Whether welcomes from this person are declined without a word. PROTOCOL.md section 8, "Consent".
pub(in crate::session) fn is_blocked(act: &Act<'_>, person: &Person) -> Result<bool, VaultError> {
    act.has::<BlockedRow>(&act.tag::<BlockedRow>(&person.to_string()))
}

impl Session {
    /// From now on nothing that this person adds us to is joined; what waits of theirs is declined.
    ///
    /// Errors: [`Error::OwnPerson`].
    pub fn block(&self, person: &Person) -> Result<(), Error> {
        if *person == self.identity.person {
            return Err(Error::OwnPerson);
        }
        let row = BlockedRow { person: person.to_string(), since_ms: self.clock.now_ms() };
        self.vault.act(Durability::OnDisk, |act| {
            act.put(&act.tag::<BlockedRow>(&row.person), &row)?;
            requests::decline_all_of(act, person)
        })
    }

    /// Ends that.
    pub fn unblock(&self, person: &Person) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            Ok(act.delete::<BlockedRow>(&act.tag::<BlockedRow>(&person.to_string()))?)
        })
    }

    /// Who is blocked, by agency and name.
    pub fn blocked(&self) -> Result<Vec<PersonView>, Error> {
        let trust = self.trust();
        let mut people: Vec<PersonView> = self.vault.read::<_, Error>(|act| {
            let rows = act.scan::<BlockedRow>(&[])?;
            let people = rows.into_iter().map(|(_, row)| {
                let person: Person =
                    row.person.parse().map_err(|_| VaultError::damaged("a person who is blocked"))?;
                person_view(act, &self.own(), &trust, &person, Vec::new())
            });
            people.collect()
        })?;
        people.sort_by(|one, other| {
            (&one.agency.name, &one.name, &one.person).cmp(&(&other.agency.name, &other.name, &other.person))
        });
        Ok(people)
    }
}
