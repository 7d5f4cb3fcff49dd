//! Published ledgers, in domain types: the store keeps what an agency has published, and that nothing of it is ever
//! taken back or replaced. Entries and heads are opaque here.

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
