//! The chain of charter versions: never back, never two of one number.

use crate::{
    agency::Agency,
    anchor::Ca,
    charter::Charter,
    error::CharterError,
    key::P256Point,
    owners::Owners,
    signed::{SignedCharter, Standing},
};
use alcove_proto::{ids::Digest, names::TrustDomain};
use rustls_pki_types::TrustAnchor;
use std::{collections::HashSet, sync::Arc};

/// Versions one history may hold.
pub const CHARTER_VERSIONS_MAX: usize = 1024;

/// All versions of a collaborative's charter from the first, each verified. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CharterHistory {
    /// Never empty; version n stands at index n - 1.
    versions: Vec<Version>,
    owners: Owners,
}

#[derive(Debug, Clone)]
struct Version {
    charter: Arc<Charter>,
    signed: Arc<[u8]>,
}

/// What became of a charter that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is the newest version now.
    New,
    /// It had been there before.
    AlreadyHeld,
}

impl CharterHistory {
    /// Begins with version 1, an encoded [`alcove_proto::v1::SignedCharter`] that every agency has signed.
    ///
    /// Errors: [`CharterError`].
    pub fn first(signed: &[u8]) -> Result<Self, CharterError> {
        let parsed = SignedCharter::parse(signed)?;
        parsed.verify_first()?;
        let mut history = Self { versions: Vec::new(), owners: Owners::default() };
        history.push(&parsed);
        Ok(history)
    }

    /// Verifies a row of versions, oldest first.
    ///
    /// Errors: [`CharterError`]; [`CharterError::AgencyCount`] never for an empty row, but
    /// [`CharterError::NotFirst`] with version 0.
    pub fn from_versions<B: AsRef<[u8]>>(signed: impl IntoIterator<Item = B>) -> Result<Self, CharterError> {
        let mut signed = signed.into_iter();
        let first = signed.next().ok_or(CharterError::NotFirst { version: 0 })?;
        let mut history = Self::first(first.as_ref())?;
        for next in signed {
            history.append(next.as_ref())?;
        }
        Ok(history)
    }

    /// Takes the next version.
    ///
    /// Errors: [`CharterError`]; [`CharterError::Fork`] when another charter with a held number is offered:
    /// that one is an alarm, somebody shows different people different members.
    pub fn append(&mut self, signed: &[u8]) -> Result<Appended, CharterError> {
        let parsed = SignedCharter::parse(signed)?;
        let version = parsed.charter().version;
        if let Some(held) = self.get(version) {
            let same = held.hash() == parsed.charter().hash();
            return if same { Ok(Appended::AlreadyHeld) } else { Err(CharterError::Fork { version }) };
        }
        if self.versions.len() >= CHARTER_VERSIONS_MAX {
            return Err(CharterError::TooManyVersions);
        }
        parsed.verify_next(self)?;
        self.push(&parsed);
        Ok(Appended::New)
    }

    fn push(&mut self, signed: &SignedCharter) {
        self.owners.record(signed.charter());
        self.versions.push(Version::new(signed));
    }

    /// The history as it would be with `offered` as its newest version, whoever is still to sign it: for dry runs
    /// only, never to believe anything by. What is signed must verify.
    ///
    /// Errors: [`CharterError`], when it does not follow the newest version.
    pub(crate) fn assuming(&self, offered: &SignedCharter) -> Result<Self, CharterError> {
        let version = offered.charter().version;
        if let Some(held) = self.get(version) {
            let same = held.hash() == offered.charter().hash();
            return if same { Ok(self.clone()) } else { Err(CharterError::Fork { version }) };
        }
        let _who_has_signed = offered.standing(Some(self))?;
        let mut assumed = self.clone();
        assumed.push(offered);
        Ok(assumed)
    }

    /// The newest version.
    pub fn newest(&self) -> &Arc<Charter> {
        match self.versions.last() {
            Some(version) => &version.charter,
            None => unreachable!("a history is made with its first version and nothing is taken away"),
        }
    }

    /// The version with number `version`.
    pub fn get(&self, version: u64) -> Option<&Arc<Charter>> {
        let index = usize::try_from(version.checked_sub(1)?).ok()?;
        self.versions.get(index).map(|version| &version.charter)
    }

    /// The version with that hash.
    pub fn by_hash(&self, hash: &Digest) -> Option<&Arc<Charter>> {
        self.charters().find(|charter| charter.hash() == *hash)
    }

    /// All versions, oldest first.
    pub fn charters(&self) -> impl DoubleEndedIterator<Item = &Arc<Charter>> {
        self.versions.iter().map(|version| &version.charter)
    }

