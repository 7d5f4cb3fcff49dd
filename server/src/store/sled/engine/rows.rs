//! What every row is: protobuf behind one version byte; and the rows that the engine itself reads and writes.
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
    EntryRow => "log entry", IdBlockRow => "block of record ids", PositionRow => "index", AuditRow => "audit entry",
}

/// The error of a row that is not what it should be.
pub(crate) fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what }
}

/// The error of a database that sled cannot read.
pub(crate) fn unreadable(_: ::sled::Error) -> StoreError {
    damaged("database")
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
}
