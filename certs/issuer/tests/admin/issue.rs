//! Certifying a device: what comes out, and what is refused.

use crate::desk::{DAY_MS, Desk, Device, NOW_MS, csr, csr_with, open_enrolment_key, profile};
use alcove_charter::{Card, CharterError, CharterFile, CharterHistory, Judge, TrustError, TrustView};
use alcove_issuer::{
    AgencyCa, CERTIFICATE_DAYS_MAX, DeviceOrder, DraftError, IssuedDevice, IssuerError, Kind, Reason,
    RequestError, Which,
};
use alcove_proto::{names::Handle, v1};
use prost::Message;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData, SanType};

fn rosa() -> DeviceOrder {
    DeviceOrder {
        server_address: "alcove.northmark.example:7443".to_owned(),
        ..DeviceOrder::new("Rosa Iglesias-Peña", "case manager")
    }
}

fn issue(
    agency: &mut AgencyCa,
    device: &Device,
    charter: &CharterFile,
    order: &DeviceOrder,
) -> Result<IssuedDevice, IssuerError> {
    agency.issue_device(&device.request_file(), charter, order, NOW_MS)
}

#[test]
fn a_device_gets_what_it_needs_and_everybody_believes_it() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let device = Device::new();
    let issued = issue(&mut desk.harborlight, &device, &charter, &rosa()).unwrap();
    let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
    assert_eq!(file.identity, issued.identity.to_string());
    assert_eq!(file.server_address, "alcove.northmark.example:7443");

    let signed = file.charters.iter().map(Message::encode_to_vec);
    let history = CharterHistory::from_versions(signed).unwrap();
    assert_eq!(history.newest().hash(), charter.offered.charter().hash());
    let view = TrustView::new(history.clone());
    let tls = view.verify_device_tls(&file.tls_chain, NOW_MS).unwrap();
    let mls = view.verify_device_mls(&file.mls_chain, Judge::At(&view.moment(NOW_MS))).unwrap();
    assert_eq!((&tls.identity, &mls.identity), (&issued.identity, &issued.identity));
    assert_eq!(tls.public_key.as_bytes().as_slice(), device.tls.der_bytes());
    assert_eq!(mls.public_key.as_bytes().as_slice(), device.mls.der_bytes());
    assert_eq!([tls.serial.to_string(), mls.serial.to_string()], issued.serials);
    assert_eq!(tls.not_before_ms, NOW_MS - 3_600_000, "backdated an hour");
    assert_eq!(tls.not_after_ms - 999, issued.not_after_ms);
    assert_eq!(issued.not_after_ms, NOW_MS + 90 * DAY_MS);

    let card = Card::verify(&file.card, &issued.identity.person, &history).unwrap();
    assert_eq!((card.name.as_str(), card.role.as_str()), ("Rosa Iglesias-Peña", "case manager"));

    let open = |identity| {
        open_enrolment_key(&device.sealing, identity, &file.encapsulated_key, &file.sealed_directory_key)
    };
    let directory_key = desk.harborlight.directory_key(&charter).unwrap();
    assert_eq!(*open(&issued.identity).unwrap(), *directory_key.as_bytes());
    let other_device = issued.identity.person.device(2);
    assert!(open(&other_device).is_none(), "it is bound to the one device");
    assert_eq!(
        desk.elmgate.directory_key(&charter).unwrap().as_bytes(),
        directory_key.as_bytes(),
        "all agencies share one directory key"
    );
}

#[test]
fn the_ledger_knows_every_certificate() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let issued = issue(&mut desk.harborlight, &Device::new(), &charter, &rosa()).unwrap();
    let path = desk.path("harborlight");
    drop(desk.harborlight);
    let listed = alcove_issuer::list(&path).unwrap();
    let serials: Vec<&str> = listed.iter().map(|entry| entry.issued.serial.as_str()).collect();
    assert_eq!(serials, issued.serials);
    let kinds: Vec<Kind> = listed.iter().map(|entry| entry.issued.kind).collect();
    assert_eq!(kinds, [Kind::Tls, Kind::Mls]);
    assert!(listed.iter().all(|entry| entry.issued.name == issued.identity.to_string()));
}

