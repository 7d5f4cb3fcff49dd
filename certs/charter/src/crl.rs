//! An agency's certificate revocation list (RFC 5280 section 5), verified once when it arrives.
//!
//! One list speaks for all of an agency's certificates, whichever of its CAs signed them: while an
//! agency rolls over it goes on with one number. Serials are random, so none stands twice.
//! A list past its `nextUpdate` still counts, since an agency that forgot to publish one must not be
//! locked out; [`Crl::is_stale`] is for the warning.
//! The list of a CA that its agency has retired, or of an agency that has left, counts too until a later
//! one is held: a CA that rolls takes no revocation back, and commits that name the list are still read.

use crate::{
    CrlError,
    agency::Agency,
    anchor::Ca,
    certificate::{Serial, ecdsa_signature, ms},
    history::CharterHistory,
    key::P256Point,
};
use alcove_proto::{limits::CRL_BYTES_MAX, names::TrustDomain};
use std::{collections::BTreeMap, fmt, sync::Arc};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::{prelude::FromDer, revocation_list::CertificateRevocationList};

/// A verified CRL.
#[derive(Clone)]
pub struct Crl {
    /// The agency whose CA signed it.
    pub trust_domain: TrustDomain,
    /// Rises with every list of the agency.
    pub number: u64,
    /// Milliseconds since 1970.
    pub this_update_ms: i64,
    /// Milliseconds since 1970.
    pub next_update_ms: i64,
    /// Serial to the moment of revocation, milliseconds since 1970.
    revoked: BTreeMap<Serial, i64>,
    /// The key of the CA that signed it.
    signer: P256Point,
    der: Arc<[u8]>,
}

impl Crl {
    /// Parses a DER CertificateList and checks that a CA of any charter version signed it. It is the list of the agency
    /// that had this CA first, whoever lists it now.
    ///
    /// Errors: [`CrlError`].
    pub fn verify(der: &[u8], charters: &CharterHistory) -> Result<Self, CrlError> {
        Self::verify_by(der, charters.cas_ever())
    }

    /// The same for the list of this agency alone, as which it was verified before.
    ///
    /// Errors: [`CrlError`].
    pub fn verify_of(
        der: &[u8],
        trust_domain: &TrustDomain,
        charters: &CharterHistory,
    ) -> Result<Self, CrlError> {
        Self::verify_by(der, charters.cas_ever().filter(|(agency, _)| agency.trust_domain == *trust_domain))
    }

    fn verify_by<'a>(der: &[u8], cas: impl Iterator<Item = (&'a Agency, &'a Ca)>) -> Result<Self, CrlError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(CrlError::TooLarge { bytes: der.len() });
        }
        // webpki knows which lists say less than they seem to: deltas, indirect ones, unknown critical
        // extensions, in the list or in any entry.
        let strict: CertRevocationList<'_> =
            OwnedCertRevocationList::from_der(der).map_err(|_| CrlError::Malformed)?.into();
        if strict.issuing_distribution_point().is_some() {
            return Err(CrlError::Malformed);
        }
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| CrlError::Malformed)?;
        if !rest.is_empty() {
            return Err(CrlError::Malformed);
        }
        let number = list.crl_number().ok_or(CrlError::Malformed)?.to_u64_digits();
        let number = match number.as_slice() {
            [] => 0,
            [number] => *number,
            _ => return Err(CrlError::Number),
        };
        let next_update = list.next_update().ok_or(CrlError::Malformed)?;
        let issuer = list.issuer().as_raw();
        let tbs = list.tbs_cert_list.as_ref();
        let signature = ecdsa_signature(&list.signature_algorithm, &list.signature_value)
            .ok_or(CrlError::BadSignature)?;
        let mut named = false;
        let mut signed_by = None;
        for (agency, ca) in cas.filter(|(_, ca)| ca.subject() == issuer) {
            named = true;
            if ca.public_key().verify(tbs, signature).is_ok() {
                signed_by = Some((agency.trust_domain.clone(), *ca.public_key()));
                break;
            }
        }
        let (trust_domain, signer) =
            signed_by.ok_or(if named { CrlError::BadSignature } else { CrlError::UnknownIssuer })?;
        let revoked = list
            .iter_revoked_certificates()
            .map(|entry| {
                (Serial::from_der_content(entry.raw_serial()), ms(entry.revocation_date.timestamp()))
            })
            .collect();
        Ok(Self {
            trust_domain,
            number,
            this_update_ms: ms(list.last_update().timestamp()),
            next_update_ms: ms(next_update.timestamp()),
            revoked,
            signer,
            der: der.into(),
        })
    }

    /// When the certificate with that serial was revoked, milliseconds since 1970.
    pub fn revoked_at_ms(&self, serial: &Serial) -> Option<i64> {
        self.revoked.get(serial).copied()
    }

    /// How many serials it lists.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// The list as it came, DER.
    pub fn der(&self) -> &Arc<[u8]> {
        &self.der
    }

    /// The key of the CA that signed it: which of an agency's lists counts is judged by it, too.
    pub fn signer(&self) -> &P256Point {
        &self.signer
    }

    /// Whether the agency should have published a newer one by `time_ms`.
    pub fn is_stale(&self, time_ms: i64) -> bool {
        time_ms >= self.next_update_ms
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Crl({} {}, {} entries)", self.trust_domain, self.number, self.revoked.len())
    }
}
