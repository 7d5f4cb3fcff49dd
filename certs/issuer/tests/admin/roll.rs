//! Rolling a CA over: every step, every order, every crash.

use crate::desk::{Desk, Device, NOW_MS, SERVER_NAME, csr, elmgate, passphrase};
use alcove_charter::{CharterFile, Judge, TrustError, TrustView};
use alcove_issuer::{
    AgencyCa, DeviceOrder, DraftError, DutyOfficer, FindingKind, FolderError, IssuerError, Passphrase,
    Reason, RehearseInput, RollError, RollState, ServerCa, Which,
    drafting::{CHARTER_DAYS, Changes, draft_next},
    rehearse,
};
use alcove_proto::v1;
use prost::Message;
use rcgen::KeyPair;
use std::{fs, path::Path};

pub(crate) fn enrol(ca: &mut AgencyCa, charter: &CharterFile) -> v1::EnrolmentCertificate {
    let order = DeviceOrder::new("Rosa Iglesias-Peña", "case manager");
    let issued = ca.issue_device(&Device::new().request_file(), charter, &order, NOW_MS).unwrap();
    v1::EnrolmentCertificate::decode(issued.file.as_slice()).unwrap()
}

pub(crate) fn next(desk: &Desk, charter: &CharterFile) -> CharterFile {
    let changes =
        Changes { days: CHARTER_DAYS, entries: vec![desk.harborlight.entry()], ..Changes::default() };
    draft_next(charter, changes, &desk.elmgate, NOW_MS).unwrap()
}

pub(crate) fn signed(desk: &Desk, mut file: CharterFile) -> CharterFile {
    desk.harborlight.sign_charter(&mut file, NOW_MS).unwrap();
    desk.elmgate.sign_charter(&mut file, NOW_MS).unwrap();
    file
}

pub(crate) fn view(charter: &CharterFile) -> TrustView {
    TrustView::new(charter.complete().unwrap())
}

#[test]
fn an_agency_rolls_over_and_nobody_is_cut_off_meanwhile() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let old = enrol(&mut desk.harborlight, &first);
    let revoked = enrol(&mut desk.harborlight, &first);
    let which = Which::Device(revoked.identity.parse().unwrap());
    desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap();
    let alone = desk.harborlight.entry();

    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    let both = desk.harborlight.entry();
    assert_eq!(both.ca_certificates.len(), 2);
    assert_eq!(both.ca_certificates[0], alone.ca_certificates[0], "the old one stands first");
    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    assert_eq!(desk.harborlight.entry(), both, "twice is once");

    // Wrong order, a charter that lists one alone, and one that is not complete.
    let finished = desk.harborlight.roll_finish(&first, true, &passphrase(), NOW_MS);
    assert!(matches!(finished, Err(IssuerError::Roll(RollError::Order(RollState::Begun)))));
    let one = desk.harborlight.roll_switch(&first, &passphrase(), NOW_MS);
    assert!(matches!(one, Err(IssuerError::Roll(RollError::Charter(..)))));
    let draft = next(&desk, &first);
    let unsigned = desk.harborlight.roll_switch(&draft, &passphrase(), NOW_MS);
    assert!(matches!(unsigned, Err(IssuerError::Charter(_))));
    assert_eq!(desk.harborlight.roll_state(), RollState::Begun);

    let overlap = signed(&desk, draft);
    let crl = desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap().unwrap();
    assert_eq!(crl.entries, 2, "the new CA's list takes no revocation back");
    assert!(
        desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap().is_none(),
        "twice is once"
    );
    let new = enrol(&mut desk.harborlight, &overlap);
    let (during, _) = view(&overlap).with_crl(&crl.der).unwrap();
    // It speaks for what the new CA issues as well, so it lists everything for the first time; the next one says the same.
    let after = desk.harborlight.renew_crl(NOW_MS).unwrap();
    let firsts = |der: &[u8]| -> Vec<Option<u64>> {
        let (view, _) = view(&overlap).with_crl(der).unwrap();
        let crl = view.crls().next().unwrap().clone();
        crl.entries().map(|(_, entry)| entry.first).collect()
    };
    assert_eq!(firsts(&crl.der), [Some(crl.number); 2]);
    assert_eq!(firsts(&after.der), [Some(crl.number); 2]);
    for file in [&old, &new] {
        assert!(during.verify_device_tls(&file.tls_chain, NOW_MS).is_ok());
    }
    assert!(matches!(during.verify_device_tls(&revoked.tls_chain, NOW_MS), Err(TrustError::Revoked { .. })));

    let refused = desk.harborlight.roll_finish(&overlap, false, &passphrase(), NOW_MS);
    let Err(IssuerError::Roll(RollError::OldCertificatesLive(certificates))) = refused else {
        panic!("it was not refused")
    };
    let names: Vec<_> = certificates.iter().map(|old| old.issued.name.as_str()).collect();
    assert_eq!(names, [old.identity.as_str(); 2], "neither the revoked one nor the new one");
    desk.harborlight.roll_finish(&overlap, true, &passphrase(), NOW_MS).unwrap();
    desk.harborlight.roll_finish(&overlap, true, &passphrase(), NOW_MS).unwrap();
    assert_eq!(desk.harborlight.entry().ca_certificates, both.ca_certificates[1..]);
    enrol(&mut desk.harborlight, &overlap);
    assert!(matches!(
        desk.harborlight.issue_device(
            &Device::new().request_file(),
            &first,
            &DeviceOrder::new("Rosa", "advocate"),
            NOW_MS
        ),
        Err(IssuerError::Draft(DraftError::Misstates { .. }))
    ));

    let draft = next(&desk, &overlap);
    let dropped = signed(&desk, draft);
    let after = view(&dropped);
    assert!(after.verify_device_tls(&new.tls_chain, NOW_MS).is_ok());
    assert!(matches!(after.verify_device_tls(&old.tls_chain, NOW_MS), Err(TrustError::UnknownIssuer(..))));
    assert!(after.verify_device_mls(&old.mls_chain, Judge::Never).is_ok(), "what it wrote is still read");
}

