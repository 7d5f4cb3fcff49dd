//! Revocation lists: from the right CA, in order, and what they do to certificates.

use crate::pki::{DAY_MS, NOW_MS, TestCa, World, list, next, sign};
use alcove_charter::{Appended, CharterHistory, CrlError, Judge, ListFault, TrustError, TrustView};
use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, SerialNumber};

const SERIAL: &[u8] = &[0x41; 16];

#[test]
fn a_revoked_device_is_refused_and_the_others_are_not() {
    let world = World::new();
    let agency = &world.agencies[1];
    let (revoked, other) = (
        agency.tls_leaf().make(),
        agency
            .tls_leaf()
            .change(|params| params.serial_number = Some(SerialNumber::from_slice(&[0x42; 16])))
            .make(),
    );
    let clean = world.view();
    assert!(clean.verify_device_tls(&[&revoked], NOW_MS).is_ok());

    let (view, appended) = clean.with_crl(&agency.ca.crl(1, &[SERIAL])).unwrap();
    assert_eq!(appended, Appended::New);
    let gone = TrustError::Revoked { revoked_at_ms: NOW_MS - DAY_MS };
    assert_eq!(view.verify_device_tls(&[&revoked], NOW_MS), Err(gone.clone()));
    assert!(view.verify_device_tls(&[&other], NOW_MS).is_ok());

    let mls = agency.mls_leaf().make();
    assert_eq!(view.verify_device_mls(&[&mls], Judge::At(&view.moment(NOW_MS))), Err(gone.clone()));
    assert!(view.verify_device_mls(&[&mls], Judge::Never).is_ok());

    // A commit may be dated two hours back: that must not bring a revoked device in.
    let early = view.moment(NOW_MS - DAY_MS + 1000);
    assert_eq!(view.verify_device_mls(&[&mls], Judge::At(&early)), Err(gone));
}

#[test]
fn a_list_that_came_later_does_not_reach_back() {
    let world = World::new();
    let agency = &world.agencies[1];
    let mls = agency.mls_leaf().make();
    let (first, _) = world.view().with_crl(&agency.ca.crl(1, &[])).unwrap();
    let then = first.moment(NOW_MS);
    let (second, _) = first.with_crl(&agency.ca.crl(2, &[SERIAL])).unwrap();
    assert!(second.verify_device_mls(&[&mls], Judge::At(&then)).is_ok());
    let now = second.moment(NOW_MS);
    assert!(matches!(second.verify_device_mls(&[&mls], Judge::At(&now)), Err(TrustError::Revoked { .. })));
}

#[test]
fn an_agencys_list_says_nothing_about_another_ones_devices() {
    let world = World::new();
    let (elmgate, harborlight) = (&world.agencies[0], &world.agencies[1]);
    let (view, _) = world.view().with_crl(&elmgate.ca.crl(1, &[SERIAL])).unwrap();
    assert!(view.verify_device_tls(&[harborlight.tls_leaf().make()], NOW_MS).is_ok());
    assert!(view.verify_device_tls(&[elmgate.tls_leaf().make()], NOW_MS).is_err());
    assert_eq!(view.crl_numbers().len(), 1);
    assert_eq!(view.crl(&elmgate.trust_domain).unwrap().len(), 1);
    assert!(view.crl(&harborlight.trust_domain).is_none());
}

#[test]
fn numbers_rise_and_never_stand_for_two_lists() {
    let world = World::new();
    let agency = &world.agencies[1];
    let trust_domain = agency.trust_domain.clone();
    let fifth = agency.ca.crl(5, &[SERIAL]);
    let (view, _) = world.view().with_crl(&fifth).unwrap();
    assert_eq!(view.with_crl(&fifth).unwrap().1, Appended::AlreadyHeld);
    assert_eq!(
        view.with_crl(&agency.ca.crl(4, &[])).unwrap_err(),
        CrlError::Of { trust_domain: trust_domain.clone(), number: 4, fault: ListFault::Behind { held: 5 } }
    );
    assert_eq!(
        view.with_crl(&agency.ca.crl(5, &[])).unwrap_err(),
        CrlError::Of { trust_domain: trust_domain.clone(), number: 5, fault: ListFault::Fork }
    );
    let (view, _) = view.with_crl(&agency.ca.crl(6, &[])).unwrap();
    assert_eq!(view.crl(&trust_domain).unwrap().number, 6);
}

