//! Revocation: what the list says, and what it does where it is believed.

use crate::desk::{DAY_MS, Desk, Device, NOW_MS, passphrase};
use alcove_charter::{Judge, TrustError};
use alcove_issuer::{AgencyCa, DeviceOrder, IssuedDevice, IssuerError, ListError, Reason, Which};
use alcove_proto::v1;
use prost::Message;
use std::fs;

fn enrol(desk: &mut Desk, order: &DeviceOrder) -> (IssuedDevice, v1::EnrolmentCertificate) {
    let charter = desk.charter();
    let request = Device::new().request_file();
    let issued = desk.harborlight.issue_device(&request, &charter, order, NOW_MS).unwrap();
    let file = v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap();
    (issued, file)
}

#[test]
fn a_revoked_device_is_refused_and_the_persons_other_one_is_not() {
    let mut desk = Desk::new();
    let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
    let (first, first_file) = enrol(&mut desk, &order);
    let handle = Some(first.identity.person.handle.clone());
    let (second, second_file) = enrol(&mut desk, &DeviceOrder { handle, device: 2, ..order });

    let which = Which::Device(first.identity.clone());
    let crl = desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap();
    assert_eq!((crl.number, crl.entries), (2, 2), "TLS and MLS certificate, on the list after the empty one");
    assert_eq!(crl.newly_revoked, first.serials);
    let (view, _) = desk.view().with_crl(&crl.der).unwrap();
    let revoked = Err(TrustError::Revoked { revoked_at_ms: NOW_MS });
    assert_eq!(view.verify_device_tls(&first_file.tls_chain, NOW_MS).map(drop), revoked);
    let moment = view.moment(NOW_MS);
    assert_eq!(view.verify_device_mls(&first_file.mls_chain, Judge::At(&moment)).map(drop), revoked);
    assert!(view.verify_device_tls(&second_file.tls_chain, NOW_MS).is_ok());

    let person = Which::Person(first.identity.person.clone());
    let crl = desk.harborlight.revoke(&person, Reason::AffiliationChanged, NOW_MS + DAY_MS).unwrap();
    assert_eq!((crl.number, crl.entries), (3, 4));
    assert_eq!(crl.newly_revoked, second.serials, "what was revoked before is not revoked again");
    let (view, _) = view.with_crl(&crl.der).unwrap();
    assert_eq!(
        view.verify_device_tls(&first_file.tls_chain, NOW_MS).map(drop),
        revoked,
        "and keeps its date"
    );
    assert!(view.verify_device_tls(&second_file.tls_chain, NOW_MS).is_err());
}

#[test]
fn a_single_certificate_is_revoked_by_its_serial() {
    let mut desk = Desk::new();
    let (issued, file) = enrol(&mut desk, &DeviceOrder::new("Rosa", "case manager"));
    let serial = issued.serials[0].to_uppercase();
    let crl = desk.harborlight.revoke(&Which::Serial(serial), Reason::Superseded, NOW_MS).unwrap();
    assert_eq!(crl.entries, 1);
    let (view, _) = desk.view().with_crl(&crl.der).unwrap();
    assert!(view.verify_device_tls(&file.tls_chain, NOW_MS).is_err());
    assert!(view.verify_device_mls(&file.mls_chain, Judge::At(&view.moment(NOW_MS))).is_ok());
}

#[test]
fn seven_laptops_are_revoked_by_one_list_or_not_at_all() {
    let mut desk = Desk::new();
    let all: Vec<Which> = (0..7)
        .map(|number| {
            let (issued, _) = enrol(&mut desk, &DeviceOrder::new(&format!("Person {number}"), "case worker"));
            Which::Device(issued.identity)
        })
        .collect();
    let with_a_stranger = [&all[..], &[Which::Serial("00".to_owned())]].concat();
    let refused = desk.harborlight.revoke_all(&with_a_stranger, Reason::KeyCompromise, NOW_MS);
    assert!(
        matches!(refused, Err(IssuerError::List(ListError::NotIssued))),
        "a name is mistyped: which ones were meant?"
    );
    let crl = desk.harborlight.revoke_all(&all, Reason::KeyCompromise, NOW_MS).unwrap();
    assert_eq!((crl.number, crl.entries, crl.newly_revoked.len()), (2, 14, 14));
}

