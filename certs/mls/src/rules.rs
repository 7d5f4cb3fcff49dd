//! The policy as the MLS library asks for it, when a commit is made and when one is received.

use crate::{
    bench::{Bench, Sitting},
    extensions::{check_leaf_extensions, policy_of},
    identity::{chain_of, named_device},
    policy::{self, Offerer, Policy, Proposed, Removal},
    policy_error::PolicyError,
};
use alcove_charter::{Judge, Moment, TrustError, TrustView};
use alcove_proto::names::Person;
use mls_rs::{
    MlsRules,
    group::{GroupContext, Roster},
    identity::SigningIdentity,
    mls_rules::{
        CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle, ProposalSource,
    },
};
use std::collections::BTreeSet;

/// The MLS rules of one group, for members and for the observer alike.
#[derive(Clone, Default)]
pub struct Rules {
    bench: Bench,
}

impl Rules {
    /// Rules that judge under `bench`; the identity provider of the group must share it.
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }
}

impl MlsRules for Rules {
    type Error = PolicyError;

    fn filter_proposals(
        &self,
        _direction: CommitDirection,
        source: CommitSource,
        current_roster: &Roster<'_>,
        current_context: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, PolicyError> {
        if self.bench.with(Sitting::is_replaying) {
            return Ok(proposals);
        }
        check_kinds(&source, &proposals)?;
        let proposed = proposed(source, current_roster, &proposals)?;
        let policy = policy_of(&current_context.extensions)?;
        self.bench.with(|sitting| {
            let view = View { roster: current_roster, moment: sitting.for_commit() };
            policy::judge(&policy, &view, &proposed, view.rules())
        })?;
        Ok(proposals)
    }

    /// Every commit has a path; one welcome serves all who join; the tree travels apart from it. A GroupInfo goes with every
    /// commit, by which a member that lost its state comes back.
    fn commit_options(
        &self,
        _new_roster: &Roster<'_>,
        _new_context: &GroupContext,
        _proposals: &ProposalBundle,
    ) -> Result<CommitOptions, PolicyError> {
        Ok(CommitOptions::new()
            .with_path_required(true)
            .with_ratchet_tree_extension(false)
            .with_single_welcome_message(true)
            .with_allow_external_commit(true))
    }

    /// Handshakes are public: the server checks what it orders.
    fn encryption_options(
        &self,
        _current_roster: &Roster<'_>,
        _current_context: &GroupContext,
    ) -> Result<EncryptionOptions, PolicyError> {
        Ok(EncryptionOptions::default())
    }
}

/// Only by-value Add, Remove and GroupContextExtensions, and the ExternalInit of an external commit.
fn check_kinds(source: &CommitSource, proposals: &ProposalBundle) -> Result<(), PolicyError> {
    let returning = matches!(source, CommitSource::NewMember(_));
    let external_inits = proposals.external_init_proposals().len();
    let taken = proposals.add_proposals().len()
        + proposals.remove_proposals().len()
        + proposals.group_context_ext_proposals().len()
        + if returning { external_inits } else { 0 };
    if taken != proposals.length() {
        let usual = [1, 3, 7].into_iter().chain(returning.then_some(6));
        let usual: BTreeSet<u16> = usual.collect();
        let kind = proposals.proposal_types().map(|kind| kind.raw_value()).find(|kind| !usual.contains(kind));
        return Err(PolicyError::ForbiddenProposal { kind: kind.unwrap_or_default() });
    }
    if proposals.iter_proposals().any(|info| info.source != ProposalSource::ByValue) {
        return Err(PolicyError::ByReference);
    }
    Ok(())
}

fn proposed(
    source: CommitSource,
    roster: &Roster<'_>,
    proposals: &ProposalBundle,
) -> Result<Proposed, PolicyError> {
    let mut added = Vec::with_capacity(proposals.add_proposals().len());
    for add in proposals.add_proposals() {
        check_leaf_extensions(&add.proposal.leaf_node_extensions())?;
        added.push(named_device(add.proposal.signing_identity())?);
    }
    let mut removed = Vec::with_capacity(proposals.remove_proposals().len());
    for remove in proposals.remove_proposals() {
        let leaf = remove.proposal.to_remove();
        let member = roster.member_with_index(leaf).map_err(|_| PolicyError::NoSuchLeaf { leaf })?;
        removed.push((Removal { leaf, identity: named_device(member.signing_identity())? }, member));
    }
    let policy: Option<Policy> = match proposals.group_context_ext_proposals() {
        [] => None,
        [one] => Some(policy_of(&one.proposal)?),
        _ => return Err(PolicyError::PolicyTwice),
    };
    let by = match source {
        CommitSource::ExistingMember(member) => Offerer::Member(named_device(member.signing_identity())?),
        CommitSource::NewMember(identity) => {
            let same_key = |old: &SigningIdentity| old.signature_key == identity.signature_key;
            let same_key = removed.iter().all(|(_, member)| same_key(member.signing_identity()));
            Offerer::Returning { identity: named_device(&identity)?, same_key }
        }
    };
    Ok(Proposed { by, added, removed: removed.into_iter().map(|(removal, _)| removal).collect(), policy })
}

/// The roster as the policy asks for it.
struct View<'a> {
    roster: &'a Roster<'a>,
    moment: Option<(&'a TrustView, &'a Moment)>,
}

impl View<'_> {
    /// The rules that the charter named by the commit states; the first ones where there is no moment, and so no commit.
    fn rules(&self) -> u32 {
        self.moment
            .and_then(|(trust, moment)| trust.charters().get(moment.charter_version()))
            .map_or(0, |charter| charter.rules)
    }
}

impl policy::Roster for View<'_> {
    fn leaves(&self) -> usize {
        self.roster.member_identities_iter().count()
    }

    fn is_lapsed(&self, leaf: u32) -> bool {
        let Some((trust, moment)) = self.moment else { return false };
        self.roster
            .member_with_index(leaf)
            .is_ok_and(|member| has_lapsed(trust, moment, member.signing_identity()))
    }

    fn has_leaf_of(&self, people: &BTreeSet<&Person>, removed: &BTreeSet<u32>) -> bool {
        self.roster.members_iter().any(|member| {
            !removed.contains(&member.index())
                && named_device(member.signing_identity())
                    .is_ok_and(|identity| people.contains(&identity.person))
        })
    }
}

/// Whether a leaf's certificate has expired or is revoked at `moment`, or its agency has left.
///
/// The right to remove a lapsed leaf is the one judgement where a newer CRL counts as well, and where one
/// that is held no more is believed: [`TrustView::may_have_been_revoked`].
pub(crate) fn has_lapsed(trust: &TrustView, moment: &Moment, leaf: &SigningIdentity) -> bool {
    let Ok(chain) = chain_of(leaf) else { return false };
    match trust.verify_device_mls(chain, Judge::At(moment)) {
        Err(
            TrustError::Expired { .. }
            | TrustError::Revoked { .. }
            | TrustError::UnknownAgency(..)
            | TrustError::UnknownIssuer(..),
        ) => true,
        Err(_) => false,
        Ok(certificate) => trust.may_have_been_revoked(&certificate, moment),
    }
}
