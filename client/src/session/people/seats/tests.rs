//! For whom nothing is sealed, and who can be taken out.

use super::*;
use alcove_charter::P256Point;
use alcove_proto::ids::Digest;

fn seat(leaf: u32, role: v1::Role) -> Seat {
    let handle = alcove_proto::names::Handle::from_random([leaf as u8; 10]);
    let name = format!("spiffe://harborlight.northmark.example/staff/{}/device/1", handle.as_str());
    let identity: Identity = name.parse().unwrap();
    let public_key = P256Point::parse(&[4; P256Point::LEN]).unwrap();
    Seat { leaf, identity, role, certificate_hash: Digest([0; 32]), public_key, since: Default::default() }
}

fn removed(roster: Vec<(Seat, bool)>) -> Vec<u32> {
    let standing = |lapsed| if lapsed { Standing::Outside } else { Standing::Good { until_ms: i64::MAX } };
    let roster: Vec<_> = roster.into_iter().map(|(seat, lapsed)| (seat, standing(lapsed))).collect();
    let names = removable(&roster);
    let named = |seat: &Seat| names.contains(&seat.identity.to_string());
    roster.iter().filter(|(seat, _)| named(seat)).map(|(seat, _)| seat.leaf).collect()
}

#[test]
fn the_lapsed_go_and_an_owner_among_them_stays_only_when_no_other_would() {
    use v1::Role::{Member, Owner};
    let with_owner = vec![
        (seat(0, Owner), true),
        (seat(1, Member), true),
        (seat(2, Owner), false),
        (seat(3, Member), false),
    ];
    assert_eq!(removed(with_owner), [0, 1]);
    let sole_owner = vec![(seat(0, Owner), true), (seat(1, Member), true), (seat(2, Member), false)];
    assert_eq!(removed(sole_owner), [1], "the member's removal is not held up by the owner's");
    let two_owners = vec![(seat(0, Owner), true), (seat(1, Owner), true), (seat(2, Member), false)];
    assert_eq!(removed(two_owners), [1]);
    assert_eq!(removed(vec![(seat(0, Owner), false), (seat(1, Member), false)]), [0u32; 0]);
}

#[test]
fn of_two_owners_who_lapsed_the_one_who_was_away_stays() {
    use Standing::{Expired, Outside};
    use v1::Role::Owner;
    let kept = |first, second| {
        let roster = [(seat(0, Owner), first), (seat(1, Owner), second)];
        let gone = removable(&roster);
        roster.iter().position(|(seat, _)| !gone.contains(&seat.identity.to_string()))
    };
    assert_eq!(kept(Outside, Expired), Some(1));
    assert_eq!(kept(Expired, Outside), Some(0));
    assert_eq!(kept(Outside, Outside), Some(0));
}

#[test]
fn a_group_has_no_owner_only_when_each_of_them_is_revoked_or_outside() {
    use Standing::{Expired, Good, Outside};
    use v1::Role::{Member, Owner};
    let good = Good { until_ms: i64::MAX };
    let of = |owners: &[Standing]| {
        let owners = (0..).zip(owners).map(|(leaf, standing)| (seat(leaf, Owner), *standing));
        has_no_owner(&owners.chain([(seat(9, Member), good)]).collect::<Vec<_>>())
    };
    assert!(of(&[Outside]) && of(&[Outside, Outside]));
    assert!(!of(&[good]) && !of(&[Outside, good]));
    assert!(!of(&[Expired]) && !of(&[Outside, Expired]), "away for long is not gone");
}
