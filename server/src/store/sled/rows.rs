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
pub(super) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one part of what is too long for one value.
pub(super) const PART_BYTES: usize = 60 * 1024;
/// Longest body that stays in its entry row: leaves room for the other fields.
pub(super) const INLINE_BODY_BYTES_MAX: usize = 61 * 1024;

/// A row that can be stored.
pub(super) trait Row: Message + Default {
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
        $(impl $crate::store::sled::rows::Row for $name {
            const WHAT: &'static str = $what;
        })*
    };
}

pub(super) use rows;

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

pub(super) fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what }
}

/// Reads an identity out of a row.
pub(super) fn identity(text: &str, what: &'static str) -> Result<Identity> {
    text.parse().map_err(|_| damaged(what))
}

/// Reads an id or a hash out of a row.
pub(super) fn id<'a, T: TryFrom<&'a [u8], Error = IdLengthError>>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<T> {
    T::try_from(bytes).map_err(|_| damaged(what))
}

/// A group. Where it stands is not in here but follows from its last entry: an append then writes no
/// row that others wait to rewrite.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupRow {
    #[prost(int64, tag = "1")]
    pub(super) created_at_ms: i64,
    #[prost(string, tag = "2")]
    pub(super) creator: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) creation_digest: Vec<u8>,
    /// Open access entries.
    #[prost(uint32, tag = "4")]
    pub(super) access_open: u32,
}

/// One log entry; its position is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EntryRow {
    #[prost(enumeration = "alcove_proto::v1::EntryKind", tag = "1")]
    pub(super) kind: i32,
    #[prost(uint64, tag = "2")]
    pub(super) epoch: u64,
    #[prost(string, tag = "3")]
    pub(super) author: String,
    #[prost(int64, tag = "4")]
    pub(super) received_at_ms: i64,
    /// The whole body, unless `body_bytes` is set.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) body: bytes::Bytes,
    /// The head after this entry.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) head: Vec<u8>,
    /// Length of a body that lies in part rows.
    #[prost(uint64, tag = "7")]
    pub(super) body_bytes: u64,
    /// The id of a record; empty for a commit.
    #[prost(bytes = "vec", tag = "8")]
    pub(super) record: Vec<u8>,
}

/// The record ids of [`super::logs::BLOCK_POSITIONS`] positions.
#[derive(Clone, PartialEq, Message)]
pub(super) struct IdBlockRow {
    /// 16 bytes each, in the order of the log.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) records: Vec<u8>,
    /// Offsets of commits, which have none. Ascending.
    #[prost(uint32, repeated, tag = "2")]
    pub(super) commits: Vec<u32>,
}

/// The position an index leads to.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PositionRow {
    #[prost(uint64, tag = "1")]
    pub(super) position: u64,
}

/// Who stands at a leaf.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MemberRow {
    #[prost(string, tag = "1")]
    pub(super) identity: String,
    #[prost(uint64, tag = "2")]
    pub(super) joined: u64,
}

/// Where a device stands in a group.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MembershipRow {
    #[prost(uint32, tag = "1")]
    pub(super) leaf: u32,
    #[prost(uint64, tag = "2")]
    pub(super) joined: u64,
}

/// The observer's state; its bytes are in part rows.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckpointRow {
    #[prost(uint64, tag = "1")]
    pub(super) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(super) position: u64,
    #[prost(uint64, tag = "3")]
    pub(super) bytes: u64,
}

/// What a member comes back by.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupInfoRow {
    /// The epoch it is of.
    #[prost(uint64, tag = "1")]
    pub(super) epoch: u64,
    /// Empty when the author of the commit that opened it handed in none.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) group_info: bytes::Bytes,
}

/// One joiner's share of a welcome.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WelcomeRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) group: Vec<u8>,
    /// The commit's position: the join position, and the key of the content.
    #[prost(uint64, tag = "2")]
    pub(super) position: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) key_package_ref: Vec<u8>,
}

/// What the joiners of one commit share.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WelcomeContentRow {
    #[prost(uint64, tag = "1")]
    pub(super) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(super) pinned: u64,
    #[prost(uint64, tag = "3")]
    pub(super) welcome_bytes: u64,
    #[prost(uint64, tag = "4")]
    pub(super) tree_bytes: u64,
    /// Joiners that have not acknowledged.
    #[prost(uint32, tag = "5")]
    pub(super) waiting: u32,
}

/// One key package.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyPackageRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) bytes: bytes::Bytes,
    #[prost(int64, tag = "2")]
    pub(super) not_after_ms: i64,
}

/// A one-time key package that was handed out: it is not taken again. Its row goes when the package has ended, since an
/// ended one is taken by nobody.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ClaimedRow {
    /// 0 in rows of before this was kept.
    #[prost(int64, tag = "1")]
    pub(super) not_after_ms: i64,
}

/// One sealed card.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CardRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) sealed_card: bytes::Bytes,
}

/// One access entry.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AccessRow {
    #[prost(string, tag = "1")]
    pub(super) opener: String,
    #[prost(string, tag = "2")]
    pub(super) grantee: String,
    /// First and last, one after the other.
    #[prost(uint64, repeated, tag = "3")]
    pub(super) ranges: Vec<u64>,
    #[prost(int64, optional, tag = "4")]
    pub(super) not_after_ms: Option<i64>,
    /// The row of an entry that has ended stays, so that its id opens nothing again.
    #[prost(bool, tag = "5")]
    pub(super) ended: bool,
}

