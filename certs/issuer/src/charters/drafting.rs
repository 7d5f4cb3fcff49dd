//! Drafting charters and putting an agency's signature under them.
//!
//! A draft is a [`CharterFile`]: it goes from admin to admin, each signs in place, and it is in force
//! when nothing is missing. Whoever drafts the first one makes the directory key and seals it to
//! each agency; whoever drafts a later one opens it and seals it to those who join.

use crate::{
    ca::{agency::AgencyCa, directory_key::DirectoryKey, files::read_limited, roll::agency::Purpose},
    certify::certificates::check_days,
    charters::error::DraftError,
    error::IssuerError,
};
use alcove_charter::{
    Agency, CHARTER_FILE_BYTES_MAX, CharterFile, RULES, SealedKey, SignedCharter, directory_key_hash,
};
use alcove_proto::{names::TrustDomain, v1};
use prost::Message;
use std::path::Path;

/// Days a charter lives, unless the drafter says otherwise.
pub const CHARTER_DAYS: u32 = 730;
/// Most days a charter may live: ten years.
pub const CHARTER_DAYS_MAX: u32 = 3652;

const DAY_MS: i64 = 24 * 3600 * 1000;
const FORMAT: u32 = 1;

/// Reads a charter file. Errors: those of the file and of the charter.
pub fn read_charter(path: &Path) -> Result<CharterFile, IssuerError> {
    Ok(CharterFile::parse(&read_limited(path, CHARTER_FILE_BYTES_MAX)?)?)
}

/// What a first charter says.
#[derive(Debug, Clone)]
pub struct FirstCharter {
    /// For example `northmark.example`.
    pub collaborative: TrustDomain,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// CA certificates for the server, DER.
    pub server_cas: Vec<Vec<u8>>,
    /// The agencies' entries, in any order.
    pub agencies: Vec<v1::Agency>,
    /// How many must sign a later version; a majority when not said.
    pub quorum: Option<u32>,
    /// How long it lives.
    pub days: u32,
}

/// What a later charter changes. What is not named stays.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Entries to add, or to put in place of those with the same trust domain.
    pub entries: Vec<v1::Agency>,
    /// Agencies to remove.
    pub remove: Vec<TrustDomain>,
    /// Another quorum; when not said, the old one if it is still a majority, else a majority.
    pub quorum: Option<u32>,
    /// Other CA certificates for the server.
    pub server_cas: Option<Vec<Vec<u8>>>,
    /// Another DNS name of the server.
    pub server_name: Option<String>,
    /// Later rules for what names the charter; programs that do not know them cannot follow it.
    pub rules: Option<u32>,
    /// How long it lives, from now.
    pub days: u32,
}

/// What [`AgencyCa::sign_charter`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The signature was put in.
    Now,
    /// It was there, and good.
    Before,
}

/// Drafts version 1, nobody's signature on it.
pub fn draft_first(first: FirstCharter, now_ms: i64) -> Result<CharterFile, IssuerError> {
    check_days(first.days, CHARTER_DAYS_MAX)?;
    let mut agencies = first.agencies;
    agencies.sort_by(|a, b| a.trust_domain.cmp(&b.trust_domain));
    let directory_key = DirectoryKey::generate()?;
    let charter = v1::Charter {
        format: FORMAT,
        collaborative: first.collaborative.to_string(),
        version: 1,
        previous_hash: Vec::new(),
        issued_at_ms: now_ms,
        not_after_ms: now_ms + i64::from(first.days) * DAY_MS,
        quorum: first.quorum.unwrap_or_else(|| majority(agencies.len())),
        agencies,
        server_ca_certificates: first.server_cas,
        server_name: first.server_name,
        rules: RULES,
        directory_key_hash: directory_key_hash(directory_key.as_bytes()).to_vec(),
    };
    let offered = SignedCharter::unsigned(charter.encode_to_vec())?;
    offered.standing(None)?;
    let directory_keys = seal_to_all(&directory_key, &offered)?;
    Ok(CharterFile { history: None, offered, directory_keys })
}

/// Drafts the version after the one in force in `file`.
///
/// `ca` opens the directory key, to seal it to all of the new members. A removed agency still knows it: its
/// staff can read the names on cards they get hold of, and none of what is written from then on.
/// Errors: [`IssuerError`].
pub fn draft_next(
    file: &CharterFile,
    changes: Changes,
    ca: &AgencyCa,
    now_ms: i64,
) -> Result<CharterFile, IssuerError> {
    check_days(changes.days, CHARTER_DAYS_MAX)?;
    let history = file.complete()?;
    let directory_key = ca.directory_key(file)?;
    let previous = history.newest();
    for trust_domain in &changes.remove {
        if previous.agency(trust_domain).is_none() {
            return Err(DraftError::NotAMember(trust_domain.clone()).into());
        }
    }
    let gone = |name: &str| {
        changes.remove.iter().any(|domain| domain.as_str() == name)
            || changes.entries.iter().any(|entry| entry.trust_domain == name)
    };
    let mut agencies: Vec<v1::Agency> = previous.agencies.iter().map(Agency::entry).cloned().collect();
    agencies.retain(|entry| !gone(&entry.trust_domain));
    agencies.extend(changes.entries.iter().cloned());
    let rules = changes.rules.unwrap_or(previous.rules);
    let mut stated_key = directory_key_hash(directory_key.as_bytes()).to_vec();
    if rules == 0 {
        // Programs from before the rules, which this charter is still for, know neither claims nor this hash.
        agencies.iter_mut().for_each(|entry| entry.ca_claims.clear());
        stated_key.clear();
    }
    agencies.sort_by(|a, b| a.trust_domain.cmp(&b.trust_domain));
    let least = majority(agencies.len());
    let most = u32::try_from(agencies.len()).unwrap_or(u32::MAX);
    let kept_server_cas = || previous.server_cas.iter().map(|ca| ca.der().to_vec()).collect();
    let charter = v1::Charter {
        format: FORMAT,
        collaborative: previous.collaborative.to_string(),
        version: previous.version + 1,
        previous_hash: previous.hash().to_vec(),
        issued_at_ms: now_ms.max(previous.issued_at_ms),
        not_after_ms: now_ms + i64::from(changes.days) * DAY_MS,
        quorum: changes.quorum.unwrap_or_else(|| previous.quorum.min(most).max(least)),
        agencies,
        server_ca_certificates: changes.server_cas.unwrap_or_else(kept_server_cas),
        server_name: changes.server_name.unwrap_or_else(|| previous.server_name.clone()),
        rules,
        directory_key_hash: stated_key,
    };
    let offered = SignedCharter::unsigned(charter.encode_to_vec())?;
    offered.standing(Some(&history))?;
    let directory_keys = seal_to_all(&directory_key, &offered)?;
    Ok(CharterFile { history: Some(history), offered, directory_keys })
}

