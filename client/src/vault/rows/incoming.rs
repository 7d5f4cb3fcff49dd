//! Rows of what came: grants and access, and the entries of logs, opened.

use prost::Message;
use zeroize::ZeroizeOnDrop;

/// Keys that were granted to us for records we have yet to fetch.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct GrantInboxRow {
    /// Name of the device that granted.
    #[prost(string, tag = "1")]
    pub granter: String,
    /// The records.
    #[prost(message, repeated, tag = "2")]
    pub records: Vec<GrantedKeyRow>,
    /// When access ends; 0 means no end.
    #[prost(int64, tag = "3")]
    pub not_after_ms: i64,
    /// The access entry that goes with it, 16 bytes; empty for what an earlier version put here.
    #[prost(bytes = "vec", tag = "4")]
    pub access_id: Vec<u8>,
}

/// One granted record.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct GrantedKeyRow {
    /// Where it stands.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// SHA-256 of the sealed record.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
    /// Opens it.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// SHA-256 of the author's certificate: its chain is in the room of chains.
    #[prost(bytes = "vec", tag = "4")]
    pub certificate_hash: Vec<u8>,
}

/// An access entry at the server.
#[derive(Clone, PartialEq, Message)]
pub struct AccessRow {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub access_id: Vec<u8>,
    /// Name of the device.
    #[prost(string, tag = "2")]
    pub grantee: String,
}

/// One entry of a log: a record that opened and was checked, with what was signed; or why it could not be.
///
/// The numbers 1, 9 and 10 were those of format 1.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct EntryRow {
    /// Name of the author's device.
    #[prost(string, tag = "2")]
    pub author: String,
    /// The author's clock.
    #[prost(int64, tag = "3")]
    pub written_at_ms: i64,
    /// The server's clock.
    #[prost(int64, tag = "4")]
    pub received_at_ms: i64,
    /// SHA-256 of the sealed record.
    #[prost(bytes = "vec", tag = "5")]
    pub hash: Vec<u8>,
    /// SHA-256 of the author's certificate.
    #[prost(bytes = "vec", tag = "6")]
    pub certificate_hash: Vec<u8>,
    /// The record's key: what a grant hands on.
    #[prost(bytes = "vec", tag = "7")]
    pub key: Vec<u8>,
    /// It came by a grant.
    #[prost(bool, tag = "8")]
    pub granted: bool,
    /// Why it cannot be shown, when it cannot.
    #[prost(uint32, tag = "11")]
    pub unreadable: u32,
    /// The head of the log after it, 32 bytes; empty for what was granted from before we joined.
    #[prost(bytes = "vec", tag = "12")]
    pub head: Vec<u8>,
    /// v1::RecordKind as it was signed; 0 for what is no record or did not open, and for what is worked with and was kept
    /// by format 1, which did not keep it.
    #[prost(int32, tag = "120")]
    pub kind: i32,
    /// v1::Basis, where that is why it is not known.
    #[prost(int32, tag = "121")]
    pub basis: i32,
    /// The payload, as it was signed.
    #[prost(bytes = "vec", tag = "122")]
    pub payload: Vec<u8>,
    /// The program that kept it did not know this kind, or this basis: what the record does is still to be done.
    #[prost(bool, tag = "123")]
    pub is_unknown: bool,
}

impl EntryRow {
    /// Whether it is a record that opened, whose payload is here.
    pub fn says_something(&self) -> bool {
        self.unreadable == 0 && self.kind != 0
    }
}
