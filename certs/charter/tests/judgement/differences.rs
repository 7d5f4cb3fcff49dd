//! What a signer is shown: nothing that a draft changes is left out, and what looks alike is told apart.

use crate::pki::{COLLABORATIVE, TestAgency, TestCa, World, list, next};
use alcove_charter::{Agency, Charter, Difference, KeyPurpose, differences, entry_words, key_words};
use alcove_proto::v1::{self, Side};
use prost::Message;
use std::collections::BTreeSet;

fn of(world: &World, change: impl FnOnce(&mut v1::Charter)) -> Vec<Difference> {
    let history = world.history();
    let offered = next(&history, change);
    differences(Some(history.newest()), &Charter::parse(&offered.encode_to_vec()).unwrap())
}

#[test]
fn every_change_of_a_charter_is_told_and_nothing_else() {
    let world = World::new();
    let elmgate = world.agencies[0].trust_domain.clone();
    let until = world.charter().not_after_ms;
    let same_end = |charter: &mut v1::Charter| charter.not_after_ms = until;
    assert_eq!(of(&world, same_end), [], "the control: a draft that changes nothing");

    let other = TestCa::new("another");
    let others = TestAgency::new("elmgate", "Elmgate Family Justice Center");
    let point = |bytes: &[u8]| alcove_charter::P256Point::parse(bytes).unwrap();
    let key_of = |der: &[u8]| *alcove_charter::Ca::parse(der).unwrap().public_key();
    let with = |change: &dyn Fn(&mut v1::Charter)| {
        of(&world, |charter| {
            same_end(charter);
            change(charter);
        })
    };

    let server = with(&|charter| charter.server_ca_certificates = vec![other.der.clone()]);
    let (new, old) = (key_of(&other.der), key_of(&world.server_ca.der));
    assert_eq!(server, [Difference::ServerCaAdded(new), Difference::ServerCaDropped(old)]);
    assert_eq!(server[0].words(), Some(key_words(None, KeyPurpose::ServerCa, &new)));
    assert_eq!(server[1].words(), None);

    let beside = with(&|charter| list(&mut charter.agencies[0], &[&world.agencies[0].ca, &other]));
    let added = |purpose, key| Difference::KeyAdded { trust_domain: elmgate.clone(), purpose, key };
    let dropped = |purpose, key| Difference::KeyDropped { trust_domain: elmgate.clone(), purpose, key };
    assert_eq!(beside, [added(KeyPurpose::Ca, new)]);
    let entry = world.agencies[0].entry();
    type Field = fn(&mut v1::Agency) -> &mut Vec<u8>;
    let fields: [(KeyPurpose, Field); 2] = [
        (KeyPurpose::CharterKey, |entry| &mut entry.charter_key),
        (KeyPurpose::SealingKey, |entry| &mut entry.sealing_key),
    ];
    for (purpose, field) in fields {
        let (now, before) = (field(&mut others.entry()).clone(), field(&mut entry.clone()).clone());
        let found = with(&|charter| *field(&mut charter.agencies[0]) = now.clone());
        assert_eq!(found, [added(purpose, point(&now)), dropped(purpose, point(&before))]);
        assert!(found[0].words().is_some());
    }
    let recovery = others.entry().charter_key;
    let found = with(&|charter| charter.agencies[0].recovery_key = recovery.clone());
    assert_eq!(found, [added(KeyPurpose::RecoveryKey, point(&recovery))]);

    let named = with(&|charter| charter.agencies[0].display_name = "Elmgate".to_owned());
    assert!(matches!(&named[..], [Difference::Name { .. }]), "{named:?}");
    let sided = with(&|charter| charter.agencies[0].side = Side::Prosecution.into());
    assert!(matches!(&sided[..], [Difference::Side { before: Side::Provider, .. }]), "{sided:?}");
    let called = with(&|charter| charter.server_name = "other.northmark.example".to_owned());
    assert!(matches!(&called[..], [Difference::ServerName { .. }]), "{called:?}");
    assert_eq!(with(&|charter| charter.quorum = 3), [Difference::Quorum { before: 2 }]);
    assert_eq!(with(&|charter| charter.not_after_ms += 1), [Difference::End { before_ms: until }]);
    let left = with(&|charter| drop(charter.agencies.remove(0)));
    assert_eq!(
        left,
        [Difference::Leaves { trust_domain: elmgate.clone() }, Difference::Quorum { before: 2 }]
    );
}

#[test]
fn in_a_first_charter_the_server_and_every_agency_are_to_be_heard() {
    let world = World::new();
    let charter = Charter::parse(&world.charter().encode_to_vec()).unwrap();
    let found = differences(None, &charter);
    assert_eq!(found.len(), 4);
    assert!(matches!(found[0], Difference::ServerCaAdded(_)));
    assert!(found.iter().all(|difference| difference.words().is_some()));
}

#[test]
fn no_two_keys_owners_or_purposes_have_the_same_words() {
    let agency = |test: &TestAgency| Agency::parse(&test.entry()).unwrap();
    let one = TestAgency::new("elmgate", "Elmgate");
    let elmgate = agency(&one);
    let mut words = BTreeSet::from([entry_words(&elmgate)]);
    let other_domain = format!("other.{COLLABORATIVE}").parse().unwrap();
    let key = elmgate.charter_key;
    for owner in [None, Some(&elmgate.trust_domain), Some(&other_domain)] {
        for purpose in [
            KeyPurpose::ServerCa,
            KeyPurpose::Ca,
            KeyPurpose::CharterKey,
            KeyPurpose::SealingKey,
            KeyPurpose::RecoveryKey,
        ] {
            words.insert(key_words(owner, purpose, &key));
        }
    }
    assert_eq!(words.len(), 16);
    // The words of an entry are over each of its keys.
    let mut entry = one.entry();
    entry.recovery_key = TestAgency::new("elmgate", "Elmgate").entry().charter_key;
    words.insert(entry_words(&Agency::parse(&entry).unwrap()));
    list(&mut entry, &[&one.ca, &TestCa::new("second")]);
    words.insert(entry_words(&Agency::parse(&entry).unwrap()));
    assert_eq!(words.len(), 18);
    let renamed = v1::Agency { display_name: "Elmgate Center".to_owned(), ..one.entry() };
    assert!(words.contains(&entry_words(&Agency::parse(&renamed).unwrap())), "a name is no key");
}
