//! The one value that answers every question about a certificate: the charter's history and the
//! newest CRL of every agency.
//!
//! A [`TrustView`] never changes; a newer charter or CRL makes a new one. The agency is picked by the
//! trust domain in the certificate's own name, so one agency's CA can never vouch for another's staff.
//! PROTOCOL.md, "Certificates".

mod claim;
mod currency;
mod denials;
mod issued;
mod lists;
mod offered;
mod server;

pub use claim::DeviceCertificate;
pub use currency::Currency;
pub use issued::Issued;
pub use lists::CrlRank;

use crate::{
    certificate::Serial,
    charter::Charter,
    crl::Crl,
    denial::Denial,
    error::{CharterError, TrustError},
    history::{Appended, CharterHistory},
    key::P256Point,
    listed::{EverListed, Stood},
    oids::Usage,
    signed::SignedCharter,
};
use alcove_proto::{
    ids::Digest,
    limits::AGENCIES_MAX,
    names::{Identity, TrustDomain},
    v1,
};
use claim::Claim;
use rustls_pki_types::TrustAnchor;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The charter's history and the newest CRL of every agency. Immutable; cheap to clone.
#[derive(Debug, Clone)]
pub struct TrustView {
    charters: Arc<CharterHistory>,
    /// Agencies that have left included.
    crls: Arc<BTreeMap<TrustDomain, Arc<Crl>>>,
    /// What their lists have ever had.
    listed: Arc<BTreeMap<TrustDomain, Arc<EverListed>>>,
    /// Devices that are shut out at the door: they change no verdict about what stands in a log.
    pub(crate) denials: Arc<BTreeMap<Identity, Arc<Denial>>>,
    /// Lists that were the newest until not long ago: [`TrustView::superseding`].
    superseded: Arc<Superseded>,
}

/// For each agency the lists that were followed by another one not long ago: number, and when that was, milliseconds
/// since 1970. Oldest first.
type Superseded = BTreeMap<TrustDomain, VecDeque<(u64, i64)>>;

/// Whether a certificate's times and its agency's CRL are to be judged, and as of when.
#[derive(Debug, Clone, Copy)]
pub enum Judge<'a> {
    /// Chain, name, usage and key only: for leaves that were judged when they came in. A leaf that has
    /// lapsed since stops nobody from processing or joining.
    Never,
    /// Expiry and revocation too, as of that moment: for leaves that are new in a commit.
    At(&'a Moment),
}

/// A point in time together with the charter version and CRL numbers in force then, so that whoever
/// judges a commit later comes to the same verdict. Made by [`TrustView::moment`] or
/// [`TrustView::moment_of_commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    time_ms: i64,
    charter_version: u64,
    /// For each agency the newest number that counts.
    crl_numbers: BTreeMap<TrustDomain, u64>,
}

impl Moment {
    /// Milliseconds since 1970.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// The charter version in force.
    pub fn charter_version(&self) -> u64 {
        self.charter_version
    }

    /// The newest list of an agency that counts; 0 for none.
    pub fn crl_number(&self, trust_domain: &TrustDomain) -> u64 {
        self.crl_numbers.get(trust_domain).copied().unwrap_or_default()
    }

    /// The newest list that counts of each agency that has one, sorted by trust domain.
    pub fn crl_numbers(&self) -> impl Iterator<Item = (&TrustDomain, u64)> {
        self.crl_numbers.iter().map(|(trust_domain, number)| (trust_domain, *number))
    }
}

/// The server's certificate, or its receipt key's, that has been believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The key it certifies.
    pub public_key: P256Point,
    /// Last moment of validity, milliseconds since 1970.
    pub not_after_ms: i64,
    /// SHA-256 of its DER.
    pub certificate_hash: Digest,
}

impl TrustView {
    /// A view without any CRL yet: nothing has been revoked as far as it knows.
    pub fn new(charters: CharterHistory) -> Self {
        Self {
            charters: Arc::new(charters),
            crls: Arc::default(),
            listed: Arc::default(),
            denials: Arc::default(),
            superseded: Arc::default(),
        }
    }

