//! Reading one certificate: the facts a judgement needs, each in one form.

use crate::{TrustError, key::P256Point, key::sha256, oids::Usage};
use alcove_proto::{ids::Digest, limits::CERTIFICATE_BYTES_MAX, names::Identity};
use std::fmt;
use x509_parser::{
    asn1_rs::BitString,
    certificate::X509Certificate,
    certification_request::X509CertificationRequest,
    extensions::{ExtendedKeyUsage, GeneralName},
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256},
    prelude::FromDer,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

/// A certificate's serial number, as the content octets of its DER integer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Takes the content octets of a DER integer (a leading zero byte included, where DER has one).
    pub fn from_der_content(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The content octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Serial({self})")
    }
}

/// The public key of a certificate.
///
/// Errors: [`TrustError::Malformed`], [`TrustError::UnsupportedKey`].
pub fn leaf_point(certificate_der: &[u8]) -> Result<P256Point, TrustError> {
    Leaf::parse(certificate_der).map(|leaf| leaf.public_key)
}

/// Serial number and first moment (milliseconds since 1970) of a certificate that has been judged elsewhere.
///
/// Errors: [`TrustError::Malformed`], [`TrustError::UnsupportedKey`].
pub fn leaf_serial(certificate_der: &[u8]) -> Result<(Serial, i64), TrustError> {
    Leaf::parse(certificate_der).map(|leaf| (leaf.serial, leaf.not_before_ms))
}

/// The device a certificate names, before anybody has believed it: for telling apart certificates that
/// have been judged elsewhere.
///
/// Errors: [`TrustError::Malformed`], [`TrustError::NoSan`], [`TrustError::SeveralSans`],
/// [`TrustError::SanKind`], [`TrustError::Name`].
pub fn claimed_device(certificate_der: &[u8]) -> Result<Identity, TrustError> {
    match Leaf::parse(certificate_der)?.san()? {
        San::Uri(uri) => uri.parse().map_err(TrustError::Name),
        San::Dns(_) | San::Other => Err(TrustError::SanKind),
    }
}

/// The public key of a PKCS#10 request (RFC 2986), after its self-signature has been checked; nothing
/// else in the request is read.
///
/// Errors: [`TrustError::Malformed`], [`TrustError::UnsupportedKey`], [`TrustError::BadSignature`].
pub fn request_point(request_der: &[u8]) -> Result<P256Point, TrustError> {
    read_request(request_der).map(|(point, _bare)| point)
}

/// The same for a device, whose agency picks names and usages: a request that asks for any is another program's,
/// or somebody tries something.
///
/// Errors: those of [`request_point`], [`TrustError::RequestAsks`].
pub fn bare_request_point(request_der: &[u8]) -> Result<P256Point, TrustError> {
    match read_request(request_der)? {
        (point, true) => Ok(point),
        (_, false) => Err(TrustError::RequestAsks),
    }
}

/// The key of a request, and whether it says nothing else.
fn read_request(request_der: &[u8]) -> Result<(P256Point, bool), TrustError> {
    if request_der.len() > CERTIFICATE_BYTES_MAX {
        return Err(TrustError::Malformed);
    }
    let (rest, request) =
        X509CertificationRequest::from_der(request_der).map_err(|_| TrustError::Malformed)?;
    if !rest.is_empty() {
        return Err(TrustError::Malformed);
    }
    let info = &request.certification_request_info;
    let point = point_of(&info.subject_pki).ok_or(TrustError::UnsupportedKey)?;
    let signature = ecdsa_signature(&request.signature_algorithm, &request.signature_value);
    signature.and_then(|signature| point.verify(info.raw, signature).ok()).ok_or(TrustError::BadSignature)?;
    let bare = info.subject.iter_rdn().next().is_none() && info.attributes().is_empty();
    Ok((point, bare))
}

/// Believes a server's TLS certificate for `name` at `time_ms` if `ca_key` signed it: for a device that holds an
/// invitation and no charter yet.
///
/// `chain`: leaf first, which is all there may be. Whether a charter names that CA is checked as soon as there is one.
/// Errors: [`TrustError`].
pub fn verify_pinned_server(
    chain: &[impl AsRef<[u8]>],
    name: &str,
    ca_key: &P256Point,
    time_ms: i64,
) -> Result<(), TrustError> {
    let [der] = chain else {
        return Err(TrustError::ChainLength { certificates: chain.len() });
    };
    let leaf = Leaf::parse(der.as_ref())?;
    leaf.check_profile(Usage::TlsServer)?;
    let (_, certificate) = X509Certificate::from_der(der.as_ref()).map_err(|_| TrustError::Malformed)?;
    let signature = ecdsa_signature(&certificate.signature_algorithm, &certificate.signature_value);
    signature
        .and_then(|signature| ca_key.verify(certificate.tbs_certificate.as_ref(), signature).ok())
        .ok_or(TrustError::UnknownServerIssuer)?;
    leaf.check_time(time_ms)?;
    match leaf.san()? {
        San::Dns(san) if san.eq_ignore_ascii_case(name) => Ok(()),
        San::Dns(_) | San::Uri(_) | San::Other => Err(TrustError::WrongServerName),
    }
}

