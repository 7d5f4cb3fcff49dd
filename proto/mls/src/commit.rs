//! What is checked of a commit before MLS sees it, and what is said of it afterwards.

use crate::{
    CommitContext, CommitError,
    error::JudgeError,
    extensions::{check_leaf_extensions, policy_of},
    identity::{chain_of, device_of},
    policy::{Policy, PolicyError},
    suite::suite,
};
use alcove_charter::{Moment, TrustError, TrustView};
use alcove_proto::{
    ids::{Epoch, GroupId},
    limits::COMMIT_BYTES_MAX,
    names::Identity,
};
use mls_rs::{
    MlsMessage, MlsMessageDescription,
    group::{ContentType, LeafNode, Roster, Sender, proposal::Proposal},
    identity::SigningIdentity,
};

/// A commit that has been parsed and keeps to our form, and nothing more: its signature and its
/// author's right are MLS's to check.
pub struct ParsedCommit {
    message: MlsMessage,
    group: GroupId,
    epoch: Epoch,
    sender: Sender,
    context: CommitContext,
}

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Its leaf after the commit.
    pub leaf: u32,
    /// The device.
    pub identity: Identity,
    /// Whether it came back by an external commit.
    pub external: bool,
    /// Whether it changed its certificate.
    pub rotated: bool,
}

/// A device that a commit adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its leaf.
    pub leaf: u32,
    /// The device.
    pub identity: Identity,
    /// Its certificate chain, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// Reference of the key package that was used (RFC 9420 section 5.2).
    pub key_package_ref: Vec<u8>,
}

/// A device that a commit removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The leaf it had.
    pub leaf: u32,
    /// The device.
    pub identity: Identity,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitSummary {
    /// Who made it.
    pub author: Author,
    /// The epoch it opens.
    pub epoch: Epoch,
    /// Who joins by it.
    pub added: Vec<Added>,
    /// Who is out. A device that comes back is not listed.
    pub removed: Vec<Removed>,
    /// The policy it puts in place, where it changes.
    pub policy: Option<Policy>,
    /// The world its author saw.
    pub context: CommitContext,
}

/// What a commit says, resolved against the group before it.
pub struct Survey {
    author: Identity,
    author_leaf: Option<u32>,
    rotated: bool,
    added: Vec<(SigningIdentity, Added)>,
    removed: Vec<Removed>,
    policy: Option<Policy>,
}

