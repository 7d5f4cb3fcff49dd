//! What is checked of a commit before MLS sees it, and what is said of it afterwards.
//!
//! [`ParsedCommit::judge`] is the one verdict of both ends: of the bytes, the group's state and what the commit names.

use crate::{
    CommitBody, CommitContext, CommitError,
    error::JudgeError,
    extensions::{check_leaf_extensions, policy_of},
    floor::ContextFloor,
    identity::{chain_of, device_of},
    key_package::encryption_key_in,
    policy::Policy,
    policy_error::PolicyError,
    suite::{suite, takes_a_seal},
};
use alcove_charter::{Moment, P256Point, TrustError, TrustView};
use alcove_proto::{
    ids::{Epoch, GroupId},
    names::Identity,
};
use mls_rs::{
    MlsMessage, MlsMessageDescription,
    group::{ContentType, LeafNode, Roster, Sender, proposal::Proposal},
    identity::SigningIdentity,
};
use mls_rs_codec::MlsEncode;

/// A commit that has been parsed and keeps to our form, and nothing more: its signature and its
/// author's right are MLS's to check.
pub struct ParsedCommit {
    body: CommitBody,
    message: MlsMessage,
    group: GroupId,
    epoch: Epoch,
    sender: Sender,
    context: CommitContext,
}

/// A commit that is in order as far as can be told without MLS: its author's signature over all of it, its form, its
/// place and what it names. MLS judges the rest.
pub struct Judged {
    /// For the MLS library.
    pub message: MlsMessage,
    /// As of when it is to be judged.
    pub moment: Moment,
    /// What it says.
    pub survey: Survey,
    /// The world its author saw.
    pub context: CommitContext,
    /// What the group's commits have named after it.
    pub floor: ContextFloor,
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
    /// `bytes`: the body of a log entry, a [`CommitBody`].
    /// Errors: those of [`CommitBody::parse`], and of [`CommitError`] those from `Malformed` to `ContextTime`.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        let body = CommitBody::parse(bytes)?;
        let message = MlsMessage::from_bytes(&body.commit).map_err(|_| CommitError::Malformed)?;
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
        Ok(Self { body, group, epoch, sender, context, message })
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

    /// Judges all that can be told without MLS, in the order in which it may lead to blame: whose signature it is comes
    /// before what it says.
    ///
    /// `group`, `in_force`, `roster`, `floor`: the group as it is before the commit. `received_at_ms`: of its own entry.
    /// Errors: [`CommitError`]; [`CommitError::TrustBehind`] says to fetch charters and CRLs and to judge it again.
    /// Source: PROTOCOL.md section 8, "Commits", 1 to 4, 8 and 9.
    pub fn judge(
        self,
        group: &GroupId,
        in_force: Epoch,
        roster: &Roster<'_>,
        trust: &TrustView,
        floor: &ContextFloor,
        received_at_ms: i64,
    ) -> Result<Judged, CommitError> {
        self.check_place(group, in_force)?;
        self.body.check_signature(&self.author_key(roster)?)?;
        let moment = self.moment(trust)?;
        self.body.check_form(trust, moment.charter_version())?;
        if self.body.signature.is_some() {
            self.check_encryption_keys()?;
        }
        let floor = floor.judge(&moment, trust, received_at_ms)?;
        let survey = self.survey(roster)?;
        Ok(Judged { message: self.message, moment, survey, context: self.context, floor })
    }

    /// The key that the author's leaf has before the commit; for one who comes back, that of the leaf it removes.
    fn author_key(&self, roster: &Roster<'_>) -> Result<P256Point, CommitError> {
        let (leaf, returning) = match self.sender {
            Sender::Member(leaf) => (leaf, false),
            Sender::NewMemberCommit => (self.leaf_to_leave()?, true),
            _ => return Err(CommitError::NotAPublicCommit),
        };
        let member = roster
            .member_with_index(leaf)
            .map_err(|_| CommitError::Policy(PolicyError::NoSuchLeaf { leaf }))?;
        let key = &member.signing_identity().signature_key;
        let path = self.message.commit_path_leaf_node().ok_or(CommitError::NoPath)?;
        if returning && path.signing_identity.signature_key != *key {
            return Err(CommitError::Policy(PolicyError::ExternalOtherKey));
        }
        P256Point::parse(key.as_bytes()).ok_or(CommitError::Leaf(JudgeError::OtherKey))
    }

    /// Refuses a leaf that nothing can be sealed to.
    ///
    /// MLS judges the key of a leaf by its use alone, and that is by its neighbours in the tree: they could never commit
    /// again, and nobody could tell whose leaf it is. In an envelope alone: no commit from before the rules meets this.
    /// Errors: [`CommitError::EncryptionKey`]. Source: PROTOCOL.md section 8, "Commits", 8.
    fn check_encryption_keys(&self) -> Result<(), CommitError> {
        let path = self.message.commit_path_leaf_node().ok_or(CommitError::NoPath)?;
        let mut added = self.message.proposals_by_value().into_iter().filter_map(|proposal| match proposal {
            Proposal::Add(add) => Some(add.key_package().mls_encode_to_vec()),
            _ => None,
        });
        let takes = |bytes: &[u8]| encryption_key_in(bytes).is_some_and(|key| takes_a_seal(&key));
        let all_take =
            takes_a_seal(&path.public_key) && added.all(|bytes| bytes.is_ok_and(|bytes| takes(&bytes)));
        if all_take { Ok(()) } else { Err(CommitError::EncryptionKey) }
    }

    /// The leaf that an external commit removes.
    fn leaf_to_leave(&self) -> Result<u32, CommitError> {
        let removed = self.message.proposals_by_value().into_iter().find_map(|proposal| match proposal {
            Proposal::Remove(remove) => Some(remove.to_remove()),
            _ => None,
        });
        removed.ok_or(CommitError::Policy(PolicyError::ExternalRemoves { removed: 0 }))
    }

    /// Refuses a commit for another group or epoch than the one in force.
    ///
    /// Errors: [`CommitError::OtherGroup`], [`CommitError::OtherEpoch`].
    fn check_place(&self, group: &GroupId, in_force: Epoch) -> Result<(), CommitError> {
        if self.group != *group {
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
    fn survey(&self, roster: &Roster<'_>) -> Result<Survey, CommitError> {
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
