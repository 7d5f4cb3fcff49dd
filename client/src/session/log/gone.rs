//! Whom a commit has put out of a group, and what was begun before: nothing of it brings them back.
//!
//! Programs go on by themselves with what was begun: people are carried over into a case that leads another one on, and a
//! change of members that did not reach the log is made anew. Meanwhile others may have added and removed the same people,
//! who knew why. PROTOCOL.md section 8, "Commits", step 10.

use crate::{
    session::{Error, restored, state::Roster},
    vault::{
        Act, VaultError,
        rows::{GroupRow, PendingRow},
    },
};
use alcove_proto::{
    ids::GroupId,
    names::{Identity, Person},
};
use std::collections::BTreeSet;

/// Everybody whom a commit leaves without a seat.
pub(in crate::session) struct Gone {
    devices: BTreeSet<Identity>,
    people: BTreeSet<Person>,
}

impl Gone {
    /// `removed`: the devices that the commit removes. `roster`: as it is after the commit.
    pub(in crate::session) fn by<'a>(removed: impl Iterator<Item = &'a Identity>, roster: &Roster) -> Self {
        let devices =
            removed.filter(|device| roster.named(device).is_none()).cloned().collect::<BTreeSet<_>>();
        let is_there = |person: &Person| roster.members.iter().any(|seat| seat.identity.person == *person);
        let people = devices.iter().map(|device| &device.person).filter(|person| !is_there(person));
        Self { people: people.cloned().collect(), devices }
    }

    /// A device that was removed; and every other one of a person of whom none is left: it may be known to nobody yet who
    /// removed them.
    fn has(&self, device: &Identity) -> bool {
        self.devices.contains(device) || self.people.contains(&device.person)
    }

    /// Takes them off what was begun here. Of a change that was to add nobody else, `overtaken` says so.
    pub(in crate::session) fn take_off(
        &self,
        act: &Act<'_>,
        group: &GroupId,
        row: &mut GroupRow,
    ) -> Result<(), VaultError> {
        if self.devices.is_empty() {
            return Ok(());
        }
        let mut carry = Vec::new();
        for waiting in row.carry.drain(..) {
            if !self.has(&parsed(&waiting.identity, "a case")?) {
                carry.push(waiting);
            }
        }
        row.carry = carry;
        let Some(mut pending) = act.get::<PendingRow>(group.as_bytes())? else { return Ok(()) };
        let Some(intent) = &mut pending.intent else { return Ok(()) };
        let mut add = Vec::new();
        for one in intent.add.drain(..) {
            let device = parsed(&one.identity, "a pending commit")?;
            if self.has(&device) {
                pending.put_out.push(device.person.to_string());
            } else {
                add.push(one);
            }
        }
        intent.add = add;
        act.put(group.as_bytes(), &pending)
    }
}

/// Why a change of members that was begun is not carried on, if that is so.
pub(in crate::session) fn overtaken(
    act: &Act<'_>,
    pending: &PendingRow,
) -> Result<Option<Error>, VaultError> {
    let adds_nobody = pending.intent.as_ref().is_none_or(|intent| intent.add.is_empty());
    if let (Some(person), true) = (pending.put_out.first(), adds_nobody) {
        let person = person.parse().map_err(|_| VaultError::damaged("a pending commit"))?;
        return Ok(Some(Error::RemovedMeanwhile { person }));
    }
    let is_of_before = restored::is_of_before(act, pending.restores_known)?;
    Ok(is_of_before.then_some(Error::BegunBeforeCopy))
}

