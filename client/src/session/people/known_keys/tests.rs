//! Whose keys are believed, and what never lifts what stands against another.

use super::*;
use crate::{
    session::samples::{in_a_vault, pair, point, tie},
    vault::rows::tests::{DEVICE, NEW_KEY},
};
use alcove_mls::KeyTie;
use alcove_proto::ids::GroupId;
use alcove_tests::stored::Forms;
use std::collections::BTreeSet;

fn key() -> P256Point {
    point(&pair())
}

fn person(letter: &str) -> Person {
    format!("spiffe://harborlight.northmark.example/staff/{}", letter.repeat(16)).parse().unwrap()
}

fn changes(act: &Act<'_>) -> usize {
    act.scan::<KeyChangeRow>(&[]).unwrap().len()
}

/// Rosa's device; whatever is met here, it is met by her.
fn own() -> Identity {
    person("a").device(1)
}

fn meet_by_nobody(act: &Act<'_>, identity: &Identity, key: &P256Point) -> Result<(), Error> {
    let stranger = person("z").device(1);
    meet(act, &own(), identity, key, Brought::By(Signer { identity: &stranger, key: None }), 1)
}

#[test]
fn a_second_and_a_third_change_of_a_key_lift_nothing_of_the_first() {
    in_a_vault(|act| {
        let leon = person("b").device(1);
        let (first, ghosts) = (key(), [key(), key(), key()]);
        meet_by_nobody(act, &leon, &first)?;
        assert!(believes(act, &leon, &first)?, "the first key of somebody is believed");
        for (number, ghost) in (1..).zip(&ghosts) {
            meet_by_nobody(act, &leon, ghost)?;
            meet_by_nobody(act, &leon, ghost)?;
            assert_eq!(changes(act), number);
        }
        believe(act, &leon, &ghosts[1], Because::WordsCompared)?;
        assert_eq!(changes(act), 2, "a look at one of them is a look at one of them");
        assert!(!believes(act, &leon, &ghosts[0])? && !believes(act, &leon, &ghosts[2])?);
        assert!(believes(act, &leon, &ghosts[1])?, "the control");
        Ok(())
    });
}

#[test]
fn a_key_is_believed_when_a_believed_key_of_the_same_person_signed_for_it_and_a_ghosts_word_is_nothing() {
    in_a_vault(|act| {
        let leon = person("b").device(1);
        let (old, ghost) = (key(), key());
        meet_by_nobody(act, &leon, &old)?;
        meet_by_nobody(act, &leon, &ghost)?;
        // The ghost renews itself, and adds a second device.
        for identity in [leon.clone(), leon.person.device(2)] {
            let brought = key();
            let signer = Signer { identity: &leon, key: Some(ghost) };
            meet(act, &own(), &identity, &brought, Brought::By(signer), 2)?;
            assert!(!believes(act, &identity, &brought)?);
        }
        let renewed = key();
        let signer = Signer { identity: &leon, key: Some(old) };
        meet(act, &own(), &leon, &renewed, Brought::By(signer), 3)?;
        assert!(believes(act, &leon, &renewed)?, "the control");
        assert!(believes(act, &leon, &old)?, "a leaf that was not renewed yet has the earlier one");
        assert_eq!(changes(act), 3);
        Ok(())
    });
}

#[test]
fn an_own_commit_makes_nobody_believed_who_was_not_shown() {
    in_a_vault(|act| {
        let leon = person("b").device(1);
        meet_by_nobody(act, &leon, &key())?;
        let ghost = leon.person.device(2);
        let ghosts_key = key();
        let here = Signer { identity: &own(), key: Some(key()) };
        meet(act, &own(), &ghost, &ghosts_key, Brought::By(here), 2)?;
        assert!(!believes(act, &ghost, &ghosts_key)?);
        assert!(!may_be_added(act, &own(), &ghost, &ghosts_key, 2)?);
        believe(act, &ghost, &ghosts_key, Because::WordsShown)?;
        assert!(may_be_added(act, &own(), &ghost, &ghosts_key, 3)?, "the control");
        Ok(())
    });
}

#[test]
fn a_further_device_in_a_roster_one_joins_is_a_change() {
    in_a_vault(|act| {
        let (leon, ghost) = (person("b").device(1), person("b").device(2));
        let (adder, adders_key) = (person("c").device(1), key());
        let there = Brought::There(Signer { identity: &adder, key: Some(adders_key) });
        let (first, second) = (key(), key());
        meet(act, &own(), &leon, &first, there, 1)?;
        meet(act, &own(), &ghost, &second, there, 1)?;
        assert!(believes(act, &leon, &first)? && !believes(act, &ghost, &second)?);
        // Had he added it himself, and this device been added by him, it would be believed.
        let by_leon = Brought::There(Signer { identity: &leon, key: Some(first) });
        meet(act, &own(), &ghost, &second, by_leon, 2)?;
        assert!(believes(act, &ghost, &second)?, "the control");
        Ok(())
    });
}

