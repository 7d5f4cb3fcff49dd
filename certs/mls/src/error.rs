//! What is wrong with a commit or a group, as facts.

use crate::{floor::FloorFault, policy_error::PolicyError};
use alcove_charter::TrustError;
use alcove_proto::{
    canonical::CanonicalError,
    ids::{Epoch, IdLengthError},
};
use mls_rs::error::{AnyError, IntoAnyError, MlsError};

/// What the identity provider answers the MLS library when it does not believe a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// The certificate is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The credential is no X.509 chain.
    #[error("the leaf's credential is no certificate")]
    NoCertificate,
    /// The leaf signs with another key than its certificate names.
    #[error("the leaf's key is not the certified one")]
    OtherKey,
    /// Groups have no external senders.
    #[error("a group has no external senders")]
    ExternalSender,
    /// Nothing is being judged: the library was called outside of a [`crate::Session`].
    #[error("no session is open")]
    Closed,
}

impl IntoAnyError for JudgeError {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(Box::new(self))
    }
}

impl IntoAnyError for PolicyError {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(Box::new(self))
    }
}

/// Why a commit was refused. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Over [`alcove_proto::limits::COMMIT_BYTES_MAX`].
    #[error("the commit has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It begins as an envelope and is none in canonical form.
    #[error("the commit's envelope is malformed")]
    Envelope(#[source] CanonicalError),
    /// An envelope of a format this version does not know.
    #[error("the commit's envelope has format {found}")]
    EnvelopeFormat {
        /// What it says.
        found: u32,
    },
    /// The rules of the charter it names ask for an envelope.
    #[error("the commit is bare, and the charter it names asks for an envelope")]
    EnvelopeMissing,
    /// The rules of the charter it names ask for none.
    #[error("the commit is in an envelope, and the charter it names knows none")]
    EnvelopeUnasked,
    /// The author's leaf did not sign these bytes.
    #[error("the commit is not as its author signed it")]
    EnvelopeSignature,
    /// The bytes are no MLS message.
    #[error("the commit does not parse")]
    Malformed,
    /// An MLS message of another kind, or encrypted, so that the server could not check it.
    #[error("the message is no public commit")]
    NotAPublicCommit,
    /// The commit has no update path.
    #[error("the commit has no path")]
    NoPath,
    /// A leaf that it brings has a key that nothing can be sealed to.
    #[error("a leaf of the commit has a key that nothing can be sealed to")]
    EncryptionKey,
    /// A proposal is named by reference.
    #[error("the commit names a proposal by reference")]
    ByReference,
    /// The authenticated data is no commit context in canonical form.
    #[error("the commit's context is malformed")]
    ContextEncoding(#[from] CanonicalError),
    /// A hash in the commit's context has the wrong length.
    #[error(transparent)]
    ContextLength(#[from] IdLengthError),
    /// A context of a format this version does not know.
    #[error("the commit's context has format {found}")]
    ContextFormat {
        /// What it says.
        found: u32,
    },
    /// The context's time is before 1970.
    #[error("the commit's time is before 1970")]
    ContextTime,
    /// The commit is for another group.
    #[error("the commit is for another group")]
    OtherGroup,
    /// The commit was made in another epoch.
    #[error("the commit was made in epoch {made_in}, and epoch {in_force} is in force")]
    OtherEpoch {
        /// The epoch it names.
        made_in: Epoch,
        /// The group's epoch.
        in_force: Epoch,
    },
    /// The commit names a charter or CRL that is not here yet: fetch them and process it again.
    #[error("the commit names a newer charter or CRL than is held")]
    TrustBehind(#[source] TrustError),
    /// The commit's context names a charter or CRLs that cannot be.
    #[error("the commit's context is refused")]
    Context(#[source] TrustError),
    /// The commit names less than the log of its group has shown, or a time that is not when it came. An honest server
    /// orders no such commit, whoever made it.
    #[error("the commit's context goes back")]
    Floor(#[from] FloorFault),
    /// A leaf of the commit is not believed.
    #[error("a leaf of the commit is refused")]
    Leaf(#[source] JudgeError),
    /// The author had no right to it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The commit breaks the rules of MLS itself.
    #[error("the commit is refused by MLS")]
    Mls(#[source] Box<MlsError>),
}

impl From<MlsError> for CommitError {
    fn from(error: MlsError) -> Self {
        match split(error) {
            Split::Leaf(error) => Self::Leaf(error),
            Split::Policy(error) => Self::Policy(error),
            Split::Mls(error) => Self::Mls(error),
        }
    }
}

/// Why a group could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// Over [`alcove_proto::limits::GROUP_INFO_BYTES_MAX`].
    #[error("the group info has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are no GroupInfo, or no snapshot.
    #[error("the group does not parse")]
    Malformed,
    /// The group's id has another length than ours.
    #[error(transparent)]
    GroupId(#[from] IdLengthError),
    /// A group begins at epoch 0 with its creator alone.
    #[error("the group begins at epoch {epoch} with {leaves} leaves")]
    NotNew {
        /// Its epoch.
        epoch: Epoch,
        /// How many leaves it has.
        leaves: usize,
    },
    /// The group was made under a charter that is not held.
    #[error("the group's charter is not known")]
    UnknownCharter,
    /// The creator's leaf is not believed.
    #[error("a leaf of the group is refused")]
    Leaf(#[source] JudgeError),
    /// The group's policy is refused.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The group breaks the rules of MLS itself.
    #[error("the group is refused by MLS")]
    Mls(#[source] Box<MlsError>),
}

/// Why the GroupInfo that goes with a commit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupInfoError {
    /// Over [`alcove_proto::limits::COMMIT_GROUP_INFO_BYTES_MAX`].
    #[error("the group info has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are no GroupInfo with a key to enter by and without the tree.
    #[error("the group info does not parse")]
    Malformed,
    /// It is of another group, epoch, or branch of the group's history.
    #[error("the group info is of another epoch")]
    OtherEpoch,
    /// The member it names did not sign it.
    #[error("the group info's signature does not verify")]
    Signature,
}

impl From<MlsError> for ObserveError {
    fn from(error: MlsError) -> Self {
        match split(error) {
            Split::Leaf(error) => Self::Leaf(error),
            Split::Policy(error) => Self::Policy(error),
            Split::Mls(error) => Self::Mls(error),
        }
    }
}

/// Our own errors come back from the library wrapped; this takes them out again.
pub(crate) enum Split {
    Leaf(JudgeError),
    Policy(PolicyError),
    Mls(Box<MlsError>),
}

pub(crate) fn split(error: MlsError) -> Split {
    match error {
        MlsError::IdentityProviderError(any) => match own::<JudgeError>(&any) {
            Some(judge) => Split::Leaf(judge),
            None => Split::Mls(Box::new(MlsError::IdentityProviderError(any))),
        },
        MlsError::MlsRulesError(any) => match own::<PolicyError>(&any) {
            Some(policy) => Split::Policy(policy),
            None => Split::Mls(Box::new(MlsError::MlsRulesError(any))),
        },
        other => Split::Mls(Box::new(other)),
    }
}

fn own<E: std::error::Error + Clone + 'static>(any: &AnyError) -> Option<E> {
    any.inner_dyn_error().downcast_ref::<E>().cloned()
}
