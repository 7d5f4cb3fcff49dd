//! Lists over a roll-over: what a later CA's say of what an earlier one listed, and what whoever stole the earlier key gains.

use crate::{
    listed::{OTHER, SERIAL, at_desk, is_revoked_at, rolled, with},
    lists::{Entry, Lists, entry},
    pki::{DAY_MS, Leaf, NOW_MS, TestCa, World},
};
use alcove_charter::{CrlError, EverListed, Judge, ListFault, TrustView, oids};
use alcove_proto::limits::LISTED_SERIALS_MAX;

fn leaf_by(world: &World, ca: &TestCa, serial: &[u8]) -> Vec<u8> {
    let leaf = Leaf::new(ca, &world.agencies[1].identity(), oids::MLS_SIGNING_ARCS);
    leaf.change(|params| params.serial_number = Some(rcgen::SerialNumber::from_slice(serial))).make()
}

#[test]
fn a_stolen_old_ca_cannot_kill_what_the_new_one_certified() {
    let world = World::new();
    let agency = &world.agencies[1];
    let new_ca = TestCa::new("harborlight CA of next year");
    let (old_leaf, new_leaf) = (leaf_by(&world, &agency.ca, SERIAL), leaf_by(&world, &new_ca, OTHER));
    let both = rolled(&world, &world.view(), &[&agency.ca, &new_ca]);
    let view = at_desk(&both, &agency.ca.list(1, &[])).unwrap();
    let stolen = agency.ca.list(2, &[entry(SERIAL, &[2]), entry(OTHER, &[2])]);
    let view = at_desk(&view, &stolen).expect("the old CA stands in the charter");
    assert!(is_revoked_at(&world, &view, &old_leaf, 2), "its own it may kill: the control");
    assert!(!is_revoked_at(&world, &view, &new_leaf, 2));

    // What the thief listed does not hold up the lists of the new CA, which takes nothing else back.
    let view = at_desk(&view, &new_ca.list(3, &[])).unwrap();
    assert!(is_revoked_at(&world, &view, &old_leaf, 3), "revoked stays revoked");
    let trust_domain = agency.trust_domain.clone();
    let again = agency.ca.list(4, &[entry(OTHER, &[4])]);
    let retired = CrlError::Of { trust_domain, number: 4, fault: ListFault::Retired };
    assert_eq!(at_desk(&view, &again).unwrap_err(), retired);
    assert_eq!(view.with_crl(&again).unwrap_err(), retired);
    // And the new CA's own revocations count for both.
    let view = at_desk(&view, &new_ca.list(4, &[entry(OTHER, &[4])])).unwrap();
    assert!(is_revoked_at(&world, &view, &new_leaf, 4));
    assert!(!is_revoked_at(&world, &view, &new_leaf, 3));
}

/// A later CA speaks for its own certificates as well, of which no list of an earlier one said anything. So it lists a serial
/// for the first time, whatever the earlier one did, and what that one said of its own stays as it was.
#[test]
fn a_roll_over_takes_no_revocation_back() {
    let world = World::new();
    let agency = &world.agencies[1];
    let new_ca = TestCa::new("harborlight CA of next year");
    let view = at_desk(&world.view(), &agency.ca.list(1, &[entry(SERIAL, &[1])])).unwrap();
    let view = rolled(&world, &view, &[&agency.ca, &new_ca]);
    // Listed before there was a new CA, so it is the old one's own word about its own certificate.
    assert!(matches!(
        at_desk(&view, &new_ca.list(2, &[])),
        Err(CrlError::Of { fault: ListFault::Drops(_), .. })
    ));
    assert!(matches!(
        at_desk(&view, &new_ca.list(2, &[entry(SERIAL, &[1])])),
        Err(CrlError::Of { fault: ListFault::Redated(_), .. })
    ));
    let second = new_ca.list(2, &[entry(SERIAL, &[2])]);
    let view = at_desk(&view, &second).expect("the control");
    let leaf = agency.mls_leaf().make();
    assert!(is_revoked_at(&world, &view, &leaf, 1), "as the old CA said");
    assert!(is_revoked_at(&world, &view, &leaf, 2));
    // Whoever knows the later list alone learns the later number.
    let new = with(&rolled(&world, &world.view(), &[&agency.ca, &new_ca]), &second);
    assert!(!is_revoked_at(&world, &new, &leaf, 1));
    assert!(is_revoked_at(&world, &new, &leaf, 2));
    // From then on that is what it said first.
    assert!(matches!(
        at_desk(&view, &new_ca.list(3, &[entry(SERIAL, &[1])])),
        Err(CrlError::Of { fault: ListFault::Redated(_), .. })
    ));
    assert!(at_desk(&view, &new_ca.list(3, &[entry(SERIAL, &[2])])).is_ok());
}

