//! Odd certificates: signed with an agency's own CA key, or with the key of a CA that nobody knows.

use alcove_charter::oids;
use alcove_issuer::{AgencyCa, Passphrase, SigningKey};
use alcove_tests::world::{PASSPHRASE, World};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What one certificate says; by default what a good device certificate says.
pub(crate) struct Wanted {
    pub(crate) sans: Vec<String>,
    pub(crate) usage: &'static [u64],
    /// Seconds from now, in the past when negative.
    pub(crate) from_seconds: i64,
    /// Seconds from now.
    pub(crate) to_seconds: i64,
    /// Whether it is a CA's.
    pub(crate) authority: bool,
}

impl Wanted {
    /// One device of `label`, for an hour in both directions.
    pub(crate) fn device(label: &str) -> Self {
        Self {
            sans: vec![device_name(label)],
            usage: oids::CLIENT_AUTH_ARCS,
            from_seconds: -3600,
            to_seconds: 3600,
            authority: false,
        }
    }
}

/// The name of a device that no admin has handed out.
pub(crate) fn device_name(label: &str) -> String {
    format!("spiffe://{label}.northmark.example/staff/abcdefghijklmn27/device/1")
}

/// A certificate with its key, as a device shows it.
pub(crate) struct Shown {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Shown {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

/// Somebody who signs certificates without asking what stands in them.
pub(crate) enum Signer {
    /// An agency's real CA. Its folder is locked as long as this lives.
    Agency(Box<AgencyCa>),
    /// A CA that stands in no charter.
    Foreign { certificate: CertificateDer<'static>, key: Box<SigningKey> },
}

impl Signer {
    /// An agency's real CA, in the hands of somebody who signs anything.
    pub(crate) fn of_agency(world: &World, label: &str) -> Self {
        Self::in_folder(&world.agency_folder(label))
    }

    /// The CA in an agency's folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let agency = AgencyCa::open(folder, &passphrase).expect("the world's CAs open");
        Self::Agency(Box::new(agency))
    }

    /// A CA that stands in no charter, under whatever name.
    pub(crate) fn foreign(name: &str) -> Self {
        let key = SigningKey::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, name);
        params.distinguished_name.push(DnType::CommonName, "Alcove agency CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        let certificate = params.self_signed(&key).expect("a CA can be made");
        Self::Foreign { certificate: certificate.der().clone(), key: Box::new(key) }
    }

    /// Signs what is wanted, with a fresh key.
    pub(crate) fn certify(&self, wanted: &Wanted) -> Shown {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = moment(wanted.from_seconds).into();
        params.not_after = moment(wanted.to_seconds).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(wanted.usage.to_vec())];
        params.subject_alt_names = wanted.sans.iter().map(|san| san_of(san)).collect();
        params.use_authority_key_identifier_extension = true;
        if wanted.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }
        let certificate = params.signed_by(&key, &self.issuer()).expect("anything can be signed");
        Shown { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }

    /// A list with that number, made so many seconds from now, over as many serial numbers that nobody has: those of a
    /// shorter list are among those of a longer one.
    pub(crate) fn list(&self, number: u64, from_seconds: i64, invented: u64) -> Vec<u8> {
        let made = moment(from_seconds);
        let revoked = |serial: u64| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&(u128::from(serial) | 1 << 126).to_be_bytes()),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: made.into(),
            next_update: (made + Duration::from_secs(30 * 24 * 3600)).into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: (0..invented).map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer()).expect("anything can be signed").der().to_vec()
    }

    fn issuer(&self) -> Issuer<'static, &SigningKey> {
        let (certificate, signing_key) = match self {
            Self::Agency(agency) => (agency.ca_certificate(), agency.ca_key()),
            Self::Foreign { certificate, key } => (certificate, key.as_ref()),
        };
        Issuer::from_ca_cert_der(certificate, signing_key).expect("a CA's certificate parses")
    }
}

fn san_of(san: &str) -> SanType {
    let text = san.try_into().expect("names here are ASCII");
    if san.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }
}

fn moment(seconds_from_now: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds_from_now.unsigned_abs());
    if seconds_from_now < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292 million")
}
