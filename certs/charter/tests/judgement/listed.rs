//! Revoked stays revoked: what lists say over time, and what an admin who makes them say something else comes to.

use crate::{
    lists::{Entry, Lists, entry},
    pki::{DAY_MS, NOW_MS, TestCa, World, list, next, sign},
};
use alcove_charter::{
    Appended, CrlError, DeviceCertificate, EverListed, Judge, ListFault, TrustError, TrustView,
};
use alcove_proto::v1;

pub(crate) const SERIAL: &[u8] = &[0x41; 16];
pub(crate) const OTHER: &[u8] = &[0x42; 16];

/// As a device takes a list, whatever the desk would have said to it.
pub(crate) fn with(view: &TrustView, list: &[u8]) -> TrustView {
    view.with_crl(list).unwrap().0
}

/// As the desk takes a list.
pub(crate) fn at_desk(view: &TrustView, list: &[u8]) -> Result<TrustView, CrlError> {
    view.with_next_crl(list, NOW_MS).map(|(view, _)| view)
}

/// Whether a leaf of the second agency is refused at a moment that names list `number`.
pub(crate) fn is_revoked_at(world: &World, view: &TrustView, leaf: &[u8], number: u64) -> bool {
    let context = v1::CommitContext {
        format: 1,
        time_ms: NOW_MS,
        charter_version: view.charter().version,
        charter_hash: view.charter().hash().to_vec(),
        crl_numbers: vec![v1::CrlNumber { trust_domain: world.agencies[1].trust_domain.to_string(), number }],
        seen_position: 0,
        seen_head: vec![0; 32],
    };
    let moment = view.moment_of_commit(&context).unwrap();
    let judged = view.verify_device_mls(&[leaf], Judge::At(&moment));
    matches!(judged, Err(TrustError::Revoked { .. }))
}

#[test]
fn who_missed_lists_comes_to_the_verdict_of_who_did_not() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let leaf = world.agencies[1].mls_leaf().make();
    let listed = [entry(SERIAL, &[3])];
    let on = |number| if number < 3 { &[][..] } else { &listed };
    let lists: Vec<Vec<u8>> = (1..=5).map(|number| ca.list(number, on(number))).collect();
    let followed = lists.iter().fold(world.view(), |view, list| with(&view, list));
    let slept = with(&with(&world.view(), &lists[0]), &lists[4]);
    let joined = with(&world.view(), &lists[4]);
    for number in 1..=5 {
        for view in [&followed, &slept, &joined] {
            assert_eq!(is_revoked_at(&world, view, &leaf, number), number >= 3, "list {number}");
        }
    }
    // The control: a list of before does not say since when, and whoever missed the others cannot know.
    let old = with(&world.view(), &ca.list(5, &[entry(SERIAL, &[])]));
    assert!(!is_revoked_at(&world, &old, &leaf, 4));
    assert!(is_revoked_at(&world, &old, &leaf, 5));
    let moment = |view: &TrustView| view.moment(NOW_MS);
    let certificate = old.verify_device_mls(&[&leaf], Judge::Never).unwrap();
    assert!(!joined.may_have_been_revoked(&certificate, &moment(&with(&world.view(), &lists[1]))));
    assert!(old.may_have_been_revoked(&certificate, &moment(&with(&world.view(), &lists[1]))));
}

#[test]
fn a_list_that_drops_a_living_certificate_is_refused_at_the_desk() {
    let world = World::new();
    let agency = &world.agencies[1];
    let view = at_desk(&world.view(), &agency.ca.list(1, &[entry(SERIAL, &[1])])).unwrap();
    let (trust_domain, number) = (agency.trust_domain.clone(), 2);
    for entries in [&[][..], &[entry(OTHER, &[2])]] {
        let refused = at_desk(&view, &agency.ca.list(number, entries)).unwrap_err();
        let serial = alcove_charter::Serial::from_der_content(SERIAL);
        assert_eq!(
            refused,
            CrlError::Of { trust_domain: trust_domain.clone(), number, fault: ListFault::Drops(serial) }
        );
    }
    // The control: a list that leaves nothing out is taken, and so is one that comes again.
    let all = agency.ca.list(number, &[entry(SERIAL, &[1]), entry(OTHER, &[2])]);
    let view = at_desk(&view, &all).unwrap();
    assert_eq!(view.with_next_crl(&all, NOW_MS).unwrap().1, Appended::AlreadyHeld);
}

