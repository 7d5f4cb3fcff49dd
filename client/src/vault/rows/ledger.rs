//! Rows of the own agency's published ledger: how far it was followed, and the certificates in it.

use prost::Message;

/// Where the ledger was seen to end, and what is looked for in it.
#[derive(Clone, PartialEq, Message)]
pub struct LedgerHeadRow {
    /// Entries so far.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Hash of the last one, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub head: Vec<u8>,
    /// Until when the agency says that nothing is missing, milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub time_ms: i64,
    /// The newest charter version that names the key which signed this.
    #[prost(uint64, tag = "4")]
    pub charter_version: u64,
    /// Certificates that were seen in groups and are not in it.
    #[prost(message, repeated, tag = "5")]
    pub unlisted: Vec<UnlistedRow>,
}

/// A certificate that was seen in a group and is not in the ledger.
#[derive(Clone, PartialEq, Message)]
pub struct UnlistedRow {
    /// SHA-256 of it (DER).
    #[prost(bytes = "vec", tag = "1")]
    pub certificate: Vec<u8>,
    /// The device it names.
    #[prost(string, tag = "2")]
    pub identity: String,
    /// When it was first missed, milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub since_ms: i64,
}

/// A certificate in the ledger: of a colleague the MLS one, of one's own person all.
#[derive(Clone, PartialEq, Message)]
pub struct LedgerEntryRow {
    /// Number of its entry.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// When it was signed, milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub issued_at_ms: i64,
    /// v1::LedgerKind.
    #[prost(int32, tag = "3")]
    pub kind: i32,
    /// The device it names.
    #[prost(string, tag = "4")]
    pub identity: String,
    /// Content octets of its DER integer.
    #[prost(bytes = "vec", tag = "5")]
    pub serial: Vec<u8>,
    /// SHA-256 of the certified point.
    #[prost(bytes = "vec", tag = "6")]
    pub key_hash: Vec<u8>,
    /// Its last moment, milliseconds since 1970.
    #[prost(int64, tag = "7")]
    pub not_after_ms: i64,
    /// When it was revoked, milliseconds since 1970; nothing while it is not.
    #[prost(int64, optional, tag = "8")]
    pub revoked_at_ms: Option<i64>,
    /// Why (RFC 5280 section 5.3.1).
    #[prost(uint32, tag = "9")]
    pub reason: u32,
    /// For one in the own name, what is known of its key, as [`crate::session::OwnKey`] by number.
    #[prost(uint32, tag = "10")]
    pub own_key: u32,
}
