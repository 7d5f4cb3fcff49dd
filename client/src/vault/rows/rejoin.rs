//! The row of a way back into a group: the group as it will be, kept apart until the log shows the commit.

use prost::Message;
use zeroize::ZeroizeOnDrop;

/// An external commit on its way, with the group as it is after it.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct RejoinRow {
    /// The state of the group after the commit, opaque to the vault.
    #[prost(bytes = "vec", tag = "1")]
    pub state: Vec<u8>,
    /// MLSMessage(PublicMessage(Commit)).
    #[prost(bytes = "vec", tag = "2")]
    pub commit: Vec<u8>,
    /// The epoch it was made in.
    #[prost(uint64, tag = "3")]
    pub epoch: u64,
    /// The last log position that was followed when it was made.
    #[prost(uint64, tag = "4")]
    pub seen_position: u64,
    /// The head there, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub seen_head: Vec<u8>,
    /// MLSMessage(GroupInfo) of the epoch it opens.
    #[prost(bytes = "vec", tag = "6")]
    pub group_info: Vec<u8>,
    /// Keys that the commits between brought, in order.
    #[prost(message, repeated, tag = "7")]
    pub met: Vec<MetRow>,
    /// What the group's commits have named of charter and lists, that one too: an encoded v1::ContextFloor.
    #[prost(bytes = "vec", tag = "8")]
    pub context_floor: Vec<u8>,
}

/// A key that a commit brought.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
pub struct MetRow {
    /// Name of the commit's author.
    #[prost(string, tag = "1")]
    pub author: String,
    /// The key it signed with before: uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub author_key: Vec<u8>,
    /// Name of the device whose key came.
    #[prost(string, tag = "3")]
    pub identity: String,
    /// That key.
    #[prost(bytes = "vec", tag = "4")]
    pub public_key: Vec<u8>,
    /// The certificate that the author had before, with its issuers: DER, leaf first. A way back that was begun before this
    /// was asked has none.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub author_chain: Vec<Vec<u8>>,
    /// No key came: the device's person was made an owner.
    #[prost(bool, tag = "6")]
    pub made_owner: bool,
    /// Another device of that person sat in the group before.
    #[prost(bool, tag = "7")]
    pub person_sat: bool,
}
