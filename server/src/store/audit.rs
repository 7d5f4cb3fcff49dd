//! The audit trail: who did what when, written in the same act as what was done.
//!
//! Audit is no log: it holds ids and positions, never sizes of content or reasons of refusals, and a
//! refused act leaves none. An entry about a log position takes author and time from the log itself,
//! which already says both under its hash chain.

use super::error::Answer;
use alcove_proto::{
    ids::{GroupId, Position},
    names::Identity,
};

/// Who calls, and when: goes with every mutating verb and becomes its audit entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The device, from its verified certificate; for an act at the desk, where nobody shows one, the device that the
    /// act is about.
    pub identity: Identity,
    /// Server time, milliseconds since 1970; a log entry's `received_at_ms`.
    pub time_ms: i64,
    /// The id of the request, as in the log line about it.
    pub request: u64,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// A group was created.
    CreateGroup,
    /// A record was appended.
    AppendRecord,
    /// A commit was taken.
    Commit,
    /// A welcome was joined and deleted.
    AcknowledgeWelcome,
    /// Key packages were stored.
    PublishKeyPackages,
    /// Key packages were handed out; one entry for each device they belong to.
    ClaimKeyPackage,
    /// A sealed card was stored.
    PublishCard,
    /// Log positions were opened to a device.
    OpenAccess,
    /// An access entry was ended.
    EndAccess,
    /// An upload was begun.
    OpenUpload,
    /// An upload was closed: the blob can be read.
    FinishUpload,
    /// A blob or an upload was deleted.
    DeleteBlob,
    /// The server deleted an upload: nobody went on with it (then `identity` is its uploader), or its uploader,
    /// whom `concerning` names, was removed from the group by a commit of `identity`.
    ExpireUpload,
    /// The agency's admin opened an invitation for the device `identity`; here and in the acts below nobody has shown
    /// its certificate.
    OpenInvitation,
    /// The admin took it back.
    WithdrawInvitation,
    /// A request on it was taken.
    HandInRequest,
    /// A renewal was taken.
    HandInRenewal,
    /// The admin answered a request of the device.
    AnswerRequest,
    /// The admin refused one.
    RefuseRequest,
    /// Something was stored that is sealed to a recovery key.
    PutEscrow,
    /// The admin announced an attempt at recovery for the device `identity`; here and in the next but one nobody has
    /// shown its certificate.
    OpenRecovery,
    /// The admin took an attempt back.
    WithdrawRecovery,
    /// A device objected to an attempt, for the device that `concerning` names.
    ObjectToRecovery,
    /// Something was first handed out by an attempt for the device `identity`, and log positions were opened to it.
    HandOutEscrow,
}

impl Act {
    /// The name in listings and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateGroup => "create_group",
            Self::AppendRecord => "append_record",
            Self::Commit => "commit",
            Self::AcknowledgeWelcome => "acknowledge_welcome",
            Self::PublishKeyPackages => "publish_key_packages",
            Self::ClaimKeyPackage => "claim_key_package",
            Self::PublishCard => "publish_card",
            Self::OpenAccess => "open_access",
            Self::EndAccess => "end_access",
            Self::OpenUpload => "open_upload",
            Self::FinishUpload => "finish_upload",
            Self::DeleteBlob => "delete_blob",
            Self::ExpireUpload => "expire_upload",
            Self::OpenInvitation => "open_invitation",
            Self::WithdrawInvitation => "withdraw_invitation",
            Self::HandInRequest => "hand_in_request",
            Self::HandInRenewal => "hand_in_renewal",
            Self::AnswerRequest => "answer_request",
            Self::RefuseRequest => "refuse_request",
            Self::PutEscrow => "put_escrow",
            Self::OpenRecovery => "open_recovery",
            Self::WithdrawRecovery => "withdraw_recovery",
            Self::ObjectToRecovery => "object_to_recovery",
            Self::HandOutEscrow => "hand_out_escrow",
        }
    }
}

/// One act, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// What was done.
    pub act: Act,
    /// By which device, or about which, as [`Act`] says.
    pub identity: Identity,
    /// Server time, milliseconds since 1970.
    pub time_ms: i64,
    /// The id of the request.
    pub request: u64,
    /// In which group, if in any.
    pub group: Option<GroupId>,
    /// At which log position, for an append or a commit.
    pub position: Option<Position>,
    /// The 16-byte id of the record, blob, access entry, welcome or attempt, if the act has one.
    pub subject: Option<[u8; 16]>,
    /// Whom it concerned beside the caller: a grantee, the device whose key package was handed out
    /// or whose upload went with its removal.
    pub concerning: Option<Identity>,
}

/// Part of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// In order of sequence.
    pub entries: Vec<AuditEntry>,
    /// Whether there are later ones.
    pub more: bool,
}

/// The trail, to be read; every act writes its own entry.
pub trait Audit: Send + Sync + 'static {
    /// Audit entries after sequence number `after`, at most `max`, oldest first.
    fn audit(&self, after: u64, max: usize) -> impl Answer<AuditPage>;
}
