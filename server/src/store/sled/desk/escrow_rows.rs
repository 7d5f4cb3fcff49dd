//! What stands in the rows of escrow and of attempts at recovery.

use crate::store::sled::engine::rows;
use prost::Message;

rows! {
    EscrowRow => "escrow entry", EscrowedGrantRow => "escrowed grant",
    CertificateRow => "certificate beside escrow", EscrowCountRow => "count of certificates",
    AttemptRow => "attempt at recovery",
}

/// One device's sealing of one epoch; whose, of which epoch and to which key is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EscrowRow {
    /// Encoded EscrowEntry.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) entry: bytes::Bytes,
}

/// The record keys of a grant, sealed by the device that has them.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EscrowedGrantRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) recovery_key_hash: Vec<u8>,
    /// Encoded EscrowedGrant.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) grant: bytes::Bytes,
}

/// An MLS certificate of whoever was in a group; its digest is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CertificateRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) certificate: bytes::Bytes,
}

/// How many certificates lie beside the escrow of an agency in a group.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EscrowCountRow {
    #[prost(uint32, tag = "1")]
    pub(crate) certificates: u32,
}

/// An attempt at recovery; its agency and id are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttemptRow {
    #[prost(string, tag = "1")]
    pub(crate) identity: String,
    /// Encoded Order.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) order: bytes::Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) signature: bytes::Bytes,
    #[prost(int64, tag = "4")]
    pub(crate) announced_at_ms: i64,
    #[prost(int64, optional, tag = "5")]
    pub(crate) handed_out_at_ms: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(crate) withdrawn_at_ms: Option<i64>,
    /// Set together with `signed_objection`.
    #[prost(int64, optional, tag = "7")]
    pub(crate) objected_at_ms: Option<i64>,
    /// Encoded SignedObjection.
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) signed_objection: bytes::Bytes,
}
