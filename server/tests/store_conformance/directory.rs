//! Key packages and cards.

use super::{Engine, store_support::*};
use alcove_proto::limits::{
    CLAIM_IDENTITIES_MAX, KEY_PACKAGE_BYTES_MAX, KEY_PACKAGES_PER_DEVICE_MAX, SEALED_CARD_BYTES_MAX,
};
use alcove_server::store::{
    Directory, StoreError,
    directory::{KeyPackageCount, NewKeyPackage, NewKeyPackages, Published},
};
use std::{collections::HashSet, path::Path, sync::Arc};

fn package(seed: u64) -> NewKeyPackage {
    NewKeyPackage { bytes: noise(seed, 1200), not_after_ms: i64::MAX }
}

fn packages(seeds: std::ops::Range<u64>) -> NewKeyPackages {
    NewKeyPackages { one_time: seeds.map(package).collect(), ..NewKeyPackages::default() }
}

pub(crate) async fn a_one_time_key_package_is_handed_out_once_and_the_last_resort_again<E: Engine>(
    folder: &Path,
) {
    let mut store = E::open(folder);
    let new = NewKeyPackages { last_resort: Some(package(99)), ..packages(0..3) };
    let published = store.publish_key_packages(new, by(1)).await.unwrap();
    assert_eq!(published, Published { stored: 3, waiting: 3 });
    let mut handed_out = HashSet::new();
    for round in 0..3 {
        let claimed = store.claim_key_packages(vec![device(2), device(1)], by(3)).await.unwrap();
        assert_eq!(claimed.len(), 1, "who has none is left out");
        assert!(claimed[0].identity == device(1) && !claimed[0].last_resort);
        assert!(handed_out.insert(claimed[0].key_package.clone()), "never the same twice");
        if round == 1 {
            E::close(store);
            store = E::open(folder);
        }
    }
    let count = store.count_key_packages(device(1)).await.unwrap();
    assert_eq!(count, KeyPackageCount { one_time: 0, last_resort: true });
    for _ in 0..2 {
        let claimed = store.claim_key_packages(vec![device(1)], by(3)).await.unwrap();
        assert!(claimed[0].last_resort && claimed[0].key_package == noise(99, 1200));
    }
    let newer = NewKeyPackages { last_resort: Some(package(100)), ..NewKeyPackages::default() };
    store.publish_key_packages(newer, by(1)).await.unwrap();
    let claimed = store.claim_key_packages(vec![device(1)], by(3)).await.unwrap();
    assert!(claimed[0].key_package == noise(100, 1200), "a newer last resort replaces the earlier one");
}

pub(crate) async fn a_publication_that_replaces_leaves_nothing_of_what_was_there<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    store.publish_key_packages(packages(0..3), by(1)).await.unwrap();
    store.publish_key_packages(packages(50..52), by(2)).await.unwrap();
    let replacing = || NewKeyPackages { replace: true, ..packages(2..4) };
    let published = store.publish_key_packages(replacing(), by(1)).await.unwrap();
    assert_eq!(published, Published { stored: 1, waiting: 2 }, "one of them was there");
    let again = store.publish_key_packages(replacing(), by(1)).await.unwrap();
    assert_eq!(again, Published { stored: 0, waiting: 2 }, "the same again changes nothing");
    let mut claimed = Vec::new();
    for _ in 0..2 {
        claimed.extend(store.claim_key_packages(vec![device(1)], by(3)).await.unwrap());
    }
    let bytes: HashSet<_> = claimed.into_iter().map(|claimed| claimed.key_package).collect();
    assert_eq!(bytes, HashSet::from([noise(2, 1200), noise(3, 1200)]));
    let other = store.count_key_packages(device(2)).await.unwrap();
    assert_eq!(other.one_time, 2, "another device's are its own");
}

pub(crate) async fn a_resent_key_package_is_stored_once_even_after_it_was_claimed<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    store.publish_key_packages(packages(0..2), by(1)).await.unwrap();
    let again = store.publish_key_packages(packages(0..2), by(1)).await.unwrap();
    assert_eq!(again, Published { stored: 0, waiting: 2 });
    store.claim_key_packages(vec![device(1)], by(2)).await.unwrap();
    let late = store.publish_key_packages(packages(0..2), by(1)).await.unwrap();
    assert_eq!(late, Published { stored: 0, waiting: 1 }, "a claimed one never comes back");
    // The same bytes of another device are another package.
    let other = store.publish_key_packages(packages(0..2), by(2)).await.unwrap();
    assert_eq!(other, Published { stored: 2, waiting: 2 });
}

