//! Whose sealing an epoch is, and what is marked for it.

use super::*;
use crate::{
    session::state::Seat,
    vault::rows::tests::{CERTIFICATE, GROUP},
};
use alcove_charter::P256Point;
use alcove_proto::v1::Role;
use alcove_tests::stored::Forms;

/// Leaves of these agencies, by number.
fn roster(leaves: &[(u32, &str)]) -> Roster {
    let seat = |(leaf, agency): &(u32, &str)| Seat {
        leaf: *leaf,
        identity: format!("spiffe://{agency}.northmark.example/staff/aaaaaaaaaaaaaaaa/device/{}", leaf + 1)
            .parse()
            .unwrap(),
        role: Role::Member,
        certificate_hash: Digest([*leaf as u8; 32]),
        public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
        since: Default::default(),
    };
    Roster { members: leaves.iter().map(seat).collect() }
}

#[test]
fn the_two_lowest_leaves_of_an_agency_seal_and_nobody_else() {
    let agency: TrustDomain = "harborlight.northmark.example".parse().unwrap();
    let leaves = [(0, "elmgate"), (2, "harborlight"), (3, "elmgate"), (7, "harborlight"), (8, "harborlight")];
    let whole = roster(&leaves);
    let designated = |roster: &Roster, leaf| is_designated(roster, &agency, leaf);
    assert_eq!([2, 7, 8].map(|leaf| designated(&whole, leaf)), [true, true, false]);
    assert!(!designated(&whole, 0), "another agency's epoch key is not sealed to this one's recovery key");
    let alone = roster(&[(0, "elmgate"), (5, "harborlight")]);
    assert!(designated(&alone, 5), "an agency with one leaf seals once");
}

#[test]
fn a_certificate_lies_where_its_stored_form_says() {
    let place = certificate_place(&GROUP, &Digest(CERTIFICATE));
    assert_eq!(place.to_vec(), Forms::of("vault").key("escrow_certificate"));
}
