//! The server's side of a group: everything public about it, and no key that opens anything.
//!
//! [`Observer::create`] takes the GroupInfo of a new group; [`Observer::check`] judges a commit and
//! answers the observer of the next epoch beside this one, so that a commit that loses its race, or
//! whose transaction fails, leaves nothing behind: keep the old one, or put the new one in its place.
//! [`Observer::snapshot`] and [`Observer::load`] carry it through a restart; later commits are then
//! replayed with [`Observer::replay`], which stands on the verdict of then. What an observer cannot see (path secrets, the confirmation tag) a member
//! could still spoil: PROTOCOL.md section 17.
//!
//! Left to the server: that the commit's time is near its own clock, that the author's TLS identity is
//! [`CommitSummary::author`]'s, and that what the commit names is current
//! ([`alcove_charter::TrustView::currency`]).

use crate::{
    CommitBody, CommitContext, CommitError, CommitSummary, ObserveError, ParsedCommit,
    bench::Bench,
    commit::Judged,
    error::JudgeError,
    extensions::policy_of,
    floor::ContextFloor,
    identity::{LeafIdentityProvider, chain_of, device_of},
    policy::{Policy, Role},
    policy_error::PolicyError,
    rules::Rules,
    suite::{Suite, mls_time},
};
use alcove_charter::{CharterHistory, Judge, TrustView};
use alcove_proto::{
    ids::{Epoch, GroupId},
    limits::GROUP_INFO_BYTES_MAX,
    names::Identity,
};
use mls_rs::{
    MlsMessage, MlsMessageDescription,
    crypto::SignaturePublicKey,
    external_client::{
        ExternalClient, ExternalGroup, ExternalReceivedMessage, ExternalSnapshot,
        builder::{ExternalBaseConfig, WithCryptoProvider, WithIdentityProvider, WithMlsRules},
    },
    group::GroupContext,
    identity::SigningIdentity,
};

type Config = WithMlsRules<
    Rules,
    WithIdentityProvider<LeafIdentityProvider, WithCryptoProvider<Suite, ExternalBaseConfig>>,
>;

/// What a snapshot with a floor begins with; the library's own begins with its version, a small number.
const SNAPSHOT_MAGIC: &[u8] = b"alcove observer v1\0";

/// One group in one epoch, as the server sees it.
pub struct Observer {
    group: ExternalGroup<Config>,
    bench: Bench,
    id: GroupId,
    policy: Policy,
    floor: ContextFloor,
}

/// A leaf of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which leaf.
    pub leaf: u32,
    /// The device at it.
    pub identity: Identity,
    /// What its person may do.
    pub role: Role,
    /// Its certificate chain, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
}

impl Observer {
    /// Begins to observe a new group.
    ///
    /// `group_info`: MLSMessage(GroupInfo) of epoch 0 with the tree, at most [`GROUP_INFO_BYTES_MAX`].
    /// `now_ms`: milliseconds since 1970; the creator's certificate must hold then.
    /// Errors: [`ObserveError`].
    pub fn create(group_info: &[u8], trust: &TrustView, now_ms: i64) -> Result<Self, ObserveError> {
        if group_info.len() > GROUP_INFO_BYTES_MAX {
            return Err(ObserveError::TooLarge { bytes: group_info.len() });
        }
        let observer = Self::standing(group_info, trust, ContextFloor::default())?;
        let members: Vec<SigningIdentity> =
            observer.group.roster().member_identities_iter().cloned().collect();
        let ([creator], Epoch(0)) = (members.as_slice(), observer.epoch()) else {
            return Err(ObserveError::NotNew { epoch: observer.epoch(), leaves: members.len() });
        };
        if trust.charters().by_hash(&observer.policy.charter_hash()).is_none() {
            return Err(ObserveError::UnknownCharter);
        }
        let chain = chain_of(creator).map_err(ObserveError::Leaf)?;
        let certificate = trust
            .verify_device_mls(chain, Judge::At(&trust.moment(now_ms)))
            .map_err(|error| ObserveError::Leaf(JudgeError::Trust(error)))?;
        if observer.policy.role_of(&certificate.identity.person) != Role::Owner {
            return Err(ObserveError::Policy(PolicyError::NoOwnerLeft));
        }
        Ok(observer)
    }