/// A blob or an upload.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) group: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) uploader: String,
    #[prost(uint32, tag = "3")]
    pub(super) chunk_count: u32,
    #[prost(uint64, tag = "4")]
    pub(super) bytes_total: u64,
    #[prost(bool, tag = "5")]
    pub(super) finished: bool,
    /// The log's newest position when it was closed.
    #[prost(uint64, tag = "6")]
    pub(super) position: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) digest: Vec<u8>,
    /// The position of the record that names it; 0 for none.
    #[prost(uint64, tag = "8")]
    pub(super) named: u64,
}

/// An upload, or a blob that no record names yet; uploader and blob are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UploadRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) group: Vec<u8>,
    /// About when it last got a chunk.
    #[prost(int64, tag = "2")]
    pub(super) touched_at_ms: i64,
}

/// One chunk that is on disk.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChunkRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) sha256: Vec<u8>,
    /// The run of the server and the attempt within it that name the file; none for a chunk in part rows.
    #[prost(message, optional, tag = "2")]
    pub(super) file: Option<ChunkFileRow>,
}

/// Which file holds a chunk.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ChunkFileRow {
    #[prost(fixed64, tag = "1")]
    pub(super) run: u64,
    #[prost(uint64, tag = "2")]
    pub(super) attempt: u64,
}

/// Bytes of sealed chunks a device has here or has announced.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UsageRow {
    #[prost(uint64, tag = "1")]
    pub(super) bytes: u64,
}

/// The newest charter that has been in force.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CharterRow {
    #[prost(uint64, tag = "1")]
    pub(super) version: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) hash: Vec<u8>,
}

/// An agency's newest CRL that has been in force; its trust domain is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CrlRow {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// SHA-256 of the list.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) hash: Vec<u8>,
    /// SHA-256 of the public key of the CA that signed it.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) signer: Vec<u8>,
}

/// An invitation; its device is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InvitationRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) claim_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(super) not_after_ms: i64,
    /// SHA-256 of the one request that was taken on it; empty before.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) request_hash: Vec<u8>,
}

/// A request that waits; its device and place are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestRow {
    /// SHA-256 of the encoded EnrolmentRequest.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(super) handed_in_at_ms: i64,
    /// An EnrolmentRequest by invitation, a SignedRenewal in the other place.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) bytes: bytes::Bytes,
    /// By invitation only.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) proof: Vec<u8>,
}

/// What became of a request; its device and place are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AnswerRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request_hash: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(super) answered_at_ms: i64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) sealed_answer: bytes::Bytes,
    /// The admin said no; then there is no answer.
    #[prost(bool, tag = "4")]
    pub(super) refused: bool,
    /// Whether anybody has come for it.
    #[prost(bool, tag = "5")]
    pub(super) collected: bool,
}

/// An agency's place at the desk.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeskRow {
    /// The sequence number of its newest event.
    #[prost(uint64, tag = "1")]
    pub(super) sequence: u64,
    /// Events that are kept in each lane, by its number.
    #[prost(uint32, repeated, tag = "2")]
    pub(super) kept: Vec<u32>,
    /// Those of the last minute, oldest first: a repetition is told by them.
    #[prost(message, repeated, tag = "3")]
    pub(super) recent: Vec<DeskEventRow>,
    /// The key after which the next look for what is over begins.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) swept_through: Vec<u8>,
    /// Renewals that wait. Nothing where nobody has counted them yet.
    #[prost(uint32, optional, tag = "5")]
    pub(super) renewals: Option<u32>,
}

/// One event; sequence number and lane are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeskEventRow {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(string, tag = "2")]
    pub(super) identity: String,
    #[prost(int64, tag = "3")]
    pub(super) at_ms: i64,
}

/// Where an agency's published ledger ends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LedgerEndRow {
    /// Entries so far.
    #[prost(uint64, tag = "1")]
    pub(super) count: u64,
    /// Hash of the last one, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) head: Vec<u8>,
    /// Encoded SignedLedgerHead.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) signed: bytes::Bytes,
    /// The time in it, milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub(super) time_ms: i64,
}

/// One entry of a published ledger; agency and number are in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LedgerEntryRow {
    /// Encoded LedgerEntry.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) entry: bytes::Bytes,
}

/// The audit entries of one flush, or a part of them. The first one's sequence number is in the key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AuditRow {
    #[prost(message, repeated, tag = "1")]
    pub(super) acts: Vec<ActRow>,
}

/// One audit entry.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ActRow {
    #[prost(uint32, tag = "1")]
    pub(super) act: u32,
    #[prost(fixed64, tag = "2")]
    pub(super) request: u64,
    /// Empty for an entry with a position: the log says who and when.
    #[prost(string, tag = "3")]
    pub(super) identity: String,
    /// 0 for an entry with a position.
    #[prost(int64, tag = "4")]
    pub(super) time_ms: i64,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) group: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(super) position: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) subject: Vec<u8>,
    #[prost(string, tag = "8")]
    pub(super) concerning: String,
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
