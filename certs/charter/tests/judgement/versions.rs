//! Later versions: what a quorum may do, and what it may never do.

use crate::pki::{DAY_MS, NOW_MS, TestAgency, TestCa, World, list, next, sign};
use alcove_charter::{Appended, CharterError, CharterHistory};
use alcove_proto::v1::{self, Side};

/// What somebody would change in an agency's entry.
type Alteration<'a> = &'a dyn Fn(&mut v1::Agency);

fn append(history: &CharterHistory, signed: &[u8]) -> Result<CharterHistory, CharterError> {
    let mut history = history.clone();
    history.append(signed).map(|_| history)
}

#[test]
fn a_quorum_adds_an_agency_that_agrees() {
    let world = World::new();
    let history = world.history();
    let newcomer = TestAgency::new("prosecution", "Northmark Federal Prosecution Office");
    let charter = next(&history, |charter| {
        charter.agencies.push(newcomer.entry());
        charter.quorum = 3;
    });

    let agreed = sign(&charter, world.agencies[..2].iter().chain([&newcomer]));
    let grown = append(&history, &agreed).unwrap();
    assert_eq!(grown.newest().agencies.len(), 4);
    assert_eq!(grown.get(1).unwrap().agencies.len(), 3);

    let without_the_newcomer = sign(&charter, &world.agencies);
    let trust_domain = newcomer.trust_domain.clone();
    assert_eq!(
        append(&history, &without_the_newcomer).unwrap_err(),
        CharterError::EntryNotSigned(trust_domain)
    );

    let below = sign(&charter, world.agencies[..1].iter().chain([&newcomer]));
    let quorum = CharterError::BelowQuorum { signed: 1, quorum: 2 };
    assert_eq!(append(&history, &below).unwrap_err(), quorum, "a newcomer does not count for the quorum");
}

#[test]
fn a_quorum_removes_an_agency_and_the_one_that_leaves_may_agree() {
    let world = World::new();
    let history = world.history();
    let charter = next(&history, |charter| drop(charter.agencies.remove(0)));
    assert_eq!(append(&history, &sign(&charter, &world.agencies[1..])).unwrap().newest().agencies.len(), 2);
    assert!(append(&history, &sign(&charter, &world.agencies[..2])).is_ok());
    assert_eq!(
        append(&history, &sign(&charter, &world.agencies[..1])).unwrap_err(),
        CharterError::BelowQuorum { signed: 1, quorum: 2 }
    );
}

