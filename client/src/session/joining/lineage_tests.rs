//! Each fact is bent alone, beside the honest case it was bent from.

use super::*;
use alcove_proto::{ids::EpochId, names::Handle};

fn device(person: u8, number: u16) -> Identity {
    let handle = Handle::from_random([person; 10]);
    format!("spiffe://harborlight.northmark.example/staff/{}/device/{number}", handle.as_str())
        .parse()
        .unwrap()
}

fn key(seed: u8) -> P256Point {
    let mut point = [seed; P256Point::LEN];
    point[0] = 4;
    P256Point::parse(&point).unwrap()
}

fn seat(leaf: u32, identity: Identity, role: Role, key: P256Point) -> Seat {
    Seat {
        leaf,
        identity,
        role,
        certificate_hash: Digest([0; 32]),
        public_key: key,
        since: Default::default(),
    }
}

const OWNER: u8 = 1;
const OWN: u8 = 2;
const MEMBER: u8 = 3;

fn constants() -> Constants {
    Constants { charter_hash: Digest([7; 32]), predecessor: None }
}

/// An owner, two devices of this device's person, another member; read up to entry 20 in epoch 5.
fn known() -> Known {
    Known {
        seats: vec![
            seat(0, device(OWNER, 1), Role::Owner, key(10)),
            seat(1, device(OWN, 1), Role::Member, key(20)),
            seat(2, device(OWN, 2), Role::Member, key(21)),
            seat(3, device(MEMBER, 1), Role::Member, key(30)),
        ],
        constants: constants(),
        epoch: Epoch(5),
        position: Position(20),
        head: Head([1; 32]),
    }
}

struct Facts {
    by: Identity,
    key: P256Point,
    ties: KeyTies,
    constants: Constants,
    epoch: u64,
    pin: LogPin,
    reached: Option<Head>,
    is_outside: bool,
}

/// The owner adds this device again, after ten entries that it was not shown.
fn honest() -> Facts {
    Facts {
        by: device(OWNER, 1),
        key: key(10),
        ties: KeyTies::default(),
        constants: constants(),
        epoch: 7,
        pin: LogPin { position: Position(30), head: Head([9; 32]) },
        reached: Some(Head([9; 32])),
        is_outside: false,
    }
}

fn judged(bend: impl FnOnce(&mut Facts)) -> Result<(), Break> {
    let mut facts = honest();
    bend(&mut facts);
    let Facts { by, key, ties, constants, epoch, pin, reached, is_outside } = &facts;
    let (constants, epoch, pin, is_outside) = (*constants, Epoch(*epoch), *pin, *is_outside);
    let offered = Offered { by, key, ties, constants, epoch, pin, is_outside };
    leads_on(&device(OWN, 1), Some(&known()), &offered, *reached)
}

#[test]
fn the_owner_of_then_and_another_device_of_ones_own_bring_back() {
    assert_eq!(judged(|_| {}), Ok(()));
    assert_eq!(judged(|facts| (facts.by, facts.key) = (device(OWN, 2), key(21))), Ok(()));
}

#[test]
fn nobody_else_does_whatever_the_new_group_says_of_them() {
    for (by, with) in [
        (device(MEMBER, 1), key(30)),
        // A device of the owner's that was not there then: the agency alone vouches for it.
        (device(OWNER, 2), key(10)),
        (device(9, 1), key(9)),
        // Of one's own person, and never seen.
        (device(OWN, 3), key(22)),
    ] {
        assert_eq!(judged(|facts| (facts.by, facts.key) = (by, with)), Err(Break::NoRight));
    }
}

#[test]
fn another_key_of_the_owner_counts_only_when_it_is_tied() {
    assert_eq!(judged(|facts| facts.key = key(11)), Err(Break::OtherKey));
    // What makes a tie hold, alcove-mls tests with keys that can sign.
}

#[test]
fn charter_and_predecessor_stay() {
    assert_eq!(judged(|facts| facts.constants.charter_hash = Digest([8; 32])), Err(Break::OtherConstants));
    let predecessor = Predecessor {
        group: GroupId([4; 16]),
        epoch: Epoch(1),
        epoch_id: EpochId([0; 32]),
        position: Position(1),
        head: Head([0; 32]),
    };
    assert_eq!(judged(|facts| facts.constants.predecessor = Some(predecessor)), Err(Break::OtherConstants));
}

#[test]
fn what_is_older_is_a_replay() {
    for (epoch, at) in [(5, 20), (4, 30), (7, 19), (0, 0)] {
        let older = judged(|facts| {
            facts.epoch = epoch;
            facts.pin.position = Position(at);
        });
        assert_eq!(older, Err(Break::Older), "epoch {epoch}, pinned at {at}");
    }
}

#[test]
fn the_log_seen_here_has_to_lead_to_the_pin() {
    assert_eq!(judged(|facts| facts.reached = None), Err(Break::WayUnknown));
    assert_eq!(judged(|facts| facts.reached = Some(Head([8; 32]))), Err(Break::OtherHistory));
    let where_it_stands = |head| {
        move |facts: &mut Facts| {
            facts.pin = LogPin { position: Position(20), head: Head([head; 32]) };
            // Not asked: what was reached is one's own head.
            facts.reached = None;
        }
    };
    assert_eq!(judged(where_it_stands(1)), Ok(()));
    assert_eq!(judged(where_it_stands(2)), Err(Break::OtherHistory));
    let far = 20 + WAY_DIGESTS_MAX;
    assert_eq!(judged(|facts| facts.pin.position = Position(far)), Ok(()));
    assert_eq!(judged(|facts| facts.pin.position = Position(far + 1)), Err(Break::TooFar));
    assert_eq!(judged(|facts| facts.pin.position = Position(u64::MAX)), Err(Break::TooFar));
}

#[test]
fn whoever_is_known_here_to_be_revoked_brings_nobody_back() {
    assert_eq!(judged(|facts| facts.is_outside = true), Err(Break::Outside));
    // Nor is the server asked for the entries between.
    assert_eq!(judged(|facts| (facts.is_outside, facts.reached) = (true, None)), Err(Break::Outside));
}

#[test]
fn nothing_is_asked_of_the_server_for_somebody_without_the_right() {
    let stranger = judged(|facts| {
        (facts.by, facts.key) = (device(9, 1), key(9));
        facts.reached = None;
    });
    assert_eq!(stranger, Err(Break::NoRight));
}

#[test]
fn a_recovered_case_is_continued_by_nobody_unasked() {
    let facts = honest();
    let offered = Offered {
        by: &facts.by,
        key: &facts.key,
        ties: &facts.ties,
        constants: facts.constants,
        epoch: Epoch(facts.epoch),
        pin: facts.pin,
        is_outside: facts.is_outside,
    };
    assert_eq!(leads_on(&device(OWN, 1), None, &offered, facts.reached), Err(Break::NoRoster));
}
