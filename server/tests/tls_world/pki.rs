//! Agencies, a server CA and a charter over them, made anew for every test and valid by the machine's clock.

use alcove_charter::{
    P256Point, ca_claim_signing_bytes, charter_signing_bytes, denial_signing_bytes, duty_name, oids,
};
use alcove_proto::v1;
use prost::Message;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, SigningKey as _, date_time_ymd,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

/// The server's name in the charter.
pub const SERVER_NAME: &str = "alcove.northmark.example";

static SERIALS: AtomicU64 = AtomicU64::new(1);

/// A CA with its key.
pub struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as a device or the server holds them.
pub struct Held {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
    pub serial: SerialNumber,
}

/// What one certificate should say; by default what a good device certificate says.
pub struct Wanted {
    pub sans: Vec<String>,
    pub usage: &'static [u64],
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

pub struct Agency {
    pub trust_domain: String,
    pub display_name: String,
    pub ca: Ca,
    charter_key: EcdsaKeyPair,
    sealing_key: EcdsaKeyPair,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn certify(&self, wanted: Wanted) -> Held {
        let key = KeyPair::generate().unwrap();
        let serial = SerialNumber::from(SERIALS.fetch_add(1, Ordering::Relaxed));
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(serial.clone());
        params.not_before = wanted.not_before.into();
        params.not_after = wanted.not_after.into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(wanted.usage.to_vec())];
        params.subject_alt_names = wanted.sans.iter().map(|san| san_type(san)).collect();
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Held { chain: vec![certificate.der().clone()], key: key.serialize_der(), serial }
    }

    /// A CRL with that number over those certificates.
    pub fn crl(&self, number: u64, revoked: &[&Held]) -> Vec<u8> {
        let serials = revoked.iter().map(|held| held.serial.clone());
        self.crl_of(number, serials, SystemTime::now(), a_day_from_now())
    }

    /// An empty CRL whose successor is due then.
    pub fn crl_until(&self, number: u64, next_update: SystemTime) -> Vec<u8> {
        let made = SystemTime::now().min(next_update - Duration::from_secs(60));
        self.crl_of(number, std::iter::empty(), made, next_update)
    }

    /// An empty CRL of a CA whose clock is ahead.
    pub fn crl_ahead(&self, number: u64, ahead: Duration) -> Vec<u8> {
        self.crl_of(number, std::iter::empty(), SystemTime::now() + ahead, a_day_from_now())
    }

    /// A CRL over those and `more` serials that nobody has.
    pub fn large_crl(&self, number: u64, revoked: &[&Held], more: u64) -> Vec<u8> {
        let others = (0..more).map(|other| SerialNumber::from((1 << 60) + other));
        let serials = revoked.iter().map(|held| held.serial.clone()).chain(others);
        self.crl_of(number, serials, SystemTime::now(), a_day_from_now())
    }

