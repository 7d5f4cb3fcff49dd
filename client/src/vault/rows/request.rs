//! Rows of welcomes that wait for a person, and of what ties this device's own keys together.

use prost::Message;

/// A welcome that a person has yet to decide about. Key: its id.
#[derive(Clone, PartialEq, Message)]
pub struct RequestRow {
    /// The group it leads into.
    #[prost(bytes = "vec", tag = "1")]
    pub group: Vec<u8>,
    /// The epoch joined.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    /// Where the commit that adds this device stands in the log.
    #[prost(uint64, tag = "3")]
    pub position: u64,
    /// The key package it was made for; the request ends with it.
    #[prost(bytes = "vec", tag = "4")]
    pub key_package_ref: Vec<u8>,
    /// Name of the device that made it.
    #[prost(string, tag = "5")]
    pub adder: String,
    /// The key that device signs with: uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub adder_key: Vec<u8>,
    /// When it was fetched, milliseconds since 1970.
    #[prost(int64, tag = "7")]
    pub since_ms: i64,
    /// A person has said no. Kept where the key package opens welcomes again and again, so that this one is offered no more.
    #[prost(bool, tag = "8")]
    pub declined: bool,
    /// It leads on from a case that this device knows and that its person has left.
    #[prost(bool, tag = "66")]
    pub leads_on: bool,
}

/// What it takes to join by such a welcome: apart, so that nobody who counts or lists them opens it. Key: the same.
#[derive(Clone, PartialEq, Message)]
pub struct RequestContentRow {
    /// MLSMessage(Welcome).
    #[prost(bytes = "vec", tag = "1")]
    pub welcome: Vec<u8>,
    /// Entry digests from the pinned position + 1 on.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub link: Vec<Vec<u8>>,
    /// The ratchet tree.
    #[prost(bytes = "vec", tag = "3")]
    pub tree: Vec<u8>,
}

/// The ties between this device's keys, oldest first. Key: empty.
#[derive(Clone, PartialEq, Message)]
pub struct KeyTiesRow {
    /// Encoded v1::KeyTies.
    #[prost(bytes = "vec", tag = "1")]
    pub ties: Vec<u8>,
}
