//! Who may commit what: one pure function that every member and the server's observer run.
//!
//! [`Policy`] is what a group carries in its context; [`judge`] says whether one commit keeps to it.
//! Knows no MLS types, no certificates and no clock: what a leaf is and whether it has lapsed comes in
//! through [`Roster`]. PROTOCOL.md section 8, "Commits", steps 3 and 4.

use crate::{policy_error::PolicyError, predecessor::Predecessor};
use alcove_proto::{
    canonical,
    ids::Digest,
    limits::GROUP_LEAVES_MAX,
    names::{Identity, Person},
    v1,
};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// The policy format this crate writes and reads.
const FORMAT: u32 = 1;
/// The rules of a charter from which on owners who are not seated count for nothing. PROTOCOL.md section 8, "Commits", 3.
const STATES_ROLES: u32 = 1;

/// What a person may do in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Writes and reads; adds further devices of its own and removes its own.
    Member,
    /// Adds, removes and changes the policy.
    Owner,
}

/// A group's policy, as its context carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    charter_hash: Digest,
    /// A person not named is a member.
    roles: BTreeMap<Person, Role>,
    predecessor: Option<Predecessor>,
}

impl Policy {
    /// The policy of a new group: `owner` is its one owner.
    pub fn new(charter_hash: Digest, owner: Person) -> Self {
        Self { charter_hash, roles: BTreeMap::from([(owner, Role::Owner)]), predecessor: None }
    }

    /// The same policy for a group that leads another one on; every later one of that group keeps it.
    #[must_use]
    pub fn succeeding(self, predecessor: Predecessor) -> Self {
        Self { predecessor: Some(predecessor), ..self }
    }

    /// Parses an encoded [`v1::GroupPolicy`].
    ///
    /// Errors: the first group of [`PolicyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let message: v1::GroupPolicy = canonical::decode(bytes)?;
        if message.format != FORMAT {
            return Err(PolicyError::Format { found: message.format });
        }
        if message.roles.len() > GROUP_LEAVES_MAX {
            return Err(PolicyError::TooManyPeople { people: message.roles.len() });
        }
        let predecessor = match message.predecessor.as_slice() {
            [] => None,
            bytes => Some(Predecessor::parse(bytes)?),
        };
        let mut roles = BTreeMap::new();
        let mut last: Option<&str> = None;
        for entry in &message.roles {
            if last.is_some_and(|last| last >= entry.person.as_str()) {
                return Err(PolicyError::PersonOrder);
            }
            last = Some(&entry.person);
            let role = match v1::Role::try_from(entry.role) {
                Ok(v1::Role::Member) => Role::Member,
                Ok(v1::Role::Owner) => Role::Owner,
                Ok(v1::Role::Unspecified) | Err(_) => return Err(PolicyError::Role),
            };
            roles.insert(entry.person.parse()?, role);
        }
        let charter_hash = Digest::try_from(message.charter_hash.as_slice())?;
        let policy = Self { charter_hash, roles, predecessor };
        if policy.owners().next().is_none() {
            return Err(PolicyError::NoOwnerNamed);
        }
        Ok(policy)
    }

    /// The canonical bytes: sorted by the person's name.
    pub fn encode(&self) -> Vec<u8> {
        let mut roles: Vec<v1::PersonRole> = self
            .roles
            .iter()
            .map(|(person, role)| v1::PersonRole {
                person: person.to_string(),
                role: match role {
                    Role::Member => v1::Role::Member.into(),
                    Role::Owner => v1::Role::Owner.into(),
                },
            })
            .collect();
        roles.sort_by(|one, other| one.person.cmp(&other.person));
        v1::GroupPolicy {
            format: FORMAT,
            charter_hash: self.charter_hash.to_vec(),
            roles,
            predecessor: self.predecessor.as_ref().map(Predecessor::encode).unwrap_or_default(),
        }
        .encode_to_vec()
    }

    /// The charter the group was made under.
    pub fn charter_hash(&self) -> Digest {
        self.charter_hash
    }

    /// The group this one leads on.
    pub fn predecessor(&self) -> Option<Predecessor> {
        self.predecessor
    }

    /// What `person` may do.
    pub fn role_of(&self, person: &Person) -> Role {
        self.roles.get(person).copied().unwrap_or(Role::Member)
    }

    /// The owners, whether they have a leaf or not.
    pub fn owners(&self) -> impl Iterator<Item = &Person> {
        self.roles.iter().filter(|(_, role)| **role == Role::Owner).map(|(person, _)| person)
    }

    /// The same policy with another role for `person`. Members are not named.
    #[must_use]
    pub fn with_role(&self, person: Person, role: Role) -> Self {
        let mut roles = self.roles.clone();
        match role {
            Role::Member => roles.remove(&person),
            Role::Owner => roles.insert(person, Role::Owner),
        };
        Self { roles, ..self.clone() }
    }
}

/// A leaf that a commit would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Which leaf.
    pub leaf: u32,
    /// The device at it.
    pub identity: Identity,
}

/// Who offers a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offerer {
    /// The device at a leaf of the group.
    Member(Identity),
    /// A device that comes back by an external commit.
    Returning {
        /// Its name.
        identity: Identity,
        /// Whether the leaf it removes signs with its key.
        same_key: bool,
    },
}