#[test]
fn changes_of_an_earlier_version_are_found_again_and_every_seat_in_no_list_is_named() {
    use crate::vault::rows::{GroupRow, RosterMember, RosterRow};
    in_a_vault(|act| {
        let leon = person("b").device(1);
        let (first, ghost, unmet) = (key(), key(), key());
        meet_by_nobody(act, &leon, &first)?;
        let change = KeyChangeRow {
            identity: leon.to_string(),
            public_key: ghost.as_bytes().to_vec(),
            new_device: false,
            noticed_at_ms: 1,
        };
        act.put(&act.tag::<KeyChangeRow>(&leon.to_string()), &change)?;
        take_over(act)?;
        take_over(act)?;
        assert_eq!(changes(act), 1);
        let group = GroupId([7; 16]);
        act.put(group.as_bytes(), &GroupRow::default())?;
        let seat = |leaf, identity: &Identity, key: &P256Point| RosterMember {
            leaf,
            identity: identity.to_string(),
            role: 1,
            certificate_hash: vec![leaf as u8; 32],
            public_key: key.as_bytes().to_vec(),
            since_position: 0,
        };
        // What asked otherwise let the second change cover the first.
        let members = vec![seat(0, &own(), &key()), seat(1, &leon, &unmet)];
        act.put(group.as_bytes(), &RosterRow { epoch: 1, members })?;
        let named = unbelieved(act, &own())?;
        let keys: BTreeSet<_> = named.iter().map(|unbelieved| unbelieved.key.as_bytes().to_vec()).collect();
        assert_eq!(keys, BTreeSet::from([ghost.as_bytes().to_vec(), unmet.as_bytes().to_vec()]));
        let roster = Roster::load(act, &group)?;
        assert_eq!(unbelieved_seats(act, &own(), &roster)?.len(), 1);
        believe(act, &leon, &unmet, Because::WordsCompared)?;
        assert!(unbelieved_seats(act, &own(), &roster)?.is_empty(), "the control");
        Ok(())
    });
}

#[test]
fn a_key_is_believed_by_the_ties_that_lead_to_it_from_one_that_is_and_by_no_others() {
    in_a_vault(|act| {
        let (leon, second) = (person("b").device(1), person("b").device(2));
        let (old, between, new, ghost) = (pair(), pair(), pair(), pair());
        meet_by_nobody(act, &leon, &point(&old))?;
        // It was seen first without its ties: that is no look at it.
        meet_by_nobody(act, &leon, &point(&new))?;
        assert_eq!(changes(act), 1);
        let shown = |ties: Vec<KeyTie>, identity: &Identity, key: P256Point| -> Result<bool, Error> {
            meet_tied(act, &own(), identity, &key, &KeyTies::newest(ties))?;
            believes(act, identity, &key)
        };
        let first = tie(&leon, point(&old), point(&between), &old);
        let last = tie(&leon, point(&between), point(&new), &between);
        assert!(!shown(vec![], &leon, point(&new))?);
        assert!(!shown(vec![last.clone()], &leon, point(&new))?, "from a key that is not known here");
        let by_the_ghost = tie(&leon, point(&old), point(&ghost), &ghost);
        assert!(!shown(vec![by_the_ghost], &leon, point(&ghost))?, "in the old key's name");
        let of_the_first = tie(&leon, point(&old), point(&ghost), &old);
        assert!(!shown(vec![of_the_first], &second, point(&ghost))?, "another device of the person");
        assert_eq!(changes(act), 1, "what stood against the key stands");
        assert!(shown(vec![first, last], &leon, point(&new))?, "the control");
        assert_eq!(changes(act), 0);
        assert!(!believes(act, &leon, &point(&between))?, "nobody was seen to sign with it");
        Ok(())
    });
}

#[test]
fn whoever_is_revoked_or_outside_brings_no_key_that_is_believed() {
    in_a_vault(|act| {
        let (leon, laptop) = (person("b").device(1), person("b").device(2));
        let (first, second, stranger) = (key(), key(), person("d").device(1));
        meet_by_nobody(act, &leon, &first)?;
        let by_leon = Brought::By(Signer { identity: &leon, key: Some(first) });
        for (identity, brought) in [(&stranger, by_leon), (&laptop, by_leon), (&leon, by_leon)] {
            meet(act, &own(), identity, &second, brought.unless_outside(true), 1)?;
            assert!(!believes(act, identity, &second)?, "{identity}");
        }
        assert_eq!(changes(act), 3, "each is for a person to look at");
        // The control: the same by the word of somebody who is not.
        for identity in [&stranger, &laptop, &leon] {
            meet(act, &own(), identity, &second, by_leon.unless_outside(false), 2)?;
            assert!(believes(act, identity, &second)?, "{identity}");
        }
        assert_eq!(changes(act), 0);
        Ok(())
    });
}

#[test]
fn a_change_of_keys_lies_where_its_stored_form_says() {
    in_a_vault(|act| {
        let place = place_of(act, &DEVICE.parse().unwrap(), &P256Point::parse(&NEW_KEY).unwrap());
        assert_eq!(place, act.tag::<KeyChangeRow>(&Forms::of("vault").tag_of("key_change")));
        Ok(())
    });
}