/// Somebody has the old CA's key and lists a certificate of the new one with it, which says nothing; its holder commits under
/// that list. The new CA revokes it later, and nobody comes to find the commit wrong.
#[test]
fn a_revocation_by_the_new_ca_reaches_back_to_no_list_of_the_old_one() {
    let world = World::new();
    let (old, new) = (&world.agencies[1].ca, TestCa::new("harborlight CA of next year"));
    let (new_leaf, old_leaf) = (leaf_by(&world, &new, SERIAL), leaf_by(&world, old, SERIAL));
    let both = rolled(&world, &world.view(), &[old, &new]);
    let view = at_desk(&both, &old.list(4, &[])).unwrap();
    let view = at_desk(&view, &old.list(5, &[entry(SERIAL, &[5])])).unwrap();
    assert!(!is_revoked_at(&world, &view, &new_leaf, 5), "the commit is good");
    let backwards = new.list(6, &[entry(SERIAL, &[5])]);
    assert!(matches!(
        at_desk(&view, &backwards),
        Err(CrlError::Of { number: 6, fault: ListFault::Redated(_), .. })
    ));
    let other_date = Entry { revoked_at_ms: NOW_MS - 2 * DAY_MS, ..entry(SERIAL, &[4]) };
    assert!(matches!(
        at_desk(&view, &new.list(6, &[other_date])),
        Err(CrlError::Of { fault: ListFault::Redated(_), .. })
    ));

    // As the desk takes it, with another date as well: good for whoever has followed, slept, or come since.
    let said = [6];
    let sixth = new.list(6, &[Entry { firsts: &said, ..other_date }]);
    let followed = at_desk(&view, &sixth).unwrap();
    let slept = with(&with(&both, &old.list(4, &[])), &sixth);
    let joined = with(&both, &sixth);
    for view in [&followed, &slept, &joined] {
        assert!(!is_revoked_at(&world, view, &new_leaf, 5), "the commit stays good");
        assert!(is_revoked_at(&world, view, &new_leaf, 6), "the control");
    }
    assert!(is_revoked_at(&world, &followed, &old_leaf, 5), "of its own the old one's word stands");
    // At a device that had the old list, a list that reaches back does not either.
    let fooled = with(&view, &backwards);
    assert!(!is_revoked_at(&world, &fooled, &new_leaf, 5));
    assert!(is_revoked_at(&world, &fooled, &new_leaf, 6));
}

/// A desk of before took from a later CA the number that an earlier one had said. Such lists stay in force and are no alarm.
#[test]
fn what_a_desk_of_before_took_over_a_roll_over_is_no_alarm_at_a_device() {
    let world = World::new();
    let (old, new) = (&world.agencies[1].ca, TestCa::new("harborlight CA of next year"));
    let view = with(&world.view(), &old.list(3, &[entry(SERIAL, &[2])]));
    let view = rolled(&world, &view, &[old, &new]);
    let mut held = view;
    for number in [4, 5] {
        let list = new.list(number, &[entry(SERIAL, &[2])]);
        assert_eq!(held.takes_back(&list, NOW_MS), None, "{number}");
        held = with(&held, &list);
    }
    // The control: what nobody ever said is one.
    assert_eq!(held.takes_back(&new.list(6, &[entry(SERIAL, &[1])]), NOW_MS), Some(6));
}

/// Short serial numbers, as many as one CA may list.
fn junk() -> Vec<Vec<u8>> {
    (0..LISTED_SERIALS_MAX as u32).map(|number| (number | 1 << 24).to_be_bytes().to_vec()).collect()
}

/// Whoever stole the key of the old CA lists as much as can be remembered while that CA stands alone. It is the end of that
/// CA and of nothing else: the new one's lists have room, and leave out what is nobody's once the old one is gone.
#[test]
fn what_a_thief_fills_with_the_old_ca_is_no_burden_to_the_new_one() {
    let world = World::new();
    let (old, new) = (&world.agencies[1].ca, TestCa::new("harborlight CA of next year"));
    let trust_domain = &world.agencies[1].trust_domain;
    let junk = junk();
    let entries: Vec<Entry<'_>> = junk.iter().map(|serial| entry(serial, &[])).collect();
    let full = at_desk(&world.view(), &old.list(1, &entries)).expect("a thief can");
    let mut and_one = entries.clone();
    and_one.push(entry(SERIAL, &[2]));
    assert!(
        matches!(at_desk(&full, &old.list(2, &and_one)), Err(CrlError::TooMany(..))),
        "of that CA it is all"
    );
    assert!(matches!(
        at_desk(&full, &old.list(2, &[])),
        Err(CrlError::Of { fault: ListFault::Drops(_), .. })
    ));

    let both = rolled(&world, &full, &[old, &new]);
    let small = new.list(2, &[entry(SERIAL, &[2])]);
    assert!(
        matches!(at_desk(&both, &small), Err(CrlError::Of { fault: ListFault::Drops(_), .. })),
        "the old one stands there still"
    );
    let after = rolled(&world, &both, &[&new]);
    let view = at_desk(&after, &small).expect("the old one is gone");
    assert!(is_revoked_at(&world, &view, &leaf_by(&world, &new, SERIAL), 2));

    // The next start, also under a charter that names the new one no more either.
    let listed = view.listed(trust_domain).unwrap().encode();
    let newer = TestCa::new("harborlight CA of the year after");
    let later = rolled(&world, &rolled(&world, &view, &[&new, &newer]), &[&newer]);
    let started = TrustView::new(later.charters().clone());
    let started =
        started.with_listed(trust_domain, EverListed::decode(&listed).expect("it can be read again"));
    let (started, _) = started.with_filed_crl(&small, NOW_MS).unwrap();
    // Nothing of it has been forgotten.
    let stays = leaf_by(&world, old, &junk[7]);
    let certificate = started.verify_device_mls(&[&stays], Judge::Never).unwrap();
    assert!(started.revoked_at_ms(&certificate).is_some());
}