#[test]
fn a_ca_that_retires_takes_no_revocation_back_and_has_no_say_after_the_next_one() {
    let world = World::new();
    let agency = &world.agencies[1];
    let new_ca = TestCa::new("harborlight CA of next year");
    let trust_domain = agency.trust_domain.clone();
    let rolled = |view: &TrustView, cas: &[&TestCa]| {
        let charter = next(view.charters(), |charter| list(&mut charter.agencies[1], cas));
        view.with_charter(&sign(&charter, &world.agencies)).unwrap().0
    };
    let both = rolled(&world.view(), &[&agency.ca, &new_ca]);
    let after = rolled(&both, &[&new_ca]);
    let fifth = agency.ca.crl(5, &[SERIAL]);

    // Whoever had the list has it, and whoever comes later takes it.
    let (had, _) = both.with_crl(&fifth).unwrap();
    let had = rolled(&had, &[&new_ca]);
    let (took, _) = after.with_crl(&fifth).unwrap();
    let old_leaf = agency.mls_leaf().make();
    for view in [&had, &took] {
        assert_eq!(view.crl_numbers()[0].number, 5);
        let certificate = view.verify_device_mls(&[&old_leaf], Judge::Never).unwrap();
        assert_eq!(view.revoked_at_ms(&certificate), Some(NOW_MS - DAY_MS));
        assert_eq!(after.revoked_at_ms(&certificate), None, "the control");
    }

    // Whoever stole the old key has no say once the new one has signed, however high he counts.
    let (view, _) = took.with_crl(&new_ca.crl(6, &[SERIAL])).expect("today's CA is heard");
    assert_eq!(view.crl(&trust_domain).unwrap().number, 6);
    let number = 7;
    assert_eq!(
        view.with_crl(&agency.ca.crl(number, &[])).unwrap_err(),
        CrlError::Of { trust_domain: trust_domain.clone(), number, fault: ListFault::Retired }
    );

    // And numbers rise through the roll-over: whoever slept must be able to read what named the last one by the old CA.
    assert_eq!(
        took.with_crl(&new_ca.crl(4, &[SERIAL])).unwrap_err(),
        CrlError::Of { trust_domain: trust_domain.clone(), number: 4, fault: ListFault::Behind { held: 5 } }
    );
    assert_eq!(
        took.with_crl(&new_ca.crl(5, &[SERIAL])).unwrap_err(),
        CrlError::Of { trust_domain, number: 5, fault: ListFault::Fork }
    );
}

#[test]
fn a_list_of_anybody_else_is_refused() {
    let world = World::new();
    let view = world.view();
    let stranger = TestCa::new("stranger CA");
    assert_eq!(view.with_crl(&stranger.crl(1, &[])).unwrap_err(), CrlError::UnknownIssuer);
    let look_alike = TestCa::new("harborlight CA");
    assert_eq!(view.with_crl(&look_alike.crl(1, &[])).unwrap_err(), CrlError::BadSignature);
    assert_eq!(view.with_crl(&world.server_ca.crl(1, &[])).unwrap_err(), CrlError::UnknownIssuer);
}

#[test]
fn a_list_over_a_part_is_refused() {
    let world = World::new();
    let partial = world.agencies[1].ca.crl_with(1, &[], |params| {
        params.issuing_distribution_point = Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec!["http://lists.northmark.example".into()] },
            scope: None,
        });
    });
    assert_eq!(world.view().with_crl(&partial).unwrap_err(), CrlError::Malformed);
}

#[test]
fn a_number_beyond_64_bits_is_refused() {
    let world = World::new();
    let huge = world.agencies[1].ca.crl_with(1, &[], |params| {
        params.crl_number = SerialNumber::from_slice(&[1; 12]);
    });
    assert_eq!(world.view().with_crl(&huge).unwrap_err(), CrlError::Number);
}