    /// The observer that a member sets beside its own group, to know what an honest server could have ordered, and what the
    /// log comes to where its secrets do not lead.
    ///
    /// `group_info`: MLSMessage(GroupInfo) of the epoch in force with the tree, made by that member. `floor`: what it
    /// has seen commits name.
    /// Errors: [`ObserveError`], never in a group that was let in leaf by leaf.
    pub fn beside_a_member(
        group_info: &[u8],
        trust: &TrustView,
        floor: ContextFloor,
    ) -> Result<Self, ObserveError> {
        Self::standing(group_info, trust, floor)
    }

    fn standing(group_info: &[u8], trust: &TrustView, floor: ContextFloor) -> Result<Self, ObserveError> {
        let message = MlsMessage::from_bytes(group_info).map_err(|_| ObserveError::Malformed)?;
        if message.as_group_info().is_none() {
            return Err(ObserveError::Malformed);
        }
        let bench = Bench::new();
        let session = bench.standing(trust);
        let group = client(&bench).observe_group(message, None, None)?;
        drop(session);
        Self::with(group, bench, floor)
    }

    /// Takes up a snapshot. One from before there were floors has an empty one: it grows with the commits that follow.
    ///
    /// Errors: [`ObserveError`].
    pub fn load(snapshot: &[u8]) -> Result<Self, ObserveError> {
        let (floor, snapshot) = match snapshot.strip_prefix(SNAPSHOT_MAGIC) {
            None => (ContextFloor::default(), snapshot),
            Some(rest) => {
                let (length, rest) = rest.split_first_chunk().ok_or(ObserveError::Malformed)?;
                let length = u32::from_be_bytes(*length) as usize;
                let (floor, rest) = rest.split_at_checked(length).ok_or(ObserveError::Malformed)?;
                (ContextFloor::parse(floor).map_err(|_| ObserveError::Malformed)?, rest)
            }
        };
        let snapshot = ExternalSnapshot::from_bytes(snapshot).map_err(|_| ObserveError::Malformed)?;
        let bench = Bench::new();
        let group = client(&bench).load_group(snapshot)?;
        Self::with(group, bench, floor)
    }

    fn with(group: ExternalGroup<Config>, bench: Bench, floor: ContextFloor) -> Result<Self, ObserveError> {
        let id = GroupId::try_from(group.group_context().group_id())?;
        let policy = policy_of(group.group_context().extensions())?;
        Ok(Self { group, bench, id, policy, floor })
    }

    /// Everything there is to keep, in one piece: 3 MB at a thousand leaves.
    ///
    /// Errors: [`ObserveError::Mls`].
    pub fn snapshot(&self) -> Result<Vec<u8>, ObserveError> {
        let floor = self.floor.encode();
        // Cannot fail: a floor has a number for each agency there ever was.
        let length = u32::try_from(floor.len()).unwrap_or(u32::MAX);
        let group = self.group.snapshot().to_bytes()?;
        Ok([SNAPSHOT_MAGIC, &length.to_be_bytes(), &floor, &group].concat())
    }

    /// Judges a commit: form, epoch, signature, leaves and right, as of the moment it names, which must not be behind
    /// what the group's commits have named before.
    ///
    /// `received_at_ms`: when its entry was received, or now for one that is offered.
    /// Answers the observer of the epoch it opens; this one stays as it is.
    /// Errors: [`CommitError`].
    pub fn check(
        &self,
        commit: &[u8],
        trust: &TrustView,
        received_at_ms: i64,
    ) -> Result<(Self, CommitSummary), CommitError> {
        self.check_parsed(ParsedCommit::parse(commit)?, trust, received_at_ms)
    }

    /// [`Observer::check`] for a commit that has been parsed already.
    ///
    /// Errors: [`CommitError`].
    pub fn check_parsed(
        &self,
        commit: ParsedCommit,
        trust: &TrustView,
        received_at_ms: i64,
    ) -> Result<(Self, CommitSummary), CommitError> {
        let Judged { message, moment, survey, context, floor } =
            commit.judge(&self.id, self.epoch(), &self.group.roster(), trust, &self.floor, received_at_ms)?;
        let mut group = self.group.clone();
        let time = mls_time(context.time_ms());
        let session = self.bench.at(trust, moment);
        let received = group.process_incoming_message_with_time(message, time)?;
        drop(session);
        let ExternalReceivedMessage::Commit(description) = received else {
            return Err(CommitError::NotAPublicCommit);
        };
        let epoch = Epoch(group.group_context().epoch());
        let leaf_of = |identity: &SigningIdentity| {
            group.get_member_with_identity(identity).ok().map(|member| member.index())
        };
        let summary = survey.summary(description.committer, epoch, context, leaf_of)?;
        let policy = summary.policy.clone().unwrap_or_else(|| self.policy.clone());
        Ok((Self { group, bench: self.bench.clone(), id: self.id, policy, floor }, summary))
    }