#[test]
fn at_a_device_the_number_of_a_list_that_drops_counts_and_what_it_dropped_stays_revoked() {
    let world = World::new();
    let agency = &world.agencies[1];
    let leaf = agency.mls_leaf().make();
    let listed = with(&world.view(), &agency.ca.list(1, &[entry(SERIAL, &[1])]));
    let dropped = with(&listed, &agency.ca.list(2, &[]));
    assert_eq!(dropped.crl_numbers()[0].number, 2);
    assert!(is_revoked_at(&world, &dropped, &leaf, 1));
    assert!(is_revoked_at(&world, &dropped, &leaf, 2));
    let tls = agency.tls_leaf().make();
    assert!(matches!(dropped.verify_device_tls(&[tls], NOW_MS), Err(TrustError::Revoked { .. })));
    // The control: whoever never had the first list has nothing to remember.
    assert!(!is_revoked_at(&world, &with(&world.view(), &agency.ca.list(2, &[])), &leaf, 2));

    // It is kept across a restart, by the vault or beside the list.
    let kept = dropped.listed(&agency.trust_domain).unwrap().encode();
    let again = EverListed::decode(&kept).unwrap();
    assert_eq!(again, **dropped.listed(&agency.trust_domain).unwrap());
    let reopened = world.view().with_listed(&agency.trust_domain, again);
    let reopened = with(&reopened, &agency.ca.list(2, &[]));
    assert!(is_revoked_at(&world, &reopened, &leaf, 1));
    for length in 0..kept.len() {
        // Never a panic, whatever is left of it.
        let _ = EverListed::decode(&kept[..length]);
    }
}

#[test]
fn a_serial_may_go_when_no_certificate_can_live_that_long() {
    let world = World::new();
    let agency = &world.agencies[1];
    let old = Entry { revoked_at_ms: NOW_MS - 900 * DAY_MS, ..entry(SERIAL, &[1]) };
    let made_ms = NOW_MS - 856 * DAY_MS;
    let view = with(&world.view(), &agency.ca.list_at(1, &[old], made_ms));
    assert!(at_desk(&view, &agency.ca.list(2, &[])).is_ok());
    // A date that was written back does not help: it was not known before that list was made.
    let view = with(&world.view(), &agency.ca.list_at(1, &[old], made_ms + 2 * DAY_MS));
    assert!(matches!(
        at_desk(&view, &agency.ca.list(2, &[])),
        Err(CrlError::Of { fault: ListFault::Drops(_), .. })
    ));
    // Nor does a list that says it was made in some years.
    let ahead = agency.ca.list_at(2, &[], NOW_MS + 900 * DAY_MS);
    assert!(matches!(at_desk(&view, &ahead), Err(CrlError::Of { fault: ListFault::Ahead { .. }, .. })));
}

#[test]
fn lists_of_before_learn_their_numbers_and_keep_what_was_held() {
    let world = World::new();
    let agency = &world.agencies[1];
    let leaf = agency.mls_leaf().make();
    let view = at_desk(&world.view(), &agency.ca.list(4, &[entry(SERIAL, &[])])).unwrap();
    assert!(!is_revoked_at(&world, &view, &leaf, 3), "not known");
    let later = agency.ca.list(5, &[entry(SERIAL, &[5])]);
    assert!(
        matches!(at_desk(&view, &later), Err(CrlError::Of { fault: ListFault::Redated(_), .. })),
        "list 4 had it"
    );
    let view = at_desk(&view, &agency.ca.list(5, &[entry(SERIAL, &[2])])).unwrap();
    assert!(is_revoked_at(&world, &view, &leaf, 3));
    assert!(!is_revoked_at(&world, &view, &leaf, 1));
}

