//! What is believed about devices and agencies: ties between keys, floors of contexts, claims of CA keys, lists. Frozen
//! forms, and every way one can be wrong.

use crate::{
    Vectors, bytes, check, number,
    spec::{
        Signer,
        der::{self, tlv},
        hex,
    },
    text,
};
use alcove_charter::{Ca, Crl, P256Point, ca_claim_signing_bytes};
use alcove_mls::{ContextFloor, KeyTies};
use alcove_proto::v1;
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SigningKey};
use serde_json::json;

const DEVICE: &str = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1";
const OTHER_DEVICE: &str = "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/2";
const AGENCY: &str = "elmgate.northmark.example";

#[test]
fn every_stored_chain_of_ties_leads_where_its_file_says() {
    check("ties", &ties(), |vector| {
        let ties = match KeyTies::parse(&bytes(vector, "ties")) {
            Ok(ties) => ties,
            Err(error) => return format!("{error:?}"),
        };
        let key = |name| P256Point::parse(&bytes(vector, name)).unwrap();
        let identity = text(vector, "device").parse().unwrap();
        let leads = ties.lead(&identity, &key("from"), &key("to"));
        if leads { "the same device" } else { "nobody says so" }.to_owned()
    });
}

fn tie(label: &str, device: &str, from: &Signer, to: &[u8], signer: &Signer) -> v1::KeyTie {
    let unsigned = v1::KeyTie {
        identity: device.to_owned(),
        from_key: from.public_key(),
        to_key: to.to_vec(),
        signature: Vec::new(),
    };
    let signature = signer.sign_with_label(label, &unsigned.encode_to_vec());
    v1::KeyTie { signature, ..unsigned }
}

fn ties() -> Vectors {
    let (first, second, third) = (Signer::new(), Signer::new(), Signer::new());
    let label = "alcove key tie v1";
    let one = tie(label, DEVICE, &first, &second.public_key(), &first);
    let two = tie(label, DEVICE, &second, &third.public_key(), &second);
    let vector = |about: &str, outcome: &str, ties: Vec<u8>| {
        json!({
            "about": about,
            "outcome": outcome,
            "device": DEVICE,
            "from": hex(&first.public_key()),
            "to": hex(&third.public_key()),
            "ties": hex(&ties),
        })
    };
    let encode = |ties: &[&v1::KeyTie]| {
        v1::KeyTies { ties: ties.iter().map(|tie| (*tie).clone()).collect() }.encode_to_vec()
    };
    let of_another_device = tie(label, OTHER_DEVICE, &second, &third.public_key(), &second);
    let by_the_next_key = tie(label, DEVICE, &second, &third.public_key(), &third);
    let under_another_label = tie("alcove commit v1", DEVICE, &second, &third.public_key(), &second);
    let to_no_point = tie(label, DEVICE, &second, &[3; 65], &second);
    let many = vec![&one; alcove_proto::limits::KEY_TIES_MAX + 1];
    let mut unknown_field = encode(&[&one, &two]);
    unknown_field.extend([0x78, 1]);
    [
        ("two_in_order", "the same device", encode(&[&one, &two])),
        ("none", "nobody says so", Vec::new()),
        ("one_left_out", "nobody says so", encode(&[&two])),
        ("newest_first", "nobody says so", encode(&[&two, &one])),
        ("of_another_device", "nobody says so", encode(&[&one, &of_another_device])),
        ("signed_by_the_next_key", "nobody says so", encode(&[&one, &by_the_next_key])),
        ("under_another_label", "nobody says so", encode(&[&one, &under_another_label])),
        ("to_no_point", "KeyTie", encode(&[&one, &to_no_point])),
        ("too_many", &format!("TooManyKeyTies {{ ties: {} }}", many.len()), encode(&many)),
        ("unknown_field", "Encoding(NotCanonical)", unknown_field),
    ]
    .into_iter()
    .map(|(name, outcome, ties)| (name, vector(&name.replace('_', " "), outcome, ties)))
    .collect()
}

#[test]
fn every_stored_floor_is_read_or_refused_as_its_file_says() {
    check("floors", &floors(), |vector| match ContextFloor::parse(&bytes(vector, "floor")) {
        Ok(floor) => {
            assert_eq!(floor.encode(), bytes(vector, "floor"), "one floor has one form");
            format!("charter {}", floor.charter_version())
        }
        Err(error) => format!("{error:?}"),
    });
}

