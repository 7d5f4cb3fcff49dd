//! Changing a group: making a commit, and processing the one the log shows.

use super::{Group, GroupError, Piece, check_own_certificate, epoch_id_of, join::check_size, signer::sign};
use crate::device::Device;
use alcove_charter::TrustView;
use alcove_mls::{
    CommitBody, CommitContext, CommitError, CommitSummary, Judged, LogPin, ParsedCommit, Role, device_of,
    mls_time, suite,
};
use alcove_proto::{
    ids::Epoch,
    limits::{COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX, KEY_PACKAGE_BYTES_MAX, WELCOME_BYTES_MAX},
    names::{Identity, Person},
};
use mls_rs::{
    ExtensionList, MlsMessage,
    error::MlsError,
    extension::MlsExtension,
    group::{CommitEffect, CommitOutput, ReceivedMessage},
    identity::SigningIdentity,
};

/// What a commit is to do. Kept apart from its bytes: who loses a race processes the winner and makes
/// the intent anew.
///
/// An empty one is a self-update: it heals the leaf, and takes up a new certificate or card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// Key packages (MLSMessage) of the devices to add.
    pub add: Vec<Vec<u8>>,
    /// Leaves to remove.
    pub remove: Vec<u32>,
    /// Roles to change.
    pub roles: Vec<(Person, Role)>,
}

/// A device that a welcome is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joiner {
    /// Its name.
    pub identity: Identity,
    /// Reference of the key package that was used (RFC 9420 section 5.2).
    pub key_package_ref: Vec<u8>,
}

/// A commit that is ready to be sent, once the group has been saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The epoch it was made in.
    pub epoch: Epoch,
    /// The body of its log entry.
    pub commit: Vec<u8>,
    /// MLSMessage(Welcome), without the tree; empty when nobody joins.
    pub welcome: Vec<u8>,
    /// Who joins by it.
    pub joiners: Vec<Joiner>,
    /// What it says its author had seen.
    pub seen: LogPin,
    /// MLSMessage(GroupInfo) of the epoch it opens, without the tree: for a member that comes back.
    pub group_info: Vec<u8>,
}

/// What processing a commit did.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// What the commit did.
    pub summary: CommitSummary,
    /// Whether it is this device's own.
    pub own: bool,
    /// Whether this device is out.
    pub removed_self: bool,
}

impl Group {
    /// Makes a commit and keeps it pending. Save the group, then send the commit.
    ///
    /// `device`: its certificate and card are put into the leaf, where they have changed. `seen`: the log
    /// as far as this device has processed it. `now_ms`: milliseconds since 1970.
    /// Errors: [`GroupError::CommitPending`], [`GroupError::Removed`], [`GroupError::OwnCertificate`],
    /// [`GroupError::Policy`], [`GroupError::Leaf`] (a key package that is not believed),
    /// [`GroupError::TooLarge`]; [`CommitError::Floor`] when less is held than the group's commits have named: fetch
    /// charters and CRLs and make it again.
    pub fn prepare_commit(
        &mut self,
        device: &Device,
        intent: &Intent,
        seen: LogPin,
        trust: &TrustView,
        now_ms: i64,
    ) -> Result<Prepared, GroupError> {
        self.check_member()?;
        check_own_certificate(device, trust, now_ms)?;
        let context = CommitContext::new(trust, now_ms, seen);
        let joiners = intent.add.iter().map(|bytes| parse_joiner(bytes)).collect::<Result<Vec<_>, _>>()?;
        let output = self.build(device, intent, &joiners, &context, trust)?;
        let prepared = self.pack(output, joiners, &context, trust);
        if prepared.is_err() {
            self.inner.clear_pending_commit();
        }
        prepared
    }

    fn build(
        &mut self,
        device: &Device,
        intent: &Intent,
        joiners: &[(MlsMessage, Joiner)],
        context: &CommitContext,
        trust: &TrustView,
    ) -> Result<CommitOutput, GroupError> {
        let moment = trust.moment_of_commit(context.message()).map_err(CommitError::Context)?;
        // Its entry is received when it is sent, which is now.
        let floor = self.floor.judge(&moment, trust, context.time_ms()).map_err(CommitError::Floor)?;
        let own = device.signing_identity();
        let rotates = *self.inner.current_member_signing_identity()? != own;
        let policy = intent
            .roles
            .iter()
            .fold(self.policy.clone(), |policy, (person, role)| policy.with_role(person.clone(), *role));
        let session = self.bench.at(trust, moment);
        let mut builder = self
            .inner
            .commit_builder()
            .authenticated_data(context.encode())
            .commit_time(mls_time(context.time_ms()))
            .set_leaf_node_extensions(device.leaf_extensions()?);
        if rotates {
            builder = builder.set_new_signing_identity(device.signer().clone(), own);
        }
        for (key_package, _) in joiners {
            builder = builder.add_member(key_package.clone())?;
        }
        for leaf in &intent.remove {
            builder = builder.remove_member(*leaf)?;
        }
        // Also where nothing changes by it: somebody who comes back is to be given their role in so many words.
        if !intent.roles.is_empty() {
            let extension = policy.into_extension().map_err(MlsError::from)?;
            builder = builder.set_group_context_ext(ExtensionList::from(vec![extension]))?;
        }
        if !joiners.is_empty() {
            let mut told = vec![context.seen().into_extension().map_err(MlsError::from)?];
            if !floor.is_empty() {
                told.push(floor.into_extension().map_err(MlsError::from)?);
            }
            if !device.ties().is_empty() {
                told.push(device.ties().clone().into_extension().map_err(MlsError::from)?);
            }
            builder = builder.set_group_info_ext(ExtensionList::from(told));
        }
        let output = builder.build()?;
        drop(session);
        Ok(output)
    }

