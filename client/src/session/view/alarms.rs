//! What an alarm says.

use super::spelled;
use alcove_proto::{ids::GroupId, names::Identity};
use serde::{Serialize, Serializer};

/// An alarm: something about a log or the trust material that an honest server or member never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmView {
    /// The case it is about; nothing when it is about the whole collaborative.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub case: Option<GroupId>,
    /// What.
    #[serde(rename = "alarm")]
    pub kind: AlarmKind,
    /// The log position, charter version, CRL number, number of a ledger entry or leaf it is about: the first one.
    pub position: u64,
    /// The last one that it happened at.
    pub last_position: u64,
    /// How often it has happened: more than once only for what is counted by author.
    pub count: u64,
    /// When this device noticed, milliseconds since 1970.
    #[serde(rename = "noticed_at", serialize_with = "spelled::time")]
    pub noticed_at_ms: i64,
    /// The device it is about, if it is about one.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub device: Option<Identity>,
    /// The member in whose name it happened, where that is known. It is the server's word.
    #[serde(serialize_with = "spelled::text_if_any")]
    pub author: Option<Identity>,
}

/// What an alarm says. PROTOCOL.md, "The log", 2. Numbers stand in the vault: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum AlarmKind {
    /// A position was left out.
    Gap = 1,
    /// The server showed a signed head below what this device has seen.
    Rollback = 2,
    /// The server showed another head for a position this device has seen.
    HeadMismatch = 3,
    /// A head's signature does not verify.
    BadSignature = 4,
    /// A record id came twice.
    Replay = 5,
    /// An author's sequence skips a number: something of theirs was withheld.
    AuthorGap = 6,
    /// An author's record does not follow their previous one: two histories.
    AuthorFork = 7,
    /// Two charters carry one version number.
    CharterFork = 8,
    /// A CRL older than the one held was offered, or one that takes a revocation back.
    CrlRollback = 9,
    /// An agency's CRL is past its time, and no newer one has come.
    ListOverdue = 54,
    /// An entry came again that this device had seen with other bytes, or the vault is older than the log: it was
    /// restored from a copy.
    VaultRestored = 10,
    /// A commit that is in the log cannot be processed: the case is frozen here.
    CommitUnprocessable = 11,
    /// The log has an entry that no honest server orders: reading stops before it.
    ServerOrderedInvalid = 50,
    /// The author named on a log entry is not who signed the record inside.
    AuthorMismatch = 12,
    /// The server no longer shows the case, and has not shown that this device was removed from it.
    NotShown = 13,
    /// A welcome that this device cannot join by was set aside.
    WelcomeUnusable = 14,
    /// Somebody adds this device to a case that it knows, and is nobody who may bring it back: it was not joined.
    NotContinued = 51,
    /// The server shows an attempt at recovery in this device's agency that its admin has not ordered.
    RecoveryForged = 44,
    /// A shorter ledger of the own agency was shown than this device has seen.
    LedgerRollback = 40,
    /// Another ledger of the own agency was shown than this device has seen.
    LedgerFork = 41,
    /// A member's certificate is not in the own agency's ledger.
    NotInLedger = 42,
    /// A charter or CRL in the vault no longer loads: it was set aside, and is fetched again.
    TrustSetAside = 55,
    /// The log has something in this device's name, or under the id of what waits here, that this device did not write.
    OwnRecordChanged = 52,
    /// Records in the log do not open under the key of their epoch and the leaf they name.
    RecordUnreadable = 53,
    /// A member says that it was shown another history than this device was.
    HistoryDisputed = 56,
}

impl AlarmKind {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Rollback => "rollback",
            Self::HeadMismatch => "head-mismatch",
            Self::BadSignature => "bad-signature",
            Self::Replay => "replay",
            Self::AuthorGap => "author-gap",
            Self::AuthorFork => "author-fork",
            Self::CharterFork => "charter-fork",
            Self::CrlRollback => "crl-rollback",
            Self::ListOverdue => "list-overdue",
            Self::VaultRestored => "vault-restored",
            Self::CommitUnprocessable => "commit-unprocessable",
            Self::ServerOrderedInvalid => "server-ordered-invalid",
            Self::AuthorMismatch => "author-mismatch",
            Self::NotShown => "not-shown",
            Self::WelcomeUnusable => "welcome-unusable",
            Self::NotContinued => "case-not-continued",
            Self::RecoveryForged => "recovery-forged",
            Self::LedgerRollback => "ledger-rollback",
            Self::LedgerFork => "ledger-fork",
            Self::NotInLedger => "not-in-ledger",
            Self::TrustSetAside => "trust-set-aside",
            Self::OwnRecordChanged => "own-record-changed",
            Self::RecordUnreadable => "record-unreadable",
            Self::HistoryDisputed => "history-disputed",
        }
    }
}

impl Serialize for AlarmKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
