//! A CA certificate that the charter lists, ready to verify with.

use crate::{
    CaFault,
    certificate::{Leaf, ecdsa_signature, ms, point_of},
    key::P256Point,
};
use alcove_proto::limits::CERTIFICATE_BYTES_MAX;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// A CA of an agency or of the server.
///
/// Its own validity is not judged: a charter's end bounds it, and RFC 5280 section 6.1.1 takes an
/// anchor as a name and a key.
#[derive(Debug, Clone)]
pub struct Ca {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    /// The raw DER of the subject, as CRLs name their issuer.
    subject: Vec<u8>,
    public_key: P256Point,
    /// Milliseconds since 1970.
    not_before_ms: i64,
    /// Milliseconds since 1970.
    not_after_ms: i64,
}

impl Ca {
    /// Reads a CA certificate and checks that it can serve.
    ///
    /// Errors: [`CaFault`].
    pub fn parse(der: &[u8]) -> Result<Self, CaFault> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CaFault::TooLarge);
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CaFault::Malformed)?;
        if !rest.is_empty() {
            return Err(CaFault::Malformed);
        }
        let constraints = certificate.basic_constraints().map_err(|_| CaFault::Malformed)?;
        if !constraints.is_some_and(|constraints| constraints.value.ca) {
            return Err(CaFault::NotACa);
        }
        let public_key = point_of(certificate.public_key()).ok_or(CaFault::Key)?;
        let usage = certificate.key_usage().map_err(|_| CaFault::Malformed)?;
        if usage.is_some_and(|usage| !usage.value.key_cert_sign() || !usage.value.crl_sign()) {
            return Err(CaFault::KeyUsage);
        }
        if certificate.name_constraints().map_err(|_| CaFault::Malformed)?.is_some() {
            return Err(CaFault::NameConstraints);
        }
        let tbs = certificate.tbs_certificate.as_ref();
        ecdsa_signature(&certificate.signature_algorithm, &certificate.signature_value)
            .and_then(|signature| public_key.verify(tbs, signature).ok())
            .ok_or(CaFault::NotSelfSigned)?;
        let subject = certificate.subject().as_raw().to_vec();
        let not_before_ms = ms(certificate.validity().not_before.timestamp());
        let not_after_ms = ms(certificate.validity().not_after.timestamp()).saturating_add(999);
        let der = CertificateDer::from(der.to_vec());
        let anchor = anchor_from_trusted_cert(&der).map_err(|_| CaFault::Malformed)?.to_owned();
        Ok(Self { der, anchor, subject, public_key, not_before_ms, not_after_ms })
    }

    /// The certificate, DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its key.
    pub fn public_key(&self) -> &P256Point {
        &self.public_key
    }

    /// Its first moment, milliseconds since 1970: for its owner, whose clock may be wrong. No verdict depends on it.
    pub fn not_before_ms(&self) -> i64 {
        self.not_before_ms
    }

    /// Its last moment, milliseconds since 1970: for its owner, who signs nothing after it. No verdict depends on it.
    pub fn not_after_ms(&self) -> i64 {
        self.not_after_ms
    }

    /// The DER of its subject, as whatever it signs names it.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    pub(crate) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }
}

/// Why no path leads from a leaf to an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathFault {
    UnknownIssuer,
    BadSignature,
    Malformed,
    CaAsLeaf,
    WrongUsage,
    /// An intermediate is outside its validity.
    IntermediateTime,
}

/// Checks that a path of signatures leads from `leaf` over `intermediates` to one of `anchors`, and says to whose key.
///
/// webpki wants a time even where expiry is not to be judged: the leaf's own first second is inside
/// its validity, and whoever calls judges the leaf's times apart. Intermediates (the server's chain
/// alone may have some) are judged at `time_ms`.
pub(crate) fn check_path(
    leaf_der: &[u8],
    leaf: &Leaf,
    intermediates: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'static>],
    usage: &'static [u8],
    time_ms: Option<i64>,
) -> Result<P256Point, PathFault> {
    let der = CertificateDer::from(leaf_der);
    let certificate = EndEntityCert::try_from(&der).map_err(fault)?;
    let at_ms = time_ms.unwrap_or(leaf.not_before_ms);
    let at = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(at_ms).unwrap_or(0)));
    // Without intermediates the usage is demanded; an intermediate need not name one.
    let usage = if intermediates.is_empty() {
        KeyUsage::required(usage)
    } else {
        KeyUsage::required_if_present(usage)
    };
    let path = certificate
        .verify_for_usage(&[webpki::ring::ECDSA_P256_SHA256], anchors, intermediates, at, usage, None, None)
        .map_err(fault)?;
    anchor_point(path.anchor()).ok_or(PathFault::Malformed)
}

/// The key of an anchor. A charter takes CAs with P-256 keys alone, whose subjectPublicKeyInfo ends with the point.
fn anchor_point(anchor: &TrustAnchor<'_>) -> Option<P256Point> {
    let info = anchor.subject_public_key_info.as_ref();
    P256Point::parse(info.get(info.len().checked_sub(P256Point::LEN)?..)?)
}

fn fault(error: Error) -> PathFault {
    match error {
        Error::UnknownIssuer => PathFault::UnknownIssuer,
        Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => PathFault::BadSignature,
        Error::CaUsedAsEndEntity => PathFault::CaAsLeaf,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => PathFault::WrongUsage,
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => PathFault::IntermediateTime,
        // The library's enum is open: whatever else it objects to is the certificate's form.
        _ => PathFault::Malformed,
    }
}
