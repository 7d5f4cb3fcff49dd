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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_way_back_is_always_read_the_same() {
        let mut row = RejoinRow::default();
        row.state = vec![1];
        row.commit = vec![2];
        row.epoch = 3;
        row.seen_position = 4;
        row.seen_head = vec![5];
        row.group_info = vec![6];
        row.context_floor = vec![9];
        let mut met = MetRow::default();
        met.author = "a".into();
        met.author_key = vec![7];
        met.identity = "b".into();
        met.public_key = vec![8];
        met.author_chain = vec![vec![10]];
        row.met = vec![met];
        let stored = [
            &[0x0a, 1, 1, 0x12, 1, 2, 0x18, 3, 0x20, 4, 0x2a, 1, 5, 0x32, 1, 6][..],
            &[0x3a, 15, 0x0a, 1, b'a', 0x12, 1, 7, 0x1a, 1, b'b', 0x22, 1, 8, 0x2a, 1, 10][..],
            &[0x42, 1, 9],
        ]
        .concat();
        assert_eq!(row.encode_to_vec(), stored);
        assert!(RejoinRow::decode(stored.as_slice()) == Ok(row));
    }
}
