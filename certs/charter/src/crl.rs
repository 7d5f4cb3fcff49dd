//! An agency's certificate revocation list (RFC 5280 section 5), verified once when it arrives.
//!
//! One list speaks for all of an agency's certificates, whichever of its CAs signed them: while an
//! agency rolls over it goes on with one number. Serials are random, so none stands twice.
//! A list past its `nextUpdate` still counts, since an agency that forgot to publish one must not be
//! locked out; [`Crl::is_stale`] is for the warning.
//! The list of a CA that its agency has retired, or of an agency that has left, counts too until a later
//! one is held: a CA that rolls takes no revocation back, and commits that name the list are still read.
//! Each entry says which list had it first ([`oids::FIRST_LISTED`]), so that whoever missed lists in between knows
//! what was listed when. Lists of before say nothing of it. What becomes of entries over time: [`crate::EverListed`].

mod outer;

use crate::{
    CrlError, ListFault,
    agency::Agency,
    anchor::Ca,
    certificate::{Serial, ms},
    history::CharterHistory,
    key::{P256Point, sha256},
    oids,
};
use alcove_proto::{ids::Digest, limits::CRL_BYTES_MAX, names::TrustDomain};
use outer::Outer;
use std::{collections::BTreeMap, fmt, sync::Arc};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::{
    asn1_rs::Integer,
    prelude::FromDer,
    revocation_list::{CertificateRevocationList, RevokedCertificate},
};

/// Bytes of a serial number at most: twenty octets (RFC 5280 section 4.1.2.2), and one for the sign.
const SERIAL_BYTES_MAX: usize = 21;
/// The highest number that the first list of an agency may have at the desk: far above what one a minute comes to.
pub(crate) const FIRST_NUMBER_MAX: u64 = 1 << 32;
/// The highest number that a list may have where none is held. It may be any that came after the first, so this lies where
/// no desk gets from there in the life of anybody: else what was in force could not be read again, nor met by whoever is new.
pub(crate) const MET_NUMBER_MAX: u64 = 1 << 48;

/// A list that a CA has signed, and nobody has read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedCrl {
    /// The agency whose CA signed it.
    pub trust_domain: TrustDomain,
    /// The key of that CA.
    pub signer: P256Point,
    /// Its number, by which nothing is to be believed.
    pub number: u64,
}

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
    entries: BTreeMap<Serial, CrlEntry>,
    /// The key of the CA that signed it.
    signer: P256Point,
    der: Arc<[u8]>,
}

/// What a list says of one serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrlEntry {
    /// The moment of revocation, milliseconds since 1970.
    pub revoked_at_ms: i64,
    /// The number of the agency's list that had it first, where the list says so.
    pub first: Option<u64>,
}

