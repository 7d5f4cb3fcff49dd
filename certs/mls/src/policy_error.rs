//! Why a commit or a policy was refused: the rules of [`crate::Policy`] as facts.

use alcove_proto::{
    canonical::CanonicalError,
    ids::IdLengthError,
    names::{Identity, NameError, Person},
};

/// Why a commit or a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The policy is not in canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A policy of a format this version does not know.
    #[error("the policy has format {found}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// An id or hash in it has the wrong length.
    #[error(transparent)]
    Length(#[from] IdLengthError),
    /// A person in it has no valid name.
    #[error("a person in the policy has no valid name")]
    PersonName(#[from] NameError),
    /// The people in it are not sorted, or one stands twice.
    #[error("the people in the policy are not in order")]
    PersonOrder,
    /// A role this version does not know.
    #[error("a role in the policy is not known")]
    Role,
    /// More people than a group has leaves.
    #[error("the policy names {people} people")]
    TooManyPeople {
        /// How many.
        people: usize,
    },
    /// Nobody in it is an owner.
    #[error("the policy names no owner")]
    NoOwnerNamed,

    /// The group's context has other extensions than the policy.
    #[error("the group's context has other extensions than the policy")]
    ContextExtensions,
    /// A leaf has other extensions than a card.
    #[error("a leaf has other extensions than a card")]
    LeafExtensions,
    /// A leaf's card is over [`alcove_proto::limits::SEALED_CARD_BYTES_MAX`].
    #[error("a leaf's card has {bytes} bytes")]
    CardTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A leaf of the group, or the author's, names no device.
    #[error("a leaf names no device")]
    UnnamedLeaf,

    /// A kind of proposal that no commit may have.
    #[error("the commit has a proposal of kind {kind}")]
    ForbiddenProposal {
        /// The proposal type (RFC 9420 section 17.4).
        kind: u16,
    },
    /// A proposal named by reference.
    #[error("the commit names a proposal by reference")]
    ByReference,
    /// More than one change of the policy.
    #[error("the commit changes the policy twice")]
    PolicyTwice,
    /// There is no such leaf.
    #[error("leaf {leaf} is empty")]
    NoSuchLeaf {
        /// Which.
        leaf: u32,
    },
    /// The author may not add this device.
    #[error("the author may not add {0}")]
    MayNotAdd(Identity),
    /// The author may not remove this device.
    #[error("the author may not remove {0}")]
    MayNotRemove(Identity),
    /// The author may not change the policy.
    #[error("the author may not change the policy")]
    MayNotChangePolicy,
    /// A group keeps the charter it was made under.
    #[error("the commit changes the group's charter")]
    CharterChanged,
    /// A group keeps its predecessor.
    #[error("the commit changes the group's predecessor")]
    PredecessorChanged,
    /// Somebody comes back whom the policy still names as an owner, and the commit does not say what they are to be.
    #[error("the commit brings {0} back without saying whether as an owner")]
    RoleLeftOver(Person),
    /// No owner would have a leaf.
    #[error("the commit leaves the group without an owner")]
    NoOwnerLeft,
    /// Over [`alcove_proto::limits::GROUP_LEAVES_MAX`].
    #[error("the group would have {leaves} leaves")]
    TooManyLeaves {
        /// How many.
        leaves: usize,
    },
    /// An external commit must remove exactly one leaf: its own old one.
    #[error("an external commit removes {removed} leaves")]
    ExternalRemoves {
        /// How many.
        removed: usize,
    },
    /// An external commit does anything else.
    #[error("an external commit does more than to come back")]
    ExternalDoesMore,
    /// An external commit would take over a leaf that signs with another key.
    #[error("an external commit would take over a leaf with another key")]
    ExternalOtherKey,
}