    /// A view that also knows the next charter version, an encoded [`v1::SignedCharter`].
    ///
    /// Errors: [`CharterError`].
    pub fn with_charter(&self, signed: &[u8]) -> Result<(Self, Appended), CharterError> {
        let mut charters = CharterHistory::clone(&self.charters);
        let appended = charters.append(signed)?;
        Ok((Self { charters: Arc::new(charters), ..self.clone() }, appended))
    }

    /// The view as it would be with `offered` as the newest charter, whoever is still to sign it: to ask what that would
    /// change. For dry runs only; never to let anybody in, or to believe anything by.
    ///
    /// Errors: [`CharterError`], when it does not follow the charter in force or a signature does not verify.
    pub fn assuming(&self, offered: &SignedCharter) -> Result<Self, CharterError> {
        Ok(Self { charters: Arc::new(self.charters.assuming(offered)?), ..self.clone() })
    }

    /// When a certificate was revoked, milliseconds since 1970, if any list that speaks for it ever had it.
    pub fn revoked_at_ms(&self, certificate: &DeviceCertificate) -> Option<i64> {
        let trust_domain = &certificate.identity.person.trust_domain;
        self.revocation(trust_domain, &certificate.serial, &certificate.issuer)
    }

    /// The same for whatever `issuer`, a CA of that agency, has certified under that serial.
    pub(crate) fn revocation(
        &self,
        trust_domain: &TrustDomain,
        serial: &Serial,
        issuer: &P256Point,
    ) -> Option<i64> {
        match self.stood(trust_domain, serial, issuer, u64::MAX) {
            Stood::Yes(revoked_at_ms) => Some(revoked_at_ms),
            Stood::No | Stood::Unknown => None,
        }
    }

    /// Whether a certificate stood on the agency's list with that number: the one verdict about revocation.
    ///
    /// Source: PROTOCOL.md section 8, "Lists", 1 to 3.
    fn stood(&self, trust_domain: &TrustDomain, serial: &Serial, issuer: &P256Point, number: u64) -> Stood {
        let speaks = |signer: &P256Point| self.charters.speaks_for(trust_domain, signer, issuer);
        self.listed.get(trust_domain).map_or(Stood::No, |listed| listed.stood(serial, number, speaks))
    }

    pub(crate) fn with_denials(&self, denials: BTreeMap<Identity, Arc<Denial>>) -> Self {
        Self { denials: Arc::new(denials), ..self.clone() }
    }

    /// The newest charter.
    pub fn charter(&self) -> &Arc<Charter> {
        self.charters.newest()
    }

    /// All charter versions.
    pub fn charters(&self) -> &CharterHistory {
        &self.charters
    }

    /// An agency's newest CRL.
    pub fn crl(&self, trust_domain: &TrustDomain) -> Option<&Arc<Crl>> {
        self.crls.get(trust_domain)
    }

    /// The newest CRL of every agency that has one, agencies that have left included, sorted by trust domain.
    pub fn crls(&self) -> impl Iterator<Item = &Arc<Crl>> {
        self.crls.values()
    }

    /// The newest CRLs of the agencies of the newest charter.
    fn crls_of_members(&self) -> impl Iterator<Item = &Arc<Crl>> {
        self.crls().filter(|crl| self.charter().agency(&crl.trust_domain).is_some())
    }

    /// What a commit names as held: every agency of the newest charter with a CRL, sorted.
    pub fn crl_numbers(&self) -> Vec<v1::CrlNumber> {
        self.crls_of_members()
            .map(|crl| v1::CrlNumber { trust_domain: crl.trust_domain.to_string(), number: crl.number })
            .collect()
    }

    /// `time_ms` with everything held counting.
    pub fn moment(&self, time_ms: i64) -> Moment {
        Moment {
            time_ms,
            charter_version: self.charter().version,
            crl_numbers: self.crls_of_members().map(|crl| (crl.trust_domain.clone(), crl.number)).collect(),
        }
    }