    /// The encoded [`alcove_proto::v1::SignedCharter`]s after version `after`, oldest first; 0 for all.
    pub fn signed_after(&self, after: u64) -> impl Iterator<Item = &[u8]> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        self.versions.iter().skip(skipped).map(|version| &*version.signed)
    }

    /// The entry an agency had in the newest version that names it.
    pub fn last_entry(&self, trust_domain: &TrustDomain) -> Option<&Agency> {
        self.charters().rev().find_map(|charter| charter.agency(trust_domain))
    }

    /// Whose each key is that any version lists.
    pub(crate) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Every CA an agency has had in any version, newest first.
    pub(crate) fn anchors_ever(&self, trust_domain: &TrustDomain) -> Vec<TrustAnchor<'static>> {
        let mut anchors: Vec<TrustAnchor<'static>> = Vec::new();
        let entries = self.charters().rev().filter_map(|charter| charter.agency(trust_domain));
        for ca in entries.flat_map(|agency| &agency.cas) {
            if !anchors.contains(ca.anchor()) {
                anchors.push(ca.anchor().clone());
            }
        }
        anchors
    }

    /// Where a CA stands among all that an agency has had, in the order in which they came.
    pub(crate) fn place_of_ca(&self, trust_domain: &TrustDomain, ca: &P256Point) -> Option<usize> {
        let mut seen: Vec<&P256Point> = Vec::new();
        let entries = self.charters().filter_map(|charter| charter.agency(trust_domain));
        for key in entries.flat_map(|agency| &agency.cas).map(Ca::public_key) {
            if !seen.contains(&key) {
                seen.push(key);
            }
        }
        seen.into_iter().position(|key| key == ca)
    }

    /// Whether a list that `signer` signed speaks for what `issuer` certified, both of them CAs of one agency: for its
    /// own certificates and those of the CAs before it. So the key of a CA that has been replaced, stolen since, takes
    /// back nothing that its successor made.
    ///
    /// Source: PROTOCOL.md section 8, "Lists", 3.
    pub fn speaks_for(&self, trust_domain: &TrustDomain, signer: &P256Point, issuer: &P256Point) -> bool {
        let place = |ca| self.place_of_ca(trust_domain, ca);
        matches!((place(signer), place(issuer)), (Some(signer), Some(issuer)) if signer >= issuer)
    }

    /// The CAs of an agency in the newest version: none when it has left.
    pub(crate) fn anchors_now(&self, trust_domain: &TrustDomain) -> Vec<TrustAnchor<'static>> {
        let agency = self.newest().agency(trust_domain);
        agency.into_iter().flat_map(|agency| &agency.cas).map(|ca| ca.anchor().clone()).collect()
    }

    /// Every CA in any version with its agency, oldest first, no key of an agency twice: a key belongs to who had it first.
    pub(crate) fn cas_ever(&self) -> impl Iterator<Item = (&Agency, &Ca)> {
        let mut seen: HashSet<(&TrustDomain, &P256Point)> = HashSet::new();
        let agencies = self.charters().flat_map(|charter| &charter.agencies);
        agencies
            .flat_map(|agency| agency.cas.iter().map(move |ca| (agency, ca)))
            .filter(move |(agency, ca)| seen.insert((&agency.trust_domain, ca.public_key())))
    }
}

impl SignedCharter {
    /// Who has signed, and who is missing; `history` ends with the version before, and is none for version 1.
    ///
    /// Errors: [`CharterError`], when a signature is a stranger's or does not verify, or the charter does not
    /// follow the history.
    pub fn standing(&self, history: Option<&CharterHistory>) -> Result<Standing, CharterError> {
        match history {
            None => self.standing_of_first(),
            Some(history) => self.standing_of_next(history),
        }
    }

    /// Checks the version after the newest one of `history`.
    ///
    /// Errors: [`CharterError`].
    pub fn verify_next(&self, history: &CharterHistory) -> Result<(), CharterError> {
        let mut standing = self.standing_of_next(history)?;
        if let Some(trust_domain) = standing.must_sign.pop() {
            return Err(CharterError::EntryNotSigned(trust_domain));
        }
        if !standing.is_complete() {
            let Standing { quorum_signed, quorum, .. } = standing;
            return Err(CharterError::BelowQuorum { signed: quorum_signed, quorum });
        }
        Ok(())
    }

    fn standing_of_next(&self, history: &CharterHistory) -> Result<Standing, CharterError> {
        let charter = self.charter();
        let previous = history.newest();
        if charter.collaborative != previous.collaborative {
            return Err(CharterError::OtherCollaborative);
        }
        if charter.version != previous.version.saturating_add(1) {
            return Err(CharterError::Gap { held: previous.version, offered: charter.version });
        }
        if charter.previous_hash != Some(previous.hash()) {
            return Err(CharterError::WrongPrevious { version: charter.version });
        }
        if charter.rules < previous.rules {
            return Err(CharterError::RulesBack { held: previous.rules, offered: charter.rules });
        }
        if previous.directory_key_hash.is_some() && charter.directory_key_hash != previous.directory_key_hash
        {
            return Err(CharterError::DirectoryKeyTakenBack { version: charter.version });
        }
        if charter.issued_at_ms < previous.issued_at_ms {
            return Err(CharterError::IssuedBeforePrevious { version: charter.version });
        }
        let signed = self.check_signatures(|trust_domain| {
            // Whoever was a member once is held to the key of that time, also when it comes back:
            // else two versions could swap an agency's keys by removing and adding it.
            let concerned = previous.agency(trust_domain).is_some() || charter.agency(trust_domain).is_some();
            let known = history.last_entry(trust_domain).or_else(|| charter.agency(trust_domain));
            known.filter(|_| concerned).map(|agency| agency.charter_key)
        })?;
        history.owners().check(charter, Some(previous))?;
        let unchanged = |domain: &TrustDomain| {
            let before = previous.agency(domain).map(|agency| agency.entry());
            before.is_some() && before == charter.agency(domain).map(|agency| agency.entry())
        };
        let domains = charter.agencies.iter().map(|agency| &agency.trust_domain);
        let must_sign =
            domains.filter(|domain| !unchanged(domain) && !signed.contains(domain)).cloned().collect();
        let quorum_signed = signed.iter().filter(|domain| previous.agency(domain).is_some()).count();
        Ok(Standing { signed, must_sign, quorum_signed, quorum: previous.quorum })
    }
}

impl Version {
    fn new(signed: &SignedCharter) -> Self {
        Self { charter: signed.charter().clone(), signed: signed.encode().into() }
    }
}
