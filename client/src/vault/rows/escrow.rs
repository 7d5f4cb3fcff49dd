//! Rows of escrow: what is to be sealed to the agency's recovery key, attempts at recovery, and what was recovered.

use prost::Message;
use zeroize::ZeroizeOnDrop;

/// An epoch whose key this device has yet to seal to its agency's recovery key, or to have it acknowledged.
#[derive(Clone, PartialEq, Message)]
pub struct EscrowDueRow {}

/// A certificate that goes with the escrow of a group.
#[derive(Clone, PartialEq, Message)]
pub struct EscrowCertificateRow {
    /// The server has acknowledged it.
    #[prost(bool, tag = "1")]
    pub given: bool,
}

/// A grant this device has received: where its record keys belong in escrow.
#[derive(Clone, PartialEq, Message)]
pub struct EscrowGrantRow {
    /// Positions of the records that were taken, rising.
    #[prost(uint64, repeated, tag = "1")]
    pub positions: Vec<u64>,
    /// It has yet to be sealed, or to be acknowledged.
    #[prost(bool, tag = "2")]
    pub due: bool,
}

/// What was seen to, and when the server was last asked.
#[derive(Clone, PartialEq, Message)]
pub struct EscrowStateRow {
    /// SHA-256 of the recovery key that every epoch held here was seen to for; empty for none.
    #[prost(bytes = "vec", tag = "1")]
    pub recovery_key_hash: Vec<u8>,
    /// When the server was last asked about attempts, milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub asked_at_ms: i64,
}

/// An attempt at recovery, as the server last described it.
#[derive(Clone, PartialEq, Message)]
pub struct AttemptRow {
    /// Name of the device it is for.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// The words of that device's request.
    #[prost(string, tag = "2")]
    pub request_words: String,
    /// v1::AttemptState.
    #[prost(int32, tag = "3")]
    pub state: i32,
    /// The server's clock, milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub announced_at_ms: i64,
    /// From when on it may be handed out, milliseconds since 1970.
    #[prost(int64, tag = "5")]
    pub open_from_ms: i64,
    /// When it came into that state, milliseconds since 1970.
    #[prost(int64, tag = "6")]
    pub since_ms: i64,
    /// Name of the device that objected; empty for none.
    #[prost(string, tag = "7")]
    pub objected_by: String,
    /// Its order is not one of this agency's admin: an alarm was raised, and the rest is empty.
    #[prost(bool, tag = "8")]
    pub forged: bool,
}

/// A recovered key of an epoch.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct RecoveredEpochRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub epoch_id: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
}

/// A recovered key of one record.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct RecoveredRecordRow {
    /// SHA-256 of the sealed record, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
}

/// How far the reading of a group with recovered keys is.
#[derive(Clone, PartialEq, Message)]
pub struct RecoveredGroupRow {
    /// The last position read.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// The head there while a run goes on, 32 bytes; empty between two runs.
    #[prost(bytes = "vec", tag = "2")]
    pub head: Vec<u8>,
    /// Everything the server opens was read.
    #[prost(bool, tag = "3")]
    pub done: bool,
    /// Epochs of which one recovered key was found to be false, rising.
    #[prost(uint64, repeated, tag = "4")]
    pub poisoned: Vec<u64>,
    /// Notes and documents that opened.
    #[prost(uint64, tag = "5")]
    pub items: u64,
    /// Records that did not open, or were not believed.
    #[prost(uint64, tag = "6")]
    pub unreadable: u64,
}
