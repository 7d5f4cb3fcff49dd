//! The charter: the versioned list of member agencies, parsed and within its limits.
//!
//! A [`Charter`] says nothing about who signed it; see [`crate::SignedCharter`].

use crate::{
    CaFault, CharterError, agency::Agency, anchor::Ca, directory_key::directory_key_hash, key::sha256, text,
};
use alcove_proto::{
    canonical,
    ids::Digest,
    limits::{AGENCIES_MAX, AGENCY_CAS_MAX, CHARTER_BYTES_MAX},
    names::TrustDomain,
    v1,
};
use rustls_pki_types::DnsName;
use std::collections::{BTreeMap, BTreeSet};

/// The charter format this crate reads.
const FORMAT: u32 = 1;

/// The newest rules a charter may state, and what a new one states. PROTOCOL.md section 5, step 6.
pub const RULES: u32 = 1;

/// One version of the charter.
#[derive(Debug, Clone)]
pub struct Charter {
    /// For example `northmark.example`; every agency's trust domain is one label below it.
    pub collaborative: TrustDomain,
    /// From 1.
    pub version: u64,
    /// The hash of the version before; none in version 1.
    pub previous_hash: Option<Digest>,
    /// Milliseconds since 1970.
    pub issued_at_ms: i64,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
    /// How many of this version's agencies must sign the next one. Always a majority.
    pub quorum: u32,
    /// Sorted by trust domain.
    pub agencies: Vec<Agency>,
    /// Who may certify the server.
    pub server_cas: Vec<Ca>,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// Which rules bind what names this version; at most [`RULES`].
    pub rules: u32,
    /// Of the key that cards are sealed with; nothing in a charter from before it was stated.
    pub directory_key_hash: Option<Digest>,
    hash: Digest,
}

impl Charter {
    /// Parses an encoded [`v1::Charter`] and checks every limit.
    ///
    /// Errors: [`CharterError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        if bytes.len() > CHARTER_BYTES_MAX {
            return Err(CharterError::TooLarge { bytes: bytes.len() });
        }
        let message: v1::Charter = canonical::decode(bytes)?;
        if message.format != FORMAT {
            return Err(CharterError::Format { found: message.format });
        }
        if message.rules > RULES {
            return Err(CharterError::NewerRules { found: message.rules });
        }
        let collaborative: TrustDomain =
            message.collaborative.parse().map_err(|_| CharterError::Collaborative)?;
        if message.version == 0 {
            return Err(CharterError::Version);
        }
        let previous_hash = match (message.version, message.previous_hash.as_slice()) {
            (1, []) => None,
            (1, _) => return Err(CharterError::PreviousHash),
            (_, bytes) => Some(Digest::try_from(bytes).map_err(|_| CharterError::PreviousHash)?),
        };
        if message.issued_at_ms < 0 || message.not_after_ms <= message.issued_at_ms {
            return Err(CharterError::Times);
        }
        let agencies = parse_agencies(&message.agencies, &collaborative)?;
        // Programs from before the rules cannot read an entry with claims, and must be able to read this charter.
        let with_claims = agencies.iter().find(|agency| !agency.entry().ca_claims.is_empty());
        if let Some(agency) = with_claims.filter(|_| message.rules == 0) {
            return Err(CharterError::ClaimsWithoutRules(agency.trust_domain.clone()));
        }
        let directory_key_hash = match message.directory_key_hash.as_slice() {
            [] => None,
            bytes => Some(Digest::try_from(bytes).map_err(|_| CharterError::DirectoryKeyHash)?),
        };
        // Nor can they read a charter that states it.
        if directory_key_hash.is_some() && message.rules == 0 {
            return Err(CharterError::DirectoryKeyWithoutRules);
        }
        let majority = agencies.len() / 2 + 1;
        if !(majority..=agencies.len()).contains(&(message.quorum as usize)) {
            return Err(CharterError::Quorum { quorum: message.quorum, agencies: agencies.len() });
        }
        let server_cas = parse_server_cas(&message.server_ca_certificates)?;
        check_keys_are_one_owner_each(&agencies, &server_cas)?;
        let name_ok = DnsName::try_from(message.server_name.as_str()).is_ok()
            && !message.server_name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !name_ok {
            return Err(CharterError::ServerName);
        }
        Ok(Self {
            collaborative,
            version: message.version,
            previous_hash,
            issued_at_ms: message.issued_at_ms,
            not_after_ms: message.not_after_ms,
            quorum: message.quorum,
            agencies,
            server_cas,
            server_name: message.server_name,
            rules: message.rules,
            directory_key_hash,
            hash: Digest(sha256(&[bytes])),
        })
    }

    /// SHA-256 of the encoded charter: what the next version chains to, and what clients and groups pin.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The entry of one agency.
    pub fn agency(&self, trust_domain: &TrustDomain) -> Option<&Agency> {
        self.agencies
            .binary_search_by(|agency| agency.trust_domain.cmp(trust_domain))
            .ok()
            .map(|index| &self.agencies[index])
    }

    /// Whether `key` may be the directory key of this charter: the one it states, or any where it states none.
    ///
    /// The sealed keys travel beside the charter and under nobody's signature. Whoever opens one asks here first.
    /// Source: PROTOCOL.md section 5, step 10.
    pub fn allows_directory_key(&self, key: &[u8; 32]) -> bool {
        self.directory_key_hash.is_none_or(|stated| stated == directory_key_hash(key))
    }

    /// Whether the charter is still in force at `time_ms`.
    ///
    /// A charter issued in a future by a fast clock is in force; only its end is judged.
    /// Errors: [`CharterError::Expired`].
    pub fn check_in_force(&self, time_ms: i64) -> Result<(), CharterError> {
        if time_ms > self.not_after_ms {
            Err(CharterError::Expired { not_after_ms: self.not_after_ms })
        } else {
            Ok(())
        }
    }
}

