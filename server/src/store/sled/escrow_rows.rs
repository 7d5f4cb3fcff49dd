//! What stands in the rows of escrow and of attempts at recovery.

use super::rows::rows;
use prost::Message;

rows! {
    EscrowRow => "escrow entry", EscrowedGrantRow => "escrowed grant",
    CertificateRow => "certificate beside escrow", EscrowCountRow => "count of certificates",
    AttemptRow => "attempt at recovery",
}

/// One device's sealing of one epoch; whose, of which epoch and to which key is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EscrowRow {
    /// Encoded EscrowEntry.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) entry: bytes::Bytes,
}

/// The record keys of a grant, sealed by the device that has them.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EscrowedGrantRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) recovery_key_hash: Vec<u8>,
    /// Encoded EscrowedGrant.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) grant: bytes::Bytes,
}

/// An MLS certificate of whoever was in a group; its digest is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CertificateRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) certificate: bytes::Bytes,
}

/// How many certificates lie beside the escrow of an agency in a group.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EscrowCountRow {
    #[prost(uint32, tag = "1")]
    pub(super) certificates: u32,
}

/// An attempt at recovery; its agency and id are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttemptRow {
    #[prost(string, tag = "1")]
    pub(super) identity: String,
    /// Encoded Order.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) order: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) signature: bytes::Bytes,
    #[prost(int64, tag = "4")]
    pub(super) announced_at_ms: i64,
    #[prost(int64, optional, tag = "5")]
    pub(super) handed_out_at_ms: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(super) withdrawn_at_ms: Option<i64>,
    /// Set together with `signed_objection`.
    #[prost(int64, optional, tag = "7")]
    pub(super) objected_at_ms: Option<i64>,
    /// Encoded SignedObjection.
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) signed_objection: bytes::Bytes,
}