#[test]
fn what_was_never_issued_cannot_be_revoked() {
    let mut desk = Desk::new();
    let (issued, _) = enrol(&mut desk, &DeviceOrder::new("Rosa", "case manager"));
    let other = "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa/device/1";
    for which in [
        Which::Serial("00".to_owned()),
        Which::Serial(String::new()),
        Which::Device(other.parse().unwrap()),
        Which::Device(issued.identity.person.device(9)),
    ] {
        let refused = desk.harborlight.revoke(&which, Reason::Unspecified, NOW_MS);
        assert!(matches!(refused, Err(IssuerError::List(ListError::NotIssued))), "{which:?}");
    }
    assert_eq!(desk.harborlight.renew_crl(NOW_MS).unwrap().number, 2, "no list was made for nothing");
}

#[test]
fn numbers_go_on_after_the_folder_was_closed() {
    let mut desk = Desk::new();
    assert_eq!(desk.harborlight.renew_crl(NOW_MS).unwrap().number, 2);
    let (path, view) = (desk.path("harborlight"), desk.view());
    drop(desk.harborlight);
    let mut agency = AgencyCa::open(&path, &crate::desk::passphrase()).unwrap();
    let crl = agency.renew_crl(NOW_MS).unwrap();
    assert_eq!(crl.number, 3);
    assert_eq!(agency.newest_crl().unwrap(), crl.der);
    let (view, _) = view.with_crl(&crl.der).unwrap();
    let held = view.crl(&agency.profile().trust_domain).unwrap();
    assert_eq!(held.next_update_ms, NOW_MS + 30 * DAY_MS);
}

/// The first list that had it, as the entry says it, by serial.
fn firsts(view: &alcove_charter::TrustView, desk: &Desk) -> Vec<(String, Option<u64>)> {
    let crl = view.crl(&desk.harborlight.profile().trust_domain).unwrap();
    crl.entries().map(|(serial, entry)| (serial.to_string(), entry.first)).collect()
}

#[test]
fn every_entry_says_which_list_had_it_first() {
    let mut desk = Desk::new();
    let (first, _) = enrol(&mut desk, &DeviceOrder::new("Rosa", "case manager"));
    let (second, _) = enrol(&mut desk, &DeviceOrder::new("Leon", "case manager"));
    let revoke = |desk: &mut Desk, serial: &str| {
        let which = Which::Serial(serial.to_owned());
        desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap()
    };
    let crl = revoke(&mut desk, &first.serials[0]);
    // SEQUENCE { OBJECT IDENTIFIER 1.3.6.1.4.1.58888.1.4, OCTET STRING { INTEGER 2 } }
    let vector = [0x30, 17, 6, 10, 0x2b, 6, 1, 4, 1, 0x83, 0xcc, 8, 1, 4, 4, 3, 2, 1, 2];
    assert!(crl.der.windows(vector.len()).any(|bytes| bytes == vector));
    desk.harborlight.renew_crl(NOW_MS).unwrap();
    let crl = revoke(&mut desk, &second.serials[0]);
    assert_eq!(crl.number, 4);
    let (view, _) = desk.view().with_crl(&crl.der).unwrap();
    let mut expected = vec![(first.serials[0].clone(), Some(2)), (second.serials[0].clone(), Some(4))];
    expected.sort();
    assert_eq!(firsts(&view, &desk), expected);
    let again = revoke(&mut desk, &first.serials[0]);
    let (view, _) = view.with_next_crl(&again.der, NOW_MS).expect("what is revoked again keeps its list");
    assert_eq!(firsts(&view, &desk), expected);
}

#[test]
fn a_ledger_of_before_makes_no_list_that_takes_something_back() {
    let mut desk = Desk::new();
    let (issued, _) = enrol(&mut desk, &DeviceOrder::new("Rosa", "case manager"));
    let ledger = desk.path("harborlight").join("ledger.jsonl");
    let before = fs::read(&ledger).unwrap();
    let which = Which::Device(issued.identity);
    let list = desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap();
    let restored = desk.path("restored");
    fs::create_dir(&restored).unwrap();
    for name in ["keystore", "ca.cert", "agency.pub", "agency.crl"] {
        fs::copy(desk.path("harborlight").join(name), restored.join(name)).unwrap();
    }
    fs::write(restored.join("ledger.jsonl"), before).unwrap();
    let mut ca = AgencyCa::open(&restored, &passphrase()).unwrap();
    let refused = |error: IssuerError| matches!(error, IssuerError::List(ListError::LedgerBehind(..)));
    assert!(refused(ca.renew_crl(NOW_MS).unwrap_err()));
    assert!(refused(ca.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap_err()));
    assert_eq!(ca.newest_crl().unwrap(), list.der, "nothing was made");
    // The control: with its own ledger it goes on.
    drop(ca);
    fs::copy(ledger, restored.join("ledger.jsonl")).unwrap();
    assert_eq!(AgencyCa::open(&restored, &passphrase()).unwrap().renew_crl(NOW_MS).unwrap().number, 3);
}
