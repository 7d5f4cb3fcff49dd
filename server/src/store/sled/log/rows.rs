//! The rows of groups, members, welcomes, key packages, cards and access entries.

use crate::store::sled::engine::rows;
use prost::Message;

rows! {
    GroupRow => "group", MemberRow => "member", MembershipRow => "membership", CheckpointRow => "checkpoint", GroupInfoRow => "group info", WelcomeRow => "welcome", WelcomeContentRow => "welcome content", KeyPackageRow => "key package", ClaimedRow => "claimed key package", CardRow => "card", AccessRow => "access entry",
}

/// A group. Where it stands is not in here but follows from its last entry: an append then writes no
/// row that others wait to rewrite.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupRow {
    #[prost(int64, tag = "1")]
    pub(crate) created_at_ms: i64,
    #[prost(string, tag = "2")]
    pub(crate) creator: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) creation_digest: Vec<u8>,
    /// Open access entries.
    #[prost(uint32, tag = "4")]
    pub(crate) access_open: u32,
}

/// Who stands at a leaf.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MemberRow {
    #[prost(string, tag = "1")]
    pub(crate) identity: String,
    #[prost(uint64, tag = "2")]
    pub(crate) joined: u64,
}

/// Where a device stands in a group.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MembershipRow {
    #[prost(uint32, tag = "1")]
    pub(crate) leaf: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) joined: u64,
}

/// The observer's state; its bytes are in part rows.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CheckpointRow {
    #[prost(uint64, tag = "1")]
    pub(crate) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) position: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) bytes: u64,
}

/// What a member comes back by.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupInfoRow {
    /// The epoch it is of.
    #[prost(uint64, tag = "1")]
    pub(crate) epoch: u64,
    /// Empty when the author of the commit that opened it handed in none.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) group_info: bytes::Bytes,
}

/// One joiner's share of a welcome.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WelcomeRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// The commit's position: the join position, and the key of the content.
    #[prost(uint64, tag = "2")]
    pub(crate) position: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) key_package_ref: Vec<u8>,
}

/// What the joiners of one commit share.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WelcomeContentRow {
    #[prost(uint64, tag = "1")]
    pub(crate) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) pinned: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) welcome_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) tree_bytes: u64,
    /// Joiners that have not acknowledged.
    #[prost(uint32, tag = "5")]
    pub(crate) waiting: u32,
}

/// One key package.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyPackageRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) bytes: bytes::Bytes,
    #[prost(int64, tag = "2")]
    pub(crate) not_after_ms: i64,
}

/// A one-time key package that was handed out: it is not taken again. Its row goes when the package has ended, since an
/// ended one is taken by nobody.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClaimedRow {
    /// 0 in rows of before this was kept.
    #[prost(int64, tag = "1")]
    pub(crate) not_after_ms: i64,
}

/// One sealed card.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CardRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) sealed_card: bytes::Bytes,
}

/// One access entry.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AccessRow {
    #[prost(string, tag = "1")]
    pub(crate) opener: String,
    #[prost(string, tag = "2")]
    pub(crate) grantee: String,
    /// First and last, one after the other.
    #[prost(uint64, repeated, tag = "3")]
    pub(crate) ranges: Vec<u64>,
    #[prost(int64, optional, tag = "4")]
    pub(crate) not_after_ms: Option<i64>,
    /// The row of an entry that has ended stays, so that its id opens nothing again.
    #[prost(bool, tag = "5")]
    pub(crate) ended: bool,
}
