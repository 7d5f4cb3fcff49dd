//! Revoked stays revoked: what a list says about when, and what is believed of it.

use crate::{
    listed::{SERIAL, at_desk, is_revoked_at, with},
    lists::{Entry, Lists, entry},
    pki::{DAY_MS, NOW_MS, World},
};
use alcove_charter::{Appended, CrlError, EverListed, Judge, ListFault};

#[test]
fn a_list_that_dates_a_revocation_anew_is_refused_at_the_desk_and_changes_nothing_at_a_device() {
    let world = World::new();
    let agency = &world.agencies[1];
    let leaf = agency.mls_leaf().make();
    let view = at_desk(&world.view(), &agency.ca.list(1, &[])).unwrap();
    let view = at_desk(&view, &agency.ca.list(2, &[])).unwrap();

    // Revoked since a list that everybody knows did not have it: commits of then would turn wrong.
    let backdated = agency.ca.list(3, &[entry(SERIAL, &[1])]);
    assert!(matches!(
        at_desk(&view, &backdated),
        Err(CrlError::Of { number: 3, fault: ListFault::Redated(_), .. })
    ));
    assert!(!is_revoked_at(&world, &with(&view, &backdated), &leaf, 2), "this device had list 2");
    assert!(is_revoked_at(&world, &with(&view, &backdated), &leaf, 3));

    let view = at_desk(&view, &agency.ca.list(3, &[entry(SERIAL, &[3])])).expect("the control");
    for redated in
        [entry(SERIAL, &[1]), entry(SERIAL, &[4]), Entry { revoked_at_ms: NOW_MS, ..entry(SERIAL, &[3]) }]
    {
        let list = agency.ca.list(4, &[redated]);
        assert!(matches!(
            at_desk(&view, &list),
            Err(CrlError::Of { number: 4, fault: ListFault::Redated(_), .. })
        ));
        let fooled = with(&view, &list);
        assert!(!is_revoked_at(&world, &fooled, &leaf, 2));
        assert!(is_revoked_at(&world, &fooled, &leaf, 3));
        let certificate = fooled.verify_device_mls(&[&leaf], Judge::Never).unwrap();
        assert_eq!(fooled.revoked_at_ms(&certificate), Some(NOW_MS - DAY_MS));
    }
    // An issuer of before says nothing of it, and takes nothing back by that.
    assert!(at_desk(&view, &agency.ca.list(4, &[entry(SERIAL, &[])])).is_ok());
}

#[test]
fn a_list_dated_long_ago_lets_nothing_go_by_its_own_word() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let view = at_desk(&world.view(), &ca.list(1, &[])).unwrap();
    // By its own dates the revocation is older than any certificate; the desk has just heard of it.
    let long_ago = NOW_MS - 1_000 * DAY_MS;
    let backdated = Entry { revoked_at_ms: long_ago, ..entry(SERIAL, &[2]) };
    let view = at_desk(&view, &ca.list_at(2, &[backdated], long_ago)).unwrap();
    assert!(matches!(at_desk(&view, &ca.list(3, &[])), Err(CrlError::Of { fault: ListFault::Drops(_), .. })));
    // The control: as much later it may go.
    let later_ms = NOW_MS + 856 * DAY_MS;
    assert!(view.with_next_crl(&ca.list_at(3, &[], later_ms), later_ms).is_ok());
}

#[test]
fn a_list_that_says_since_when_later_reaches_back_before_no_list_that_was_known_not_to_have_it() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let bare = entry(SERIAL, &[]);
    let view = at_desk(&world.view(), &ca.list(4, &[])).unwrap();
    let view = at_desk(&view, &ca.list(5, &[bare])).unwrap();
    for first in [1, 4] {
        let reaches_back = ca.list(6, &[entry(SERIAL, &[first])]);
        assert!(
            matches!(at_desk(&view, &reaches_back), Err(CrlError::Of { fault: ListFault::Redated(_), .. })),
            "{first}"
        );
    }
    // The control: the list that brought it is no lie, also after what was remembered was read again.
    let trust_domain = &world.agencies[1].trust_domain;
    let kept = EverListed::decode(&view.listed(trust_domain).unwrap().encode()).unwrap();
    assert_eq!(kept, **view.listed(trust_domain).unwrap());
    assert!(at_desk(&view, &ca.list(6, &[entry(SERIAL, &[5])])).is_ok());
}

#[test]
fn a_list_dated_ahead_is_taken_by_no_device_that_is_offered_it() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let view = with(&world.view(), &ca.list(7, &[]));
    // By its date its number is one that the desk could have let come up; it would stand above every list to come.
    let years = 10 * 365 * DAY_MS;
    let ahead = ca.list_at(1_000_000, &[], NOW_MS + years);
    assert!(matches!(
        view.with_offered_crl(&ahead, NOW_MS),
        Err(CrlError::Of { number: 1_000_000, fault: ListFault::Ahead { .. }, .. })
    ));
    // The control: when that time has come it is a list like any other, and so is one by a clock an hour ahead.
    assert!(view.with_offered_crl(&ahead, NOW_MS + years).is_ok());
    let (next, _) = view.with_offered_crl(&ca.list_at(8, &[], NOW_MS + DAY_MS / 24), NOW_MS).unwrap();
    // What is held is not asked about again, whatever has become of the clock.
    let held = next.crl(&world.agencies[1].trust_domain).unwrap().der().to_vec();
    assert_eq!(next.with_offered_crl(&held, NOW_MS - years).unwrap().1, Appended::AlreadyHeld);
}

#[test]
fn the_desk_takes_no_list_dated_more_than_a_minute_ahead_and_a_device_whose_clock_is_behind_takes_what_it_took()
 {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let view = at_desk(&world.view(), &ca.list(7, &[])).unwrap();
    let minute = ca.list_at(8, &[], NOW_MS + 60_000);
    assert!(at_desk(&view, &minute).is_ok());
    assert!(view.with_offered_crl(&minute, NOW_MS - 90 * 60_000).is_ok());
    let ahead = at_desk(&view, &ca.list_at(8, &[], NOW_MS + 90_000)).unwrap_err();
    let trust_domain = world.agencies[1].trust_domain.clone();
    assert_eq!(ahead, CrlError::Of { trust_domain, number: 8, fault: ListFault::Ahead { ahead_ms: 90_000 } });
}

#[test]
fn a_start_after_the_clock_was_set_back_takes_what_was_in_force() {
    let world = World::new();
    let (ca, trust_domain) = (&world.agencies[1].ca, &world.agencies[1].trust_domain);
    let list = ca.list_at(8, &[], NOW_MS + 50_000);
    let in_force = at_desk(&at_desk(&world.view(), &ca.list(7, &[])).unwrap(), &list).unwrap();
    let listed = EverListed::decode(&in_force.listed(trust_domain).unwrap().encode()).unwrap();
    let started = world.view().with_listed(trust_domain, listed);
    assert!(started.with_filed_crl(&list, NOW_MS - DAY_MS).is_ok());
    // The control: of which nothing is remembered.
    assert!(matches!(
        world.view().with_filed_crl(&list, NOW_MS - DAY_MS),
        Err(CrlError::Of { fault: ListFault::Ahead { .. }, .. })
    ));
}
