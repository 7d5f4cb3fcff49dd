//! Why the service refuses a call: facts only, with the numbers that belong to them.
//!
//! What a peer is told of each is decided in one place, `transport/grpc/status.rs`.

use crate::store::StoreError;
use alcove_charter::SignedBodyError;
use alcove_proto::{canonical::CanonicalError, ids::Epoch};

/// When to come back to a server that is going down, milliseconds.
const STOPPED_RETRY_MS: u64 = 2_000;
/// When to come back to one whose system is short of something, milliseconds.
const SHORT_RETRY_MS: u64 = 1_000;

/// Why a call was refused. Nothing was written, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Unknown, or not for the caller: one answer for both.
    #[error("not found or not permitted")]
    NotFound,
    /// Something is over its limit.
    #[error("over the limit of {limit}")]
    TooLarge {
        /// The limit, in the unit of what was counted.
        limit: u64,
    },
    /// Something does not parse that only the service could look into.
    #[error("malformed")]
    Malformed,
    /// An authenticated body is not in canonical form.
    #[error("not canonical")]
    NotCanonical,
    /// The epoch is not the one in force.
    #[error("the epoch in force is {current}")]
    StaleEpoch {
        /// The epoch in force.
        current: Epoch,
    },
    /// The id is taken by other bytes.
    #[error("the id is taken by other bytes")]
    IdReused,
    /// The group exists, made by somebody else or from other bytes.
    #[error("the group exists")]
    GroupExists,
    /// The commit (or the group info that opens a group) breaks MLS rules.
    #[error("the commit is not valid")]
    CommitInvalid,
    /// The commit is valid and its author has no right to it.
    #[error("the author has no right to the commit")]
    CommitNotAllowed,
    /// A leaf in the commit has no valid certificate of its own agency.
    #[error("a leaf is not trusted")]
    LeafNotTrusted,
    /// The commit names charter or CRL numbers behind the server's.
    #[error("the commit names trust material that is behind")]
    TrustStale,
    /// The commit's time is too far from the server's clock.
    #[error("the sender's clock is too far off")]
    ClockSkew,
    /// The committer had not seen enough of the log.
    #[error("the committer is more than {limit} entries behind")]
    HeadTooOld {
        /// How many entries back is allowed.
        limit: u64,
    },
    /// The certificate of the caller's leaf has been revoked or has expired.
    #[error("the caller's leaf has lapsed")]
    LeafLapsed,
    /// Too many calls by this identity.
    #[error("too many calls, again in {retry_after_ms} ms")]
    RateLimited {
        /// When to call again, milliseconds.
        retry_after_ms: u64,
    },
    /// The person has done that as often as one may in a day.
    #[error("{limit} of these a day, again in {retry_after_ms} ms")]
    DailyLimit {
        /// How often.
        limit: u64,
        /// When the next day begins, milliseconds from now.
        retry_after_ms: u64,
    },
    /// The identity's quota is used up.
    #[error("the quota of {limit} is used up")]
    QuotaExceeded {
        /// The quota, bytes or pieces.
        limit: u64,
    },
    /// The disk is full.
    #[error("the disk is full")]
    StorageFull,
    /// Not all chunks are there.
    #[error("not all chunks are there")]
    UploadIncomplete,
    /// What was finished does not match its digest or size.
    #[error("the digest or size does not match")]
    DigestMismatch,
    /// The key package is not the caller's, has expired, or does not parse.
    #[error("the key package is not valid")]
    KeyPackageInvalid,
    /// The code is not the invitation's, or nobody invited that device: one answer for both.
    #[error("no such invitation")]
    InvitationUnknown,
    /// Another request has come in on the invitation.
    #[error("the invitation has been used")]
    InvitationUsed,
    /// The invitation has ended.
    #[error("the invitation has ended")]
    InvitationExpired,
    /// The signature is nobody's who may ask for this, or does not verify.
    #[error("signed by nobody who may ask for this")]
    NotAuthorised,
    /// The charter, CRL or denial is not believed, or older than the one in force.
    #[error("the charter, CRL or denial is refused")]
    TrustRefused,
    /// The CRL takes a revocation back, dates one anew, or its number jumps.
    #[error("the CRL does not lead on from {number}, which is in force")]
    ListRefused {
        /// The number of the one in force; 0 where there is none.
        number: u64,
        /// Milliseconds after which one that is made then may have its number; 0 where it is not for that.
        retry_after_ms: u64,
    },
    /// The CRL is dated further ahead of this clock than it may be.
    #[error("the CRL is dated ahead, again in {retry_after_ms} ms")]
    ListAhead {
        /// Milliseconds after which it would be taken.
        retry_after_ms: u64,
    },
    /// The charter would cut live connections, and was not to be put in force then.
    #[error("{cut} live connections would be cut")]
    WouldCut {
        /// How many connections.
        cut: u64,
    },
    /// The charter in force names another recovery key for the caller's agency, or none.
    #[error("the agency has another recovery key")]
    RecoveryKeyChanged,
    /// Nothing is handed out by the attempt: not yet, or never.
    #[error("nothing is handed out by the attempt")]
    RecoveryNotOpen {
        /// When something will be, milliseconds from now; 0 for never.
        retry_after_ms: u64,
    },
    /// Another attempt for the device has been announced, and neither handed out nor ended.
    #[error("an attempt for the device stands")]
    RecoveryStands,
    /// The ledger does not lead on from the one that is here.
    #[error("the ledger does not lead on from the {count} entries that are here")]
    LedgerRefused {
        /// Entries that are here.
        count: u64,
    },
    /// The server is going down or not ready, or its system is short of something.
    #[error("not available, again in {retry_after_ms} ms")]
    Unavailable {
        /// When to call again, milliseconds.
        retry_after_ms: u64,
    },
    /// Something failed inside. What, is for the log alone.
    #[error("inside: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServiceError {
    /// The system is short of descriptors, memory or threads.
    pub(crate) fn short() -> Self {
        Self::Unavailable { retry_after_ms: SHORT_RETRY_MS }
    }

    /// Wraps an error that says nothing to the caller.
    pub(crate) fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// What a caller is told of a signed body of at most `bytes_max` bytes: nothing of why its certificate is not believed.
    pub(super) fn of_signed_body(error: &SignedBodyError, bytes_max: usize) -> Self {
        match error {
            SignedBodyError::TooLarge => Self::TooLarge { limit: bytes_max as u64 },
            SignedBodyError::Encoding(CanonicalError::NotCanonical) => Self::NotCanonical,
            SignedBodyError::Encoding(CanonicalError::Malformed)
            | SignedBodyError::Format { .. }
            | SignedBodyError::Name(_) => Self::Malformed,
            SignedBodyError::Certificate(_) | SignedBodyError::BadSignature => Self::NotAuthorised,
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound | StoreError::NotMember => Self::NotFound,
            StoreError::IdReused => Self::IdReused,
            StoreError::TooLarge { limit, .. } | StoreError::TooMany { limit, .. } => {
                Self::TooLarge { limit: limit as u64 }
            }
            StoreError::MembersInconsistent => Self::CommitInvalid,
            StoreError::BlobShape => Self::Malformed,
            StoreError::QuotaExceeded { limit, .. } => Self::QuotaExceeded { limit },
            StoreError::StorageFull { .. } => Self::StorageFull,
            StoreError::Busy { waited_ms } => Self::Unavailable { retry_after_ms: waited_ms.max(1) },
            StoreError::Short { .. } => Self::short(),
            StoreError::Stopped => Self::Unavailable { retry_after_ms: STOPPED_RETRY_MS },
            StoreError::Damaged { .. }
            | StoreError::FormatUnknown { .. }
            | StoreError::NotOurs
            | StoreError::SideFiles { .. }
            | StoreError::FileSystem { .. }
            | StoreError::InUse
            | StoreError::Open { .. }
            | StoreError::Io { .. } => Self::internal(error),
        }
    }
}