fn parsed(identity: &str, what: &'static str) -> Result<Identity, VaultError> {
    identity.parse().map_err(|_| VaultError::damaged(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{joining::come_back, samples::in_a_vault, state::Seat},
        vault::rows::{AddRow, CarryRow, IntentRow},
    };
    use alcove_charter::P256Point;
    use alcove_proto::{ids::Digest, v1::Role};

    const CASE: GroupId = GroupId([7; 16]);

    fn device(letter: char, number: u16) -> Identity {
        let handle = letter.to_string().repeat(16);
        format!("spiffe://elmgate.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
    }

    fn roster(devices: &[Identity]) -> Roster {
        let seat = |(leaf, identity): (u32, &Identity)| Seat {
            leaf,
            identity: identity.clone(),
            role: Role::Member,
            certificate_hash: Digest([0; 32]),
            public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
            since: Default::default(),
        };
        Roster { members: (0..).zip(devices).map(seat).collect() }
    }

    /// What is left of what was begun for two devices of one person and one of another, after a commit that removes the first
    /// device and leaves these in the group: who is still to be carried over, who is still to be added.
    fn left_of_it(act: &Act<'_>, there: &[Identity]) -> Result<(Vec<Identity>, Vec<Identity>), Error> {
        let begun = [device('b', 1), device('b', 2), device('c', 1)].map(|device| device.to_string());
        let carried = |identity: &String| CarryRow { identity: identity.clone(), ..CarryRow::default() };
        let mut row = GroupRow { carry: begun.iter().map(carried).collect(), ..GroupRow::default() };
        let added = |identity: &String| AddRow { identity: identity.clone(), key_package: vec![1] };
        let add = begun.iter().map(added).collect();
        let intent = Some(IntentRow { add, ..IntentRow::default() });
        act.put(CASE.as_bytes(), &PendingRow { intent, ..PendingRow::default() })?;
        Gone::by([device('b', 1)].iter(), &roster(there)).take_off(act, &CASE, &mut row)?;
        let pending: PendingRow = act.expect(CASE.as_bytes())?;
        assert!(overtaken(act, &pending)?.is_none(), "the other one is to be added all the same");
        let parse = |identity: &String| identity.parse().unwrap();
        let carry = row.carry.iter().map(|row| parse(&row.identity)).collect();
        Ok((carry, pending.intent.unwrap().add.iter().map(|row| parse(&row.identity)).collect()))
    }

    #[test]
    fn whoever_was_removed_is_brought_back_with_no_other_device_either() {
        in_a_vault(|act| {
            let others = vec![device('c', 1)];
            assert_eq!(left_of_it(act, &[device('a', 1)])?, (others.clone(), others));
            // The control: the person is there still, by the other device.
            let second = vec![device('b', 2), device('c', 1)];
            assert_eq!(left_of_it(act, &[device('a', 1), device('b', 2)])?, (second.clone(), second));
            // Removed and added again at one time: nobody is gone.
            let all = vec![device('b', 1), device('b', 2), device('c', 1)];
            assert_eq!(left_of_it(act, &[device('b', 1)])?, (all.clone(), all));
            Ok(())
        });
    }

    #[test]
    fn a_change_that_was_to_add_them_alone_is_given_up_and_told() {
        in_a_vault(|act| {
            let add = vec![AddRow { identity: device('b', 1).to_string(), key_package: vec![1] }];
            let intent = Some(IntentRow { add, ..IntentRow::default() });
            let begun = PendingRow { intent, ..PendingRow::default() };
            act.put(CASE.as_bytes(), &begun)?;
            // The control: somebody else is removed.
            let mut row = GroupRow::default();
            Gone::by([device('c', 1)].iter(), &roster(&[])).take_off(act, &CASE, &mut row)?;
            assert_eq!(act.expect::<PendingRow>(CASE.as_bytes())?, begun);
            assert!(overtaken(act, &begun)?.is_none());
            Gone::by([device('b', 2)].iter(), &roster(&[])).take_off(act, &CASE, &mut row)?;
            let person = device('b', 1).person;
            let told = overtaken(act, &act.expect(CASE.as_bytes())?)?;
            assert!(matches!(told, Some(Error::RemovedMeanwhile { person: of }) if of == person));
            Ok(())
        });
    }

    #[test]
    fn whoever_comes_back_brings_nobody_over_from_before() {
        in_a_vault(|act| {
            let waiting = CarryRow { identity: device('b', 1).to_string(), ..CarryRow::default() };
            let mut row = GroupRow { carry: vec![waiting], ..GroupRow::default() };
            act.put(CASE.as_bytes(), &PendingRow::default())?;
            come_back(act, &CASE, &mut row)?;
            assert!(row.carry.is_empty() && !act.has::<PendingRow>(CASE.as_bytes())?);
            Ok(())
        });
    }

    #[test]
    fn what_was_begun_before_the_vault_was_put_back_is_given_up_and_what_was_begun_since_is_not() {
        in_a_vault(|act| {
            let begun = |restores_known| PendingRow {
                intent: Some(IntentRow { update: true, ..IntentRow::default() }),
                restores_known,
                ..PendingRow::default()
            };
            assert!(overtaken(act, &begun(0))?.is_none(), "the control: no copy was noticed");
            // In another case.
            restored::notice(act, &GroupId([8; 16]), &mut GroupRow::default(), 1_000, 5_000)?;
            assert!(matches!(overtaken(act, &begun(0))?, Some(Error::BegunBeforeCopy)));
            assert!(overtaken(act, &begun(restored::known_times(act)?))?.is_none());
            Ok(())
        });
    }
}
