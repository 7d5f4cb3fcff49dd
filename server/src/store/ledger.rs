//! Published ledgers, in domain types: the store keeps what an agency has published, and that nothing of it is ever
//! taken back or replaced. Entries and heads are opaque here.

use super::error::Answer;
use alcove_proto::{ids::Digest, names::TrustDomain};
use bytes::Bytes;

/// Where an agency's ledger ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEnd {
    /// Entries so far.
    pub count: u64,
    /// Hash of the last one.
    pub head: Digest,
    /// What the agency signed for it, and when.
    pub signed: SignedEnd,
}

/// An end as its agency signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEnd {
    /// Encoded SignedLedgerHead, at most [`alcove_proto::limits::LEDGER_HEAD_BYTES_MAX`].
    pub bytes: Bytes,
    /// Until when it is complete, milliseconds since 1970.
    pub time_ms: i64,
}

/// Entries to add, with the end that they lead to.
#[derive(Debug, Clone)]
pub struct NewLedgerEntries {
    /// Whose.
    pub trust_domain: TrustDomain,
    /// Entries before them, and the hash of the last of these: what they lead on from.
    pub after: (u64, Digest),
    /// Encoded LedgerEntry each, at most [`alcove_proto::limits::LEDGER_ENTRY_BYTES_MAX`]; none for a newer signature
    /// under the same end.
    pub entries: Vec<Bytes>,
    /// Hash of the last one.
    pub head: Digest,
    /// What the agency signed for it.
    pub signed: SignedEnd,
}

/// What became of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// They are here, from now on or since before.
    Stored,
    /// They do not lead on from the end that is here; nothing was written.
    Elsewhere {
        /// Entries that are here.
        count: u64,
    },
}

/// Published ledgers.
pub trait Ledgers: Send + Sync + 'static {
    /// Adds entries behind the end of an agency's ledger, or a newer signature under the same end: all of it or, when
    /// they do not lead on from there, nothing. That they follow each other is the caller's to judge.
    ///
    /// Errors: [`super::error::StoreError::TooMany`] over [`alcove_proto::limits::LEDGER_ENTRIES_PER_CALL_MAX`],
    /// [`super::error::StoreError::TooLarge`].
    fn append_ledger(&self, new: NewLedgerEntries) -> impl Answer<LedgerOutcome>;

    /// Where an agency's ledger ends; nothing when it has published none.
    fn ledger_end(&self, trust_domain: TrustDomain) -> impl Answer<Option<LedgerEnd>>;

    /// Entries of an agency's ledger after number `after`, in order, at most `max`, which is 1 at least.
    fn ledger_entries(&self, trust_domain: TrustDomain, after: u64, max: usize) -> impl Answer<Vec<Bytes>>;
}