#[test]
fn a_request_that_asks_for_a_name_is_refused_whichever_half_asks() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let device = Device::new();
    let somebody = "spiffe://elmgate.northmark.example/staff/aaaaaaaaaaaaaaaa/device/1";
    let asking = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![SanType::URI(somebody.try_into().unwrap())];
    };
    let tls = v1::EnrolmentRequest { tls_csr: csr_with(&device.tls, asking), ..device.request() };
    let mls = v1::EnrolmentRequest { mls_csr: csr_with(&device.mls, asking), ..device.request() };
    for (which, request) in [("TLS", tls), ("MLS", mls)] {
        let refused = desk.harborlight.issue_device(&request.encode_to_vec(), &charter, &rosa(), NOW_MS);
        let expected = IssuerError::Request(RequestError::Csr { which, fault: TrustError::RequestAsks });
        assert_eq!(refused.unwrap_err().to_string(), expected.to_string());
    }
    assert!(desk.harborlight.issued().is_empty());
}

#[test]
fn a_request_that_is_not_what_it_should_be_is_refused() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let device = Device::new();
    let mut refused = |change: &dyn Fn(&mut v1::EnrolmentRequest)| {
        let mut request = device.request();
        change(&mut request);
        let request = request.encode_to_vec();
        desk.harborlight.issue_device(&request, &charter, &rosa(), NOW_MS).unwrap_err()
    };
    let csr_fault = |error: &IssuerError| match error {
        IssuerError::Request(RequestError::Csr { which, fault }) => (*which, fault.clone()),
        other => panic!("expected a refused CSR, got {other:?}"),
    };

    let broken = refused(&|request| *request.tls_csr.last_mut().unwrap() ^= 1);
    assert_eq!(csr_fault(&broken), ("TLS", TrustError::BadSignature));
    let broken = refused(&|request| *request.mls_csr.last_mut().unwrap() ^= 1);
    assert_eq!(csr_fault(&broken), ("MLS", TrustError::BadSignature));
    let none = refused(&|request| request.mls_csr.clear());
    assert_eq!(csr_fault(&none), ("MLS", TrustError::Malformed));
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let other_curve = refused(&|request| request.tls_csr = csr(&p384));
    assert_eq!(csr_fault(&other_curve), ("TLS", TrustError::UnsupportedKey));
    let certificate = desk.harborlight.ca_certificate().to_vec();
    let mut refused = |change: &dyn Fn(&mut v1::EnrolmentRequest)| {
        let mut request = device.request();
        change(&mut request);
        let request = request.encode_to_vec();
        desk.harborlight.issue_device(&request, &charter, &rosa(), NOW_MS).unwrap_err()
    };
    let no_csr = refused(&|request| request.tls_csr = certificate.clone());
    assert_eq!(csr_fault(&no_csr).1, TrustError::Malformed);

    assert!(matches!(
        refused(&|request| request.mls_csr = request.tls_csr.clone()),
        IssuerError::Request(RequestError::KeyReused)
    ));
    assert!(matches!(
        refused(&|request| request.sealing_key = device.tls.der_bytes().to_vec()),
        IssuerError::Request(RequestError::KeyReused)
    ));
    assert!(matches!(
        refused(&|request| request.sealing_key.clear()),
        IssuerError::Request(RequestError::SealingKey)
    ));
    assert!(
        matches!(refused(&|request| request.sealing_key[1..].fill(7)), IssuerError::Crypto { .. }),
        "a point off the curve cannot be sealed to"
    );
    assert!(matches!(
        refused(&|request| request.format = 2),
        IssuerError::Request(RequestError::Format { found: 2 })
    ));

    let mut trailing = device.request_file();
    trailing.extend([0x78, 1]);
    for bytes in [trailing.as_slice(), b"not a request", &device.request_file()[..40]] {
        let refused = desk.harborlight.issue_device(bytes, &charter, &rosa(), NOW_MS);
        assert!(matches!(refused, Err(IssuerError::Request(RequestError::Unreadable(_)))));
    }
    assert!(desk.harborlight.issued().is_empty(), "nothing of all this was certified");
    assert!(issue(&mut desk.harborlight, &device, &charter, &rosa()).is_ok(), "the control");
}