    fn pack(
        &mut self,
        output: CommitOutput,
        joiners: Vec<(MlsMessage, Joiner)>,
        context: &CommitContext,
        trust: &TrustView,
    ) -> Result<Prepared, GroupError> {
        let commit = output.commit_message.to_bytes()?;
        // By the key of before, also where the commit brings another one.
        let commit = CommitBody::new(commit, trust, context.charter_version(), |bytes| {
            sign(&self.leaf_signer()?, bytes)
        })?;
        let commit = commit.encode();
        check_size(Piece::Commit, &commit, COMMIT_BYTES_MAX)?;
        let welcome = match output.welcome_messages.as_slice() {
            [] => Vec::new(),
            // The rules ask for one welcome for all.
            [welcome, ..] => welcome.to_bytes()?,
        };
        check_size(Piece::Welcome, &welcome, WELCOME_BYTES_MAX)?;
        let joiners = joiners.into_iter().map(|(_, joiner)| joiner).collect();
        let group_info = match &output.external_commit_group_info {
            Some(info) => info.to_bytes()?,
            // The rules ask for one with every commit.
            None => Vec::new(),
        };
        check_size(Piece::GroupInfo, &group_info, COMMIT_GROUP_INFO_BYTES_MAX)?;
        Ok(Prepared { epoch: self.epoch(), commit, welcome, joiners, seen: context.seen(), group_info })
    }

    /// Forgets the pending commit: it was refused, or will not be sent.
    pub fn clear_pending(&mut self) {
        self.inner.clear_pending_commit();
    }

    /// Processes the commit that the log shows next.
    ///
    /// One's own is merged; anybody else's clears what was pending. Then a new epoch is in force, unless
    /// this device is out. Judged as of the moment the commit names, so that all come to one verdict; what it names must
    /// not be behind [`Group::floor`]. `received_at_ms`: of the commit's own log entry.
    /// Errors: [`GroupError`]; [`CommitError::TrustBehind`] says to fetch charters and CRLs and to
    /// process it again. After an error the group is as it was; only where the library gave up after it
    /// had begun to change it (a member made a commit whose secrets are wrong, which no observer can
    /// see), every further act answers [`GroupError::SavedState`] until the group is loaded again.
    pub fn process(
        &mut self,
        commit: &[u8],
        trust: &TrustView,
        received_at_ms: i64,
    ) -> Result<Processed, GroupError> {
        self.check_member()?;
        let commit = ParsedCommit::parse(commit)?;
        let own = commit.claimed_leaf() == Some(self.own_leaf());
        let Judged { message, moment, survey, context, floor } =
            commit.judge(&self.id, self.epoch(), &self.inner.roster(), trust, &self.floor, received_at_ms)?;
        let time = mls_time(context.time_ms());
        let opens = self.epoch().next();
        let session = self.bench.at(trust, moment);
        let received = self.inner.process_incoming_message_with_time(message, time);
        drop(session);
        let description = match received {
            Ok(ReceivedMessage::Commit(description)) => description,
            Ok(_) => return Err(GroupError::Commit(CommitError::NotAPublicCommit)),
            Err(error) => {
                self.spoiled = !is_early(&error);
                return Err(error.into());
            }
        };
        // The library has moved on. Should anything below fail, what was saved last is what counts.
        self.spoiled = true;
        let removed_self = match &description.effect {
            CommitEffect::NewEpoch(_) => false,
            CommitEffect::Removed { .. } => true,
            CommitEffect::ReInit(_) => return Err(GroupError::Commit(CommitError::NotAPublicCommit)),
        };
        let leaf_of = |identity: &SigningIdentity| {
            if removed_self {
                // The new roster is not this device's to see.
                return Some(0);
            }
            let name = device_of(identity).ok()?.to_string();
            self.inner.member_with_identity(name.as_bytes()).ok().map(|member| member.index())
        };
        let summary = survey.summary(description.committer, opens, context, leaf_of)?;
        self.floor = floor;
        if removed_self {
            self.inner.clear_pending_commit();
            self.removed = true;
        } else {
            self.epoch_id = epoch_id_of(&self.inner, &self.id)?;
            if let Some(policy) = &summary.policy {
                self.policy = policy.clone();
            }
        }
        self.spoiled = false;
        Ok(Processed { summary, own, removed_self })
    }
}

/// Whether the library had changed nothing yet: signature, right and leaves come before any secret.
/// Whatever is not known to come early counts as late.
fn is_early(error: &MlsError) -> bool {
    matches!(
        error,
        MlsError::MlsRulesError(_)
            | MlsError::IdentityProviderError(_)
            | MlsError::ProtocolVersionMismatch
            | MlsError::InvalidSignature
            | MlsError::InvalidMembershipTag
            | MlsError::InvalidSuccessor
            | MlsError::CantProcessMessageFromSelf
    )
}

fn parse_joiner(bytes: &[u8]) -> Result<(MlsMessage, Joiner), GroupError> {
    check_size(Piece::KeyPackage, bytes, KEY_PACKAGE_BYTES_MAX)?;
    let malformed = || GroupError::Malformed { what: Piece::KeyPackage };
    let message = MlsMessage::from_bytes(bytes).map_err(|_| malformed())?;
    let key_package = message.as_key_package().ok_or_else(malformed)?;
    let identity = device_of(key_package.signing_identity())?;
    let key_package_ref = key_package.to_reference(&suite())?.to_vec();
    Ok((message, Joiner { identity, key_package_ref }))
}