impl Crl {
    /// Checks that a CA of any charter version signed a DER CertificateList, and only then parses it: strangers' bytes
    /// cost one hash for each CA whose name they claim.
    /// It is the list of the agency that had this CA first, whoever lists it now.
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
        let (outer, agency, signer) = Self::signed(der, cas)?;
        Self::parse(der, &outer, agency.trust_domain.clone(), signer)
    }

    fn signed<'a, 'b>(
        der: &'b [u8],
        cas: impl Iterator<Item = (&'a Agency, &'a Ca)>,
    ) -> Result<(Outer<'b>, &'a Agency, P256Point), CrlError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(CrlError::TooLarge { bytes: der.len() });
        }
        let outer = Outer::parse(der)?;
        let (agency, signer) = signed_by(&outer, cas)?;
        Ok((outer, agency, signer))
    }

    /// Checks no more than that a CA of any charter version signed it, and parses nothing.
    ///
    /// Errors: [`CrlError`].
    pub(crate) fn offered(der: &[u8], charters: &CharterHistory) -> Result<OfferedCrl, CrlError> {
        let (outer, agency, signer) = Self::signed(der, charters.cas_ever())?;
        Ok(OfferedCrl { trust_domain: agency.trust_domain.clone(), signer, number: outer.number()? })
    }

    /// Reads a list of an agency's own, signed by one of its CAs, where there is no charter to ask: on the machine that
    /// made it. Never to believe anybody else's by.
    ///
    /// Errors: [`CrlError`].
    pub fn read_own(der: &[u8], trust_domain: &TrustDomain, cas: &[Ca]) -> Result<Self, CrlError> {
        let outer = Outer::parse(der)?;
        let signed = |ca: &&Ca| ca.public_key().verify(outer.signed, outer.signature).is_ok();
        let ca = cas.iter().find(signed).ok_or(CrlError::BadSignature)?;
        Self::parse(der, &outer, trust_domain.clone(), *ca.public_key())
    }

    fn parse(
        der: &[u8],
        outer: &Outer<'_>,
        trust_domain: TrustDomain,
        signer: P256Point,
    ) -> Result<Self, CrlError> {
        // webpki knows which lists say less than they seem to: deltas, indirect ones, unknown critical
        // extensions, in the list or in any entry.
        let strict: CertRevocationList<'_> =
            OwnedCertRevocationList::from_der(der).map_err(|_| CrlError::Malformed)?.into();
        if strict.issuing_distribution_point().is_some() {
            return Err(CrlError::Malformed);
        }
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| CrlError::Malformed)?;
        // What was signed is what is read.
        let is_same = list.tbs_cert_list.as_ref() == outer.signed && list.issuer().as_raw() == outer.issuer;
        if !rest.is_empty() || !is_same {
            return Err(CrlError::Malformed);
        }
        let number = list.crl_number().ok_or(CrlError::Malformed)?.to_u64_digits();
        let number = match number.as_slice() {
            [] => 0,
            [number] => *number,
            _ => return Err(CrlError::Number),
        };
        let next_update = list.next_update().ok_or(CrlError::Malformed)?;
        let mut entries = BTreeMap::new();
        for entry in list.iter_revoked_certificates() {
            let first = first_listed(entry)?;
            if first.is_some_and(|first| first == 0 || first > number) {
                return Err(CrlError::Malformed);
            }
            let said = CrlEntry { revoked_at_ms: ms(entry.revocation_date.timestamp()), first };
            if entry.raw_serial().len() > SERIAL_BYTES_MAX {
                return Err(CrlError::Malformed);
            }
            // Said twice, it would be revoked by the one and not by the other.
            if entries.insert(Serial::from_der_content(entry.raw_serial()), said).is_some() {
                return Err(CrlError::Malformed);
            }
        }
        Ok(Self {
            trust_domain,
            number,
            this_update_ms: ms(list.last_update().timestamp()),
            next_update_ms: ms(next_update.timestamp()),
            entries,
            signer,
            der: der.into(),
        })
    }

    /// Whether it says that it was made no more than `ahead_ms_max` later than by a clock that says `now_ms`.
    ///
    /// Errors: [`ListFault::Ahead`].
    pub(crate) fn check_not_ahead(&self, now_ms: i64, ahead_ms_max: i64) -> Result<(), CrlError> {
        let ahead_ms = self.this_update_ms.saturating_sub(now_ms);
        if ahead_ms > ahead_ms_max { Err(self.refused(ListFault::Ahead { ahead_ms })) } else { Ok(()) }
    }

    /// That it is refused for how it stands to the lists before it.
    pub(crate) fn refused(&self, fault: ListFault) -> CrlError {
        CrlError::Of { trust_domain: self.trust_domain.clone(), number: self.number, fault }
    }

    /// Whether a list that comes after none leaves room for those that follow it: numbers only rise, for ever. `rise_max`:
    /// [`FIRST_NUMBER_MAX`] or [`MET_NUMBER_MAX`].
    ///
    /// Errors: [`ListFault::Jump`].
    pub(crate) fn check_first_number(&self, rise_max: u64) -> Result<(), CrlError> {
        if self.number > rise_max { Err(self.refused(ListFault::Jump { held: 0, rise_max })) } else { Ok(()) }
    }

    /// When the certificate with that serial was revoked, milliseconds since 1970.
    pub fn revoked_at_ms(&self, serial: &Serial) -> Option<i64> {
        self.entry(serial).map(|entry| entry.revoked_at_ms)
    }

    /// What it says of that serial.
    pub fn entry(&self, serial: &Serial) -> Option<&CrlEntry> {
        self.entries.get(serial)
    }

    /// Everything it lists, sorted by serial.
    pub fn entries(&self) -> impl Iterator<Item = (&Serial, &CrlEntry)> {
        self.entries.iter()
    }

    /// How many serials it lists.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The list as it came, DER.
    pub fn der(&self) -> &Arc<[u8]> {
        &self.der
    }

    /// The hash of its bytes: which list it is.
    pub(crate) fn hash(&self) -> Digest {
        Digest(sha256(&[&self.der]))
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
        write!(formatter, "Crl({} {}, {} entries)", self.trust_domain, self.number, self.entries.len())
    }
}

/// The agency whose CA signed a list, and that CA's key.
fn signed_by<'a>(
    outer: &Outer<'_>,
    cas: impl Iterator<Item = (&'a Agency, &'a Ca)>,
) -> Result<(&'a Agency, P256Point), CrlError> {
    let mut named = false;
    for (agency, ca) in cas.filter(|(_, ca)| ca.subject() == outer.issuer) {
        named = true;
        if ca.public_key().verify(outer.signed, outer.signature).is_ok() {
            return Ok((agency, *ca.public_key()));
        }
    }
    Err(if named { CrlError::BadSignature } else { CrlError::UnknownIssuer })
}

/// The number of the list that had an entry first, where it says so.
fn first_listed(entry: &RevokedCertificate<'_>) -> Result<Option<u64>, CrlError> {
    let mut ours =
        entry.extensions().iter().filter(|extension| extension.oid.as_bytes() == oids::FIRST_LISTED);
    let Some(extension) = ours.next() else { return Ok(None) };
    if ours.next().is_some() {
        return Err(CrlError::Malformed);
    }
    let (rest, number) = Integer::from_der(extension.value).map_err(|_| CrlError::Malformed)?;
    match number.as_u64() {
        Ok(number) if rest.is_empty() => Ok(Some(number)),
        Ok(_) | Err(_) => Err(CrlError::Malformed),
    }
}
