//! The row of what was sealed for a group and then let go of.

use prost::Message;

/// One sealing of a record, or one commit, of this device that is in its outbox no more: a server may have it all the same.
#[derive(Clone, PartialEq, Message)]
pub struct LetGoRow {
    /// The epoch it was made for; no later one takes it.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// SHA-256 of the bytes that were or may have been sent.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub let_go_at_ms: i64,
}
