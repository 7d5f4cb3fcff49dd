//! What every row is: protobuf behind one version byte. What stands in each, `rows.proto` beside this file says.
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

/// The rows as messages, as generated from `rows.proto`: `tests/generated` writes them anew.
#[allow(missing_docs, clippy::all, unreachable_pub)]
mod stored {
    include!("generated/alcove.store.rs");
}

pub(crate) use stored::*;

/// Names what each of these rows is.
macro_rules! rows {
    ($($name:ident => $what:literal),* $(,)?) => {
        $(impl Row for $name {
            const WHAT: &'static str = $what;
        })*
    };
}

rows! {
    EntryRow => "log entry",
    IdBlockRow => "block of record ids",
    PositionRow => "index",
    AuditRow => "audit entry",
    GroupRow => "group",
    MemberRow => "member",
    MembershipRow => "membership",
    CheckpointRow => "checkpoint",
    GroupInfoRow => "group info",
    WelcomeRow => "welcome",
    WelcomeContentRow => "welcome content",
    KeyPackageRow => "key package",
    ClaimedRow => "claimed key package",
    CardRow => "card",
    AccessRow => "access entry",
    BlobRow => "blob",
    UploadRow => "upload",
    ChunkRow => "chunk",
    UsageRow => "usage",
    InvitationRow => "invitation",
    RequestRow => "request",
    AnswerRow => "answer",
    DeskRow => "desk",
    DeskEventRow => "desk event",
    LedgerEndRow => "end of a ledger",
    LedgerEntryRow => "ledger entry",
    CharterRow => "charter in force",
    CrlRow => "CRL in force",
    EscrowRow => "escrow entry",
    EscrowedGrantRow => "escrowed grant",
    CertificateRow => "certificate beside escrow",
    EscrowCountRow => "count of certificates",
    AttemptRow => "attempt at recovery",
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
