//! A small collaborative for the tests: two agencies with CAs, a signed charter, and an admin who answers
//! requests the way it is told to, also wrongly.

use alcove_charter::{
    P256Point, answer_signing_bytes, ca_claim_signing_bytes, card_signing_bytes, charter_signing_bytes,
    oids::Usage, request_point,
};
use alcove_proto::{names::Identity, v1};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SigningKey,
    SubjectPublicKeyInfo,
};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_256,
    hpke::{Hpke, HpkePublicKey},
};
use std::time::Duration;

pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;
pub(crate) const DIRECTORY_KEY: [u8; 32] = [7; 32];
const COLLABORATIVE: &str = "northmark.example";

/// An agency with what only its admin has.
pub(crate) struct Agency {
    pub(crate) trust_domain: String,
    pub(crate) entry: v1::Agency,
    now_ms: i64,
    ca: Issuer<'static, KeyPair>,
    charter_key: KeyPair,
}

impl Agency {
    /// An agency as of `now_ms`, milliseconds since 1970.
    pub(crate) fn new(label: &str, name: &str, now_ms: i64) -> Self {
        let charter_key = key();
        let (ca_certificate, ca) = ca(name, now_ms);
        let trust_domain = format!("{label}.{COLLABORATIVE}");
        let entry = v1::Agency {
            trust_domain: trust_domain.clone(),
            display_name: name.to_owned(),
            side: v1::Side::Provider.into(),
            ca_certificates: vec![ca_certificate],
            charter_key: charter_key.der_bytes().to_vec(),
            sealing_key: DH_KEM_P256_HKDF_SHA256_AES_256.generate_key_pair().unwrap().0.0,
            recovery_key: Vec::new(),
            ca_claims: vec![claim(&ca, &trust_domain)],
        };
        Self { trust_domain, entry, now_ms, ca, charter_key }
    }

    /// A new CA, which stands after the old one in the agency's entry from now on, and certifies.
    #[allow(dead_code, reason = "each test target uses its own part")]
    pub(crate) fn roll_ca(&mut self) {
        let (certificate, issuer) = ca("a newer CA", self.now_ms);
        self.entry.ca_certificates.push(certificate);
        self.entry.ca_claims.push(claim(&issuer, &self.trust_domain));
        self.ca = issuer;
    }

    /// The name of one of its staff's devices.
    pub(crate) fn identity(&self, seed: u8, device: u16) -> Identity {
        let handle = alcove_proto::names::Handle::from_random([seed; 10]);
        format!("spiffe://{}/staff/{}/device/{device}", self.trust_domain, handle.as_str()).parse().unwrap()
    }

    pub(crate) fn certify(
        &self,
        point: &[u8],
        name: &str,
        usage: Usage,
        from_ms: i64,
        to_ms: i64,
    ) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(usage.arcs().to_vec())];
        set_times(&mut params, from_ms, to_ms);
        let key = SubjectPublicKeyInfo::from_der(&spki(point)).unwrap();
        params.signed_by(&key, &self.ca).unwrap().der().to_vec()
    }

    /// The agency's charter key signs an answer as it is.
    pub(crate) fn signed(&self, answer: v1::EnrolmentCertificate) -> v1::EnrolmentCertificate {
        let signature = self.charter_key.sign(&answer_signing_bytes(&answer)).unwrap();
        v1::EnrolmentCertificate { signature, ..answer }
    }

    /// The agency's charter key signs an order.
    #[allow(dead_code, reason = "each test target uses its own part")]
    pub(crate) fn sign_order(&self, order: &[u8]) -> Vec<u8> {
        self.charter_key.sign(&alcove_charter::order_signing_bytes(order)).unwrap()
    }

    pub(crate) fn card(&self, identity: &Identity, name: &str) -> Vec<u8> {
        let card = v1::Card {
            format: 1,
            person: identity.person.to_string(),
            name: name.to_owned(),
            role: "case manager".to_owned(),
            issued_at_ms: self.now_ms,
        }
        .encode_to_vec();
        let signature = self.charter_key.sign(&card_signing_bytes(&card)).unwrap();
        v1::SignedCard { card, signature }.encode_to_vec()
    }
}

