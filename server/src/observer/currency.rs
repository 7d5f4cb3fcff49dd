//! Which lists a commit has to know: those that it leans on, and no others.
//!
//! Were every agency's newest list asked for, any one of them could put lists in force faster than others commit, and no
//! commit of anybody would go through: no removal either. PROTOCOL.md section 8, "Commits", 5.

use super::refused::Refused;
use alcove_charter::{Currency, Judge, Moment, TrustError, TrustView};
use alcove_mls::{CommitSummary, JudgeError, Observer, Role};
use alcove_proto::names::{Identity, TrustDomain};
use std::collections::BTreeSet;

/// A commit with the group on either side of it.
pub(super) struct Leaning<'a> {
    pub(super) before: &'a Observer,
    pub(super) after: &'a Observer,
    pub(super) summary: &'a CommitSummary,
}

/// Refuses a commit that leans on a list of before.
///
/// Of the agencies whose leaves are new in it (its author's own leaf is, each time) a list does that was the newest within
/// ten minutes; those leaves are judged by the newest as well, or under the list of before nobody were revoked yet. Whoever
/// removes a leaf because it has lapsed, and could not otherwise, names that agency's newest list: members judge the removal
/// by the list that is named. Nothing is asked about any other agency.
/// Errors: [`Refused::TrustStale`]; [`Refused::Leaf`] for a leaf that the newest list revokes.
/// Source: PROTOCOL.md section 8, "Commits", 5.
pub(super) fn check(
    commit: &Leaning<'_>,
    named: &Moment,
    trust: &TrustView,
    now_ms: i64,
) -> Result<(), Refused> {
    if trust.is_current(named) {
        return Ok(());
    }
    let currency = |of: &TrustDomain| trust.currency(named, of, now_ms);
    if commit.lapsed().iter().any(|of| currency(of) != Currency::Newest) {
        return Err(Refused::TrustStale);
    }
    let newest = trust.moment(named.time_ms());
    for NewLeaf { identity, chain } in commit.new_leaves()? {
        match currency(&identity.person.trust_domain) {
            Currency::Newest => {}
            Currency::Old => return Err(Refused::TrustStale),
            Currency::Recent => {
                if let Err(error @ TrustError::Revoked { .. }) =
                    trust.verify_device_mls(&chain, Judge::At(&newest))
                {
                    return Err(Refused::Leaf(JudgeError::Trust(error)));
                }
            }
        }
    }
    Ok(())
}

impl Leaning<'_> {
    /// The agencies of leaves that the author may remove for no other reason than that they have lapsed.
    fn lapsed(&self) -> BTreeSet<&TrustDomain> {
        let author = &self.summary.author.identity.person;
        if self.before.policy().role_of(author) == Role::Owner {
            return BTreeSet::new();
        }
        let others = self.summary.removed.iter().filter(|removed| removed.identity.person != *author);
        others.map(|removed| &removed.identity.person.trust_domain).collect()
    }

    /// Whoever is added, and the author, whose leaf is made anew.
    fn new_leaves(&self) -> Result<Vec<NewLeaf>, Refused> {
        let author = self.after.member_at(self.summary.author.leaf)?;
        let author = author.map(|member| NewLeaf { identity: member.identity, chain: member.chain });
        let added = self.summary.added.iter();
        let added =
            added.map(|added| NewLeaf { identity: added.identity.clone(), chain: added.chain.clone() });
        Ok(author.into_iter().chain(added).collect())
    }
}

/// A leaf that is new in a commit.
struct NewLeaf {
    identity: Identity,
    /// DER, leaf first.
    chain: Vec<Vec<u8>>,
}