/// The bytes of a signature that says "ECDSA with SHA-256" (RFC 5758 section 3.2). The algorithm beside a
/// signature is not under it, so another one must not pass as this one.
pub(crate) fn ecdsa_signature<'a>(
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &'a BitString<'_>,
) -> Option<&'a [u8]> {
    let named = algorithm.algorithm == OID_SIG_ECDSA_WITH_SHA256 && algorithm.parameters.is_none();
    (named && signature.unused_bits == 0).then_some(&*signature.data)
}

/// The point of a subjectPublicKeyInfo that says "EC key on P-256".
pub(crate) fn point_of(spki: &SubjectPublicKeyInfo<'_>) -> Option<P256Point> {
    let on_p256 = spki.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY
        && spki
            .algorithm
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.as_oid().ok())
            .is_some_and(|curve| curve == OID_EC_P256);
    if on_p256 { P256Point::parse(&spki.subject_public_key.data) } else { None }
}

/// The one name a leaf carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum San {
    Uri(String),
    Dns(String),
    Other,
}

/// What a leaf certificate says, before anybody believes it.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) public_key: P256Point,
    pub(crate) serial: Serial,
    pub(crate) not_before_ms: i64,
    pub(crate) not_after_ms: i64,
    pub(crate) hash: Digest,
    sans: Vec<San>,
    /// The OIDs of the extended key usages, as DER content.
    usages: Vec<Vec<u8>>,
    is_ca: bool,
}

impl Leaf {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, TrustError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(TrustError::Malformed);
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| TrustError::Malformed)?;
        if !rest.is_empty() {
            return Err(TrustError::Malformed);
        }
        let sans = certificate.subject_alternative_name().map_err(|_| TrustError::Malformed)?;
        let usages = certificate.extended_key_usage().map_err(|_| TrustError::Malformed)?;
        let constraints = certificate.basic_constraints().map_err(|_| TrustError::Malformed)?;
        Ok(Self {
            public_key: point_of(certificate.public_key()).ok_or(TrustError::UnsupportedKey)?,
            serial: Serial::from_der_content(certificate.raw_serial()),
            not_before_ms: ms(certificate.validity().not_before.timestamp()),
            // The last second belongs to the validity (RFC 5280 section 4.1.2.5).
            not_after_ms: ms(certificate.validity().not_after.timestamp()).saturating_add(999),
            hash: Digest(sha256(&[der])),
            sans: sans.map(|sans| sans.value.general_names.iter().map(san).collect()).unwrap_or_default(),
            usages: usages.map(|usages| usage_oids(usages.value)).unwrap_or_default(),
            is_ca: constraints.is_some_and(|constraints| constraints.value.ca),
        })
    }

    /// The one name, or why there is not one.
    pub(crate) fn san(&self) -> Result<&San, TrustError> {
        match self.sans.as_slice() {
            [] => Err(TrustError::NoSan),
            [san] => Ok(san),
            several => Err(TrustError::SeveralSans { count: several.len() }),
        }
    }

    /// Always an end entity's, with exactly the one usage.
    pub(crate) fn check_profile(&self, usage: Usage) -> Result<(), TrustError> {
        if self.is_ca {
            return Err(TrustError::CaAsLeaf);
        }
        match self.usages.as_slice() {
            [only] if only == usage.der() => Ok(()),
            _ => Err(TrustError::WrongUsage),
        }
    }

    /// Whether `time_ms` lies within the validity.
    pub(crate) fn check_time(&self, time_ms: i64) -> Result<(), TrustError> {
        if time_ms > self.not_after_ms {
            Err(TrustError::Expired { not_after_ms: self.not_after_ms, time_ms })
        } else if time_ms < self.not_before_ms {
            Err(TrustError::NotYetValid { not_before_ms: self.not_before_ms, time_ms })
        } else {
            Ok(())
        }
    }
}

/// Seconds as milliseconds.
pub(crate) fn ms(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

fn san(name: &GeneralName<'_>) -> San {
    match name {
        GeneralName::URI(uri) => San::Uri((*uri).to_owned()),
        GeneralName::DNSName(name) => San::Dns((*name).to_owned()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => San::Other,
    }
}

/// The parser sorts the well-known usages into flags; this lays them side by side again.
fn usage_oids(usages: &ExtendedKeyUsage<'_>) -> Vec<Vec<u8>> {
    const PKIX: [u8; 7] = [0x2b, 6, 1, 5, 5, 7, 3];
    let flags = [
        (usages.server_auth, 1),
        (usages.client_auth, 2),
        (usages.code_signing, 3),
        (usages.email_protection, 4),
        (usages.time_stamping, 8),
        (usages.ocsp_signing, 9),
    ];
    let mut oids: Vec<Vec<u8>> = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, last)| PKIX.iter().copied().chain([*last]).collect())
        .collect();
    if usages.any {
        // anyExtendedKeyUsage, 2.5.29.37.0.
        oids.push(vec![0x55, 0x1d, 0x25, 0]);
    }
    oids.extend(usages.other.iter().map(|oid| oid.as_bytes().to_vec()));
    oids
}
