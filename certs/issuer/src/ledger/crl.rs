//! The CRL as it is signed (RFC 5280 section 5). PROTOCOL.md section 8, "Lists".
//!
//! Written here field by field: each entry says which list had it first, in an extension of our own that the library which
//! writes our certificates has no place for.

use crate::{
    ca::keys::SigningKey,
    certify::certificates::since_1970,
    error::IssuerError,
    ledger::entries::{ListedRevocation, Reason, serial_bytes},
};
use alcove_charter::{Ca, oids, sha256};
use rcgen::{PublicKeyData, date_time_ymd};
use rustls_pki_types::CertificateDer;
use yasna::{
    DERWriter, DERWriterSeq, Tag,
    models::{GeneralizedTime, ObjectIdentifier, UTCTime},
};

/// Days until the next CRL is due.
pub const CRL_DAYS: u32 = 30;

const DAY_MS: i64 = 24 * 3600 * 1000;
/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
/// reasonCode (RFC 5280 section 5.3.1).
const REASON_CODE: &[u64] = &[2, 5, 29, 21];
/// cRLNumber (RFC 5280 section 5.2.3).
const CRL_NUMBER: &[u64] = &[2, 5, 29, 20];
/// authorityKeyIdentifier (RFC 5280 section 5.2.1).
const AUTHORITY_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 35];
/// Octets of a key identifier: the first of a SHA-256 (RFC 7093 section 2), as in our certificates.
const KEY_IDENTIFIER_BYTES: usize = 20;

/// A CRL over all revocations.
pub(crate) fn sign<'a>(
    ca: &CertificateDer<'_>,
    ca_key: &SigningKey,
    number: u64,
    entries: impl Iterator<Item = ListedRevocation<'a>>,
    now_ms: i64,
) -> Result<Vec<u8>, IssuerError> {
    let failed = || IssuerError::Crypto { act: "sign a CRL" };
    let issuer = Ca::parse(ca).map_err(|_| failed())?;
    let mut entries = entries.peekable();
    let signed = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            // Version 2.
            writer.next().write_u8(1);
            algorithm(writer.next());
            writer.next().write_der(issuer.subject());
            time(writer.next(), now_ms);
            time(writer.next(), now_ms.saturating_add(i64::from(CRL_DAYS) * DAY_MS));
            // Without an entry the list of them is left out (RFC 5280 section 5.1.2.6).
            if entries.peek().is_some() {
                writer.next().write_sequence(|writer| entries.for_each(|entry| write(writer.next(), entry)));
            }
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    extension(writer, AUTHORITY_KEY_IDENTIFIER, |writer| key_identifier(writer, ca_key));
                    extension(writer, CRL_NUMBER, |writer| writer.write_u64(number));
                });
            });
        });
    });
    let signature = ca_key.sign(&signed)?;
    Ok(yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&signed);
            algorithm(writer.next());
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    }))
}

/// One entry of revokedCertificates.
fn write(writer: DERWriter<'_>, (revocation, first): ListedRevocation<'_>) {
    let serial = serial_bytes(&revocation.serial).unwrap_or_default();
    writer.write_sequence(|writer| {
        writer.next().write_bigint_bytes(&serial, true);
        time(writer.next(), revocation.at_ms);
        let reason = reason_code(revocation.reason);
        // An empty list of extensions is none (RFC 5280 section 5.1).
        if reason.is_none() && first.is_none() {
            return;
        }
        writer.next().write_sequence(|writer| {
            if let Some(reason) = reason {
                extension(writer, REASON_CODE, |writer| writer.write_enum(reason));
            }
            if let Some(first) = first {
                extension(writer, oids::FIRST_LISTED_ARCS, |writer| writer.write_u64(first));
            }
        });
    });
}

/// One extension, not critical.
fn extension(writer: &mut DERWriterSeq<'_>, oid: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    writer.next().write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
        writer.next().write_bytes(&yasna::construct_der(value));
    });
}

fn algorithm(writer: DERWriter<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(ECDSA_WITH_SHA256));
    });
}

fn key_identifier(writer: DERWriter<'_>, ca_key: &SigningKey) {
    let hash = sha256(&[&ca_key.subject_public_key_info()]);
    writer.write_sequence(|writer| {
        let identifier = &hash[..KEY_IDENTIFIER_BYTES];
        writer.next().write_tagged_implicit(Tag::context(0), |writer| writer.write_bytes(identifier));
    });
}

/// Until 2049 as UTCTime, later as GeneralizedTime (RFC 5280 section 5.1.2.4).
fn time(writer: DERWriter<'_>, ms: i64) {
    let at = date_time_ymd(1970, 1, 1) + since_1970(ms);
    match UTCTime::from_datetime_opt(at) {
        Some(at) => writer.write_utctime(&at),
        None => writer.write_generalized_time(&GeneralizedTime::from_datetime(at)),
    }
}

/// CRLReason; unspecified is said by saying nothing.
fn reason_code(reason: Reason) -> Option<i64> {
    match reason {
        Reason::Unspecified => None,
        Reason::KeyCompromise => Some(1),
        Reason::AffiliationChanged => Some(3),
        Reason::Superseded => Some(4),
        Reason::CessationOfOperation => Some(5),
    }
}