impl ParsedCommit {
    /// Parses a commit.
    ///
    /// `bytes`: MLSMessage(PublicMessage(Commit)), at most [`COMMIT_BYTES_MAX`].
    /// Errors: the first ten of [`CommitError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        if bytes.len() > COMMIT_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: bytes.len() });
        }
        let message = MlsMessage::from_bytes(bytes).map_err(|_| CommitError::Malformed)?;
        let MlsMessageDescription::PublicProtocolMessage {
            group_id,
            epoch_id,
            content_type: ContentType::Commit,
            sender,
            authenticated_data,
        } = message.description()
        else {
            return Err(CommitError::NotAPublicCommit);
        };
        let group = GroupId::try_from(group_id).map_err(|_| CommitError::OtherGroup)?;
        let epoch = Epoch(epoch_id);
        let context = CommitContext::parse(authenticated_data)?;
        let path = message.commit_path_leaf_node().ok_or(CommitError::NoPath)?;
        check_leaf_extensions(&path.extensions)?;
        if !message.proposals_by_reference().is_empty() {
            return Err(CommitError::ByReference);
        }
        Ok(Self { group, epoch, sender, context, message })
    }

    /// The group it is for.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// The epoch it was made in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The world its author saw.
    pub fn context(&self) -> &CommitContext {
        &self.context
    }

    /// The leaf it claims to come from; nothing for an external commit. Not proven yet.
    pub fn claimed_leaf(&self) -> Option<u32> {
        match self.sender {
            Sender::Member(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The message, for the MLS library.
    pub fn into_message(self) -> MlsMessage {
        self.message
    }

    /// Refuses a commit for another group or epoch than the one in force.
    ///
    /// Errors: [`CommitError::OtherGroup`], [`CommitError::OtherEpoch`].
    pub fn check_place(&self, group: &[u8], in_force: Epoch) -> Result<(), CommitError> {
        if self.group.as_bytes() != group {
            return Err(CommitError::OtherGroup);
        }
        if self.epoch != in_force {
            return Err(CommitError::OtherEpoch { made_in: self.epoch, in_force });
        }
        Ok(())
    }

    /// The moment it is to be judged at.
    ///
    /// Errors: [`CommitError::TrustBehind`], [`CommitError::Context`].
    pub fn moment(&self, trust: &TrustView) -> Result<Moment, CommitError> {
        trust.moment_of_commit(self.context.message()).map_err(|error| match error {
            behind @ TrustError::Behind { .. } => CommitError::TrustBehind(behind),
            other => CommitError::Context(other),
        })
    }

    /// Resolves names against the roster before the commit.
    ///
    /// Errors: [`CommitError::Policy`], [`CommitError::Leaf`]: a leaf is named that is none.
    pub fn survey(&self, roster: &Roster<'_>) -> Result<Survey, CommitError> {
        let path = self.message.commit_path_leaf_node().ok_or(CommitError::NoPath)?;
        let author = self.author(roster, path)?;
        let (mut added, mut removed, mut policy) = (Vec::new(), Vec::new(), None);
        for proposal in self.message.proposals_by_value() {
            match proposal {
                Proposal::Add(add) => {
                    let identity = add.signing_identity();
                    let reference = add.key_package().to_reference(&suite())?;
                    let facts = Added {
                        // Known once the commit has been processed.
                        leaf: 0,
                        identity: device_of(identity).map_err(CommitError::Leaf)?,
                        chain: chain_bytes(identity)?,
                        key_package_ref: reference.to_vec(),
                    };
                    added.push((identity.clone(), facts));
                }
                Proposal::Remove(remove) => {
                    let leaf = remove.to_remove();
                    let identity = device_at(roster, leaf)?;
                    // Who comes back is not out.
                    if self.claimed_leaf().is_some() || identity != author.identity {
                        removed.push(Removed { leaf, identity });
                    }
                }
                Proposal::GroupContextExtensions(extensions) => policy = Some(policy_of(extensions)?),
                // Refused, or without effect on names: the rules decide.
                _ => {}
            }
        }
        Ok(Survey {
            author: author.identity,
            author_leaf: self.claimed_leaf(),
            rotated: author.rotated,
            added,
            removed,
            policy,
        })
    }

    fn author(&self, roster: &Roster<'_>, path: &LeafNode) -> Result<Author, CommitError> {
        let identity = device_of(&path.signing_identity).map_err(CommitError::Leaf)?;
        let rotated = match self.claimed_leaf() {
            None => false,
            Some(leaf) => {
                let old = roster
                    .member_with_index(leaf)
                    .map_err(|_| CommitError::Policy(PolicyError::NoSuchLeaf { leaf }))?;
                *old.signing_identity() != path.signing_identity
            }
        };
        Ok(Author { leaf: self.claimed_leaf().unwrap_or(0), identity, external: false, rotated })
    }
}

impl Survey {
    /// What the commit did, once it has been processed. `leaf_of` finds a leaf in the new roster.
    ///
    /// Errors: [`CommitError::Leaf`], never in a group that has processed the commit.
    pub fn summary(
        self,
        committer: u32,
        epoch: Epoch,
        context: CommitContext,
        leaf_of: impl Fn(&SigningIdentity) -> Option<u32>,
    ) -> Result<CommitSummary, CommitError> {
        let added = self
            .added
            .into_iter()
            .map(|(identity, facts)| leaf_of(&identity).map(|leaf| Added { leaf, ..facts }))
            .collect::<Option<Vec<Added>>>()
            .ok_or(CommitError::Leaf(JudgeError::NoCertificate))?;
        Ok(CommitSummary {
            author: Author {
                leaf: committer,
                identity: self.author,
                external: self.author_leaf.is_none(),
                rotated: self.rotated,
            },
            epoch,
            added,
            removed: self.removed,
            policy: self.policy,
            context,
        })
    }
}

fn device_at(roster: &Roster<'_>, leaf: u32) -> Result<Identity, CommitError> {
    let member =
        roster.member_with_index(leaf).map_err(|_| CommitError::Policy(PolicyError::NoSuchLeaf { leaf }))?;
    device_of(member.signing_identity()).map_err(CommitError::Leaf)
}

/// A leaf's chain as plain bytes.
pub(crate) fn chain_bytes(identity: &SigningIdentity) -> Result<Vec<Vec<u8>>, CommitError> {
    let chain = chain_of(identity).map_err(CommitError::Leaf)?;
    Ok(chain.iter().map(|certificate| certificate.to_vec()).collect())
}
