//! Forms of the rows about other people's keys.

use super::*;
use alcove_charter::sha256;
use alcove_proto::ids::Digest;

pub(super) fn forms() -> Vec<Form> {
    vec![
        row_of(PERSON, KnownPersonRow { devices: vec![known_device()] }),
        part(known_device()),
        row_of(PERSON, BlockedRow { person: PERSON.to_owned(), since_ms: 2 }),
        row(GROUP.as_bytes(), SeatsRow { epoch_id: hash(1), trust: hash(2), until_ms: 3 }),
        row(GROUP.as_bytes(), IssuedRow { epoch_id: hash(1), issuers: vec![issuer()] }),
        part(issuer()),
        part(issued_certificate()),
        row_of(&key_change_name(), key_change()),
        row_of(AGENCY, VerifiedRow { charter_key: point(1), at_ms: 2 }),
    ]
}

fn known_device() -> KnownDeviceRow {
    KnownDeviceRow { device: 1, public_key: point(2), reason: 60, earlier_keys: vec![point(61), point(62)] }
}

fn issuer() -> IssuerRow {
    IssuerRow { trust_domain: AGENCY.to_owned(), key: point(2), certificates: vec![issued_certificate()] }
}

fn issued_certificate() -> IssuedCertificateRow {
    IssuedCertificateRow { certificate_hash: hash(1), serial: opaque(2), not_before_ms: 3, not_after_ms: 4 }
}

fn key_change() -> KeyChangeRow {
    KeyChangeRow { identity: DEVICE.to_owned(), public_key: point(2), new_device: true, noticed_at_ms: 4 }
}

/// The device, and the hash of the key that came.
fn key_change_name() -> String {
    format!("{DEVICE} {}", Digest(sha256(&[&NEW_KEY])))
}
