//! The one PKI of all tests: it makes good certificates, lists and charters, and every bad one a test asks for.
//!
//! Everything is made anew for each test: no key and no certificate is kept. [`World`] is three agencies under a charter that
//! all signed; [`TestCa`] and [`Leaf`] are what a scene of its own is built from. Only tests depend on it, never a program.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failing test")]
#![allow(clippy::new_without_default, reason = "nothing here is made by default")]
#![allow(missing_docs, reason = "names say what a test makes")]

use alcove_charter::{
    CharterHistory, DenialError, P256Point, TrustView, ca_claim_signing_bytes, card_signing_bytes,
    charter_signing_bytes, oids,
};
use alcove_proto::{
    names::{Identity, TrustDomain},
    v1::{self, Side},
};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// "Now" in every test: 2026-03-04.
pub const NOW_MS: i64 = 1_772_600_000_000;
pub const DAY_MS: i64 = 86_400_000;
pub const COLLABORATIVE: &str = "northmark.example";
pub const SERVER_NAME: &str = "alcove.northmark.example";
pub const HANDLE: &str = "abcdefghijklmnop";

pub struct TestCa {
    pub key: KeyPair,
    pub der: Vec<u8>,
    /// Signed once: ECDSA signatures differ from run to run, and an entry must not.
    claims: Mutex<BTreeMap<TrustDomain, Vec<u8>>>,
}

impl TestCa {
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(name);
        change(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self::of(key, der)
    }

    /// A certificate that is there already, with its key.
    pub fn of(key: KeyPair, der: Vec<u8>) -> Self {
        Self { key, der, claims: Mutex::default() }
    }

    /// Its key signs for an agency that lists it.
    pub fn claim(&self, trust_domain: &TrustDomain) -> Vec<u8> {
        let point = P256Point::parse(self.key.der_bytes()).unwrap();
        let sign = || self.key.sign(&ca_claim_signing_bytes(trust_domain, &point)).unwrap();
        self.claims.lock().unwrap().entry(trust_domain.clone()).or_insert_with(sign).clone()
    }

    pub fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_ca_cert_der(&self.der.as_slice().into(), &self.key).unwrap()
    }

    /// A CRL over serials.
    pub fn crl(&self, number: u64, serials: &[&[u8]]) -> Vec<u8> {
        self.crl_with(number, serials, |_| {})
    }

    pub fn crl_with(
        &self,
        number: u64,
        serials: &[&[u8]],
        change: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> Vec<u8> {
        let revoked = |serial: &&[u8]| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date_time_ymd(1970, 1, 1) + seconds(NOW_MS - DAY_MS),
            reason_code: None,
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + seconds(NOW_MS),
            next_update: date_time_ymd(1970, 1, 1) + seconds(NOW_MS + 30 * DAY_MS),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        params.signed_by(&self.issuer()).unwrap().der().to_vec()
    }
}

/// Puts these CAs in an entry, each with its claim.
pub fn list(entry: &mut v1::Agency, cas: &[&TestCa]) {
    let trust_domain = entry.trust_domain.parse().unwrap();
    entry.ca_certificates = cas.iter().map(|ca| ca.der.clone()).collect();
    entry.ca_claims = cas.iter().map(|ca| ca.claim(&trust_domain)).collect();
}

pub fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Since 1970, as certificates count.
pub fn seconds(ms: i64) -> Duration {
    Duration::from_secs((ms / 1000).try_into().unwrap())
}

/// Sets from when to when a certificate is valid, milliseconds since 1970.
pub fn set_times(params: &mut CertificateParams, not_before_ms: i64, not_after_ms: i64) {
    params.not_before = date_time_ymd(1970, 1, 1) + seconds(not_before_ms);
    params.not_after = date_time_ymd(1970, 1, 1) + seconds(not_after_ms);
}

pub struct TestAgency {
    pub trust_domain: TrustDomain,
    pub display_name: String,
    pub ca: TestCa,
    pub charter_key: KeyPair,
    pub sealing_key: KeyPair,
}

impl TestAgency {
    pub fn new(label: &str, display_name: &str) -> Self {
        Self {
            trust_domain: format!("{label}.{COLLABORATIVE}").parse().unwrap(),
            display_name: display_name.to_owned(),
            ca: TestCa::new(&format!("{label} CA")),
            charter_key: KeyPair::generate().unwrap(),
            sealing_key: KeyPair::generate().unwrap(),
        }
    }

    pub fn entry(&self) -> v1::Agency {
        v1::Agency {
            trust_domain: self.trust_domain.to_string(),
            display_name: self.display_name.clone(),
            side: Side::Provider.into(),
            ca_certificates: vec![self.ca.der.clone()],
            charter_key: self.charter_key.der_bytes().to_vec(),
            sealing_key: self.sealing_key.der_bytes().to_vec(),
            recovery_key: Vec::new(),
            ca_claims: vec![self.ca.claim(&self.trust_domain)],
        }
    }

    pub fn identity(&self) -> String {
        format!("spiffe://{}/staff/{HANDLE}/device/1", self.trust_domain)
    }

    pub fn sign(&self, charter: &[u8]) -> v1::CharterSignature {
        v1::CharterSignature {
            trust_domain: self.trust_domain.to_string(),
            signature: self.charter_key.sign(&charter_signing_bytes(charter)).unwrap(),
        }
    }

    pub fn card(&self, card: &v1::Card) -> Vec<u8> {
        let card = card.encode_to_vec();
        let signature = self.charter_key.sign(&card_signing_bytes(&card)).unwrap();
        v1::SignedCard { card, signature }.encode_to_vec()
    }