#[test]
fn no_truncated_or_altered_list_is_believed() {
    let world = World::new();
    let view = world.view();
    let crl = world.agencies[1].ca.crl(1, &[SERIAL]);
    for index in 0..crl.len() {
        assert!(view.with_crl(&crl[..index]).is_err(), "{index} bytes");
        let mut altered = crl.clone();
        altered[index] ^= 1;
        assert!(view.with_crl(&altered).is_err(), "byte {index}");
    }
    let mut longer = crl.clone();
    longer.push(0);
    assert_eq!(view.with_crl(&longer).unwrap_err(), CrlError::Malformed);
    assert_eq!(
        view.with_crl(&vec![0; 6 * 1024 * 1024]).unwrap_err(),
        CrlError::TooLarge { bytes: 6 * 1024 * 1024 }
    );
}

#[test]
fn a_stale_list_still_counts_and_says_so() {
    let world = World::new();
    let agency = &world.agencies[1];
    let (view, _) = world.view().with_crl(&agency.ca.crl(1, &[SERIAL])).unwrap();
    let crl = view.crl(&agency.trust_domain).unwrap();
    assert!(!crl.is_stale(NOW_MS + 29 * DAY_MS));
    assert!(crl.is_stale(NOW_MS + 30 * DAY_MS));
    let later = NOW_MS + 31 * DAY_MS;
    let long = agency.tls_leaf().times(NOW_MS, later + DAY_MS).make();
    assert!(matches!(view.verify_device_tls(&[&long], later), Err(TrustError::Revoked { .. })));
    let other = agency
        .tls_leaf()
        .change(|params| params.serial_number = Some(SerialNumber::from_slice(&[0x42; 16])))
        .times(NOW_MS, later + DAY_MS)
        .make();
    assert!(view.verify_device_tls(&[&other], later).is_ok(), "forgetting to publish locks nobody out");
}

#[test]
fn a_long_list_is_read_whole() {
    let world = World::new();
    let agency = &world.agencies[1];
    let serials: Vec<Vec<u8>> = (0..20_000u32).map(|n| [&[0x50][..], &n.to_be_bytes()].concat()).collect();
    let serials: Vec<&[u8]> = serials.iter().map(Vec::as_slice).collect();
    let (view, _) = world.view().with_crl(&agency.ca.crl(1, &serials)).unwrap();
    assert_eq!(view.crl(&agency.trust_domain).unwrap().len(), 20_000);
    let last = agency
        .tls_leaf()
        .change(|params| params.serial_number = Some(SerialNumber::from_slice(serials[19_999])))
        .make();
    assert!(matches!(view.verify_device_tls(&[last], NOW_MS), Err(TrustError::Revoked { .. })));
}

/// Before rules 1 nothing kept an agency from listing the CA of one that had left. What that CA has signed stays whose it
/// was: neither a fresh device nor one that kept the list takes it for the new one's.
#[test]
fn a_list_stays_its_first_owners_when_another_agency_lists_the_ca() {
    let world = World::new();
    let [elmgate, harborlight, protection] = &world.agencies[..] else { panic!("three agencies") };
    let mut first = world.charter();
    first.rules = 0;
    first.agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
    let view = TrustView::new(CharterHistory::first(&sign(&first, &world.agencies)).unwrap());
    let gone = next(view.charters(), |charter| drop(charter.agencies.remove(0)));
    let (view, _) = view.with_charter(&sign(&gone, &world.agencies[1..])).unwrap();
    let taken = next(view.charters(), |charter| {
        charter.agencies[0].ca_certificates.push(elmgate.ca.der.clone());
    });
    let (view, _) = view.with_charter(&sign(&taken, &world.agencies[1..])).unwrap();

    let (view, _) = view.with_crl(&harborlight.ca.crl(6, &[])).unwrap();
    let fifth = elmgate.ca.crl(5, &[SERIAL]);
    for (view, _) in
        [view.with_crl(&fifth).unwrap(), view.with_crl_of(&elmgate.trust_domain, &fifth).unwrap()]
    {
        assert_eq!(view.crl(&elmgate.trust_domain).map(|crl| crl.number), Some(5));
        assert_eq!(view.crl(&harborlight.trust_domain).map(|crl| crl.number), Some(6));
    }
    // The control: no other agency's CAs are asked for a list that was kept as this one's.
    let other = view.with_crl_of(&protection.trust_domain, &fifth).unwrap_err();
    assert_eq!(other, CrlError::UnknownIssuer);
}