fn floors() -> Vectors {
    let list = |of: &str, number| v1::CrlNumber { trust_domain: of.to_owned(), number };
    let floor = |charter_version, crl_numbers: Vec<v1::CrlNumber>, time_ms| {
        v1::ContextFloor { charter_version, crl_numbers, time_ms }.encode_to_vec()
    };
    let (elmgate, harborlight) = (list(AGENCY, 4), list("harborlight.northmark.example", 9));
    let time_ms = 1_794_000_000_000;
    let mut unknown_field = floor(3, vec![elmgate.clone()], time_ms);
    unknown_field.extend([0x78, 1]);
    [
        ("two_lists", "charter 3", floor(3, vec![elmgate.clone(), harborlight.clone()], time_ms)),
        ("nothing_yet", "charter 0", Vec::new()),
        ("not_sorted", "Floor", floor(3, vec![harborlight, elmgate.clone()], time_ms)),
        ("list_twice", "Floor", floor(3, vec![elmgate.clone(), elmgate.clone()], time_ms)),
        ("no_agency", "Floor", floor(3, vec![list("Elm Gate", 4)], time_ms)),
        ("lists_and_no_charter", "Floor", floor(0, vec![elmgate], time_ms)),
        ("before_1970", "Floor", floor(3, Vec::new(), -1)),
        ("unknown_field", "Encoding(NotCanonical)", unknown_field),
    ]
    .into_iter()
    .map(|(name, outcome, floor)| {
        let about = name.replace('_', " ");
        (name, json!({ "about": about, "outcome": outcome, "floor": hex(&floor) }))
    })
    .collect()
}

#[test]
fn every_stored_claim_shows_that_the_key_is_held_or_does_not_as_its_file_says() {
    check("claims", &claims(), |vector| {
        let key = P256Point::parse(&bytes(vector, "key")).unwrap();
        let signed = ca_claim_signing_bytes(&text(vector, "agency").parse().unwrap(), &key);
        let held = key.verify(&signed, &bytes(vector, "claim")).is_ok();
        if held { "held" } else { "not shown" }.to_owned()
    });
}

fn claims() -> Vectors {
    let (ca, other) = (Signer::new(), Signer::new());
    let claim = |label: &str, agency: &str, key: &Signer, signer: &Signer| {
        signer.sign(&[label.as_bytes(), b"\0", agency.as_bytes(), b"\0", &key.public_key()].concat())
    };
    let label = "alcove ca claim v1";
    let mut cut = claim(label, AGENCY, &ca, &ca);
    cut.pop();
    [
        ("by_the_key_itself", "held", claim(label, AGENCY, &ca, &ca)),
        ("by_another_key", "not shown", claim(label, AGENCY, &ca, &other)),
        ("over_another_key", "not shown", claim(label, AGENCY, &other, &ca)),
        ("for_another_agency", "not shown", claim(label, "harborlight.northmark.example", &ca, &ca)),
        ("under_another_label", "not shown", claim("alcove charter v1", AGENCY, &ca, &ca)),
        ("cut_short", "not shown", cut),
    ]
    .into_iter()
    .map(|(name, outcome, claim)| {
        let vector = json!({
            "about": name.replace('_', " "),
            "outcome": outcome,
            "agency": AGENCY,
            "key": hex(&ca.public_key()),
            "claim": hex(&claim),
        });
        (name, vector)
    })
    .collect()
}

#[test]
fn every_stored_list_says_since_when_or_is_refused_as_its_file_says() {
    check("lists", &lists(), |vector| {
        let ca = Ca::parse(&bytes(vector, "ca")).unwrap();
        let list = Crl::read_own(&bytes(vector, "list"), &text(vector, "agency").parse().unwrap(), &[ca]);
        match list {
            Ok(list) => {
                assert_eq!(list.number, number(vector, "number"));
                let said =
                    |first: Option<u64>| first.map_or("not said".to_owned(), |first| first.to_string());
                let entries = list.entries().map(|(_, entry)| said(entry.first));
                format!("first on {}", entries.collect::<Vec<_>>().join(", "))
            }
            Err(error) => format!("{error:?}"),
        }
    });
}

