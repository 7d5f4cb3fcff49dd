//! Rows of what this device writes: the outbox, what lies in it, receipts and uploads.

use prost::Message;
use zeroize::ZeroizeOnDrop;

/// One record that waits to be sent, or was sent and has not yet come round in the log.
///
/// The numbers 3, 4, 6, 15 and 75 were those of format 1.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct OutboxRow {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub record_id: Vec<u8>,
    /// The author's clock when it was written.
    #[prost(int64, tag = "2")]
    pub written_at_ms: i64,
    /// A grant to be made, in place of a payload.
    #[prost(message, optional, tag = "5")]
    pub grant: Option<GrantPlanRow>,
    /// The sealed bytes of the last try; empty before the first.
    #[prost(bytes = "vec", tag = "7")]
    pub sealed: Vec<u8>,
    /// The epoch it was sealed in.
    #[prost(uint64, tag = "8")]
    pub sealed_epoch: u64,
    /// Our number for it.
    #[prost(uint64, tag = "9")]
    pub sequence: u64,
    /// SHA-256 of `sealed`.
    #[prost(bytes = "vec", tag = "10")]
    pub hash: Vec<u8>,
    /// Where the server put it; 0 while it waits.
    #[prost(uint64, tag = "11")]
    pub position: u64,
    /// When the server took it.
    #[prost(int64, tag = "12")]
    pub received_at_ms: i64,
    /// The group ended for us before it was sent: it is kept to be read, and is not sent any more.
    #[prost(bool, tag = "13")]
    pub never_sent: bool,
    /// Why the server refuses it for good, by number; 0 while it may still be taken.
    #[prost(uint32, tag = "14")]
    pub refused: u32,
    /// What it was sealed as, newest last: only one of these in the log is this item.
    #[prost(message, repeated, tag = "60")]
    #[zeroize(skip)]
    pub sealings: Vec<SealingRow>,
    /// v1::RecordKind.
    #[prost(int32, tag = "120")]
    pub kind: i32,
    /// The payload as it will be signed; empty for what is only made when it is sealed.
    #[prost(bytes = "vec", tag = "121")]
    pub payload: Vec<u8>,
}

/// One sealing of a record.
#[derive(Clone, PartialEq, Message)]
pub struct SealingRow {
    /// The epoch it was made for.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// SHA-256 of the sealed bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

/// A grant to be made: sealed to the grantee's leaf as it is when it is sent.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct GrantPlanRow {
    /// Name of the device.
    #[prost(string, tag = "1")]
    pub grantee: String,
    /// 16 bytes: the access entry that goes with it.
    #[prost(bytes = "vec", tag = "2")]
    pub access_id: Vec<u8>,
    /// Positions of the records, rising.
    #[prost(uint64, repeated, tag = "3")]
    pub positions: Vec<u64>,
    /// Milliseconds since 1970; 0 means no end.
    #[prost(int64, tag = "4")]
    pub not_after_ms: i64,
    /// The server has the access entry.
    #[prost(bool, tag = "5")]
    pub opened: bool,
}

/// The server's receipt for one of our entries, verified.
#[derive(Clone, PartialEq, Message)]
pub struct ReceiptRow {
    /// Encoded v1::Receipt.
    #[prost(bytes = "vec", tag = "1")]
    pub receipt: Vec<u8>,
}

/// An upload under way: one attempt at one version of one file.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct UploadRow {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub blob_id: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub content_key: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub salt: Vec<u8>,
    /// Bytes of the file when the attempt began.
    #[prost(uint64, tag = "4")]
    pub size: u64,
    /// When this attempt began, milliseconds since 1970.
    #[prost(int64, tag = "5")]
    pub begun_at_ms: i64,
    /// Given up: nothing is sent under its keys any more, and the server is to forget it.
    #[prost(bool, tag = "6")]
    pub abandoned: bool,
}

/// Digests of the sealed chunks of one block that may have left this device. Never replaced by others.
#[derive(Clone, PartialEq, Message)]
pub struct ChunkDigestsRow {
    /// 32 bytes each, in order.
    #[prost(bytes = "vec", tag = "1")]
    pub digests: Vec<u8>,
}
