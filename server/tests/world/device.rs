//! A device that speaks MLS for itself: the members' side, made of the library alone.

use super::Agency;
use alcove_charter::{P256Point, TrustView, sign_content};
use alcove_mls::{
    Bench, CommitBody, CommitContext, LeafIdentityProvider, LogPin, Policy, PolicyError, Role, Rules, SUITE,
    Suite, inspect_key_package, mls_time, signing_identity, suite,
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position},
    names::{Identity, Person},
    v1::{EntryKind, LogEntry},
};
use alcove_server::service::CommitOffer;
use bytes::Bytes;
use mls_rs::{
    CipherSuiteProvider, Client, ExtensionList, Group, MlsMessage, MlsRules,
    client_builder::{BaseConfig, WithCryptoProvider, WithIdentityProvider, WithMlsRules},
    crypto::SignatureSecretKey,
    extension::ExtensionType,
    group::{CommitOutput, ExportedTree, GroupContext, Roster},
    mls_rules::{CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle},
};
use std::collections::HashMap;

type Config =
    WithMlsRules<Keeping, WithIdentityProvider<LeafIdentityProvider, WithCryptoProvider<Suite, BaseConfig>>>;

pub(crate) struct Device {
    pub(crate) identity: Identity,
    pub(crate) serial: Vec<u8>,
    bench: Bench,
    client: Client<Config>,
    key: SignatureSecretKey,
    groups: HashMap<GroupId, Group<Config>>,
}

/// Our rules, or, for a malicious member, none.
#[derive(Clone)]
struct Keeping {
    rules: Rules,
    lawless: bool,
}

impl MlsRules for Keeping {
    type Error = PolicyError;

    fn filter_proposals(
        &self,
        direction: CommitDirection,
        source: CommitSource,
        roster: &Roster<'_>,
        context: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, PolicyError> {
        if self.lawless {
            return Ok(proposals);
        }
        self.rules.filter_proposals(direction, source, roster, context, proposals)
    }

    fn commit_options(
        &self,
        roster: &Roster<'_>,
        context: &GroupContext,
        proposals: &ProposalBundle,
    ) -> Result<CommitOptions, PolicyError> {
        self.rules.commit_options(roster, context, proposals)
    }

    fn encryption_options(
        &self,
        roster: &Roster<'_>,
        context: &GroupContext,
    ) -> Result<EncryptionOptions, PolicyError> {
        self.rules.encryption_options(roster, context)
    }
}

/// A device to add, and its key package.
pub(crate) struct Added {
    pub(crate) identity: Identity,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reference: Digest,
}

/// A commit with what goes to the server.
pub(crate) struct Made {
    pub(crate) offer: CommitOffer,
}

impl Device {
    /// A device certified for 90 days.
    pub(crate) fn of(agency: &Agency, person: u8, device: u16) -> Self {
        Self::certified(agency, agency.identity(person, device), 90)
    }

    /// A device whose library keeps to no policy.
    pub(crate) fn lawless(agency: &Agency, person: u8, device: u16) -> Self {
        Self::made(agency, agency.identity(person, device), 90, true)
    }

    /// A device certified by `agency` under whatever name.
    pub(crate) fn certified(agency: &Agency, identity: Identity, days: u64) -> Self {
        Self::made(agency, identity, days, false)
    }

    fn made(agency: &Agency, identity: Identity, days: u64, lawless: bool) -> Self {
        let (secret, public) = suite().signature_key_generate().unwrap();
        let (certificate, serial) = agency.certify(&identity, public.as_bytes(), days);
        let point = P256Point::parse(public.as_bytes()).unwrap();
        let bench = Bench::new();
        let client = client(&bench, lawless, certificate, &point, secret.clone());
        Self { identity, serial, bench, client, key: secret, groups: HashMap::new() }
    }

    /// A commit as it travels: signed as a whole.
    pub(crate) fn enveloped(&self, commit: &MlsMessage) -> Vec<u8> {
        let commit = commit.to_bytes().unwrap();
        let signature = suite().sign(&self.key, &sign_content("alcove commit v1", &commit)).unwrap();
        CommitBody { commit, signature: Some(signature) }.encode()
    }

    pub(crate) fn person(&self) -> Person {
        self.identity.person.clone()
    }

    pub(crate) fn create_group(&mut self, trust: &TrustView, now_ms: i64) -> (GroupId, Vec<u8>) {
        self.create_group_under(Policy::new(trust.charter().hash(), self.person()), trust, now_ms)
    }