pub(crate) async fn key_packages_over_a_limit_are_refused_whole<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let most = KEY_PACKAGES_PER_DEVICE_MAX as u64;
    store.publish_key_packages(packages(0..most - 1), by(1)).await.unwrap();
    let outcome = store.publish_key_packages(packages(most..most + 2), by(1)).await;
    assert!(matches!(outcome, Err(StoreError::TooMany { .. })), "{outcome:?}");
    let long = NewKeyPackage { bytes: noise(1, KEY_PACKAGE_BYTES_MAX + 1), not_after_ms: i64::MAX };
    for new in [
        NewKeyPackages { one_time: vec![package(7777), long.clone()], ..NewKeyPackages::default() },
        NewKeyPackages { last_resort: Some(long), ..NewKeyPackages::default() },
    ] {
        let outcome = store.publish_key_packages(new, by(1)).await;
        assert!(matches!(outcome, Err(StoreError::TooLarge { .. })), "{outcome:?}");
    }
    let count = store.count_key_packages(device(1)).await.unwrap();
    assert_eq!(count, KeyPackageCount { one_time: most as usize - 1, last_resort: false });
    let crowd = (0..=CLAIM_IDENTITIES_MAX as u64).map(device).collect();
    let outcome = store.claim_key_packages(crowd, by(2)).await;
    assert!(matches!(outcome, Err(StoreError::TooMany { .. })), "{outcome:?}");
}

pub(crate) async fn an_expired_key_package_is_not_handed_out<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let until = |seed, not_after_ms| NewKeyPackage { not_after_ms, ..package(seed) };
    let new = NewKeyPackages {
        one_time: vec![until(1, 1000), until(2, 2000)],
        last_resort: Some(until(3, 3000)),
        replace: false,
    };
    store.publish_key_packages(new, by_at(1, 0)).await.unwrap();
    let claim = async |time_ms| {
        let claimed = store.claim_key_packages(vec![device(1)], by_at(2, time_ms)).await.unwrap();
        claimed.first().map(|claimed| claimed.key_package.clone())
    };
    assert_eq!(claim(1000).await, Some(noise(2, 1200)), "1 has expired, whatever order they are kept in");
    assert_eq!(claim(1000).await, Some(noise(3, 1200)));
    assert_eq!(claim(2999).await, Some(noise(3, 1200)));
    assert_eq!(claim(3000).await, None);
}

pub(crate) async fn sixty_four_claims_at_once_get_different_key_packages<E: Engine>(folder: &Path) {
    let store = Arc::new(E::open(folder));
    store.publish_key_packages(packages(0..64), by(1)).await.unwrap();
    let claims: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_key_packages(vec![device(1)], by(number)).await.unwrap() })
        })
        .collect();
    let mut different = HashSet::new();
    for claim in claims {
        different.insert(claim.await.unwrap()[0].key_package.clone());
    }
    assert_eq!(different.len(), 64);
}

pub(crate) async fn cards_are_listed_by_name_and_agency_in_pages<E: Engine>(folder: &Path) {
    let store = E::open(folder);
    let card = |seed| noise(seed, 1100);
    for agency in ["harborlight", "elmgate", "harborlights"] {
        for number in 0..5 {
            let by = alcove_server::store::audit::By { identity: device_of(agency, number), ..by(0) };
            store.publish_card(card(1), by.clone()).await.unwrap();
            store.publish_card(card(number), by).await.unwrap();
        }
    }
    let outcome = store.publish_card(noise(1, SEALED_CARD_BYTES_MAX + 1), by(1)).await;
    assert!(matches!(outcome, Err(StoreError::TooLarge { .. })), "{outcome:?}");

    let all = store.cards(None, None, 100).await.unwrap();
    assert_eq!((all.cards.len(), all.more), (15, false));
    let names: Vec<String> = all.cards.iter().map(|card| card.identity.to_string()).collect();
    assert!(names.is_sorted());

    let domain = device_of("harborlight", 0).person.trust_domain;
    let mut listed = Vec::new();
    // Beginning after somebody of an agency that stands before it.
    let mut after = Some(device_of("elmgate", 2));
    loop {
        let page = store.cards(Some(domain.clone()), after, 2).await.unwrap();
        after = page.cards.last().map(|card| card.identity.clone());
        listed.extend(page.cards);
        if !page.more {
            break;
        }
    }
    let expected: Vec<_> = (0..5).map(|number| (device_of("harborlight", number), card(number))).collect();
    let listed: Vec<_> = listed.into_iter().map(|card| (card.identity, card.sealed_card)).collect();
    assert_eq!(listed, expected, "one agency's, without the one whose name only begins alike");
    let none = store.cards(Some("nobody.northmark.example".parse().unwrap()), None, 5).await.unwrap();
    assert!(none.cards.is_empty() && !none.more);
}
