//! A small PKI: three agencies, a charter, devices with good certificates and with bad ones.

use alcove_charter::{
    CharterHistory, P256Point, TrustView, ca_claim_signing_bytes, charter_signing_bytes, oids,
};
use alcove_e2ee::device::Device;
use alcove_mls::SealedCard;
use alcove_proto::{
    names::{Identity, Person, TrustDomain},
    v1,
};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber, SigningKey, date_time_ymd,
};
use std::{cell::Cell, time::Duration};

/// "Now" in every scene: 2026-03-04.
pub(crate) const NOW_MS: i64 = 1_772_600_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;
const COLLABORATIVE: &str = "northmark.example";

/// A CA with its key.
pub(crate) struct TestCa {
    key: KeyPair,
    der: Vec<u8>,
}

impl TestCa {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { key, der }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_ca_cert_der(&self.der.as_slice().into(), &self.key).unwrap()
    }

    /// A CRL that lists `serials`.
    pub(crate) fn crl(&self, number: u64, serials: &[u64]) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: serial_number(*serial),
            revocation_time: date_time_ymd(1970, 1, 1) + since_1970(NOW_MS),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(NOW_MS),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(NOW_MS + 30 * DAY_MS),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer()).unwrap().der().to_vec()
    }
}

/// A positive serial of nine bytes, none of which DER would drop.
fn serial_number(serial: u64) -> SerialNumber {
    SerialNumber::from_slice(&[&[0x41][..], &serial.to_be_bytes()].concat())
}

/// Since 1970, as certificates count.
fn since_1970(ms: i64) -> Duration {
    Duration::from_secs((ms / 1000).try_into().unwrap())
}

/// A member agency.
pub(crate) struct TestAgency {
    pub(crate) trust_domain: TrustDomain,
    pub(crate) ca: TestCa,
    charter_key: KeyPair,
    sealing_key: KeyPair,
    serial: Cell<u64>,
}

impl TestAgency {
    fn new(label: &str) -> Self {
        Self {
            trust_domain: format!("{label}.{COLLABORATIVE}").parse().unwrap(),
            ca: TestCa::new(&format!("{label} CA")),
            charter_key: KeyPair::generate().unwrap(),
            sealing_key: KeyPair::generate().unwrap(),
            serial: Cell::new(0),
        }
    }

    /// The CA's key signs for this agency.
    fn claim(&self) -> Vec<u8> {
        let point = P256Point::parse(self.ca.key.der_bytes()).unwrap();
        self.ca.key.sign(&ca_claim_signing_bytes(&self.trust_domain, &point)).unwrap()
    }

    /// Its entry in a charter that states these rules.
    fn entry_under(&self, rules: u32) -> v1::Agency {
        v1::Agency {
            trust_domain: self.trust_domain.to_string(),
            display_name: format!("Agency {}", self.trust_domain.agency_label()),
            side: v1::Side::Provider.into(),
            ca_certificates: vec![self.ca.der.clone()],
            charter_key: self.charter_key.der_bytes().to_vec(),
            sealing_key: self.sealing_key.der_bytes().to_vec(),
            recovery_key: Vec::new(),
            ca_claims: if rules == 0 { Vec::new() } else { vec![self.claim()] },
        }
    }

    /// The person whose handle is `letter`, sixteen times.
    pub(crate) fn person(&self, letter: char) -> Person {
        let handle: String = std::iter::repeat_n(letter, 16).collect();
        format!("spiffe://{}/staff/{handle}", self.trust_domain).parse().unwrap()
    }