/// A commit, as far as the policy asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Who offers it.
    pub by: Offerer,
    /// The devices it adds.
    pub added: Vec<Identity>,
    /// The leaves it removes.
    pub removed: Vec<Removal>,
    /// The policy it puts in place.
    pub policy: Option<Policy>,
}

/// The group before the commit, as far as the policy asks. Asked only when the answer matters.
pub trait Roster {
    /// How many leaves are in use.
    fn leaves(&self) -> usize;

    /// Whether the certificate at `leaf` has expired or is revoked at the commit's moment.
    fn is_lapsed(&self, leaf: u32) -> bool;

    /// Whether one of `people` has a leaf outside of `removed`.
    fn has_leaf_of(&self, people: &BTreeSet<&Person>, removed: &BTreeSet<u32>) -> bool;
}

/// Says whether a commit keeps to `policy`, the one in force before it.
///
/// Owners add and remove anybody and change the policy; everybody adds further devices of themselves,
/// removes their own, and removes leaves that have lapsed; everybody updates their own leaf, which asks
/// for nothing here. One owner's leaf always remains, and from [`STATES_ROLES`] on one that was there before: whoever is
/// only just being added may never be able to join. From then on a role is not left over either: an owner whose last leaf
/// is gone comes back as what the commit that adds them says in so many words. A device that comes back removes its own old leaf,
/// known by its key, and does nothing else: with "the same name" an agency's CA could take over a
/// person's leaf unseen.
/// `rules`: those that the charter of the commit's context states.
/// Errors: the second group of [`PolicyError`].
pub fn judge(
    policy: &Policy,
    roster: &impl Roster,
    proposed: &Proposed,
    rules: u32,
) -> Result<(), PolicyError> {
    let author = match &proposed.by {
        Offerer::Returning { identity, same_key } => {
            return judge_return(identity, *same_key, proposed);
        }
        Offerer::Member(identity) => identity,
    };
    let owner = policy.role_of(&author.person) == Role::Owner;
    for identity in &proposed.added {
        if !owner && identity.person != author.person {
            return Err(PolicyError::MayNotAdd(identity.clone()));
        }
    }
    for Removal { leaf, identity } in &proposed.removed {
        if !owner && identity.person != author.person && !roster.is_lapsed(*leaf) {
            return Err(PolicyError::MayNotRemove(identity.clone()));
        }
    }
    if let Some(new) = &proposed.policy {
        if !owner {
            return Err(PolicyError::MayNotChangePolicy);
        }
        if new.charter_hash != policy.charter_hash {
            return Err(PolicyError::CharterChanged);
        }
        if new.predecessor != policy.predecessor {
            return Err(PolicyError::PredecessorChanged);
        }
    }
    let leaves = (roster.leaves() + proposed.added.len()).saturating_sub(proposed.removed.len());
    if leaves > GROUP_LEAVES_MAX {
        return Err(PolicyError::TooManyLeaves { leaves });
    }
    if rules >= STATES_ROLES {
        check_roles_stated(policy, roster, proposed)?;
    }
    if owner_remains(policy, roster, proposed, author, rules) {
        Ok(())
    } else {
        Err(PolicyError::NoOwnerLeft)
    }
}

/// Whoever the policy names as an owner and who has no leaf is added only by a commit that states the policy: the role of
/// somebody whom others removed would come back unasked.
fn check_roles_stated(policy: &Policy, roster: &impl Roster, proposed: &Proposed) -> Result<(), PolicyError> {
    if proposed.policy.is_some() {
        return Ok(());
    }
    let removed = proposed.removed.iter().map(|removal| removal.leaf).collect();
    let left_over = |identity: &&Identity| {
        policy.role_of(&identity.person) == Role::Owner
            && !roster.has_leaf_of(&BTreeSet::from([&identity.person]), &removed)
    };
    match proposed.added.iter().find(left_over) {
        Some(identity) => Err(PolicyError::RoleLeftOver(identity.person.clone())),
        None => Ok(()),
    }
}

fn judge_return(identity: &Identity, same_key: bool, proposed: &Proposed) -> Result<(), PolicyError> {
    if !proposed.added.is_empty() || proposed.policy.is_some() {
        return Err(PolicyError::ExternalDoesMore);
    }
    match proposed.removed.as_slice() {
        [own] if !same_key || own.identity != *identity => Err(PolicyError::ExternalOtherKey),
        [_] => Ok(()),
        removed => Err(PolicyError::ExternalRemoves { removed: removed.len() }),
    }
}

/// Whether an owner has a leaf after the commit. The cheap answers come first: most commits are by an
/// owner, who stays, or touch no owner.
fn owner_remains(
    policy: &Policy,
    roster: &impl Roster,
    proposed: &Proposed,
    author: &Identity,
    rules: u32,
) -> bool {
    let after = proposed.policy.as_ref().unwrap_or(policy);
    let owner = |identity: &Identity| after.role_of(&identity.person) == Role::Owner;
    let removes_owner = proposed.removed.iter().any(|removal| owner(&removal.identity));
    if owner(author) || (proposed.policy.is_none() && !removes_owner) {
        // An author never removes its own leaf: MLS forbids it (RFC 9420 section 12.2).
        return true;
    }
    let removed = proposed.removed.iter().map(|removal| removal.leaf).collect();
    let joins = rules < STATES_ROLES && proposed.added.iter().any(owner);
    joins || roster.has_leaf_of(&after.owners().collect(), &removed)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