#[test]
fn numbers_rise_by_a_thousand_at_most() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let view = at_desk(&world.view(), &ca.list(7, &[])).unwrap();
    assert!(at_desk(&view, &ca.list(1007, &[])).is_ok());
    assert!(matches!(
        at_desk(&view, &ca.list(1008, &[])),
        Err(CrlError::Of { fault: ListFault::Jump { rise_max: 1000, .. }, .. })
    ));
    // A device allows for a few lists that come above what else is taken.
    assert!(view.with_crl(&ca.list(2007, &[])).is_ok());
    assert!(matches!(
        view.with_crl(&ca.list(2008, &[])),
        Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
    ));
    assert!(matches!(
        view.with_crl(&ca.list(u64::MAX, &[])),
        Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
    ));

    // Whoever slept for a day has missed what the desk took in a day, and not more.
    let a_day_later = |number| ca.list_at(number, &[], NOW_MS + DAY_MS);
    let most = 2007 + 1000 * 24 * 60 * 6;
    assert!(view.with_crl(&a_day_later(most)).is_ok());
    assert!(matches!(
        view.with_crl(&a_day_later(most + 1)),
        Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
    ));

    // So the desk lets no thousand follow on another where who missed the one could not take the other.
    let second = at_desk(&view, &ca.list(1007, &[])).unwrap();
    let too_early = at_desk(&second, &ca.list(2007, &[]));
    assert!(matches!(
        too_early,
        Err(CrlError::Of { fault: ListFault::Pace { again_ms: 20_000, is_dated_ahead: false }, .. })
    ));
    assert!(matches!(
        at_desk(&second, &ca.list(1018, &[])),
        Err(CrlError::Of { fault: ListFault::Pace { .. }, .. })
    ));
    assert!(at_desk(&second, &ca.list(1017, &[])).is_ok(), "what an agency makes itself comes at any time");
    let kept = EverListed::decode(&second.listed(&world.agencies[1].trust_domain).unwrap().encode()).unwrap();
    assert_eq!(&kept, &**second.listed(&world.agencies[1].trust_domain).unwrap(), "also as it is kept");
    let after = |seconds: i64, clock: i64| {
        let list = ca.list_at(2007, &[], NOW_MS + seconds * 1000);
        second.with_next_crl(&list, NOW_MS + clock * 1000)
    };
    assert!(after(10, 10).is_err(), "two thousand since the first");
    let ahead = after(20, 5);
    assert!(
        matches!(
            ahead,
            Err(CrlError::Of { fault: ListFault::Pace { again_ms: 15_000, is_dated_ahead: true }, .. })
        ),
        "whoever dates ahead gains nothing, and is told when the same list is taken"
    );
    assert!(after(20, 20).is_ok());
}

#[test]
fn a_desk_sees_from_outside_whose_a_list_is_and_whether_it_is_old() {
    let world = World::new();
    let (ca, trust_domain) = (&world.agencies[1].ca, world.agencies[1].trust_domain.clone());
    let fifth = ca.list(5, &[entry(SERIAL, &[5])]);
    let view = at_desk(&world.view(), &fifth).unwrap();
    let offered = view.offered_crl(&ca.list(6, &[entry(SERIAL, &[5])])).unwrap();
    assert_eq!((offered.trust_domain, offered.number), (trust_domain.clone(), 6));
    assert_eq!(offered.signer, *view.crl(&trust_domain).unwrap().signer());
    assert_eq!(view.offered_crl(&ca.list(u64::MAX, &[])).unwrap().number, u64::MAX);
    assert!(matches!(view.offered_crl(&fifth), Err(CrlError::Of { number: 5, fault: ListFault::Fork, .. })));
    assert!(matches!(
        view.offered_crl(&ca.list(4, &[])),
        Err(CrlError::Of { number: 4, fault: ListFault::Behind { held: 5 }, .. })
    ));
    assert!(matches!(view.offered_crl(&TestCa::new("nobody").list(6, &[])), Err(CrlError::UnknownIssuer)));
    let mut altered = ca.list(6, &[]);
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(view.offered_crl(&altered), Err(CrlError::BadSignature)));

    // Every list there is tells its number so; what is signed and no list does not get so far as to be believed.
    for number in [0, 1, 127, 128, 255, 256, 65_535, u64::MAX] {
        for entries in [&[][..], &[entry(SERIAL, &[1])], &[entry(SERIAL, &[]), entry(OTHER, &[])]] {
            assert_eq!(world.view().offered_crl(&ca.list(number, entries)).unwrap().number, number);
        }
    }
    // Nor is the key of a CA that was replaced of any use.
    let new_ca = TestCa::new("harborlight CA of next year");
    let after = rolled(&world, &view, &[&new_ca]);
    assert!(matches!(
        after.offered_crl(&ca.list(6, &[])),
        Err(CrlError::Of { number: 6, fault: ListFault::Retired, .. })
    ));
    assert!(after.offered_crl(&new_ca.list(6, &[])).is_ok());
}

