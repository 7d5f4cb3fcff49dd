//! A key that has been somebody's CA or charter key is nobody else's, ever after: what is tried, by whom.

use crate::pki::{TestAgency, TestCa, World, list, next, sign};
use alcove_charter::{CharterError, CharterHistory, KeyOwner};
use alcove_proto::v1;
use rcgen::PublicKeyData;

fn append(history: &CharterHistory, signed: &[u8]) -> Result<CharterHistory, CharterError> {
    let mut history = history.clone();
    history.append(signed).map(|_| history)
}

fn taken(listed: KeyOwner, owner: KeyOwner) -> CharterError {
    CharterError::KeyOfAnother { listed, owner }
}

/// Elmgate has left: version 2 lists the others.
fn without_elmgate(world: &World) -> CharterHistory {
    let removal = next(&world.history(), |charter| drop(charter.agencies.remove(0)));
    append(&world.history(), &sign(&removal, &world.agencies[1..])).unwrap()
}

/// The version after, in which Harborlight lists these CAs. All that are in it sign.
fn harborlight_lists(
    world: &World,
    history: &CharterHistory,
    cas: &[&TestCa],
) -> Result<CharterHistory, CharterError> {
    let charter = next(history, |charter| {
        let harborlight = world.agencies[1].trust_domain.as_str();
        let entry = charter.agencies.iter_mut().find(|entry| entry.trust_domain == harborlight);
        list(entry.unwrap(), cas);
    });
    let signers =
        world.agencies.iter().filter(|agency| history.newest().agency(&agency.trust_domain).is_some());
    append(history, &sign(&charter, signers))
}

/// The attack of the finding: a former member's CA, with its claim even (an admin who left may have sold the key).
#[test]
fn nobody_takes_over_the_ca_of_an_agency_that_left() {
    let world = World::new();
    let [elmgate, harborlight, _] = &world.agencies[..] else { panic!("three agencies") };
    let history = without_elmgate(&world);
    assert_eq!(
        harborlight_lists(&world, &history, &[&harborlight.ca, &elmgate.ca]).unwrap_err(),
        taken(KeyOwner::Ca(harborlight.trust_domain.clone()), KeyOwner::Ca(elmgate.trust_domain.clone()))
    );
    // The control: a CA that nobody has had, in the same place.
    let own = TestCa::new("harborlight CA 2");
    assert_eq!(harborlight_lists(&world, &history, &[&harborlight.ca, &own]).unwrap().newest().version, 3);
    // And an agency that comes back brings its keys along.
    let back = next(&history, |charter| charter.agencies.push(elmgate.entry()));
    assert_eq!(append(&history, &sign(&back, &world.agencies)).unwrap().newest().version, 3);
}

#[test]
fn nobody_takes_over_a_ca_that_its_agency_has_rolled_away_from() {
    let world = World::new();
    let [elmgate, harborlight, _] = &world.agencies[..] else { panic!("three agencies") };
    let new_ca = TestCa::new("elmgate CA 2");
    let rolled = next(&world.history(), |charter| list(&mut charter.agencies[0], &[&new_ca]));
    let history = append(&world.history(), &sign(&rolled, &world.agencies)).unwrap();
    for key in [&elmgate.ca, &new_ca] {
        assert!(harborlight_lists(&world, &history, &[&harborlight.ca, key]).is_err());
    }
    assert_eq!(
        harborlight_lists(&world, &history, &[&elmgate.ca]).unwrap_err(),
        taken(KeyOwner::Ca(harborlight.trust_domain.clone()), KeyOwner::Ca(elmgate.trust_domain.clone()))
    );
    // The control: Elmgate goes back to the CA it had.
    let back = next(&history, |charter| list(&mut charter.agencies[0], &[&new_ca, &elmgate.ca]));
    assert!(append(&history, &sign(&back, &world.agencies)).is_ok());
}