/// The name of the server in every charter here.
pub(crate) const SERVER_NAME: &str = "alcove.northmark.example";

/// Whoever certifies the server.
#[allow(dead_code, reason = "each test target uses its own part")]
pub(crate) struct ServerCa {
    pub(crate) certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    now_ms: i64,
}

#[allow(dead_code, reason = "each test target uses its own part")]
impl ServerCa {
    pub(crate) fn new(now_ms: i64) -> Self {
        let (certificate, issuer) = ca("Server CA", now_ms);
        Self { certificate, issuer, now_ms }
    }

    /// A certificate for the server and its key, DER each.
    pub(crate) fn certify(&self) -> (Vec<u8>, Vec<u8>) {
        let name = SanType::DnsName(SERVER_NAME.try_into().unwrap());
        self.certify_for(Usage::TlsServer, vec![name])
    }

    /// A certificate for a receipt key of the server and that key, DER each.
    pub(crate) fn certify_receipts(&self) -> (Vec<u8>, Vec<u8>) {
        self.certify_for(Usage::Receipts, Vec::new())
    }

    fn certify_for(&self, usage: Usage, sans: Vec<SanType>) -> (Vec<u8>, Vec<u8>) {
        let key = key();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = sans;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(usage.arcs().to_vec())];
        set_times(&mut params, self.now_ms - DAY_MS, self.now_ms + 365 * DAY_MS);
        (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key.serialize_der())
    }
}

/// A charter of `agencies`, signed by those of them named in `signers`.
#[allow(dead_code, reason = "each test target uses its own part")]
pub(crate) fn charter(agencies: &[&Agency], signers: &[&Agency]) -> v1::SignedCharter {
    charter_with(agencies, signers, ca("Server CA", agencies[0].now_ms).0)
}

/// The same with the certificate of this server CA.
pub(crate) fn charter_with(
    agencies: &[&Agency],
    signers: &[&Agency],
    server_ca: Vec<u8>,
) -> v1::SignedCharter {
    let mut entries: Vec<v1::Agency> = agencies.iter().map(|agency| agency.entry.clone()).collect();
    entries.sort_by(|one, other| one.trust_domain.cmp(&other.trust_domain));
    let now_ms = agencies[0].now_ms;
    let charter = v1::Charter {
        format: 1,
        collaborative: COLLABORATIVE.to_owned(),
        version: 1,
        previous_hash: Vec::new(),
        issued_at_ms: now_ms - DAY_MS,
        not_after_ms: now_ms + 700 * DAY_MS,
        quorum: (agencies.len() / 2 + 1) as u32,
        agencies: entries,
        server_ca_certificates: vec![server_ca],
        server_name: SERVER_NAME.to_owned(),
        rules: alcove_charter::RULES,
        directory_key_hash: alcove_charter::directory_key_hash(&DIRECTORY_KEY).to_vec(),
    };
    sign(&charter, signers)
}

/// A charter with the signatures of `signers`.
pub(crate) fn sign(charter: &v1::Charter, signers: &[&Agency]) -> v1::SignedCharter {
    let charter = charter.encode_to_vec();
    let mut signatures: Vec<v1::CharterSignature> = signers
        .iter()
        .map(|agency| v1::CharterSignature {
            trust_domain: agency.trust_domain.clone(),
            signature: agency.charter_key.sign(&charter_signing_bytes(&charter)).unwrap(),
        })
        .collect();
    signatures.sort_by(|one, other| one.trust_domain.cmp(&other.trust_domain));
    v1::SignedCharter { charter, signatures }
}

/// The version after `signed`, changed by `change`, signed by `signers`.
#[allow(dead_code, reason = "each test target uses its own part")]
pub(crate) fn next_charter(
    signed: &v1::SignedCharter,
    signers: &[&Agency],
    change: impl FnOnce(&mut v1::Charter),
) -> v1::SignedCharter {
    let mut charter = v1::Charter::decode(signed.charter.as_slice()).unwrap();
    charter.version += 1;
    charter.previous_hash = alcove_charter::sha256(&[&signed.charter]).to_vec();
    change(&mut charter);
    sign(&charter, signers)
}

