//! Why the observer refuses.

use alcove_mls::{CommitError, GroupInfoError, JudgeError, KeyPackageError, ObserveError};

/// Why the observer refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The commit breaks a rule of MLS or of ours.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The group cannot be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The GroupInfo that goes with the commit is not of the epoch it opens, or not by its author.
    #[error(transparent)]
    GroupInfo(#[from] GroupInfoError),
    /// The key package cannot be used.
    #[error(transparent)]
    KeyPackage(#[from] KeyPackageError),
    /// A leaf's certificate is not believed.
    #[error(transparent)]
    Leaf(#[from] JudgeError),
    /// The commit, group or key package is not by the caller.
    #[error("not by the caller")]
    NotByCaller,
    /// The group's id is not the one the call names.
    #[error("another group than the call names")]
    OtherGroup,
    /// The commit's time is too far from the server's.
    #[error("{0} ms from the server's clock")]
    ClockSkew(i64),
    /// The commit names charter or CRL numbers behind the server's.
    #[error("trust material behind the server's")]
    TrustStale,
    /// Position or head that the commit says its author had seen are not the ones the call names, or the
    /// log never had them.
    #[error("the log was never as the commit says")]
    SeenMismatch,
    /// The committer had not seen enough of the log.
    #[error("{0} entries behind")]
    HeadTooOld(u64),
    /// Welcome, joiners and added leaves do not belong together.
    #[error("the welcome is not for the leaves that are added")]
    WelcomeMismatch,
}
