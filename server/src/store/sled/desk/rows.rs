//! The rows of invitations, requests and answers, of the desk's events, of ledgers and of trust in force.

use crate::store::sled::engine::rows;
use prost::Message;

rows! {
    InvitationRow => "invitation", RequestRow => "request", AnswerRow => "answer", DeskRow => "desk", DeskEventRow => "desk event", LedgerEndRow => "end of a ledger", LedgerEntryRow => "ledger entry", CharterRow => "charter in force", CrlRow => "CRL in force",
}

/// An invitation; its device is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct InvitationRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) claim_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(crate) not_after_ms: i64,
    /// SHA-256 of the one request that was taken on it; empty before.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) request_hash: Vec<u8>,
}

/// A request that waits; its device and place are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestRow {
    /// SHA-256 of the encoded EnrolmentRequest.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) request_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(crate) handed_in_at_ms: i64,
    /// An EnrolmentRequest by invitation, a SignedRenewal in the other place.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) bytes: bytes::Bytes,
    /// By invitation only.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) proof: Vec<u8>,
}

/// What became of a request; its device and place are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnswerRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) request_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(crate) answered_at_ms: i64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) sealed_answer: bytes::Bytes,
    /// The admin said no; then there is no answer.
    #[prost(bool, tag = "4")]
    pub(crate) refused: bool,
    /// Whether anybody has come for it.
    #[prost(bool, tag = "5")]
    pub(crate) collected: bool,
}

/// An agency's place at the desk.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeskRow {
    /// The sequence number of its newest event.
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    /// Events that are kept in each lane, by its number.
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) kept: Vec<u32>,
    /// Those of the last minute, oldest first: a repetition is told by them.
    #[prost(message, repeated, tag = "3")]
    pub(crate) recent: Vec<DeskEventRow>,
    /// The key after which the next look for what is over begins.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) swept_through: Vec<u8>,
    /// Renewals that wait. Nothing where nobody has counted them yet.
    #[prost(uint32, optional, tag = "5")]
    pub(crate) renewals: Option<u32>,
}

/// One event; sequence number and lane are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DeskEventRow {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(string, tag = "2")]
    pub(crate) identity: String,
    #[prost(int64, tag = "3")]
    pub(crate) at_ms: i64,
}

/// Where an agency's published ledger ends.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LedgerEndRow {
    /// Entries so far.
    #[prost(uint64, tag = "1")]
    pub(crate) count: u64,
    /// Hash of the last one, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) head: Vec<u8>,
    /// Encoded SignedLedgerHead.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) signed: bytes::Bytes,
    /// The time in it, milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub(crate) time_ms: i64,
}

/// One entry of a published ledger; agency and number are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LedgerEntryRow {
    /// Encoded LedgerEntry.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) entry: bytes::Bytes,
}

/// The newest charter that has been in force.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CharterRow {
    #[prost(uint64, tag = "1")]
    pub(crate) version: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
}

/// An agency's newest CRL that has been in force; its trust domain is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CrlRow {
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// SHA-256 of the list.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
    /// SHA-256 of the public key of the CA that signed it.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) signer: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::engine::rows::{Row, VALUE_BYTES_MAX};

    #[test]
    fn the_longest_answer_and_renewal_fit_one_value() {
        let answer = AnswerRow {
            request_hash: vec![0; 32],
            answered_at_ms: i64::MAX,
            sealed_answer: vec![0; alcove_proto::limits::ANSWER_BYTES_MAX].into(),
            refused: true,
            collected: true,
        };
        assert!(answer.to_value().len() <= VALUE_BYTES_MAX);
        const { assert!(alcove_proto::limits::OBJECTION_BYTES_MAX < alcove_proto::limits::ANSWER_BYTES_MAX) };
        const { assert!(alcove_proto::limits::ESCROWED_GRANT_BYTES_MAX + 1024 < VALUE_BYTES_MAX) };
        const { assert!(alcove_proto::limits::RENEWAL_BYTES_MAX < alcove_proto::limits::ANSWER_BYTES_MAX) };
        const { assert!(alcove_proto::limits::REQUEST_BYTES_MAX < alcove_proto::limits::ANSWER_BYTES_MAX) };
    }
}