    pub(crate) fn create_group_under(
        &mut self,
        policy: Policy,
        trust: &TrustView,
        now_ms: i64,
    ) -> (GroupId, Vec<u8>) {
        let group = GroupId(suite().random_bytes_vec(16).unwrap().try_into().unwrap());
        let mut extensions = ExtensionList::new();
        extensions.set_from(policy).unwrap();
        let session = self.bench.at(trust, trust.moment(now_ms));
        let made = self.client.create_group_with_id(
            group.to_vec(),
            extensions,
            ExtensionList::new(),
            Some(mls_time(now_ms)),
        );
        drop(session);
        let made = made.unwrap();
        let group_info = made.group_info_message(true).unwrap().to_bytes().unwrap();
        self.groups.insert(group, made);
        (group, group_info)
    }

    /// The group's info once more, signed anew: other bytes.
    pub(crate) fn group_info_anew(&self, group: GroupId) -> Vec<u8> {
        self.groups[&group].group_info_message(true).unwrap().to_bytes().unwrap()
    }

    pub(crate) fn key_package(&self, trust: &TrustView, now_ms: i64) -> Added {
        let session = self.bench.at(trust, trust.moment(now_ms));
        let made = self.client.generate_key_package_message(
            ExtensionList::new(),
            ExtensionList::new(),
            Some(mls_time(now_ms)),
        );
        drop(session);
        let bytes = made.unwrap().to_bytes().unwrap();
        let reference = inspect_key_package(&bytes, trust, now_ms)
            .map(|facts| Digest(facts.reference.try_into().unwrap()))
            .expect("a device makes good key packages");
        Added { identity: self.identity.clone(), bytes, reference }
    }

    /// What a member comes back by into the epoch in force, as this one signs it.
    pub(crate) fn return_info(&self, group: GroupId) -> Bytes {
        self.groups[&group].group_info_message_allowing_ext_commit(false).unwrap().to_bytes().unwrap().into()
    }

    /// Makes a commit that adds and removes, and keeps it pending.
    pub(crate) fn commit(
        &mut self,
        group: GroupId,
        trust: &TrustView,
        now_ms: i64,
        seen: (Position, Head),
        added: &[Added],
        removed: &[&Identity],
    ) -> Made {
        let context = CommitContext::new(trust, now_ms, LogPin { position: seen.0, head: seen.1 });
        self.commit_with(group, trust, now_ms, context, added, removed)
    }

    /// The same with a context of its own.
    pub(crate) fn commit_with(
        &mut self,
        group: GroupId,
        trust: &TrustView,
        now_ms: i64,
        context: CommitContext,
        added: &[Added],
        removed: &[&Identity],
    ) -> Made {
        let seen = context.seen().position;
        let leaves: Vec<u32> = removed.iter().map(|identity| self.leaf_of(group, identity)).collect();
        let session = self.bench.at(trust, trust.moment(now_ms));
        let state = self.groups.get_mut(&group).unwrap();
        state.clear_pending_commit();
        let epoch = Epoch(state.current_epoch());
        let mut builder =
            state.commit_builder().authenticated_data(context.encode()).commit_time(mls_time(now_ms));
        for added in added {
            builder = builder.add_member(MlsMessage::from_bytes(&added.bytes).unwrap()).unwrap();
        }
        for leaf in leaves {
            builder = builder.remove_member(leaf).unwrap();
        }
        let made = builder.build();
        drop(session);
        let made = made.expect("the device can make the commit");
        let group_info = info_bytes(&made);
        let welcome =
            made.welcome_messages.first().map(|welcome| welcome.to_bytes().unwrap()).unwrap_or_default();
        Made {
            offer: CommitOffer {
                group,
                epoch,
                commit: self.enveloped(&made.commit_message).into(),
                welcome: welcome.into(),
                joiners: added.iter().map(|added| (added.identity.clone(), added.reference)).collect(),
                seen,
                group_info,
            },
        }
    }

    /// Makes the external commit by which it takes the leaf of its name, from what `member` shows it.
    pub(crate) fn come_back(
        &mut self,
        group: GroupId,
        member: &Self,
        trust: &TrustView,
        now_ms: i64,
        seen: (Position, Head),
    ) -> CommitOffer {
        let of_member = &member.groups[&group];
        let info = of_member.group_info_message_allowing_ext_commit(true).unwrap();
        let context = CommitContext::new(trust, now_ms, LogPin { position: seen.0, head: seen.1 });
        let session = self.bench.at(trust, trust.moment(now_ms));
        let made = self
            .client
            .external_commit_builder()
            .unwrap()
            .with_removal(member.leaf_of(group, &self.identity))
            .with_authenticated_data(context.encode())
            .build(info);
        drop(session);
        let (state, commit) = made.expect("the device can make the commit");
        self.groups.insert(group, state);
        CommitOffer {
            group,
            epoch: member.epoch(group),
            commit: self.enveloped(&commit).into(),
            welcome: Default::default(),
            joiners: Vec::new(),
            seen: seen.0,
            group_info: Default::default(),
        }
    }