#[test]
fn without_a_charter_in_force_that_lists_this_ca_nothing_is_issued() {
    let mut desk = Desk::new();
    let device = Device::new();
    let unsigned = desk.draft();
    assert!(matches!(
        issue(&mut desk.harborlight, &device, &unsigned, &rosa()),
        Err(IssuerError::Charter(CharterError::NotSignedByAll(..)))
    ));
    let mut half = desk.draft();
    desk.harborlight.sign_charter(&mut half, NOW_MS).unwrap();
    assert!(matches!(
        issue(&mut desk.harborlight, &device, &half, &rosa()),
        Err(IssuerError::Charter(CharterError::NotSignedByAll(..)))
    ));

    let charter = desk.charter();
    let path = desk.path("stranger");
    let passphrase = crate::desk::passphrase();
    let mut stranger = AgencyCa::init(&path, profile("stranger", "A Stranger"), &passphrase, NOW_MS).unwrap();
    assert!(matches!(
        issue(&mut stranger, &device, &charter, &rosa()),
        Err(IssuerError::Draft(DraftError::NotInCharter(..)))
    ));
    // The same name with other keys: the charter lists the CA of the real one.
    let path = desk.path("impostor");
    let mut impostor = AgencyCa::init(&path, crate::desk::harborlight(), &passphrase, NOW_MS).unwrap();
    assert!(matches!(
        issue(&mut impostor, &device, &charter, &rosa()),
        Err(IssuerError::Draft(DraftError::Misstates { what: "the CA certificate", .. }))
    ));

    let later = NOW_MS + 731 * DAY_MS;
    let over = desk.harborlight.issue_device(&device.request_file(), &charter, &rosa(), later);
    assert!(matches!(over, Err(IssuerError::Charter(CharterError::Expired { .. }))));
    assert!(desk.harborlight.issued().is_empty());
}

#[test]
fn an_order_out_of_range_is_refused() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let device = Device::new();
    let mut refused = |change: &dyn Fn(&mut DeviceOrder)| {
        let mut order = rosa();
        change(&mut order);
        issue(&mut desk.harborlight, &device, &charter, &order).unwrap_err()
    };
    for days in [0, CERTIFICATE_DAYS_MAX + 1, u32::MAX] {
        assert!(matches!(refused(&|order| order.days = days), IssuerError::Days { .. }), "{days}");
    }
    for device in [0, 1000, u16::MAX] {
        assert!(matches!(refused(&|order| order.device = device), IssuerError::Name(_)), "{device}");
    }
    for address in ["alcove", "alcove:", ":7443", "alcove:0", "alcove:70000", "a b:1", "http://a:1"] {
        let error = refused(&|order| order.server_address = address.to_owned());
        assert!(matches!(error, IssuerError::ServerAddress), "{address}");
    }
    for text in ["", " Rosa", "Rosa\u{202e}", "a\nb", &"x".repeat(201)] {
        assert!(matches!(
            refused(&|order| order.name = text.to_owned()),
            IssuerError::Request(RequestError::Card(_))
        ));
        assert!(matches!(
            refused(&|order| order.role = text.to_owned()),
            IssuerError::Request(RequestError::Card(_))
        ));
    }
    for address in ["127.0.0.1:7443", "[::1]:7443", "alcove.northmark.example:1", ""] {
        let order = DeviceOrder { server_address: address.to_owned(), ..rosa() };
        let device = Device::new();
        assert!(issue(&mut desk.harborlight, &device, &charter, &order).is_ok(), "{address}");
    }
}

#[test]
fn one_name_never_has_two_sets_of_keys_and_one_key_never_two_names() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let (laptop, other) = (Device::new(), Device::new());
    let first = issue(&mut desk.harborlight, &laptop, &charter, &rosa()).unwrap();
    let handle = first.identity.person.handle.clone();
    let same_name = DeviceOrder { handle: Some(handle.clone()), ..rosa() };

    let again = issue(&mut desk.harborlight, &laptop, &charter, &same_name).unwrap();
    assert_eq!(again.identity, first.identity, "a lost answer is made again");
    assert!(matches!(
        issue(&mut desk.harborlight, &other, &charter, &same_name),
        Err(IssuerError::Request(RequestError::IdentityTaken { .. }))
    ));
    assert!(matches!(
        issue(&mut desk.harborlight, &laptop, &charter, &rosa()),
        Err(IssuerError::Request(RequestError::KeyTaken(..)))
    ));
    let second_device = DeviceOrder { device: 2, ..same_name.clone() };
    let second = issue(&mut desk.harborlight, &other, &charter, &second_device).unwrap();
    assert_eq!(second.identity.person, first.identity.person);

    // Revoked, the name is free for new keys.
    let which = Which::Device(first.identity.clone());
    desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap();
    let replacement = issue(&mut desk.harborlight, &Device::new(), &charter, &same_name).unwrap();
    assert_eq!(replacement.identity, first.identity);
    assert_ne!(replacement.serials, first.serials);
}

#[test]
fn handles_are_random_unless_they_are_given() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let mut handle =
        || issue(&mut desk.harborlight, &Device::new(), &charter, &rosa()).unwrap().identity.person;
    assert_ne!(handle(), handle());
    let given: Handle = "abcdefghijklmn27".parse().unwrap();
    let order = DeviceOrder { handle: Some(given.clone()), ..rosa() };
    let issued = issue(&mut desk.harborlight, &Device::new(), &charter, &order).unwrap();
    assert_eq!(issued.identity.person.handle, given);
}