/// A new CA for an agency in place of its old ones: its old certificates no longer lead to it.
#[allow(dead_code, reason = "each test target uses its own part")]
pub(crate) fn change_ca(entry: &mut v1::Agency, now_ms: i64) {
    let (certificate, ca) = ca("another CA", now_ms);
    entry.ca_certificates = vec![certificate];
    entry.ca_claims = vec![claim(&ca, &entry.trust_domain)];
}

/// A good answer to `request` (D.req); tests spoil it one field at a time.
pub(crate) fn answer(
    agency: &Agency,
    charter: &v1::SignedCharter,
    request: &[u8],
    identity: &Identity,
    days: i64,
) -> v1::EnrolmentCertificate {
    let request = v1::EnrolmentRequest::decode(request).unwrap();
    let name = identity.to_string();
    let certify = |csr: &[u8], usage| {
        let point = request_point(csr).unwrap();
        agency.certify(
            point.as_bytes(),
            &name,
            usage,
            agency.now_ms - 3_600_000,
            agency.now_ms + days * DAY_MS,
        )
    };
    let (encapsulated, sealed) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(
            b"alcove enrolment v1",
            name.as_bytes(),
            &DIRECTORY_KEY,
            &HpkePublicKey(request.sealing_key.clone()),
        )
        .unwrap();
    let answer = v1::EnrolmentCertificate {
        format: 1,
        tls_chain: vec![certify(&request.tls_csr, Usage::TlsDevice)],
        mls_chain: vec![certify(&request.mls_csr, Usage::MlsSigning)],
        charters: vec![charter.clone()],
        card: agency.card(identity, "Rosa Iglesias-Peña"),
        encapsulated_key: encapsulated.0,
        sealed_directory_key: sealed,
        server_address: "127.0.0.1:8443".to_owned(),
        desk_address: String::new(),
        identity: name,
        signature: Vec::new(),
    };
    agency.signed(answer)
}

/// The answer as it travels through the desk: sealed to the request it answers, for that device.
#[allow(dead_code, reason = "each test target uses its own part")]
pub(crate) fn sealed(answer: &v1::EnrolmentCertificate, request: &[u8], identity: &Identity) -> Vec<u8> {
    let request = v1::EnrolmentRequest::decode(request).unwrap();
    let (encapsulated, ciphertext) = DH_KEM_P256_HKDF_SHA256_AES_256
        .seal(
            b"alcove answer v1",
            identity.to_string().as_bytes(),
            &answer.encode_to_vec(),
            &HpkePublicKey(request.sealing_key),
        )
        .unwrap();
    v1::SealedAnswer { format: 1, encapsulated_key: encapsulated.0, ciphertext }.encode_to_vec()
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn ca(name: &str, now_ms: i64) -> (Vec<u8>, Issuer<'static, KeyPair>) {
    let key = key();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_times(&mut params, now_ms - 10 * DAY_MS, now_ms + 3650 * DAY_MS);
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    (certificate, Issuer::new(params, key))
}

/// The CA's key signs for the agency that lists it.
fn claim(ca: &Issuer<'_, KeyPair>, trust_domain: &str) -> Vec<u8> {
    let key = ca.key();
    let point = P256Point::parse(key.der_bytes()).unwrap();
    key.sign(&ca_claim_signing_bytes(&trust_domain.parse().unwrap(), &point)).unwrap()
}

fn set_times(params: &mut CertificateParams, from_ms: i64, to_ms: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_millis(from_ms.unsigned_abs());
    params.not_after = epoch + Duration::from_millis(to_ms.unsigned_abs());
}

/// SubjectPublicKeyInfo of a P-256 point (RFC 5480).
fn spki(point: &[u8]) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    der.extend(point);
    der
}