impl AgencyCa {
    /// Puts this agency's signature under the charter in `file`, unless it is there.
    ///
    /// Refused when the charter states this agency otherwise than it is, when it has ended, when the
    /// directory key does not open or is not the one it states, or when it breaks a rule or carries a bad
    /// signature: a signature is not given blindly.
    /// Errors: [`IssuerError`].
    pub fn sign_charter(&self, file: &mut CharterFile, now_ms: i64) -> Result<Signed, IssuerError> {
        let standing = file.offered.standing(file.history.as_ref())?;
        let charter = file.offered.charter().clone();
        charter.check_in_force(now_ms)?;
        let trust_domain = &self.home.owner.profile.trust_domain;
        let member_before =
            file.history.as_ref().is_some_and(|history| history.newest().agency(trust_domain).is_some());
        match charter.agency(trust_domain) {
            Some(stated) => {
                self.check_entry(file, Purpose::Sign)?;
                if !self.recovery.may_be_signed(&stated.entry().recovery_key, file, trust_domain) {
                    let trust_domain = trust_domain.clone();
                    return Err(DraftError::Misstates { trust_domain, what: "the recovery key" }.into());
                }
                self.directory_key(file)?;
            }
            // A member of the version before may agree to one it is not in.
            None if member_before => {}
            None => {
                return Err(DraftError::NotInCharter(trust_domain.clone()).into());
            }
        }
        if standing.signed.contains(trust_domain) {
            return Ok(Signed::Before);
        }
        // Before the signature is out: from then on, devices may seal to the recovery key that the charter names.
        self.mark_recovery_published(&charter)?;
        let signature = self.home.owner.charter_key.sign(&file.offered.signing_bytes())?;
        file.offered.insert_signature(trust_domain.clone(), signature);
        // A key the history does not know this agency by would make a signature nobody takes.
        file.offered.standing(file.history.as_ref())?;
        Ok(Signed::Now)
    }

    /// Whether the charter states this agency as it is, for what is to be done under it.
    pub(crate) fn check_entry(&self, file: &CharterFile, purpose: Purpose) -> Result<(), IssuerError> {
        let trust_domain = &self.home.owner.profile.trust_domain;
        let stated = file
            .offered
            .charter()
            .agency(trust_domain)
            .ok_or_else(|| DraftError::NotInCharter(trust_domain.clone()))?
            .entry();
        let own = self.entry();
        // Until the charter with another name or side is there, the one before says it as it was.
        let before = file.history.as_ref().and_then(|history| history.newest().agency(trust_domain));
        let as_before = |same: fn(&v1::Agency, &v1::Agency) -> bool| {
            purpose == Purpose::Certify || before.is_some_and(|before| same(before.entry(), stated))
        };
        let same_name = |one: &v1::Agency, other: &v1::Agency| one.display_name == other.display_name;
        let same_side = |one: &v1::Agency, other: &v1::Agency| one.side == other.side;
        let cas_ok = self.may_stand_in_charter(&stated.ca_certificates, purpose);
        let misstated = if !stated.ca_certificates.contains(&self.home.ca.to_vec()) && !cas_ok {
            Some("the CA certificate")
        } else if stated.charter_key != own.charter_key {
            Some("the charter key")
        } else if stated.sealing_key != own.sealing_key {
            Some("the sealing key")
        } else if !same_name(stated, &own) && !as_before(same_name) {
            Some("the display name")
        } else if !same_side(stated, &own) && !as_before(same_side) {
            Some("the side")
        } else if !self.recovery.may_be_stated(&stated.recovery_key, file, trust_domain) {
            Some("the recovery key")
        } else if !cas_ok {
            // More keys than the agency has would let somebody else vouch for its staff.
            Some("the number of keys")
        } else {
            None
        };
        match misstated {
            Some(what) => Err(DraftError::Misstates { trust_domain: trust_domain.clone(), what }.into()),
            None => Ok(()),
        }
    }
}

/// More than half.
fn majority(agencies: usize) -> u32 {
    u32::try_from(agencies / 2 + 1).unwrap_or(u32::MAX)
}

fn seal_to_all(key: &DirectoryKey, offered: &SignedCharter) -> Result<Vec<SealedKey>, IssuerError> {
    let agencies = &offered.charter().agencies;
    agencies.iter().map(|agency| key.seal_to_agency(&agency.trust_domain, &agency.sealing_key)).collect()
}