    /// A device of that person's, certified for a day either side of [`NOW_MS`].
    pub(crate) fn device(&self, letter: char, number: u16) -> Staff {
        self.certify(&self.person(letter), number, NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    }

    /// A device certified for a time of its own.
    pub(crate) fn certify(&self, person: &Person, number: u16, not_before: i64, not_after: i64) -> Staff {
        self.serial.set(self.serial.get() + 1);
        let key = KeyPair::generate().unwrap();
        issue(&self.ca, self.serial.get(), key, person, number, not_before, not_after)
    }

    /// A ghost: this agency's name, certified by a CA of its own making.
    pub(crate) fn ghost(&self, letter: char, number: u16) -> Staff {
        self.ghost_of(KeyPair::generate().unwrap(), &self.person(letter).device(number))
    }

    /// A ghost of a device, with a key there is.
    pub(crate) fn ghost_of(&self, key: KeyPair, identity: &Identity) -> Staff {
        let ca = TestCa::new("elsewhere");
        issue(&ca, 1, key, &identity.person, identity.device, NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    }
}

/// A device with what only a test needs to know of it.
pub(crate) struct Staff {
    pub(crate) device: Device,
    pub(crate) key: KeyPair,
    pub(crate) serial: u64,
}

fn issue(
    ca: &TestCa,
    serial: u64,
    key: KeyPair,
    person: &Person,
    number: u16,
    not_before: i64,
    not_after: i64,
) -> Staff {
    let mut params = CertificateParams::default();
    let uri = person.device(number).to_string();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(oids::MLS_SIGNING_ARCS.to_vec())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.serial_number = Some(serial_number(serial));
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(not_before);
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(not_after);
    let der = params.signed_by(&key, &ca.issuer()).unwrap().der().to_vec();
    let card = SealedCard::new(format!("card of {uri}").into_bytes()).unwrap();
    let device = Device::new(&key.serialize_der(), vec![der], Some(card)).unwrap();
    Staff { device, key, serial }
}

/// Three agencies under one charter.
pub(crate) struct World {
    pub(crate) elmgate: TestAgency,
    pub(crate) harborlight: TestAgency,
    pub(crate) protection: TestAgency,
    server_ca: TestCa,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            elmgate: TestAgency::new("elmgate"),
            harborlight: TestAgency::new("harborlight"),
            protection: TestAgency::new("protection"),
            server_ca: TestCa::new("server CA"),
        }
    }

    fn agencies(&self) -> [&TestAgency; 3] {
        [&self.elmgate, &self.harborlight, &self.protection]
    }

    /// The charter's first version, signed by all.
    pub(crate) fn trust(&self) -> TrustView {
        self.trust_with_rules(alcove_charter::RULES)
    }

    /// The same with a number of rules of its own.
    pub(crate) fn trust_with_rules(&self, rules: u32) -> TrustView {
        let charter = v1::Charter {
            format: 1,
            collaborative: COLLABORATIVE.to_owned(),
            version: 1,
            previous_hash: Vec::new(),
            issued_at_ms: NOW_MS - DAY_MS,
            not_after_ms: NOW_MS + 700 * DAY_MS,
            quorum: 2,
            agencies: self.agencies().map(|agency| agency.entry_under(rules)).to_vec(),
            server_ca_certificates: vec![self.server_ca.der.clone()],
            server_name: format!("alcove.{COLLABORATIVE}"),
            rules,
            directory_key_hash: Vec::new(),
        };
        TrustView::new(CharterHistory::first(&self.sign(&charter)).unwrap())
    }

    /// `trust` with the next version of the charter, without the agency `left`.
    pub(crate) fn without(&self, trust: &TrustView, left: &TestAgency) -> TrustView {
        self.next(trust, |agency| *agency != left.trust_domain, trust.charter().rules)
    }

    /// `trust` with the next version of the charter, which states `rules`.
    pub(crate) fn with_rules(&self, trust: &TrustView, rules: u32) -> TrustView {
        self.next(trust, |_| true, rules)
    }

    fn next(&self, trust: &TrustView, stays: impl Fn(&TrustDomain) -> bool, rules: u32) -> TrustView {
        let newest = trust.charter();
        let agencies = newest.agencies.iter().filter(|agency| stays(&agency.trust_domain));
        let charter = v1::Charter {
            format: 1,
            collaborative: COLLABORATIVE.to_owned(),
            version: newest.version + 1,
            previous_hash: newest.hash().to_vec(),
            issued_at_ms: NOW_MS,
            not_after_ms: NOW_MS + 700 * DAY_MS,
            quorum: newest.quorum,
            agencies: agencies.map(|agency| self.claimed(agency.entry(), rules)).collect(),
            server_ca_certificates: vec![self.server_ca.der.clone()],
            server_name: newest.server_name.clone(),
            rules,
            directory_key_hash: Vec::new(),
        };
        trust.with_charter(&self.sign(&charter)).unwrap().0
    }

    /// An entry with the claims that charters of these rules have.
    fn claimed(&self, entry: &v1::Agency, rules: u32) -> v1::Agency {
        let agencies = self.agencies();
        let ours = agencies.into_iter().find(|agency| agency.trust_domain.to_string() == entry.trust_domain);
        v1::Agency { ca_claims: ours.unwrap().entry_under(rules).ca_claims, ..entry.clone() }
    }

    fn sign(&self, charter: &v1::Charter) -> Vec<u8> {
        let charter = charter.encode_to_vec();
        let sign = |agency: &TestAgency| v1::CharterSignature {
            trust_domain: agency.trust_domain.to_string(),
            signature: agency.charter_key.sign(&charter_signing_bytes(&charter)).unwrap(),
        };
        let signatures = self.agencies().map(sign).to_vec();
        v1::SignedCharter { charter, signatures }.encode_to_vec()
    }
}
