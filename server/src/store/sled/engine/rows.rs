//! What stands in the rows: protobuf behind one version byte.
//!
//! A row of another version is refused, never guessed at. Identities are kept as text, ids as bytes:
//! these are parsed again when a row is read, so that a damaged row is found and named.

use crate::store::{Result, StoreError};
use alcove_proto::{ids::IdLengthError, names::Identity};
use prost::Message;

/// The version in front of every row.
const ROW_VERSION: u8 = 1;

/// Longest value ever given to sled. Above a fourth of a segment a leaf page goes to a side file that
/// sled never syncs: 17 values of this size must stay below that.
pub(crate) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one part of what is too long for one value.
pub(crate) const PART_BYTES: usize = 60 * 1024;
/// Longest body that stays in its entry row: leaves room for the other fields.
pub(crate) const INLINE_BODY_BYTES_MAX: usize = 61 * 1024;

/// A row that can be stored.
pub(crate) trait Row: Message + Default {
    /// What it is, for an error.
    const WHAT: &'static str;

    /// As it is stored.
    fn to_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(1 + self.encoded_len());
        value.push(ROW_VERSION);
        // Cannot fail: a Vec grows.
        if self.encode(&mut value).is_err() {
            unreachable!("a Vec grows");
        }
        value
    }

    /// Reads a stored row. Errors: [`StoreError::Damaged`].
    fn from_value(value: &[u8]) -> Result<Self> {
        match value {
            [ROW_VERSION, row @ ..] => Self::decode(row).map_err(|_| damaged(Self::WHAT)),
            _ => Err(damaged(Self::WHAT)),
        }
    }
}

/// Names what each of these rows is.
macro_rules! rows {
    ($($name:ident => $what:literal),* $(,)?) => {
        $(impl $crate::store::sled::engine::rows::Row for $name {
            const WHAT: &'static str = $what;
        })*
    };
}

pub(crate) use rows;

rows! {
    GroupRow => "group", GroupInfoRow => "group info", EntryRow => "log entry", IdBlockRow => "block of record ids", PositionRow => "index", MemberRow => "member",
    MembershipRow => "membership", CheckpointRow => "checkpoint", WelcomeRow => "welcome",
    WelcomeContentRow => "welcome content", KeyPackageRow => "key package", ClaimedRow => "claimed key package", CardRow => "card",
    AccessRow => "access entry", BlobRow => "blob", ChunkRow => "chunk", UsageRow => "usage",
    UploadRow => "upload", AuditRow => "audit entry", CharterRow => "charter in force",
    CrlRow => "CRL in force", InvitationRow => "invitation", RequestRow => "request",
    AnswerRow => "answer", DeskRow => "desk", DeskEventRow => "desk event",
    LedgerEndRow => "end of a ledger", LedgerEntryRow => "ledger entry",
}

pub(crate) fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what }
}

/// Reads an identity out of a row.
pub(crate) fn identity(text: &str, what: &'static str) -> Result<Identity> {
    text.parse().map_err(|_| damaged(what))
}

/// Reads an id or a hash out of a row.
pub(crate) fn id<'a, T: TryFrom<&'a [u8], Error = IdLengthError>>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<T> {
    T::try_from(bytes).map_err(|_| damaged(what))
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

/// One log entry; its position is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryRow {
    #[prost(enumeration = "alcove_proto::v1::EntryKind", tag = "1")]
    pub(crate) kind: i32,
    #[prost(uint64, tag = "2")]
    pub(crate) epoch: u64,
    #[prost(string, tag = "3")]
    pub(crate) author: String,
    #[prost(int64, tag = "4")]
    pub(crate) received_at_ms: i64,
    /// The whole body, unless `body_bytes` is set.
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) body: bytes::Bytes,
    /// The head after this entry.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) head: Vec<u8>,
    /// Length of a body that lies in part rows.
    #[prost(uint64, tag = "7")]
    pub(crate) body_bytes: u64,
    /// The id of a record; empty for a commit.
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) record: Vec<u8>,
}

/// The record ids of [`super::logs::BLOCK_POSITIONS`] positions.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct IdBlockRow {
    /// 16 bytes each, in the order of the log.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) records: Vec<u8>,
    /// Offsets of commits, which have none. Ascending.
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) commits: Vec<u32>,
}

/// The position an index leads to.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PositionRow {
    #[prost(uint64, tag = "1")]
    pub(crate) position: u64,
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

/// A blob or an upload.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlobRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) uploader: String,
    #[prost(uint32, tag = "3")]
    pub(crate) chunk_count: u32,
    #[prost(uint64, tag = "4")]
    pub(crate) bytes_total: u64,
    #[prost(bool, tag = "5")]
    pub(crate) finished: bool,
    /// The log's newest position when it was closed.
    #[prost(uint64, tag = "6")]
    pub(crate) position: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) digest: Vec<u8>,
    /// The position of the record that names it; 0 for none.
    #[prost(uint64, tag = "8")]
    pub(crate) named: u64,
}

/// An upload, or a blob that no record names yet; uploader and blob are in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UploadRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// About when it last got a chunk.
    #[prost(int64, tag = "2")]
    pub(crate) touched_at_ms: i64,
}

/// One chunk that is on disk.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) sha256: Vec<u8>,
    /// The run of the server and the attempt within it that name the file; none for a chunk in part rows.
    #[prost(message, optional, tag = "2")]
    pub(crate) file: Option<ChunkFileRow>,
}

/// Which file holds a chunk.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ChunkFileRow {
    #[prost(fixed64, tag = "1")]
    pub(crate) run: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) attempt: u64,
}

/// Bytes of sealed chunks a device has here or has announced.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UsageRow {
    #[prost(uint64, tag = "1")]
    pub(crate) bytes: u64,
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

/// The audit entries of one flush, or a part of them. The first one's sequence number is in the key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AuditRow {
    #[prost(message, repeated, tag = "1")]
    pub(crate) acts: Vec<ActRow>,
}

/// One audit entry.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ActRow {
    #[prost(uint32, tag = "1")]
    pub(crate) act: u32,
    #[prost(fixed64, tag = "2")]
    pub(crate) request: u64,
    /// Empty for an entry with a position: the log says who and when.
    #[prost(string, tag = "3")]
    pub(crate) identity: String,
    /// 0 for an entry with a position.
    #[prost(int64, tag = "4")]
    pub(crate) time_ms: i64,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) group: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(crate) position: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) subject: Vec<u8>,
    #[prost(string, tag = "8")]
    pub(crate) concerning: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_another_version_or_cut_short_is_damaged() {
        let row = PositionRow { position: 300 };
        let value = row.to_value();
        assert_eq!(PositionRow::from_value(&value).unwrap(), row);
        for bad in [&[][..], &value[..2], &[2, 8, 1], &[ROW_VERSION, 0xff]] {
            assert!(matches!(PositionRow::from_value(bad), Err(StoreError::Damaged { what: "index" })));
        }
    }

    #[test]
    fn the_longest_entry_row_fits_one_value() {
        let row = EntryRow {
            kind: 2,
            epoch: u64::MAX,
            author: "a".repeat(400),
            received_at_ms: i64::MAX,
            body: vec![0; INLINE_BODY_BYTES_MAX].into(),
            head: vec![0; 32],
            body_bytes: 0,
            record: vec![0; 16],
        };
        assert!(row.to_value().len() <= VALUE_BYTES_MAX);
        const { assert!(alcove_proto::limits::RECORD_BYTES_MAX <= INLINE_BODY_BYTES_MAX) };
        const { assert!(PART_BYTES <= VALUE_BYTES_MAX) };
    }

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
