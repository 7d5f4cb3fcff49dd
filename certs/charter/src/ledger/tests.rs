//! Ledgers that are followed, and every kind of one that is not.

use super::*;
use alcove_proto::canonical::{self, CanonicalError};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};

fn harborlight() -> TrustDomain {
    "harborlight.northmark.example".parse().unwrap()
}

fn rosa(device: u16) -> Identity {
    format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{device}").parse().unwrap()
}

fn serial(number: u8) -> Serial {
    Serial::from_der_content(&[1, number])
}

fn issued(number: u8, kind: LedgerKind) -> LedgerEvent {
    LedgerEvent::Issued(LedgerIssued {
        kind,
        identity: (kind != LedgerKind::Duty).then(|| rosa(1)),
        serial: serial(number),
        key_hash: Digest([number; 32]),
        not_after_ms: 9_000,
    })
}

fn events() -> Vec<LedgerEvent> {
    vec![
        LedgerEvent::Crl { number: 1 },
        issued(1, LedgerKind::DeviceTls),
        issued(2, LedgerKind::DeviceMls),
        issued(3, LedgerKind::Duty),
        LedgerEvent::Revoked { serial: serial(2), reason: 1 },
    ]
}

fn written(events: &[LedgerEvent]) -> (Vec<Vec<u8>>, LedgerPoint) {
    let mut point = LedgerPoint::start(&harborlight());
    let entries = events.iter().map(|event| point.write(&harborlight(), 77, event).unwrap()).collect();
    (entries, point)
}

struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair }
    }

    fn point(&self) -> P256Point {
        P256Point::parse(self.pair.public_key().as_ref()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

#[test]
fn what_is_written_is_followed_to_the_same_end() {
    let events = events();
    let (entries, end) = written(&events);
    let mut point = LedgerPoint::start(&harborlight());
    for (index, (entry, event)) in entries.iter().zip(&events).enumerate() {
        let read = point.follow(&harborlight(), entry).unwrap();
        assert_eq!(read, LedgerEntry { number: index as u64 + 1, time_ms: 77, event: event.clone() });
    }
    assert_eq!(point, end);
}

#[test]
fn one_event_changed_anywhere_changes_the_end() {
    let (_, end) = written(&events());
    for index in 0..events().len() {
        let mut other = events();
        other[index] = LedgerEvent::Crl { number: 99 };
        assert_ne!(written(&other).1.head, end.head, "{index}");
    }
    let elmgate: TrustDomain = "elmgate.northmark.example".parse().unwrap();
    assert_ne!(LedgerPoint::start(&elmgate), LedgerPoint::start(&harborlight()));
}

#[test]
fn entries_left_out_twice_swapped_or_of_another_chain_are_refused_and_the_point_stays() {
    let (entries, _) = written(&events());
    let mut other = events();
    other[0] = LedgerEvent::Crl { number: 2 };
    let (forked, _) = written(&other);
    let mut point = LedgerPoint::start(&harborlight());
    point.follow(&harborlight(), &entries[0]).unwrap();
    let stood = point;
    let refused = |point: &mut LedgerPoint, entry: &[u8]| point.follow(&harborlight(), entry).unwrap_err();
    assert_eq!(refused(&mut point, &entries[2]), LedgerError::Number { expected: 2, found: 3 });
    assert_eq!(refused(&mut point, &entries[0]), LedgerError::Number { expected: 2, found: 1 });
    assert_eq!(refused(&mut point, &forked[1]), LedgerError::Fork { number: 2 });
    assert_eq!(point, stood);
    let mut full = LedgerPoint { count: LEDGER_ENTRIES_MAX, head: point.head };
    assert_eq!(refused(&mut full, &entries[1]), LedgerError::Body(SignedBodyError::TooLarge));
    point.follow(&harborlight(), &entries[1]).expect("the control: the next one");
}

#[test]
fn an_entry_that_does_not_say_what_it_should_is_refused() {
    let start = LedgerPoint::start(&harborlight());
    let follow = |bytes: &[u8]| {
        let mut point = start;
        point.follow(&harborlight(), bytes)
    };
    let good = v1::LedgerEntry {
        format: FORMAT,
        number: 1,
        previous: start.head.to_vec(),
        time_ms: 1,
        event: Some(message_of(&issued(1, LedgerKind::DeviceMls), &harborlight())),
    };
    let Some(Event::Issued(certificate)) = good.event.clone() else { panic!("an issued certificate") };
    let with = |event: Event| v1::LedgerEntry { event: Some(event), ..good.clone() };
    let of = |change: fn(&mut v1::LedgerIssued)| {
        let mut certificate = certificate.clone();
        change(&mut certificate);
        with(Event::Issued(certificate))
    };
    let duty = v1::LedgerKind::Duty as i32;
    let revoked = |serial: Vec<u8>, reason| with(Event::Revoked(v1::LedgerRevoked { serial, reason }));
    let bad = [
        v1::LedgerEntry { event: None, ..good.clone() },
        of(|issued| issued.kind = 0),
        of(|issued| issued.kind = 99),
        of(|issued| issued.name = "Rosa".into()),
        of(|issued| issued.name = issued.name.replace("harborlight", "elmgate")),
        of(|issued| issued.serial = Vec::new()),
        of(|issued| issued.serial = vec![1; SERIAL_BYTES_MAX + 1]),
        of(|issued| issued.key_hash = vec![1; 31]),
        with(Event::Issued(v1::LedgerIssued { kind: duty, ..certificate.clone() })),
        revoked(Vec::new(), 1),
        revoked(vec![1], REASON_MAX + 1),
    ];
    for entry in bad {
        assert_eq!(follow(&entry.encode_to_vec()), Err(LedgerError::Event { number: 1 }), "{entry:?}");
    }
    let refused = |bytes: &[u8]| follow(bytes).unwrap_err();
    let format = v1::LedgerEntry { format: 2, ..good.clone() };
    assert_eq!(refused(&format.encode_to_vec()), LedgerError::Body(SignedBodyError::Format { found: 2 }));
    let mut unknown_field = good.encode_to_vec();
    unknown_field.extend([0x78, 0x01]);
    assert_eq!(
        refused(&unknown_field),
        LedgerError::Body(SignedBodyError::Encoding(CanonicalError::NotCanonical))
    );
    assert_eq!(refused(&[0xff]), LedgerError::Body(SignedBodyError::Encoding(CanonicalError::Malformed)));
    assert_eq!(refused(&vec![0; LEDGER_ENTRY_BYTES_MAX + 1]), LedgerError::Body(SignedBodyError::TooLarge));
    follow(&good.encode_to_vec()).expect("the control");
}

#[test]
fn a_head_is_believed_by_its_own_agencys_key_and_whole_only() {
    let key = Key::new();
    let (_, point) = written(&events());
    let head = LedgerHead { trust_domain: harborlight(), point, time_ms: 5 };
    let body = head.encode();
    let signed = |body: &[u8], signature: Vec<u8>| {
        v1::SignedLedgerHead { head: body.to_vec(), signature }.encode_to_vec()
    };
    let good = SignedLedgerHead::parse(&signed(&body, key.sign(&ledger_signing_bytes(&body)))).unwrap();
    assert_eq!(good.claimed_agency(), &harborlight());
    assert_eq!(good.verified_by(&key.point()), Ok(&head));
    assert_eq!(good.verified_by(&Key::new().point()), Err(LedgerError::Body(SignedBodyError::BadSignature)));
    let unlabelled = SignedLedgerHead::parse(&signed(&body, key.sign(&body))).unwrap();
    assert_eq!(unlabelled.verified_by(&key.point()), Err(LedgerError::Body(SignedBodyError::BadSignature)));

    let message: v1::LedgerHead = canonical::decode(&body).unwrap();
    let refused = |message: v1::LedgerHead| {
        SignedLedgerHead::parse(&signed(&message.encode_to_vec(), Vec::new())).unwrap_err()
    };
    assert_eq!(refused(v1::LedgerHead { count: 0, ..message.clone() }), LedgerError::Head);
    assert_eq!(refused(v1::LedgerHead { head: vec![0; 31], ..message.clone() }), LedgerError::Head);
    assert_eq!(
        refused(v1::LedgerHead { format: 3, ..message.clone() }),
        LedgerError::Body(SignedBodyError::Format { found: 3 })
    );
    let endless = v1::LedgerHead { count: LEDGER_ENTRIES_MAX + 1, ..message.clone() };
    assert_eq!(refused(endless), LedgerError::Body(SignedBodyError::TooLarge));
    let nameless = v1::LedgerHead { trust_domain: "Harborlight".into(), ..message };
    assert!(matches!(refused(nameless), LedgerError::Body(SignedBodyError::Name(_))));
    let large = SignedLedgerHead::parse(&vec![0; LEDGER_HEAD_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(large, LedgerError::Body(SignedBodyError::TooLarge));
}
