//! What can go wrong in a group, as facts. Nothing has changed in the group then.

use alcove_charter::TrustError;
use alcove_mls::{CommitError, GroupInfoError, JudgeError, ObserveError, PolicyError};
use alcove_proto::ids::IdLengthError;
use mls_rs::error::MlsError;

/// Why an act in a group failed.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A commit was refused, one's own before it was sent or another's.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The policy was refused.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A leaf of the group is not believed.
    #[error("a leaf of the group is refused")]
    Leaf(#[from] JudgeError),
    /// This device's own certificate does not hold, so nobody would take what it makes.
    #[error("this device's certificate does not hold")]
    OwnCertificate(#[source] TrustError),
    /// The MLS library refuses.
    #[error("refused by MLS")]
    Mls(#[source] Box<MlsError>),
    /// The state is no use: what was saved is not of this program's format, or a commit failed so late
    /// that part of the group had changed; then load what was saved last.
    #[error("the state of the group cannot be used")]
    SavedState,
    /// A key package cannot be made or read.
    #[error("a key package cannot be read")]
    KeyPackage,
    /// A welcome or tree is over its limit, or a commit that was being made is.
    #[error("{what:?} has {bytes} bytes, which is over the limit")]
    TooLarge {
        /// What.
        what: Piece,
        /// Its size.
        bytes: usize,
    },
    /// The bytes are no such thing.
    #[error("{what:?} does not parse")]
    Malformed {
        /// What.
        what: Piece,
    },
    /// The welcome is for another key package: this one has been used, or was never meant.
    #[error("the welcome is not for this key package")]
    NotForThisKeyPackage,
    /// The welcome does not say where the log stood.
    #[error("the welcome pins no log position")]
    NoLogPin,
    /// The welcome does not say what the group's commits have named of charter and lists, or something that cannot be.
    #[error("the welcome says nothing usable of the charter and lists that the group has seen")]
    NoFloor,
    /// The welcome says that the group's commits have named a charter or list that is not held here.
    #[error("the group has seen a newer charter or list than is held")]
    FloorAhead,
    /// The group was made under a charter that is not held here.
    #[error("the group's charter is not known")]
    UnknownCharter,
    /// The group's id has another length than ours.
    #[error(transparent)]
    GroupId(#[from] IdLengthError),
    /// There is no such leaf.
    #[error("leaf {leaf} is empty")]
    NoSuchLeaf {
        /// Which.
        leaf: u32,
    },
    /// A commit of this device waits for the log already.
    #[error("a commit is already on its way")]
    CommitPending,
    /// The log shows a commit of this device that its saved state does not know: an older state was put
    /// back. The way on is to come back by an external commit.
    #[error("the log shows a commit of this device that it has forgotten")]
    OwnCommitForgotten,
    /// A member's GroupInfo cannot be come back by.
    #[error(transparent)]
    GroupInfo(#[from] GroupInfoError),
    /// The group cannot be followed without its secrets.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// This device has been removed: nothing new is made in the group.
    #[error("this device is no longer a member")]
    Removed,
    /// The group knows this device by another key than the one at hand.
    #[error("the group knows this device by another key")]
    OtherDeviceKey,
    /// Signing failed.
    #[error("it could not be signed")]
    Sign,
    /// The sealed keys do not open: they were sealed to a leaf key this device no longer has, or not for
    /// this purpose.
    #[error("what was sealed to this leaf does not open")]
    Unseal,
}

/// What a size or form is wrong of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A commit.
    Commit,
    /// A welcome.
    Welcome,
    /// A ratchet tree.
    Tree,
    /// A key package.
    KeyPackage,
    /// A GroupInfo.
    GroupInfo,
}

impl From<MlsError> for GroupError {
    fn from(error: MlsError) -> Self {
        match CommitError::from(error) {
            CommitError::Mls(error) => match *error {
                MlsError::CantProcessMessageFromSelf => Self::OwnCommitForgotten,
                MlsError::ExistingPendingCommit => Self::CommitPending,
                error => Self::Mls(Box::new(error)),
            },
            CommitError::Leaf(error) => Self::Leaf(error),
            CommitError::Policy(error) => Self::Policy(error),
            other => Self::Commit(other),
        }
    }
}