/// Harborlight with its own CA and the next one.
pub(crate) fn rolled(world: &World, view: &TrustView, cas: &[&TestCa]) -> TrustView {
    let charter = next(view.charters(), |charter| list(&mut charter.agencies[1], cas));
    view.with_charter(&sign(&charter, &world.agencies)).unwrap().0
}

#[test]
fn a_retired_ca_hands_in_nothing_new() {
    let world = World::new();
    let agency = &world.agencies[1];
    let new_ca = TestCa::new("harborlight CA of next year");
    let view = at_desk(&world.view(), &agency.ca.list(1, &[])).unwrap();
    let view = rolled(&world, &view, &[&new_ca]);
    let list = agency.ca.list(2, &[entry(OTHER, &[2])]);
    assert!(matches!(at_desk(&view, &list), Err(CrlError::Of { number: 2, fault: ListFault::Retired, .. })));
    assert!(view.with_crl(&list).is_ok(), "a device takes what the server held before the roll-over");
}

#[test]
fn an_entry_says_one_number_of_a_list_that_can_have_been() {
    let world = World::new();
    let agency = &world.agencies[1];
    let refused = |entries: &[Entry<'_>]| world.view().with_crl(&agency.ca.list(5, entries)).unwrap_err();
    let raw = |raw: &'static [u8]| Entry { raw: Some(raw), ..entry(SERIAL, &[]) };
    for (wrong, why) in [
        (entry(SERIAL, &[0]), "there is no list 0 that lists anything"),
        (entry(SERIAL, &[6]), "a list to come"),
        (entry(SERIAL, &[3, 4]), "twice"),
        (raw(&[]), "nothing"),
        (raw(&[2, 1, 0xff]), "less than none"),
        (raw(&[4, 1, 3]), "no number"),
        (raw(&[2, 1, 3, 0]), "more than a number"),
        (raw(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), "more than 64 bits"),
    ] {
        assert_eq!(refused(&[wrong]), CrlError::Malformed, "{why}");
    }
    assert_eq!(refused(&[entry(SERIAL, &[3]), entry(SERIAL, &[4])]), CrlError::Malformed, "a serial twice");
    assert!(world.view().with_crl(&agency.ca.list(5, &[entry(SERIAL, &[5])])).is_ok(), "the control");
}

#[test]
fn the_extension_is_these_bytes() {
    // SEQUENCE { OBJECT IDENTIFIER 1.3.6.1.4.1.58888.1.4, OCTET STRING { INTEGER 7 } }
    const VECTOR: &[u8] = &[0x30, 17, 6, 10, 0x2b, 6, 1, 4, 1, 0x83, 0xcc, 8, 1, 4, 4, 3, 2, 1, 7];
    let world = World::new();
    let list = world.agencies[1].ca.list(9, &[entry(SERIAL, &[7])]);
    assert!(list.windows(VECTOR.len()).any(|bytes| bytes == VECTOR));
    let view = with(&world.view(), &list);
    let (_, said) = view.crl(&world.agencies[1].trust_domain).unwrap().entries().next().unwrap();
    assert_eq!((said.revoked_at_ms, said.first), (NOW_MS - DAY_MS, Some(7)));
}

#[test]
fn nothing_is_parsed_before_it_is_known_who_signed_it() {
    let world = World::new();
    let agency = &world.agencies[1];
    let view = world.view();
    let issuer = alcove_charter::Ca::parse(&agency.ca.der).unwrap().subject().to_vec();
    // A body of which only the first three fields are right.
    let body = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(1);
            writer.next().write_sequence(|_| {});
            writer.next().write_der(&issuer);
            writer.next().write_utf8_string("no list at all");
        });
    });
    let stranger = TestCa::new("stranger CA");
    assert_eq!(view.with_crl(&stranger.signed_list(&body)).unwrap_err(), CrlError::BadSignature);
    assert_eq!(view.with_crl(&agency.ca.signed_list(&body)).unwrap_err(), CrlError::Malformed, "the control");
}

/// What a device believes of a certificate is of no use to another CA's list.
#[test]
fn a_certificate_says_which_ca_signed_it() {
    let world = World::new();
    let agency = &world.agencies[1];
    let ca = *alcove_charter::Ca::parse(&agency.ca.der).unwrap().public_key();
    let leaf = agency.mls_leaf().make();
    let believed: DeviceCertificate = world.view().verify_device_mls(&[leaf], Judge::Never).unwrap();
    assert_eq!(believed.issuer, ca);
}

