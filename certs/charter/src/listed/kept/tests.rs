//! The form in which it is kept, frozen below tests/vectors/stored/charter: as devices have it in their vaults, and servers
//! beside the list.

use super::*;
use crate::pace::Pace;
use alcove_tests::stored::{self, Form, Forms};
use std::path::Path;

/// Of two CAs, since the place of the first is what a field says that nobody has set.
fn whole() -> EverListed {
    let signers = [5, 6].map(|byte| {
        let mut point = [byte; P256Point::LEN];
        point[0] = 4;
        P256Point::parse(&point).unwrap()
    });
    let listing = Listing {
        signer: 1,
        first: 3,
        exact: true,
        not_before: 8,
        revoked_at_ms: 5,
        since_ms: 6,
        charter_version: 7,
    };
    EverListed {
        signers: signers.to_vec(),
        serials: BTreeMap::from([(Serial::from_der_content(&[1, 1, 1, 1]), vec![listing])]),
        pace: Some(Pace::whole()),
        newest: Some(Digest([20; 32])),
    }
}

fn forms() -> Vec<Form> {
    let listing = Kept::decode(whole().encode().as_slice()).unwrap().listings.remove(0);
    vec![ever_listed(whole()), part(listing), part(Pace::whole())]
}

fn ever_listed(value: EverListed) -> Form {
    let bytes = value.encode();
    let reads = move |bytes: &[u8]| EverListed::decode(bytes).is_some_and(|read| read == value);
    Form::message::<Kept>(bytes, reads).called("EverListed")
}

fn part<M: Message + Default + PartialEq + 'static>(message: M) -> Form {
    let bytes = message.encode_to_vec();
    Form::message::<M>(bytes, move |bytes| M::decode(bytes).is_ok_and(|read| read == message))
}

#[test]
fn every_stored_form_is_as_its_file_says_and_is_read_as_what_it_was() {
    stored::check("charter", &forms());
}

#[test]
fn every_row_and_every_field_has_a_stored_form() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let declared = stored::declared(&[&source]);
    assert_eq!(stored::unfrozen(&declared, &forms()), Vec::<String>::new());
    // The control.
    let missing = stored::unfrozen(&declared, &forms()[1..]);
    assert!(matches!(missing.as_slice(), [line] if line.starts_with("Kept:")), "{missing:?}");
}

#[test]
fn what_is_not_as_its_stored_form_says_is_seen() {
    let mut forms = forms();
    forms[0] = ever_listed(EverListed { pace: None, ..whole() });
    let faults = Forms::of("charter").faults(&forms);
    assert_eq!(faults.len(), 2, "it differs, and the file is read as another value: {faults:?}");
}