#[test]
fn nobody_alters_an_agencys_entry_without_it() {
    let world = World::new();
    let history = world.history();
    let impostor = TestCa::new("impostor");
    let own = &world.agencies[0].ca;
    let other = TestAgency::new("elmgate", "Elmgate Family Justice Center");
    let alterations: [(&str, Alteration<'_>); 5] = [
        ("its CA", &|entry| list(entry, &[&impostor])),
        ("a second CA", &|entry| list(entry, &[own, &impostor])),
        ("its charter key", &|entry| entry.charter_key = other.entry().charter_key),
        ("its side", &|entry| entry.side = Side::Prosecution.into()),
        ("its name", &|entry| entry.display_name = "Elmgate".to_owned()),
    ];
    for (what, alter) in alterations {
        let charter = next(&history, |charter| alter(&mut charter.agencies[0]));
        let everybody_else = sign(&charter, &world.agencies[1..]);
        let trust_domain = world.agencies[0].trust_domain.clone();
        assert_eq!(
            append(&history, &everybody_else).unwrap_err(),
            CharterError::EntryNotSigned(trust_domain),
            "{what}"
        );
        // The control: with its own signature the same version is taken.
        assert!(append(&history, &sign(&charter, &world.agencies[..2])).is_ok(), "{what}");
    }
}

#[test]
fn a_new_charter_key_cannot_sign_for_the_old_one() {
    let mut world = World::new();
    let history = world.history();
    let other = TestAgency::new("elmgate", "Elmgate Family Justice Center");
    let charter = next(&history, |charter| charter.agencies[0] = other.entry());
    world.agencies[0] = other;
    assert_eq!(
        append(&history, &sign(&charter, &world.agencies)).unwrap_err(),
        CharterError::BadSignature(world.agencies[0].trust_domain.clone())
    );
}

#[test]
fn removing_and_adding_again_does_not_swap_an_agencys_keys() {
    let mut world = World::new();
    let history = world.history();
    let removal = next(&history, |charter| drop(charter.agencies.remove(0)));
    let without = append(&history, &sign(&removal, &world.agencies[1..])).unwrap();

    let impostor = TestAgency::new("elmgate", "Elmgate Family Justice Center");
    let back = next(&without, |charter| charter.agencies.push(impostor.entry()));
    let signed = sign(&back, world.agencies[1..].iter().chain([&impostor]));
    assert_eq!(
        append(&without, &signed).unwrap_err(),
        CharterError::BadSignature(impostor.trust_domain.clone())
    );

    // The control: the agency itself comes back, by its own key.
    let elmgate = world.agencies.remove(0);
    let back = next(&without, |charter| charter.agencies.push(elmgate.entry()));
    let agreed = sign(&back, world.agencies.iter().chain([&elmgate]));
    assert_eq!(append(&without, &agreed).unwrap().newest().version, 3);
    let not_asked = sign(&back, &world.agencies);
    let trust_domain = elmgate.trust_domain.clone();
    assert_eq!(append(&without, &not_asked).unwrap_err(), CharterError::EntryNotSigned(trust_domain));
}

#[test]
fn versions_follow_one_another_without_gap_or_step_back() {
    let world = World::new();
    let history = world.history();
    let second = |change: &dyn Fn(&mut v1::Charter)| {
        let charter = next(&history, |charter| change(charter));
        append(&history, &sign(&charter, &world.agencies)).map(drop)
    };
    assert_eq!(second(&|_| {}), Ok(()));
    assert_eq!(second(&|charter| charter.version = 3), Err(CharterError::Gap { held: 1, offered: 3 }));
    assert_eq!(
        second(&|charter| charter.previous_hash[0] ^= 1),
        Err(CharterError::WrongPrevious { version: 2 })
    );
    assert_eq!(
        second(&|charter| charter.issued_at_ms = NOW_MS - 2 * DAY_MS),
        Err(CharterError::IssuedBeforePrevious { version: 2 })
    );
    assert_eq!(
        second(&|charter| {
            charter.collaborative = "southmark.example".to_owned();
            for agency in &mut charter.agencies {
                agency.trust_domain = agency.trust_domain.replace("northmark", "southmark");
            }
        }),
        Err(CharterError::OtherCollaborative)
    );
}

#[test]
fn two_charters_with_one_number_are_an_alarm() {
    let world = World::new();
    let mut history = world.history();
    assert_eq!(history.append(&world.signed()), Ok(Appended::AlreadyHeld));

    let mut rival = world.charter();
    rival.server_name = "rival.northmark.example".to_owned();
    let rival = sign(&rival, &world.agencies);
    assert_eq!(history.append(&rival), Err(CharterError::Fork { version: 1 }));

    let second = next(&history, |charter| charter.quorum = 3);
    assert_eq!(history.append(&sign(&second, &world.agencies)), Ok(Appended::New));
    let other_second = next(&world.history(), |charter| charter.not_after_ms += 1);
    assert_eq!(history.append(&sign(&other_second, &world.agencies)), Err(CharterError::Fork { version: 2 }));
    assert_eq!(history.newest().quorum, 3, "the one that came first stays");
}

#[test]
fn a_history_is_read_from_its_first_version() {
    let world = World::new();
    let history = world.history();
    let second = sign(&next(&history, |charter| charter.quorum = 3), &world.agencies);
    let read = CharterHistory::from_versions([world.signed(), second.clone()]).unwrap();
    assert_eq!(read.newest().version, 2);
    assert_eq!(read.signed_after(1).count(), 1);
    assert_eq!(read.signed_after(9).count(), 0);
    assert!(read.get(0).is_none() && read.get(3).is_none());

    assert_eq!(CharterHistory::first(&second).unwrap_err(), CharterError::NotFirst { version: 2 });
    let none: [&[u8]; 0] = [];
    assert_eq!(CharterHistory::from_versions(none).unwrap_err(), CharterError::NotFirst { version: 0 });
}