    /// The moment a commit names in its authenticated data.
    ///
    /// The list of an agency that has left since need not be held: nobody publishes it any more, and what
    /// cannot be had must not keep anybody from reading on. Nothing is gained by naming one that never was:
    /// the server takes new commits under the newest charter alone, which does not know that agency.
    /// Errors: [`TrustError::Behind`] when it names what is not held yet, [`TrustError::CharterFork`],
    /// [`TrustError::Context`].
    /// Source: PROTOCOL.md section 8, "Leaves".
    pub fn moment_of_commit(&self, context: &v1::CommitContext) -> Result<Moment, TrustError> {
        let held = self.charter().version;
        let named = context.charter_version;
        if named > held {
            return Err(TrustError::Behind { crl_of: None, named, held });
        }
        let charter = self.charters.get(named).ok_or(TrustError::Context)?;
        if charter.hash().as_bytes() != context.charter_hash.as_slice() {
            return Err(TrustError::CharterFork { version: named });
        }
        if context.crl_numbers.len() > AGENCIES_MAX {
            return Err(TrustError::Context);
        }
        let mut crl_numbers = BTreeMap::new();
        for crl in &context.crl_numbers {
            let trust_domain: TrustDomain = crl.trust_domain.parse().map_err(TrustError::Name)?;
            let in_order = crl_numbers.last_key_value().is_none_or(|(last, _)| *last < trust_domain);
            if !in_order || charter.agency(&trust_domain).is_none() {
                return Err(TrustError::Context);
            }
            let held = self.crl(&trust_domain).map_or(0, |crl| crl.number);
            let to_be_had = self.charter().agency(&trust_domain).is_some();
            if crl.number > held && to_be_had {
                return Err(TrustError::Behind { crl_of: Some(trust_domain), named: crl.number, held });
            }
            crl_numbers.insert(trust_domain, crl.number);
        }
        Ok(Moment { time_ms: context.time_ms, charter_version: named, crl_numbers })
    }

    /// Whether a moment counts everything that is held here. CRLs of agencies that have left do not matter. What the server
    /// asks of a commit is less: [`Self::currency`] of the agencies that it concerns.
    pub fn is_current(&self, moment: &Moment) -> bool {
        let crl_known = |crl: &Arc<Crl>| moment.crl_numbers.get(&crl.trust_domain) == Some(&crl.number);
        moment.charter_version == self.charter().version && self.crls_of_members().all(crl_known)
    }

    /// Whether a certificate that [`Self::verify_device_mls`] believed at `moment` may have been revoked then
    /// all the same, as far as can be told from what is held now: the list named then is held no more, or a
    /// later one has it and does not say since when, or may have dropped it, which a list may once a certificate
    /// has expired (RFC 5280 section 3.3), and a later CA's list may of what an earlier CA issued and listed.
    ///
    /// For the right to remove a lapsed leaf alone: the removal was right when it was ordered, and must be for
    /// whoever processes it later.
    pub fn may_have_been_revoked(&self, certificate: &DeviceCertificate, moment: &Moment) -> bool {
        let DeviceCertificate { identity, serial, issuer, not_after_ms, .. } = certificate;
        let trust_domain = &identity.person.trust_domain;
        let named = moment.crl_numbers.get(trust_domain).copied();
        match (self.crl(trust_domain), named) {
            (None, named) => named.unwrap_or_default() > 0,
            (Some(crl), named) => {
                let unclear = match named {
                    Some(named) => self.stood(trust_domain, serial, issuer, named) == Stood::Unknown,
                    None => false,
                };
                let place = |key: &P256Point| self.charters.place_of_ca(trust_domain, key);
                let may_be_dropped = place(issuer) < place(crl.signer())
                    && named.is_some_and(|named| named > 0 && named < crl.number);
                unclear
                    || may_be_dropped
                    || named.unwrap_or_default() > crl.number
                    || crl.this_update_ms > *not_after_ms
            }
        }
    }

    /// Believes a device's TLS certificate at `time_ms`, or says why not.
    ///
    /// `chain`: leaf first, which is all there is, since agencies certify directly from a CA of the charter.
    /// A serial on the CRL is refused whatever date stands beside it.
    /// Errors: [`TrustError`].
    pub fn verify_device_tls(
        &self,
        chain: &[impl AsRef<[u8]>],
        time_ms: i64,
    ) -> Result<DeviceCertificate, TrustError> {
        self.check_charter(time_ms)?;
        let claim = Claim::parse(chain, Usage::TlsDevice)?;
        let issuer = claim.check_path(&anchors(claim.trust_domain(), self.charter())?)?;
        claim.leaf.check_time(time_ms)?;
        if let Some(revoked_at_ms) = self.revocation(claim.trust_domain(), &claim.leaf.serial, &issuer) {
            return Err(TrustError::Revoked { revoked_at_ms });
        }
        if let Some(denial) = self.denial(&claim.identity) {
            return Err(TrustError::Denied { at_ms: denial.at_ms });
        }
        Ok(claim.believed(issuer))
    }