    fn crl_of(
        &self,
        number: u64,
        serials: impl Iterator<Item = SerialNumber>,
        this_update: SystemTime,
        next_update: SystemTime,
    ) -> Vec<u8> {
        // The date of a revocation never moves from one list to the next.
        let revoked_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let entry = |serial_number| RevokedCertParams {
            serial_number,
            revocation_time: revoked_at.into(),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: this_update.into(),
            next_update: next_update.into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// Its key signs for the agency that lists it.
    fn claim_for(&self, trust_domain: &str) -> Vec<u8> {
        let key = self.issuer.key();
        let point = P256Point::parse(key.public_key_raw()).unwrap();
        key.sign(&ca_claim_signing_bytes(&trust_domain.parse().unwrap(), &point)).unwrap()
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

fn a_day_from_now() -> SystemTime {
    SystemTime::now() + Duration::from_secs(86_400)
}

fn san_type(san: &str) -> SanType {
    let text = san.try_into().unwrap();
    if san.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }
}

impl Held {
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    pub fn chain_bytes(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|certificate| certificate.to_vec()).collect()
    }
}

impl Wanted {
    /// One name, one use, an hour in both directions.
    pub fn new(san: impl Into<String>, usage: &'static [u64]) -> Self {
        let hour = Duration::from_secs(3600);
        let now = SystemTime::now();
        Self { sans: vec![san.into()], usage, not_before: now - hour, not_after: now + hour }
    }
}

impl Agency {
    pub fn new(label: &str, display_name: &str) -> Self {
        Self {
            trust_domain: format!("{label}.northmark.example"),
            display_name: display_name.to_owned(),
            ca: Ca::new(display_name),
            charter_key: signing_key(),
            sealing_key: signing_key(),
        }
    }

    /// The name of a device of this agency's one person.
    pub fn device_name(&self, number: u16) -> String {
        format!("spiffe://{}/staff/abcdefghijklmn27/device/{number}", self.trust_domain)
    }

    /// A device with a good TLS certificate.
    pub fn device(&self, number: u16) -> Held {
        self.ca.certify(Wanted::new(self.device_name(number), oids::CLIENT_AUTH_ARCS))
    }

    /// A duty officer.
    pub fn officer(&self) -> Held {
        let trust_domain = self.trust_domain.parse().unwrap();
        self.ca.certify(Wanted::new(duty_name(&trust_domain), oids::DENIALS_ARCS))
    }

    /// Denies a device by a key that the agency's CA has certified for it.
    pub fn denial(&self, device_name: &str) -> Vec<u8> {
        self.denial_by(&self.officer(), device_name)
    }

    /// The same by that officer.
    pub fn denial_by(&self, officer: &Held, device_name: &str) -> Vec<u8> {
        let denial =
            v1::Denial { format: 1, identity: device_name.to_owned(), at_ms: now_ms() }.encode_to_vec();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &officer.key, &random).unwrap();
        let signature = key.sign(&random, &denial_signing_bytes(&denial)).unwrap().as_ref().to_vec();
        let certificate = officer.chain[0].to_vec();
        v1::SignedDenial { denial, certificate, signature }.encode_to_vec()
    }

    fn entry(&self) -> v1::Agency {
        v1::Agency {
            trust_domain: self.trust_domain.clone(),
            display_name: self.display_name.clone(),
            side: v1::Side::Provider.into(),
            ca_certificates: vec![self.ca.der()],
            charter_key: self.charter_key.public_key().as_ref().to_vec(),
            sealing_key: self.sealing_key.public_key().as_ref().to_vec(),
            recovery_key: Vec::new(),
            ca_claims: vec![self.ca.claim_for(&self.trust_domain)],
        }
    }
}

/// Version 1 or, after `previous`, the next version of a charter that every agency signs.
pub fn charter(
    agencies: &[&Agency],
    server_ca: &Ca,
    previous: Option<&v1::SignedCharter>,
) -> v1::SignedCharter {
    charter_until(agencies, server_ca, previous, now_ms() + 86_400_000)
}

/// The same with an end, milliseconds since 1970.
pub fn charter_until(
    agencies: &[&Agency],
    server_ca: &Ca,
    previous: Option<&v1::SignedCharter>,
    not_after_ms: i64,
) -> v1::SignedCharter {
    let before = previous.map(|signed| v1::Charter::decode(signed.charter.as_slice()).unwrap());
    let charter = v1::Charter {
        format: 1,
        collaborative: "northmark.example".into(),
        version: before.map_or(1, |before| before.version + 1),
        previous_hash: previous
            .map_or_else(Vec::new, |signed| alcove_charter::sha256(&[&signed.charter]).to_vec()),
        issued_at_ms: now_ms(),
        not_after_ms,
        quorum: agencies.len() as u32,
        agencies: agencies.iter().map(|agency| agency.entry()).collect(),
        server_ca_certificates: vec![server_ca.der()],
        server_name: SERVER_NAME.into(),
        rules: alcove_charter::RULES,
        directory_key_hash: Vec::new(),
    }
    .encode_to_vec();
    v1::SignedCharter { signatures: sign(agencies, &charter), charter }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Signatures of all these agencies.
pub fn sign(agencies: &[&Agency], charter: &[u8]) -> Vec<v1::CharterSignature> {
    let message = charter_signing_bytes(charter);
    let sign = |agency: &&Agency| v1::CharterSignature {
        trust_domain: agency.trust_domain.clone(),
        signature: agency.charter_key.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec(),
    };
    agencies.iter().map(sign).collect()
}

/// The charter as admins pass it around.
pub fn charter_file(agencies: &[&Agency], versions: &[v1::SignedCharter]) -> Vec<u8> {
    let (newest, previous) = versions.split_last().unwrap();
    let directory_key = |agency: &&Agency| v1::SealedDirectoryKey {
        trust_domain: agency.trust_domain.clone(),
        encapsulated_key: signing_key().public_key().as_ref().to_vec(),
        ciphertext: vec![7; 48],
    };
    v1::CharterFile {
        format: 1,
        signed_charter: Some(newest.clone()),
        directory_keys: agencies.iter().map(directory_key).collect(),
        previous: previous.to_vec(),
    }
    .encode_to_vec()
}

fn signing_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
}