#[test]
fn a_removal_by_an_old_cas_list_stays_right_when_the_new_cas_list_does_not_name_it() {
    let world = World::new();
    let agency = &world.agencies[1];
    let new = TestCa::new("harborlight CA of next year");
    let leaf = |ca| {
        let arcs = alcove_charter::oids::MLS_SIGNING_ARCS;
        let leaf = crate::pki::Leaf::new(ca, &agency.identity(), arcs);
        leaf.change(|params| params.serial_number = Some(rcgen::SerialNumber::from_slice(SERIAL))).make()
    };
    let both = rolled(&world, &world.view(), &[&agency.ca, &new]);
    // Whoever slept has list 4 and then list 6; the removal named list 5, which had it.
    let slept = with(&with(&both, &agency.ca.list(4, &[])), &new.list(6, &[]));
    let named_5 = with(&with(&both, &agency.ca.list(4, &[])), &agency.ca.list(5, &[entry(SERIAL, &[5])]));
    let may_have_been = |leaf: &[u8]| {
        let certificate = slept.verify_device_mls(&[leaf], Judge::Never).unwrap();
        slept.may_have_been_revoked(&certificate, &named_5.moment(NOW_MS))
    };
    assert!(may_have_been(&leaf(&agency.ca)));
    // The control: of what the new CA certified the old one's list says nothing.
    assert!(!may_have_been(&leaf(&new)));
}

#[test]
fn a_serial_is_as_long_as_one_may_be_and_a_first_list_leaves_room_for_others() {
    let world = World::new();
    let ca = &world.agencies[1].ca;
    let view = world.view();
    assert!(matches!(view.with_crl(&ca.list(1, &[entry(&[0x41; 22], &[1])])), Err(CrlError::Malformed)));
    assert!(view.with_crl(&ca.list(1, &[entry(&[0x41; 20], &[1])])).is_ok(), "the control");
    for number in [u64::MAX, (1 << 48) + 1] {
        let list = ca.list(number, &[]);
        assert!(
            matches!(view.with_crl(&list), Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })),
            "{number}"
        );
        assert!(
            matches!(
                view.with_offered_crl(&list, NOW_MS),
                Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
            ),
            "{number}"
        );
    }
    assert!(matches!(
        at_desk(&view, &ca.list((1 << 32) + 1, &[])),
        Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
    ));
    assert!(at_desk(&view, &ca.list(1 << 32, &[])).is_ok(), "the control");
}

/// The first list has as high a number as one may have; the second comes after it. Whoever meets the second first must take
/// it: else the server does not start on it, no vault opens with it, and nobody who is new reads what names it.
#[test]
fn the_highest_first_list_is_followed_by_others_that_everybody_takes_whatever_they_held() {
    let world = World::new();
    let (ca, trust_domain) = (&world.agencies[1].ca, &world.agencies[1].trust_domain);
    let [first, second] =
        [1 << 32, (1 << 32) + 1].map(|number| ca.list(number, &[entry(SERIAL, &[1 << 32])]));
    let in_force = at_desk(&at_desk(&world.view(), &first).unwrap(), &second).unwrap();

    // The server's next start, with what it remembers and without; a file that an operator puts there.
    let listed = EverListed::decode(&in_force.listed(trust_domain).unwrap().encode()).unwrap();
    let started = world.view().with_listed(trust_domain, listed.clone());
    let (started, _) = started.with_filed_crl(&second, NOW_MS).unwrap();
    assert!(world.view().with_filed_crl(&second, NOW_MS).is_ok());
    // A vault that is opened again, and a device that is new.
    let kept = world.view().with_listed(trust_domain, listed);
    assert!(kept.with_crl_of(trust_domain, &second).is_ok());
    let (new, _) = world.view().with_offered_crl(&second, NOW_MS).unwrap();
    // The next charter, and a commit that names the list, for everybody.
    let leaf = world.agencies[1].mls_leaf().make();
    for view in [&in_force, &started, &new] {
        let after = rolled(&world, view, &[ca, &TestCa::new("harborlight CA of next year")]);
        assert!(is_revoked_at(&world, &after, &leaf, (1 << 32) + 1));
        assert!(at_desk(&after, &ca.list((1 << 32) + 2, &[entry(SERIAL, &[1 << 32])])).is_ok());
    }
    // The control: at the desk of an agency that has had none, the second is too high for a first one.
    assert!(matches!(
        at_desk(&world.view(), &second),
        Err(CrlError::Of { fault: ListFault::Jump { .. }, .. })
    ));
}
