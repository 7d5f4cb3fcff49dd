//! The chain of charter versions: never back, never two of one number.

use crate::{
    CharterError, agency::Agency, anchor::Ca, charter::Charter, key::P256Point, owners::Owners,
    signed::SignedCharter,
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

impl Version {
    fn new(signed: &SignedCharter) -> Self {
        Self { charter: signed.charter().clone(), signed: signed.encode().into() }
    }
}