#[test]
fn only_the_cas_of_the_folders_own_state_are_signed() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let alone = desk.harborlight.entry();
    let with = |desk: &Desk, entry: &v1::Agency| {
        let mut file = desk.draft_with(|draft| draft.agencies[0] = entry.clone());
        desk.harborlight.sign_charter(&mut file, NOW_MS).is_ok()
    };
    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    let both = desk.harborlight.entry();
    let mut turned = both.clone();
    turned.ca_certificates.reverse();
    turned.ca_claims.reverse();
    let only_next = v1::Agency {
        ca_certificates: both.ca_certificates[1..].to_vec(),
        ca_claims: both.ca_claims[1..].to_vec(),
        ..both.clone()
    };
    let stated = [&alone, &both, &turned, &only_next];
    assert_eq!(stated.map(|entry| with(&desk, entry)), [true, true, false, false], "begun");
    let overlap = signed(&desk, next(&desk, &first));
    desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap();
    assert_eq!(stated.map(|entry| with(&desk, entry)), [false, true, false, false], "switched");
    desk.harborlight.roll_finish(&overlap, true, &passphrase(), NOW_MS).unwrap();
    assert_eq!(stated.map(|entry| with(&desk, entry)), [false, false, false, true], "finished");
}

/// Copies a folder's files.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Between `before` and `after`, with the first `kept` of `order` as they are after the step.
fn killed(before: &Path, after: &Path, at: &Path, order: &[&str], kept: usize) {
    copy(before, at);
    for name in &order[..kept] {
        match fs::read(after.join(name)) {
            Ok(bytes) => fs::write(at.join(name), bytes).unwrap(),
            Err(_) => fs::remove_file(at.join(name)).unwrap(),
        }
    }
    fs::write(at.join(".alcove-0123456789abcdef.tmp"), b"half").unwrap();
}

#[test]
fn a_crash_at_any_write_of_any_step_is_gone_on_from() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let path = desk.path("harborlight");
    let shots: Vec<_> = (0..4).map(|shot| desk.path(&format!("shot{shot}"))).collect();
    copy(&path, &shots[0]);
    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    copy(&path, &shots[1]);
    let overlap = signed(&desk, next(&desk, &first));
    desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap();
    copy(&path, &shots[2]);
    desk.harborlight.roll_finish(&overlap, false, &passphrase(), NOW_MS).unwrap();
    copy(&path, &shots[3]);

    // The writes of each step, in their order.
    let begin = ["ca.next.cert", "keystore", "agency.pub"];
    let switch = ["keystore", "ca.old.cert", "ca.cert", "ca.next.cert", "ledger.jsonl", "agency.crl"];
    let finish = ["keystore", "ca.old.cert", "agency.pub"];
    let at = desk.path("killed");
    for (step, order) in [&begin[..], &switch, &finish].into_iter().enumerate() {
        for kept in 0..=order.len() {
            killed(&shots[step], &shots[step + 1], &at, order, kept);
            let mut ca = AgencyCa::open(&at, &passphrase()).unwrap();
            let what = format!("step {step}, {kept} writes");
            assert!(ca.renew_crl(NOW_MS).is_ok(), "{what}: it can revoke meanwhile");
            match step {
                0 => ca.roll_begin(&passphrase(), NOW_MS).unwrap(),
                1 => drop(ca.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap()),
                _ => ca.roll_finish(&overlap, false, &passphrase(), NOW_MS).unwrap(),
            }
            let (entry, state) = (ca.entry(), ca.roll_state());
            drop(ca);
            let ca = AgencyCa::open(&at, &passphrase()).unwrap();
            assert_eq!((ca.entry(), ca.roll_state()), (entry.clone(), state), "{what}");
            let written =
                alcove_issuer::parse_agency_file(&fs::read(at.join("agency.pub")).unwrap()).unwrap();
            assert_eq!(written, entry, "{what}");
            assert_eq!(entry.ca_certificates.len(), if step == 2 { 1 } else { 2 }, "{what}");
            assert_eq!(at.join("ca.next.cert").exists(), step == 0, "{what}");
            assert_eq!(at.join("ca.old.cert").exists(), step == 1, "{what}");
        }
    }
}

