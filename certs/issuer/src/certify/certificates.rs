//! What our certificates say: the profiles, in one place. CRLs: [`crate::ledger::crl`]. PROTOCOL.md, "Certificates".
//!
//! Names and usages come from here and from the admin; of a request only the public keys are taken.
//! No URI name constraints on a CA: TLS libraries would refuse its staff. Names are enforced by the
//! verifier instead.

use crate::{
    ca::keys::{self, SigningKey, Subject},
    error::IssuerError,
};
use alcove_charter::{P256Point, oids::Usage};
use alcove_proto::{limits::CERTIFICATE_BACKDATE_SECONDS, names::Identity};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use std::{fmt, time::Duration};

/// Days a CA lives: ten years.
pub const AGENCY_CA_DAYS: u32 = 3652;
/// Days a device's certificates live, unless the admin says otherwise.
pub const DEVICE_DAYS: u32 = 90;
/// Days the server's certificates live, unless the admin says otherwise.
pub const SERVER_DAYS: u32 = 365;
/// Most days a leaf certificate may live.
pub const CERTIFICATE_DAYS_MAX: u32 = 825;

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Bytes of a serial number: 128 bits, the first two fixed.
const SERIAL_BYTES: usize = 16;

/// A certificate just made.
pub(crate) struct Made {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: [u8; SERIAL_BYTES],
    pub(crate) not_after_ms: i64,
}

/// Whose certificate it is.
pub(crate) enum Name<'a> {
    Device(&'a Identity),
    Server(&'a str),
    /// As [`alcove_charter::duty_name`] spells it.
    Duty(&'a str),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(identity) => identity.fmt(formatter),
            Self::Server(name) | Self::Duty(name) => formatter.write_str(name),
        }
    }
}

/// A CA certificate for `key`, signed by itself.
pub(crate) fn ca(key: &SigningKey, owner: &str, what: &str, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
    let mut params = params(now_ms, not_after_ms(now_ms, AGENCY_CA_DAYS))?;
    params.distinguished_name.push(DnType::OrganizationName, owner);
    params.distinguished_name.push(DnType::CommonName, what);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(key).map_err(crypto("sign a certificate"))?;
    Ok(certificate.der().to_vec())
}

/// Whose CA a subject names, and as what, as [`ca`] writes it; nothing for one that it has not written.
pub(crate) fn ca_names(subject: &[u8]) -> Option<(String, String)> {
    let names = yasna::parse_der(subject, |reader| {
        reader.collect_sequence_of(|reader| {
            reader.collect_set_of(|reader| {
                reader.read_sequence(|reader| {
                    reader.next().read_oid()?;
                    reader.next().read_utf8string()
                })
            })
        })
    });
    let mut names = names.ok()?.into_iter().flatten();
    match (names.next(), names.next(), names.next()) {
        (Some(owner), Some(what), None) => Some((owner, what)),
        _ => None,
    }
}

/// A leaf certificate for `public_key`, with one name and one usage.
pub(crate) fn leaf(
    ca: &CertificateDer<'_>,
    ca_key: &SigningKey,
    public_key: &P256Point,
    name: &Name<'_>,
    usage: Usage,
    now_ms: i64,
    not_after_ms: i64,
) -> Result<Made, IssuerError> {
    let mut params = params(now_ms, not_after_ms)?;
    let serial = serial()?;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let san = match name {
        Name::Device(_) | Name::Duty(_) => name.to_string().try_into().map(SanType::URI),
        Name::Server(name) => (*name).try_into().map(SanType::DnsName),
    };
    params.subject_alt_names = vec![san.map_err(crypto("write a name"))?];
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(usage.arcs().to_vec())];
    let issuer = issuer(ca, ca_key)?;
    let certificate =
        params.signed_by(&Subject(*public_key), &issuer).map_err(crypto("sign a certificate"))?;
    Ok(Made { der: certificate.der().to_vec(), serial, not_after_ms })
}

/// The last second of a certificate made at `now_ms` for `days`, milliseconds since 1970.
pub(crate) fn not_after_ms(now_ms: i64, days: u32) -> i64 {
    now_ms - now_ms.rem_euclid(1000) + i64::from(days) * DAY_MS
}

/// Checks a number of days an admin asked for.
pub(crate) fn check_days(days: u32, max: u32) -> Result<(), IssuerError> {
    if (1..=max).contains(&days) { Ok(()) } else { Err(IssuerError::Days { days, max }) }
}

fn params(now_ms: i64, not_after_ms: i64) -> Result<CertificateParams, IssuerError> {
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    let backdate_ms = (CERTIFICATE_BACKDATE_SECONDS * 1000).try_into().unwrap_or(0);
    params.not_before = epoch + since_1970(now_ms.saturating_sub(backdate_ms));
    params.not_after = epoch + since_1970(not_after_ms);
    Ok(params)
}

fn issuer<'a>(
    ca: &CertificateDer<'_>,
    ca_key: &'a SigningKey,
) -> Result<Issuer<'static, &'a SigningKey>, IssuerError> {
    Issuer::from_ca_cert_der(ca, ca_key).map_err(crypto("read the CA certificate"))
}

/// Random, positive, and of one length: the first byte is between 0x40 and 0x7f.
fn serial() -> Result<[u8; SERIAL_BYTES], IssuerError> {
    let mut serial = keys::random::<SERIAL_BYTES>()?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

/// Since 1970 in whole seconds, which is what certificates have. rcgen's time type comes from a crate we
/// need for nothing else, so this is added to rcgen's own epoch where it is used.
pub(crate) fn since_1970(ms: i64) -> Duration {
    Duration::from_secs(u64::try_from(ms / 1000).unwrap_or(0))
}

fn crypto<E>(act: &'static str) -> impl FnOnce(E) -> IssuerError {
    move |_| IssuerError::Crypto { act }
}
