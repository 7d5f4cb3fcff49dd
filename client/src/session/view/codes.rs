//! What facts are called for programs: words that never change, in JSON and wherever else a program reads them.

use super::{AlarmKind, FollowFault, KeyChangeCause, OwnKey, RecoveryState, RefusalCause, UnreadableCause};
use crate::session::upkeep::findings::Check;

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

impl Check {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Database => "database",
            Self::Rows => "rows",
            Self::Memory => "memory",
            Self::Certificates => "certificates",
            Self::Charter => "charter",
            Self::Server => "server",
            Self::Clock => "clock",
            Self::KeyPackages => "key-packages",
            Self::Outbox => "outbox",
            Self::Escrow => "escrow",
            Self::Alarms => "alarms",
        }
    }
}

impl FollowFault {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoMember => "no-member",
            Self::OwnerStands => "owner-stands",
            Self::KeyNotBelieved => "key-not-believed",
            Self::OtherHistory => "other-history",
            Self::NotRead => "not-read",
            Self::BringsBack => "brings-back",
        }
    }
}

impl KeyChangeCause {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AnotherKey => "another-key",
            Self::NewDevice => "new-device",
            Self::BroughtByOutsider => "brought-by-revoked",
            Self::MadeOwnerByOutsider => "made-owner-by-revoked",
        }
    }
}

impl OwnKey {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Earlier => "earlier",
        }
    }
}

impl RecoveryState {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Open => "open",
            Self::HandedOut => "handed-out",
            Self::Objected => "objected",
            Self::Withdrawn => "withdrawn",
            Self::Ended => "ended",
        }
    }
}

impl RefusalCause {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUnderstood => "not-understood",
            Self::TooLarge => "too-large",
            Self::IdReused => "id-reused",
            Self::OutOfReach => "out-of-reach",
            Self::ChangedInLog => "changed-in-log",
            Self::InLogUnread => "in-log-unread",
        }
    }
}

impl UnreadableCause {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NeedsNewerAlcove => "needs-newer-alcove",
            Self::DoesNotVerify => "does-not-verify",
            Self::Malformed => "malformed",
            Self::GrantNotForThisDevice => "grant-not-for-this-device",
            Self::KeyNotRecovered => "key-not-recovered",
            Self::WrittenBeforeReturn => "written-before-return",
        }
    }
}
