//! Directory cards: a name is believed only from the person's own agency.

use crate::pki::{HANDLE, NOW_MS, TestAgency, World, next, sign};
use alcove_charter::{Card, CardError, SignedBodyError};
use alcove_proto::{canonical::CanonicalError, names::Person, v1};
use prost::Message;

fn person(agency: &TestAgency) -> Person {
    format!("spiffe://{}/staff/{HANDLE}", agency.trust_domain).parse().unwrap()
}

fn card(agency: &TestAgency) -> v1::Card {
    v1::Card {
        format: 1,
        person: person(agency).to_string(),
        name: "Rosa Iglesias-Peña".to_owned(),
        role: "case manager".to_owned(),
        issued_at_ms: NOW_MS,
    }
}

#[test]
fn a_card_signed_by_the_persons_agency_is_believed() {
    let world = World::new();
    let agency = &world.agencies[1];
    let believed = Card::verify(&agency.card(&card(agency)), &person(agency), &world.history()).unwrap();
    assert_eq!(believed.name, "Rosa Iglesias-Peña");
    assert_eq!(believed.person, person(agency));
}

#[test]
fn a_card_of_anybody_else_is_refused() {
    let world = World::new();
    let history = world.history();
    let (elmgate, harborlight) = (&world.agencies[0], &world.agencies[1]);
    let good = card(harborlight);

    let by_another_agency = elmgate.card(&good);
    assert_eq!(
        Card::verify(&by_another_agency, &person(harborlight), &history),
        Err(CardError::Body(SignedBodyError::BadSignature))
    );
    let of_another_person = elmgate.card(&card(elmgate));
    assert_eq!(Card::verify(&of_another_person, &person(harborlight), &history), Err(CardError::OtherPerson));
    let stranger = TestAgency::new("stranger", "A Stranger");
    let trust_domain = stranger.trust_domain.clone();
    assert_eq!(
        Card::verify(&stranger.card(&card(&stranger)), &person(&stranger), &history),
        Err(CardError::UnknownAgency(trust_domain))
    );
}

#[test]
fn a_card_that_would_deceive_or_does_not_parse_is_refused() {
    let world = World::new();
    let history = world.history();
    let agency = &world.agencies[1];
    let judge = |card: v1::Card| Card::verify(&agency.card(&card), &person(agency), &history).unwrap_err();
    let good = card(agency);
    assert_eq!(judge(v1::Card { name: String::new(), ..good.clone() }), CardError::Text);
    assert_eq!(judge(v1::Card { role: String::new(), ..good.clone() }), CardError::Text);
    assert_eq!(judge(v1::Card { name: "x".repeat(201), ..good.clone() }), CardError::Text);
    assert_eq!(judge(v1::Card { name: "Rosa\u{202e}".to_owned(), ..good.clone() }), CardError::Text);
    assert_eq!(judge(v1::Card { role: "a\nb".to_owned(), ..good.clone() }), CardError::Text);
    assert_eq!(
        judge(v1::Card { format: 2, ..good.clone() }),
        CardError::Body(SignedBodyError::Format { found: 2 })
    );
    assert!(matches!(
        judge(v1::Card { person: "Rosa".to_owned(), ..good.clone() }),
        CardError::Body(SignedBodyError::Name(_))
    ));

    let signed = agency.card(&good);
    let mut longer = signed.clone();
    longer.extend([0x78, 1]);
    assert_eq!(
        Card::verify(&longer, &person(agency), &history),
        Err(CardError::Body(SignedBodyError::Encoding(CanonicalError::NotCanonical)))
    );
    let mut message = v1::SignedCard::decode(signed.as_slice()).unwrap();
    message.card = v1::Card { role: "attorney".to_owned(), ..good }.encode_to_vec();
    assert_eq!(
        Card::verify(&message.encode_to_vec(), &person(agency), &history),
        Err(CardError::Body(SignedBodyError::BadSignature))
    );
}

#[test]
fn a_full_card_fits_its_padding() {
    let world = World::new();
    let agency = &world.agencies[1];
    let full = v1::Card { name: "n".repeat(200), role: "r".repeat(200), ..card(agency) };
    let signed = agency.card(&full);
    assert!(signed.len() + 4 <= alcove_proto::limits::CARD_PADDED_BYTES, "{} bytes", signed.len());
}

#[test]
fn a_card_outlives_a_change_of_the_charter_key() {
    let world = World::new();
    let mut history = world.history();
    let agency = &world.agencies[1];
    let signed = agency.card(&card(agency));
    let renewed = TestAgency::new("harborlight", "Harborlight Immigrant Services");
    let charter = next(&history, |charter| charter.agencies[1].charter_key = renewed.entry().charter_key);
    history.append(&sign(&charter, &world.agencies)).unwrap();
    assert!(Card::verify(&signed, &person(agency), &history).is_ok());
    assert!(Card::verify(&renewed.card(&card(agency)), &person(agency), &history).is_ok());
}