#[test]
fn a_key_keeps_its_purpose_too() {
    let world = World::new();
    let [elmgate, harborlight, _] = &world.agencies[..] else { panic!("three agencies") };
    let history = without_elmgate(&world);
    let refused = |change: &dyn Fn(&mut v1::Charter)| {
        let charter = next(&history, |charter| change(charter));
        append(&history, &sign(&charter, &world.agencies[1..])).unwrap_err()
    };
    let of = |agency: &TestAgency| agency.trust_domain.clone();

    let charter_key = elmgate.charter_key.der_bytes().to_vec();
    assert_eq!(
        refused(&|charter| charter.agencies[0].charter_key = charter_key.clone()),
        taken(KeyOwner::CharterKey(of(harborlight)), KeyOwner::CharterKey(of(elmgate)))
    );
    let ca_key = elmgate.ca.key.der_bytes().to_vec();
    assert_eq!(
        refused(&|charter| charter.agencies[0].charter_key = ca_key.clone()),
        taken(KeyOwner::CharterKey(of(harborlight)), KeyOwner::Ca(of(elmgate)))
    );
    // The server's CA was no agency's, and none becomes the server's.
    assert_eq!(
        refused(&|charter| charter.server_ca_certificates = vec![elmgate.ca.der.clone()]),
        taken(KeyOwner::ServerCa, KeyOwner::Ca(of(elmgate)))
    );
    let other_server = TestCa::new("another server CA");
    let changed = next(&history, |charter| charter.server_ca_certificates = vec![other_server.der.clone()]);
    let history = append(&history, &sign(&changed, &world.agencies[1..])).unwrap();
    assert_eq!(
        harborlight_lists(&world, &history, &[&world.server_ca]).unwrap_err(),
        taken(KeyOwner::Ca(of(harborlight)), KeyOwner::ServerCa)
    );
    // The control: the server goes back to the CA it had.
    let back = next(&history, |charter| charter.server_ca_certificates = vec![world.server_ca.der.clone()]);
    assert!(append(&history, &sign(&back, &world.agencies[1..])).is_ok());
}

#[test]
fn a_ca_is_listed_by_who_holds_its_key() {
    let world = World::new();
    let stranger = TestCa::new("somebody's CA");
    let history = world.history();
    let (elmgate, harborlight) = (&world.agencies[0].trust_domain, &world.agencies[1].trust_domain);
    let with = |claims: Vec<Vec<u8>>| {
        let charter = next(&history, |charter| {
            charter.agencies[1].ca_certificates = vec![stranger.der.clone()];
            charter.agencies[1].ca_claims = claims.clone();
        });
        append(&history, &sign(&charter, &world.agencies)).map(drop)
    };
    let bad = || Err(CharterError::BadCaClaim(harborlight.clone()));
    assert_eq!(with(Vec::new()), Err(CharterError::CaClaimMissing(harborlight.clone())));
    assert_eq!(with(vec![world.agencies[1].ca.claim(harborlight)]), bad(), "by a key of its own");
    assert_eq!(with(vec![stranger.claim(elmgate)]), bad(), "made for another agency");
    let doubled = vec![stranger.claim(harborlight), stranger.claim(harborlight)];
    assert_eq!(with(doubled), Err(CharterError::CaClaimMissing(harborlight.clone())));
    assert_eq!(with(vec![stranger.claim(harborlight)]), Ok(()), "the control");

    // The first version asks the same.
    let mut first = world.charter();
    first.agencies[2].ca_claims.clear();
    let trust_domain = world.agencies[2].trust_domain.clone();
    let refused = CharterHistory::first(&sign(&first, &world.agencies)).unwrap_err();
    assert_eq!(refused, CharterError::CaClaimMissing(trust_domain));
}

/// What was made before the rules is read as ever; the version that states them asks every agency.
#[test]
fn old_charters_are_taken_as_they_are_until_one_states_the_rules() {
    let world = World::new();
    let [elmgate, harborlight, _] = &world.agencies[..] else { panic!("three agencies") };
    let mut first = world.charter();
    first.rules = 0;
    let with_claims = CharterHistory::first(&sign(&first, &world.agencies)).unwrap_err();
    let trust_domain = elmgate.trust_domain.clone();
    assert_eq!(with_claims, CharterError::ClaimsWithoutRules(trust_domain));
    first.agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
    let history = CharterHistory::first(&sign(&first, &world.agencies)).unwrap();

    // Harborlight took Elmgate's CA when nobody was asked.
    let gone = next(&history, |charter| drop(charter.agencies.remove(0)));
    let history = append(&history, &sign(&gone, &world.agencies[1..])).unwrap();
    let took = next(&history, |charter| charter.agencies[0].ca_certificates.push(elmgate.ca.der.clone()));
    let history = append(&history, &sign(&took, &world.agencies[1..])).unwrap();

    let raised = |cas: &[&TestCa]| {
        let charter = next(&history, |charter| {
            charter.rules = 1;
            list(&mut charter.agencies[0], cas);
            list(&mut charter.agencies[1], &[&world.agencies[2].ca]);
        });
        append(&history, &sign(&charter, &world.agencies[1..])).map(drop)
    };
    assert_eq!(
        raised(&[&harborlight.ca, &elmgate.ca]),
        Err(taken(
            KeyOwner::Ca(harborlight.trust_domain.clone()),
            KeyOwner::Ca(elmgate.trust_domain.clone())
        ))
    );
    assert_eq!(raised(&[&harborlight.ca]), Ok(()));
    let without_claims = next(&history, |charter| {
        charter.rules = 1;
        list(&mut charter.agencies[0], &[&harborlight.ca]);
    });
    assert_eq!(
        append(&history, &sign(&without_claims, &world.agencies[1..])).unwrap_err(),
        CharterError::CaClaimMissing(world.agencies[2].trust_domain.clone())
    );
}