fn parse_agencies(entries: &[v1::Agency], collaborative: &TrustDomain) -> Result<Vec<Agency>, CharterError> {
    if entries.is_empty() || entries.len() > AGENCIES_MAX {
        return Err(CharterError::AgencyCount { count: entries.len() });
    }
    let mut agencies: Vec<Agency> = Vec::with_capacity(entries.len());
    let mut names: BTreeMap<String, TrustDomain> = BTreeMap::new();
    for entry in entries {
        let agency = Agency::parse(entry)?;
        let trust_domain = agency.trust_domain.clone();
        if !trust_domain.belongs_to(collaborative.as_str()) {
            return Err(CharterError::OutsideCollaborative(trust_domain));
        }
        if agencies.last().is_some_and(|last| last.trust_domain >= trust_domain) {
            return Err(CharterError::AgencyOrder(trust_domain));
        }
        if let Some(other) = names.insert(text::folded(&agency.display_name), trust_domain.clone()) {
            return Err(CharterError::DisplayNameTaken { trust_domain, other });
        }
        agencies.push(agency);
    }
    Ok(agencies)
}

fn parse_server_cas(certificates: &[Vec<u8>]) -> Result<Vec<Ca>, CharterError> {
    let count = certificates.len();
    if count == 0 || count > AGENCY_CAS_MAX {
        return Err(CharterError::ServerCaCount { count });
    }
    let cas: Result<Vec<Ca>, CaFault> = certificates.iter().map(|der| Ca::parse(der)).collect();
    cas.map_err(CharterError::ServerCa)
}

/// Never two owners of one key, nor two purposes: else one agency could sign in another's name, or
/// one signature could count twice.
fn check_keys_are_one_owner_each(agencies: &[Agency], server_cas: &[Ca]) -> Result<(), CharterError> {
    let mut seen = BTreeSet::new();
    for agency in agencies {
        for (_, key) in agency.keys() {
            if !seen.insert(key) {
                return Err(CharterError::KeyShared(agency.trust_domain.clone()));
            }
        }
    }
    let shared = server_cas.iter().any(|ca| seen.contains(ca.public_key()));
    if shared { Err(CharterError::ServerCaShared) } else { Ok(()) }
}