/// A CA, and lists made with it byte by byte.
struct ListMaker {
    key: KeyPair,
    certificate: Vec<u8>,
}

impl ListMaker {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { key, certificate }
    }

    /// A CertificateList (RFC 5280 section 5.1) of that number.
    fn list(&self, list_number: u8, entries: &[Vec<u8>]) -> Vec<u8> {
        let number = tlv(
            der::SEQUENCE,
            &[
                tlv(der::OBJECT_IDENTIFIER, &[vec![0x55, 0x1d, 0x14]]),
                tlv(der::OCTET_STRING, &[tlv(der::INTEGER, &[vec![list_number]])]),
            ],
        );
        let subject = Ca::parse(&self.certificate).unwrap().subject().to_vec();
        let algorithm =
            tlv(der::SEQUENCE, &[tlv(der::OBJECT_IDENTIFIER, &[der::ECDSA_WITH_SHA256.to_vec()])]);
        let body = tlv(
            der::SEQUENCE,
            &[
                tlv(der::INTEGER, &[vec![1]]),
                algorithm.clone(),
                subject,
                tlv(der::UTC_TIME, &[b"261101000000Z".to_vec()]),
                tlv(der::UTC_TIME, &[b"261201000000Z".to_vec()]),
                tlv(der::SEQUENCE, entries),
                tlv(der::CONTEXT_0, &[tlv(der::SEQUENCE, &[number])]),
            ],
        );
        let signature = self.key.sign(&body).unwrap();
        tlv(der::SEQUENCE, &[body, algorithm, tlv(der::BIT_STRING, &[vec![0], signature])])
    }
}

/// An entry for a serial, with what stands in our extension, each time it stands there.
fn listed(serial: u8, firsts: &[&[u8]]) -> Vec<u8> {
    let extension = |first: &&[u8]| {
        tlv(
            der::SEQUENCE,
            &[
                tlv(der::OBJECT_IDENTIFIER, &[der::FIRST_LISTED.to_vec()]),
                tlv(der::OCTET_STRING, &[first.to_vec()]),
            ],
        )
    };
    let extensions: Vec<_> = firsts.iter().map(extension).collect();
    let mut entry =
        vec![tlv(der::INTEGER, &[vec![serial; 16]]), tlv(der::UTC_TIME, &[b"261031000000Z".to_vec()])];
    if !extensions.is_empty() {
        entry.push(tlv(der::SEQUENCE, &extensions));
    }
    tlv(der::SEQUENCE, &entry)
}

fn lists() -> Vectors {
    let maker = ListMaker::new();
    let on_third: &[u8] = &[0x02, 0x01, 0x03];
    [
        (
            "says_since_when",
            "first on 3, 7",
            vec![listed(0x41, &[on_third]), listed(0x42, &[&[0x02, 0x01, 0x07]])],
        ),
        ("of_an_older_program", "first on not said", vec![listed(0x41, &[])]),
        ("first_on_a_later_list", "Malformed", vec![listed(0x41, &[&[0x02, 0x01, 0x08]])]),
        ("first_on_none", "Malformed", vec![listed(0x41, &[&[0x02, 0x01, 0x00]])]),
        ("said_twice", "Malformed", vec![listed(0x41, &[on_third, on_third])]),
        ("longer_than_it_needs", "Malformed", vec![listed(0x41, &[&[0x02, 0x02, 0x00, 0x03]])]),
        ("no_number", "Malformed", vec![listed(0x41, &[&[0x04, 0x01, 0x03]])]),
        ("something_after_it", "Malformed", vec![listed(0x41, &[&[0x02, 0x01, 0x03, 0x00]])]),
        ("serial_twice", "Malformed", vec![listed(0x41, &[on_third]), listed(0x41, &[on_third])]),
    ]
    .into_iter()
    .map(|(name, outcome, entries)| {
        let vector = json!({
            "about": name.replace('_', " "),
            "outcome": outcome,
            "agency": AGENCY,
            "number": 7,
            "ca": hex(&maker.certificate),
            "list": hex(&maker.list(7, &entries)),
        });
        (name, vector)
    })
    .collect()
}