    /// Makes a commit that gives `person` another role.
    pub(crate) fn commit_role(
        &mut self,
        group: GroupId,
        trust: &TrustView,
        now_ms: i64,
        seen: (Position, Head),
        (person, role): (Person, Role),
    ) -> Made {
        let context = CommitContext::new(trust, now_ms, LogPin { position: seen.0, head: seen.1 });
        let session = self.bench.at(trust, trust.moment(now_ms));
        let state = self.groups.get_mut(&group).unwrap();
        state.clear_pending_commit();
        let policy: Policy = state.context().extensions().get_as().unwrap().unwrap();
        let mut extensions = ExtensionList::new();
        extensions.set_from(policy.with_role(person, role)).unwrap();
        let epoch = Epoch(state.current_epoch());
        let made = state
            .commit_builder()
            .authenticated_data(context.encode())
            .commit_time(mls_time(now_ms))
            .set_group_context_ext(extensions)
            .unwrap()
            .build();
        drop(session);
        let made = made.expect("the device can make the commit");
        let group_info = info_bytes(&made);
        let commit = self.enveloped(&made.commit_message);
        Made {
            offer: CommitOffer {
                group,
                epoch,
                commit: commit.into(),
                welcome: Default::default(),
                joiners: Vec::new(),
                seen: seen.0,
                group_info,
            },
        }
    }

    /// Takes its pending commit as done.
    pub(crate) fn merge(&mut self, group: GroupId, trust: &TrustView, now_ms: i64) {
        let _session = self.bench.at(trust, trust.moment(now_ms));
        self.groups.get_mut(&group).unwrap().apply_pending_commit().unwrap();
    }

    pub(crate) fn join(&mut self, group: GroupId, welcome: &[u8], tree: Vec<u8>, trust: &TrustView) {
        let session = self.bench.standing(trust);
        let tree = ExportedTree::from_bytes(&tree).unwrap();
        let welcome = MlsMessage::from_bytes(welcome).unwrap();
        let joined = self.client.join_group(Some(tree), &welcome, None);
        drop(session);
        let (joined, _) = joined.expect("the device joins");
        self.groups.insert(group, joined);
    }

    /// Processes a commit of the epoch it is in; anything else is left aside.
    pub(crate) fn process(&mut self, group: GroupId, entry: &LogEntry, trust: &TrustView, now_ms: i64) {
        let Some(state) = self.groups.get_mut(&group) else { return };
        if entry.kind() != EntryKind::Commit || entry.epoch != state.current_epoch() {
            return;
        }
        let _session = self.bench.at(trust, trust.moment(now_ms));
        let message = MlsMessage::from_bytes(&CommitBody::parse(&entry.body).unwrap().commit).unwrap();
        state.process_incoming_message_with_time(message, mls_time(now_ms)).expect("a taken commit is good");
    }

    pub(crate) fn epoch(&self, group: GroupId) -> Epoch {
        self.groups.get(&group).map_or(Epoch(0), |group| Epoch(group.current_epoch()))
    }

    fn leaf_of(&self, group: GroupId, identity: &Identity) -> u32 {
        let name = identity.to_string();
        self.groups[&group].member_with_identity(name.as_bytes()).unwrap().index()
    }
}

fn client(
    bench: &Bench,
    lawless: bool,
    certificate: Vec<u8>,
    point: &P256Point,
    secret: SignatureSecretKey,
) -> Client<Config> {
    Client::builder()
        .crypto_provider(Suite)
        .identity_provider(LeafIdentityProvider::new(bench.clone()))
        .mls_rules(Keeping { rules: Rules::new(bench.clone()), lawless })
        .extension_types([0xF0A1, 0xF0A2, 0xF0A3].map(ExtensionType::new))
        .key_package_lifetime(std::time::Duration::from_secs(30 * 86_400))
        .signing_identity(signing_identity(&[certificate], point), secret, SUITE)
        .build()
}

/// What a member comes back by into the epoch that a commit opens.
fn info_bytes(made: &CommitOutput) -> Bytes {
    let info = made.external_commit_group_info.as_ref().expect("the rules ask for one");
    info.to_bytes().unwrap().into()
}
