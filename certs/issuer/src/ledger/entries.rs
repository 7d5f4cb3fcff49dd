//! What one line of the ledger says, and how serial numbers and keys are spelled in it.

use alcove_charter::{P256Point, Serial, sha256};
use alcove_proto::ids::{Digest, parse_hex};
use serde::{Deserialize, Serialize};

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A device's TLS certificate.
    Tls,
    /// A device's MLS signing certificate.
    Mls,
    /// The server's TLS certificate.
    Server,
    /// The server's receipt certificate.
    Receipts,
    /// A duty officer's certificate for denials.
    Duty,
}

/// Why a certificate was revoked (RFC 5280 section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not said.
    Unspecified,
    /// The device was lost, stolen or broken into.
    KeyCompromise,
    /// The person changed agency or role.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// The device or person is no longer in service.
    CessationOfOperation,
}

/// A certificate that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedEntry {
    /// Hexadecimal.
    pub serial: String,
    /// What for.
    pub kind: Kind,
    /// Identity of a device, DNS name of the server, or the name of an agency's duty officer.
    pub name: String,
    /// SHA-256 of the certified point, hexadecimal.
    pub key: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
    /// SHA-256 of the public key of the CA that signed it, hexadecimal; nothing in lines of before CAs rolled over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// A certificate that was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Hexadecimal.
    pub serial: String,
    /// Why.
    pub reason: Reason,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A CRL that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrlEntry {
    pub(crate) number: u64,
    pub(crate) at_ms: i64,
    /// Whether everything on it counts as first listed by it: it was the first of another CA than the lists before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) anew: bool,
}

/// A list that this folder did not make and that is in force: from here on it counts as this folder's last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptedList {
    pub(crate) number: u64,
    pub(crate) at_ms: i64,
    /// Everything that stands on it, and nothing else does.
    pub(crate) entries: Vec<AdoptedEntry>,
}

/// One entry of a list that was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptedEntry {
    /// Hexadecimal.
    pub(crate) serial: String,
    /// The moment of revocation that it says, milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The number of the list that had it first, if it says so; of a list by an earlier CA, the number of this folder's next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<u64>,
}

/// A revocation with the number of the list that had it first; nothing where a list that was adopted does not say it.
pub(crate) type ListedRevocation<'a> = (&'a Revocation, Option<u64>);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Issued(IssuedEntry),
    Revoked(Revocation),
    Crl(CrlEntry),
    Adopted(AdoptedList),
}

/// A serial number as the ledger spells it, back as bytes.
pub(crate) fn serial_bytes(text: &str) -> Option<Vec<u8>> {
    parse_hex(text).filter(|bytes| !bytes.is_empty())
}

/// A serial number as the ledger spells it.
pub(crate) fn serial_text(serial: &[u8]) -> String {
    Serial::from_der_content(serial).to_string()
}

/// What a key is known by: SHA-256 of its point.
pub fn key_hash(key: &P256Point) -> Digest {
    Digest(sha256(&[key.as_bytes()]))
}

/// A key as the ledger spells it.
pub(crate) fn key_text(key: &P256Point) -> String {
    key_hash(key).to_string()
}