    /// Takes a commit out of the log again that was judged when it was taken, whatever charters and lists say meanwhile: what
    /// MLS checks is checked, and nothing that could be judged otherwise by now.
    ///
    /// `charters`: which of them state rules, for the floor of what commits name.
    /// Never for a commit that somebody else vouches for. Answers the observer of the epoch it opens.
    /// Errors: [`CommitError`], when these are not the bytes that were taken.
    /// Source: PROTOCOL.md section 8, "Lists", 7.
    pub fn replay(&self, commit: &[u8], charters: &CharterHistory) -> Result<Self, CommitError> {
        let body = CommitBody::parse(commit)?;
        let message = MlsMessage::from_bytes(&body.commit).map_err(|_| CommitError::Malformed)?;
        let MlsMessageDescription::PublicProtocolMessage { authenticated_data, .. } = message.description()
        else {
            return Err(CommitError::NotAPublicCommit);
        };
        let context = CommitContext::parse(authenticated_data)?;
        let time = mls_time(context.time_ms());
        let mut group = self.group.clone();
        let session = self.bench.replaying();
        let received = group.process_incoming_message_with_time(message, time)?;
        drop(session);
        let ExternalReceivedMessage::Commit(_) = received else {
            return Err(CommitError::NotAPublicCommit);
        };
        let policy = policy_of(group.group_context().extensions())?;
        let floor = self.floor.after(context.message(), charters);
        Ok(Self { group, bench: self.bench.clone(), id: self.id, policy, floor })
    }

    /// What the group's commits have named of charter and lists.
    pub fn floor(&self) -> &ContextFloor {
        &self.floor
    }

    pub(crate) fn context(&self) -> &GroupContext {
        self.group.group_context()
    }

    /// The key that the member at `leaf` signs with.
    pub(crate) fn signature_key(&self, leaf: u32) -> Option<SignaturePublicKey> {
        let member = self.group.roster().member_with_index(leaf).ok()?;
        Some(member.signing_identity().signature_key.clone())
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.id
    }

    /// Its epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.group.group_context().epoch())
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The ratchet tree, as whoever joins by a welcome needs it.
    ///
    /// Errors: [`ObserveError::Mls`].
    pub fn export_tree(&self) -> Result<Vec<u8>, ObserveError> {
        Ok(self.group.export_tree()?)
    }

    /// Every leaf.
    ///
    /// Errors: [`ObserveError::Leaf`], never in a group that was let in leaf by leaf.
    pub fn members(&self) -> Result<Vec<Member>, ObserveError> {
        self.group.roster().members_iter().map(|member| self.member(&member)).collect()
    }

    /// One leaf; nothing when it is empty.
    ///
    /// Errors: as [`Observer::members`].
    pub fn member_at(&self, leaf: u32) -> Result<Option<Member>, ObserveError> {
        let found = self.group.roster().member_with_index(leaf).ok();
        found.map(|member| self.member(&member)).transpose()
    }

    fn member(&self, member: &mls_rs::group::Member) -> Result<Member, ObserveError> {
        let signing = member.signing_identity();
        let identity = device_of(signing).map_err(ObserveError::Leaf)?;
        let chain = chain_of(signing).map_err(ObserveError::Leaf)?;
        Ok(Member {
            leaf: member.index(),
            role: self.policy.role_of(&identity.person),
            identity,
            chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
        })
    }
}

fn client(bench: &Bench) -> ExternalClient<Config> {
    ExternalClient::builder()
        .crypto_provider(Suite)
        .identity_provider(LeafIdentityProvider::new(bench.clone()))
        .mls_rules(Rules::new(bench.clone()))
        .build()
}
