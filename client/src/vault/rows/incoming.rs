//! Rows of what came: grants and access, and the entries of logs, opened.

use super::{DocumentRow, NoteRow};
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

/// One record of a log, opened and checked, or the reason why it could not be.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct EntryRow {
    /// [`EntryClass`] by number.
    #[prost(uint32, tag = "1")]
    pub class: u32,
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
    /// Set when `class` is a note.
    #[prost(message, optional, tag = "9")]
    pub note: Option<NoteRow>,
    /// Set when `class` is a document.
    #[prost(message, optional, tag = "10")]
    pub document: Option<DocumentRow>,
    /// Why it cannot be shown, when it cannot.
    #[prost(uint32, tag = "11")]
    pub unreadable: u32,
    /// The head of the log after it, 32 bytes; empty for what was granted from before we joined.
    #[prost(bytes = "vec", tag = "12")]
    pub head: Vec<u8>,
}

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum EntryClass {
    /// A note.
    Note = 1,
    /// A document.
    Document = 2,
    /// Something that is worked with and not shown: a commit, a title, a grant.
    Working = 3,
    /// Something that could not be opened or is not known.
    Unreadable = 4,
}