    /// Reads the TLS certificate of one's own device, which was believed when it was enrolled: of any time, from a CA
    /// of any charter version, revoked or not. Never to let anybody in; for that, [`Self::verify_device_tls`].
    ///
    /// Errors: [`TrustError`].
    pub fn read_own_tls(&self, chain: &[impl AsRef<[u8]>]) -> Result<DeviceCertificate, TrustError> {
        let claim = Claim::parse(chain, Usage::TlsDevice)?;
        let anchors = self.charters.anchors_ever(claim.trust_domain());
        if anchors.is_empty() {
            return Err(TrustError::UnknownAgency(claim.trust_domain().clone()));
        }
        let issuer = claim.check_path(&anchors)?;
        Ok(claim.believed(issuer))
    }

    /// Whether a device's MLS signing certificate is by the CA that stands last in its agency's newest entry, so that
    /// the end of an older one is nothing to its device. Also when the newest charter does not list the agency: a
    /// renewal would change nothing then. Judges neither time nor revocation.
    ///
    /// Errors: [`TrustError`] for what is no such certificate.
    pub fn is_by_newest_ca(&self, mls_chain: &[impl AsRef<[u8]>]) -> Result<bool, TrustError> {
        let claim = Claim::parse(mls_chain, Usage::MlsSigning)?;
        let agency = self.charter().agency(claim.trust_domain());
        let last = agency.and_then(|agency| agency.cas.last());
        Ok(last.is_none_or(|ca| claim.check_path(std::slice::from_ref(ca.anchor())).is_ok()))
    }

    /// Believes a device's MLS signing certificate, or says why not.
    ///
    /// With [`Judge::Never`] the chain may lead to a CA of any charter version. With [`Judge::At`] it must
    /// lead to one of the version in force at that moment, the leaf must be within its times, and must not
    /// have stood on the CRL that counted then, whatever date stands beside it (a commit may be dated two hours
    /// back). Later lists say which one had it first, and so whoever processes the commit afterwards comes to
    /// the verdict of those before; a leaf revoked since is found by judging it at [`Self::moment`] of now.
    /// Errors: [`TrustError`].
    pub fn verify_device_mls(
        &self,
        chain: &[impl AsRef<[u8]>],
        judge: Judge<'_>,
    ) -> Result<DeviceCertificate, TrustError> {
        let claim = Claim::parse(chain, Usage::MlsSigning)?;
        let trust_domain = claim.trust_domain();
        let anchors = match judge {
            Judge::Never => self.charters.anchors_ever(trust_domain),
            Judge::At(moment) => {
                let charter = self.charters.get(moment.charter_version).ok_or(TrustError::Context)?;
                anchors(trust_domain, charter)?
            }
        };
        if anchors.is_empty() {
            return Err(TrustError::UnknownAgency(trust_domain.clone()));
        }
        let issuer = claim.check_path(&anchors)?;
        let certificate = claim.believed(issuer);
        if let Judge::At(moment) = judge {
            self.judge_issued(&certificate.issued(), moment)?;
        }
        Ok(certificate)
    }

    fn check_charter(&self, time_ms: i64) -> Result<(), TrustError> {
        let charter = self.charter();
        let expired = |_| TrustError::CharterExpired { not_after_ms: charter.not_after_ms };
        charter.check_in_force(time_ms).map_err(expired)
    }
}

fn anchors(trust_domain: &TrustDomain, charter: &Charter) -> Result<Vec<TrustAnchor<'static>>, TrustError> {
    let agency =
        charter.agency(trust_domain).ok_or_else(|| TrustError::UnknownAgency(trust_domain.clone()))?;
    Ok(agency.cas.iter().map(|ca| ca.anchor().clone()).collect())
}
