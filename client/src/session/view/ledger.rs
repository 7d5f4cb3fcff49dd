//! The own agency's published ledger, as this device has followed it.

use super::{PersonView, spelled};
use alcove_proto::names::Identity;
use serde::Serialize;

/// The ledger in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LedgerSummary {
    /// Entries.
    pub entries: u64,
    /// Until when the agency says that nothing is missing, milliseconds since 1970.
    #[serde(rename = "complete_until", serialize_with = "spelled::time")]
    pub complete_until_ms: i64,
    /// Certificates that are in groups of this device and not in it.
    #[serde(rename = "not_in_ledger")]
    pub unlisted: u64,
    /// Living certificates in this person's name whose key this device does not know.
    #[serde(rename = "unknown_keys")]
    pub unknown: u64,
}

/// What the ledger says of this person, and what it does not say of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerView {
    /// Nothing when the agency has published none.
    pub summary: Option<LedgerSummary>,
    /// Certificates in this person's name, oldest first.
    pub own: Vec<ListedCertificate>,
    /// Certificates in groups that are not in it.
    pub unlisted: Vec<UnlistedView>,
}

/// A certificate in this person's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCertificate {
    /// Number of its entry.
    pub number: u64,
    /// The device it names.
    pub identity: Identity,
    /// For MLS signatures; else for TLS.
    pub is_mls: bool,
    /// Hexadecimal.
    pub serial: String,
    /// Milliseconds since 1970.
    pub issued_at_ms: i64,
    /// Last moment, milliseconds since 1970.
    pub not_after_ms: i64,
    /// When it was revoked, milliseconds since 1970.
    pub revoked_at_ms: Option<i64>,
    /// What is known of its key.
    pub key: OwnKey,
}

/// What this device knows of a key that is certified in its person's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnKey {
    /// Neither this device's, nor that of another one of this person that it has met.
    Unknown,
    /// This device's, now or formerly, or that of another one of this person.
    Known,
    /// Certified for this device before it began to follow the ledger: it cannot tell any more.
    Earlier,
}

/// A certificate that was seen in a group and is not in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlistedView {
    /// The device it names.
    pub identity: Identity,
    /// Whose it says to be.
    pub person: PersonView,
    /// Since when it is missed, milliseconds since 1970.
    pub since_ms: i64,
}