#[test]
fn the_servers_ca_rolls_over() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let request = || {
        let key = || csr(&KeyPair::generate().unwrap());
        v1::ServerRequest { format: 1, tls_csr: key(), receipt_csr: key() }.encode_to_vec()
    };
    let chain = |ca: &mut ServerCa| {
        let issued = ca.issue(&request(), SERVER_NAME, 30, NOW_MS).unwrap();
        v1::ServerCertificate::decode(issued.file.as_slice()).unwrap().tls_chain
    };
    let old = chain(&mut desk.server);
    let early = desk.server.roll_switch(&first, &passphrase(), NOW_MS);
    assert!(matches!(early, Err(IssuerError::Roll(RollError::Order(RollState::Steady)))));
    desk.server.roll_begin(&passphrase(), NOW_MS).unwrap();
    let one = desk.server.roll_switch(&first, &passphrase(), NOW_MS);
    assert!(matches!(one, Err(IssuerError::Roll(RollError::Charter(..)))));
    let read = |name: &str| fs::read(desk.path("server").join(name)).unwrap();
    let server_cas = Some(vec![read("ca.cert"), read("ca.next.cert")]);
    let changes = Changes { days: CHARTER_DAYS, server_cas, ..Changes::default() };
    let overlap = signed(&desk, draft_next(&first, changes, &desk.elmgate, NOW_MS).unwrap());
    desk.server.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap();
    let refused = desk.server.roll_finish(&overlap, false, &passphrase(), NOW_MS);
    assert!(matches!(refused, Err(IssuerError::Roll(RollError::OldCertificatesLive(..)))));
    let new = chain(&mut desk.server);
    for chain in [&old, &new] {
        assert!(view(&overlap).verify_server(chain, SERVER_NAME, NOW_MS).is_ok());
    }
    desk.server.roll_finish(&overlap, false, &passphrase(), NOW_MS).unwrap();
    let path = desk.path("server");
    let ca = desk.server.ca_certificate().clone();
    drop(desk.server);
    assert_eq!(*ServerCa::open(&path, &passphrase()).unwrap().ca_certificate(), ca);
}

#[test]
fn a_duty_officer_denies_devices_of_its_own_agency_alone() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let device = enrol(&mut desk.harborlight, &charter);
    let own = || Passphrase::new("another four words here".to_owned());
    let path = desk.path("duty");
    drop(DutyOfficer::init(&path, &mut desk.harborlight, &own(), NOW_MS).unwrap());
    assert!(matches!(DutyOfficer::open(&path, &passphrase()), Err(IssuerError::WrongPassphrase)));
    assert!(matches!(AgencyCa::open(&path, &own()), Err(IssuerError::Folder(FolderError::NoCa(..)))));
    let duty = DutyOfficer::open(&path, &own()).unwrap();
    let identity = device.identity.parse().unwrap();
    let denial = duty.deny(&identity, NOW_MS).unwrap();
    assert!(view(&charter).verify_device_tls(&device.tls_chain, NOW_MS).is_ok(), "the control");
    let taken = view(&charter).taken_denial(&denial, None).unwrap();
    let denied = view(&charter).with_taken_denials([taken]);
    assert!(matches!(denied.verify_device_tls(&device.tls_chain, NOW_MS), Err(TrustError::Denied { .. })));

    let serial = desk.harborlight.issued().last().unwrap().serial.clone();
    let crl = desk.harborlight.revoke(&Which::Serial(serial), Reason::KeyCompromise, NOW_MS).unwrap();
    let (view, _) = view(&charter).with_crl(&crl.der).unwrap();
    assert!(view.taken_denial(&denial, None).is_err(), "a revoked duty officer denies nobody");

    let other = DutyOfficer::init(&desk.path("other"), &mut desk.elmgate, &own(), NOW_MS).unwrap();
    assert_eq!(*other.agency(), elmgate().trust_domain);
    assert!(matches!(other.deny(&identity, NOW_MS), Err(IssuerError::DutyOfAnotherAgency { .. })));
}

#[test]
fn a_rehearsal_tells_what_ends_in_order_and_what_the_next_charter_refuses() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let device = enrol(&mut desk.harborlight, &first);
    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    let overlap = signed(&desk, next(&desk, &first));
    desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap();
    desk.harborlight.roll_finish(&overlap, true, &passphrase(), NOW_MS).unwrap();
    let drops = next(&desk, &overlap);
    let path = desk.path("harborlight");
    let look = |days, next| {
        let input =
            RehearseInput { ca: &path, charter: &overlap, crls: Vec::new(), server: None, next, days };
        rehearse(&input, NOW_MS).unwrap()
    };
    drop(desk.harborlight);
    assert_eq!(look(29, None).count(), 0);
    let kinds: Vec<_> = look(731, None).findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Crl, FindingKind::Device, FindingKind::Charter]);
    assert_eq!(look(29, Some(&overlap)).count(), 0, "the control: both CAs stand there");
    let refused = look(29, Some(&drops)).refused;
    assert_eq!(
        refused.iter().map(|r| r.issued.name.as_str()).collect::<Vec<_>>(),
        [device.identity.as_str(); 2]
    );
}