    pub fn tls_leaf(&self) -> Leaf<'_> {
        Leaf::new(&self.ca, &self.identity(), oids::CLIENT_AUTH_ARCS)
    }

    pub fn mls_leaf(&self) -> Leaf<'_> {
        Leaf::new(&self.ca, &self.identity(), oids::MLS_SIGNING_ARCS)
    }
}

/// A leaf certificate to change before it is made.
pub struct Leaf<'a> {
    pub ca: &'a TestCa,
    pub key: KeyPair,
    pub params: CertificateParams,
}

impl<'a> Leaf<'a> {
    pub fn new(ca: &'a TestCa, uri: &str, usage: &[u64]) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(usage.to_vec())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(SerialNumber::from_slice(&[0x41; 16]));
        Self { ca, key: KeyPair::generate().unwrap(), params }.times(NOW_MS - DAY_MS, NOW_MS + DAY_MS)
    }

    pub fn times(mut self, not_before_ms: i64, not_after_ms: i64) -> Self {
        set_times(&mut self.params, not_before_ms, not_after_ms);
        self
    }

    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.params.serial_number = Some(SerialNumber::from_slice(serial));
        self
    }

    pub fn change(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.params);
        self
    }

    pub fn key(mut self, key: KeyPair) -> Self {
        self.key = key;
        self
    }

    pub fn make(&self) -> Vec<u8> {
        self.params.signed_by(&self.key, &self.ca.issuer()).unwrap().der().to_vec()
    }

    /// For a key of which only the point is known, as a request brings it.
    pub fn make_for(&self, point: &[u8]) -> Vec<u8> {
        self.params.signed_by(&Point(point), &self.ca.issuer()).unwrap().der().to_vec()
    }
}

/// Only a public key.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Agencies in order of trust domain, and the operator.
pub struct World {
    pub agencies: Vec<TestAgency>,
    pub server_ca: TestCa,
}

impl World {
    /// Elmgate, Harborlight and Northmark Child Protection, in order of trust domain.
    pub fn new() -> Self {
        Self {
            agencies: vec![
                TestAgency::new("elmgate", "Elmgate Family Justice Center"),
                TestAgency::new("harborlight", "Harborlight Immigrant Services"),
                TestAgency::new("protection", "Northmark Child Protection"),
            ],
            server_ca: TestCa::new("server CA"),
        }
    }

    /// Version 1, quorum 2 of 3.
    pub fn charter(&self) -> v1::Charter {
        first(self.agencies.iter().map(TestAgency::entry).collect(), &self.server_ca)
    }

    pub fn signed(&self) -> Vec<u8> {
        sign(&self.charter(), &self.agencies)
    }

    pub fn history(&self) -> CharterHistory {
        CharterHistory::first(&self.signed()).unwrap()
    }

    pub fn view(&self) -> TrustView {
        TrustView::new(self.history())
    }
}

/// Version 1 over these entries, in order of trust domain, as of [`NOW_MS`]; its quorum is 2.
pub fn first(agencies: Vec<v1::Agency>, server_ca: &TestCa) -> v1::Charter {
    v1::Charter {
        format: 1,
        collaborative: COLLABORATIVE.to_owned(),
        version: 1,
        previous_hash: Vec::new(),
        issued_at_ms: NOW_MS - DAY_MS,
        not_after_ms: NOW_MS + 700 * DAY_MS,
        quorum: 2,
        agencies,
        server_ca_certificates: vec![server_ca.der.clone()],
        server_name: SERVER_NAME.to_owned(),
        rules: alcove_charter::RULES,
        directory_key_hash: Vec::new(),
    }
}

/// The version after `history`, with what it changes.
pub fn next(history: &CharterHistory, change: impl FnOnce(&mut v1::Charter)) -> v1::Charter {
    let newest = history.newest();
    let mut charter = v1::Charter {
        format: 1,
        collaborative: newest.collaborative.to_string(),
        version: newest.version + 1,
        previous_hash: newest.hash().to_vec(),
        issued_at_ms: NOW_MS,
        not_after_ms: NOW_MS + 700 * DAY_MS,
        quorum: newest.quorum,
        agencies: newest.agencies.iter().map(|agency| agency.entry().clone()).collect(),
        server_ca_certificates: newest.server_cas.iter().map(|ca| ca.der().to_vec()).collect(),
        server_name: newest.server_name.clone(),
        rules: newest.rules,
        directory_key_hash: newest.directory_key_hash.map_or_else(Vec::new, |hash| hash.to_vec()),
    };
    change(&mut charter);
    charter.agencies.sort_by(|a, b| a.trust_domain.cmp(&b.trust_domain));
    charter
}

/// Signs a charter by everybody named, in order of trust domain.
pub fn sign<'a>(charter: &v1::Charter, signers: impl IntoIterator<Item = &'a TestAgency>) -> Vec<u8> {
    let charter = charter.encode_to_vec();
    let mut signatures: Vec<_> = signers.into_iter().map(|agency| agency.sign(&charter)).collect();
    signatures.sort_by(|a, b| a.trust_domain.cmp(&b.trust_domain));
    v1::SignedCharter { charter, signatures }.encode_to_vec()
}

/// A view that also has this denial, as one that was taken in before.
pub fn denying(view: &TrustView, signed_denial: &[u8]) -> Result<TrustView, DenialError> {
    let taken = view.taken_denial(signed_denial, None)?;
    Ok(view.with_taken_denials(view.denials().cloned().chain([taken])))
}

/// A view in which a device is not denied.
pub fn lifting(view: &TrustView, identity: &Identity) -> TrustView {
    let others = view.denials().filter(|denial| denial.identity != *identity);
    view.with_taken_denials(others.cloned())
}
