//! What lists say after one that somebody else made was adopted.

use crate::{
    desk::{Desk, NOW_MS, passphrase},
    roll::{copy, enrol, next, signed, view},
};
use alcove_charter::CharterFile;
use alcove_issuer::{AgencyCa, Reason, Which};
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber};
use std::time::{Duration, SystemTime};

/// Since which list each entry of the agency's list counts.
fn firsts(charter: &CharterFile, der: &[u8]) -> Vec<Option<u64>> {
    let (view, _) = view(charter).with_crl(der).unwrap();
    let crl = view.crls().next().unwrap().clone();
    crl.entries().map(|(_, entry)| entry.first).collect()
}

/// Adopts a list, and makes the next two.
fn adopted(ca: &mut AgencyCa, list: &[u8], charter: &CharterFile) -> [Vec<Option<u64>>; 2] {
    let adoptable = ca.compare_list(list, view(charter).charters(), NOW_MS).unwrap();
    ca.adopt_list(adoptable).unwrap();
    [(); 2].map(|()| firsts(charter, &ca.renew_crl(NOW_MS).unwrap().der))
}

/// A list by the CA of today, as of before lists said since when.
fn unsaid(ca: &AgencyCa, number: u64) -> Vec<u8> {
    let made = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS.unsigned_abs());
    let of = CertificateRevocationListParams {
        this_update: made.into(),
        next_update: (made + Duration::from_secs(30 * 24 * 3600)).into(),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[0x41; 16]),
            revocation_time: made.into(),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let issuer = Issuer::from_ca_cert_der(ca.ca_certificate(), ca.ca_key()).unwrap();
    of.signed_by(&issuer).unwrap().der().to_vec()
}

#[test]
fn a_list_of_an_earlier_ca_is_adopted_so_that_each_later_list_says_since_when() {
    let mut desk = Desk::new();
    let first = desk.charter();
    let lost = enrol(&mut desk.harborlight, &first);
    let which = Which::Device(lost.identity.parse().unwrap());
    desk.harborlight.revoke(&which, Reason::KeyCompromise, NOW_MS).unwrap();
    copy(&desk.path("harborlight"), &desk.path("stolen"));
    desk.harborlight.roll_begin(&passphrase(), NOW_MS).unwrap();
    let draft = next(&desk, &first);
    let overlap = signed(&desk, draft);
    desk.harborlight.roll_switch(&overlap, &passphrase(), NOW_MS).unwrap();

    // Whoever has the old key goes on with the numbers, and lists what the agency has listed.
    let mut thief = AgencyCa::open(&desk.path("stolen"), &passphrase()).unwrap();
    let press = |thief: &mut AgencyCa, number| loop {
        let made = thief.renew_crl(NOW_MS).unwrap();
        if made.number == number {
            return made.der;
        }
    };
    let of_earlier = press(&mut thief, 20);
    assert_eq!(firsts(&overlap, &of_earlier), [Some(2); 2], "the control: it says since when");
    let [next_list, after] = adopted(&mut desk.harborlight, &of_earlier, &overlap);
    assert_eq!(next_list, [Some(21); 2], "first listed by the next");
    assert_eq!(after, [Some(21); 2], "and that is said again");

    // The same of a CA that the charter names no more; and the folder, opened anew, says it too.
    desk.harborlight.roll_finish(&overlap, true, &passphrase(), NOW_MS).unwrap();
    let draft = next(&desk, &overlap);
    let dropped = signed(&desk, draft);
    let of_gone = press(&mut thief, 40);
    let [next_list, after] = adopted(&mut desk.harborlight, &of_gone, &dropped);
    assert_eq!([next_list, after], [vec![Some(41); 2], vec![Some(41); 2]]);
    copy(&desk.path("harborlight"), &desk.path("again"));
    let mut again = AgencyCa::open(&desk.path("again"), &passphrase()).unwrap();
    assert_eq!(firsts(&dropped, &again.renew_crl(NOW_MS).unwrap().der), [Some(41); 2]);
}

#[test]
fn an_old_list_by_the_ca_of_today_that_says_nothing_is_adopted_as_saying_nothing() {
    let mut desk = Desk::new();
    let charter = desk.charter();
    let list = unsaid(&desk.harborlight, 20);
    let [next_list, after] = adopted(&mut desk.harborlight, &list, &charter);
    assert_eq!([next_list, after], [[None], [None]], "nobody knows since when");
}
