//! Making the commit: what the log comes to by this device's own judgement, and who vouches for its end.

use super::{Followed, Gap, check_may_rejoin, damaged};
use crate::{
    session::{
        Error, Session,
        joining::lineage::{Break, Constants, Known, Offered, leads_on},
        people::seats::is_chain_outside,
        state::{load_group, load_row},
    },
    transport::ServerError,
    vault::{
        Durability,
        rows::{MetRow, RejoinRow},
    },
};
use alcove_charter::{P256Point, TrustView, epoch_words, leaf_point, same_words};
use alcove_e2ee::group::Group;
use alcove_mls::{CommitError, CommitSummary, KeyTies, LogPin, Member, Observer, Role};
use alcove_proto::{
    ids::GroupId,
    names::Identity,
    v1::{EntryKind, LogEntry},
};
use std::collections::{BTreeMap, BTreeSet};

/// Times newer trust material is fetched before the server is taken to withhold it.
const TRUST_FETCHES_MAX: u32 = 3;

/// A group, followed without its secrets.
struct Followers {
    observer: Observer,
    /// The key of every leaf.
    keys: BTreeMap<Identity, P256Point>,
    /// The keys that the devices of the first epoch had there, as long as they have changed them by nothing but commits of
    /// their own: each key signed for the next one.
    keys_of_then: BTreeMap<Identity, P256Point>,
    /// Devices of owners, after what was followed so far.
    owners: BTreeSet<Identity>,
    met: Vec<MetRow>,
}

impl Session {
    /// Follows the log, judges who vouches for its end, and keeps the commit that enters there. Nothing is sent.
    pub(super) async fn prepare_rejoin(&self, case: &GroupId, words: Option<&str>) -> Result<(), Error> {
        let (gap, followed) = self.survey(case).await?;
        let (epoch, group_info) = self.server()?.fetch_group_info(case).await?;
        if epoch != followed.observer.epoch().0 {
            return Err(Error::Contended { attempts: 1 });
        }
        if group_info.is_empty() {
            return Err(Error::WayBackNotYet);
        }
        let members = followed.observer.members().map_err(|_| Error::NoWayBack)?;
        let Some(own) = members.iter().find(|member| member.identity == self.identity) else {
            return Err(Error::CaseClosed);
        };
        let keys = self.own();
        let device = &keys.device;
        if key_of(own).as_ref() != Some(device.public_key()) {
            // The copy is from before this device's newest keys.
            return Err(Error::NoWayBack);
        }
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        let seen = LogPin { position: gap.verifier.position(), head: gap.verifier.head() };
        let (mut group, commit, signer) =
            Group::come_back(device, &group_info, &followed.observer, own.leaf, seen, &trust, now_ms)?;
        let voucher = members.iter().find(|member| member.leaf == signer).ok_or(Error::NoWayBack)?;
        if !self.is_vouched_for(case, voucher, &followed, seen)? {
            let expected = epoch_words(case, &gap.opened_at);
            if !words.is_some_and(|words| same_words(&expected, words)) {
                return Err(Error::CompareWords { by: voucher.identity.person.clone() });
            }
        }
        let mut ready = RejoinRow::default();
        ready.state = group.save()?.to_vec();
        ready.commit = commit;
        ready.epoch = epoch;
        ready.seen_position = seen.position.0;
        ready.seen_head = seen.head.to_vec();
        ready.group_info = group.group_info()?;
        ready.context_floor = group.floor().encode();
        ready.met = followed.met;
        self.vault.act(Durability::OnDisk, |act| {
            check_may_rejoin(act, &self.identity, &load_row(act, case)?)?;
            Ok(act.put(case.as_bytes(), &ready)?)
        })
    }

    /// Whether the epoch in force is vouched for by somebody who needs not be asked about: its GroupInfo leads on from what
    /// this vault last knew, as a welcome would have to, and whoever signed it still has the right to add this device.
    ///
    /// Errors: [`Error::NoWayBack`] when nobody's word could make it the same group.
    fn is_vouched_for(
        &self,
        case: &GroupId,
        voucher: &Member,
        followed: &Followers,
        seen: LogPin,
    ) -> Result<bool, Error> {
        let known = self.vault.read(|act| Known::load(act, case, &load_row(act, case)?))?;
        let offered = Offered {
            by: &voucher.identity,
            key: &followed.key_of_then(voucher).ok_or(Error::NoWayBack)?,
            ties: &KeyTies::default(),
            constants: Constants::of(followed.observer.policy()),
            epoch: followed.observer.epoch(),
            pin: seen,
            is_outside: is_chain_outside(&self.trust(), &voucher.chain),
        };
        // The whole log between was followed, entry by entry.
        match leads_on(&self.identity, known.as_ref(), &offered, Some(seen.head)) {
            Ok(()) => Ok(voucher.identity.person == self.identity.person || voucher.role == Role::Owner),
            Err(Break::NoRight | Break::Outside | Break::OtherKey | Break::TooFar) => Ok(false),
            Err(
                Break::Older
                | Break::NoRoster
                | Break::OtherConstants
                | Break::WayUnknown
                | Break::OtherHistory,
            ) => Err(Error::NoWayBack),
        }
    }

    /// What the log comes to from the epoch that this vault holds.
    async fn survey(&self, case: &GroupId) -> Result<(Gap, Followers), Error> {
        let mut fetches = 0;
        loop {
            let trust = self.trust();
            let (mut gap, observer) = self.vault.read::<_, Error>(|act| {
                let gap = Gap::begin(act, self.identity.to_string(), *case, &load_row(act, case)?)?;
                Ok((gap, load_group(act, case)?.observer(&trust)?))
            })?;
            let keys = keys_of(&observer)?;
            let (keys_of_then, owners) = (keys.clone(), owners_of(&observer));
            let mut followers = Followers { keys_of_then, keys, owners, observer, met: Vec::new() };
            let mut behind = false;
            self.follow_gap(case, &mut gap, |_, entry| match followers.take(entry, &trust) {
                Ok(()) => Ok(()),
                Err(CommitError::TrustBehind(_)) => {
                    behind = true;
                    Err(Followed::Enough)
                }
                Err(error) => {
                    tracing::warn!(position = entry.position, %error, "the log cannot be followed");
                    Err(Followed::Session(Error::NoWayBack))
                }
            })
            .await?;
            if !behind {
                return Ok((gap, followers));
            }
            if fetches == TRUST_FETCHES_MAX {
                return Err(ServerError::bad("trust material is withheld").into());
            }
            fetches += 1;
            self.fetch_trust().await?;
        }
    }
}

impl Followers {
    /// Judges the next entry, if it is a commit, as everybody does.
    fn take(&mut self, entry: &LogEntry, trust: &TrustView) -> Result<(), CommitError> {
        if entry.kind() != EntryKind::Commit {
            return Ok(());
        }
        let (next, summary) = self.observer.check(&entry.body, trust, entry.received_at_ms)?;
        // As it was before: the commit may bring its author another certificate.
        let author_chain = chain_of(&self.observer, &summary.author.identity);
        self.observer = next;
        for removed in &summary.removed {
            self.keys_of_then.remove(&removed.identity);
        }
        self.meet(&summary, &author_chain);
        Ok(())
    }

    /// The key of then that the key of a member now goes back to; where it goes back to none, the one it has.
    fn key_of_then(&self, member: &Member) -> Option<P256Point> {
        self.keys_of_then.get(&member.identity).or_else(|| self.keys.get(&member.identity)).copied()
    }

    /// Notes which keys a commit brings and under whose key.
    fn meet(&mut self, summary: &CommitSummary, author_chain: &[Vec<u8>]) {
        let author = &summary.author;
        let before = self.keys.get(&author.identity).copied();
        let Ok(keys) = keys_of(&self.observer) else { return };
        let owners = owners_of(&self.observer);
        let rotated = author.rotated.then_some(&author.identity);
        let added = summary.added.iter().map(|added| &added.identity);
        let brought = added.chain(rotated).map(|identity| (identity, false));
        let owned = |owner: &Identity| self.owners.iter().any(|before| before.person == owner.person);
        let raised = owners.iter().filter(|owner| !owned(owner)).map(|owner| (owner, true));
        for (identity, made_owner) in brought.chain(raised) {
            let Some(key) = keys.get(identity) else { continue };
            let mut met = MetRow::default();
            met.author = author.identity.to_string();
            met.author_key = before.map(|key| key.as_bytes().to_vec()).unwrap_or_default();
            met.identity = identity.to_string();
            met.public_key = key.as_bytes().to_vec();
            met.author_chain = author_chain.to_vec();
            met.made_owner = made_owner;
            met.person_sat = self.keys.keys().any(|before| before.person == identity.person);
            self.met.push(met);
        }
        (self.keys, self.owners) = (keys, owners);
    }
}

fn keys_of(observer: &Observer) -> Result<BTreeMap<Identity, P256Point>, Error> {
    let members = observer.members().map_err(|_| damaged())?;
    Ok(members.iter().filter_map(|member| Some((member.identity.clone(), key_of(member)?))).collect())
}

fn owners_of(observer: &Observer) -> BTreeSet<Identity> {
    let members = observer.members().unwrap_or_default().into_iter();
    members.filter(|member| member.role == Role::Owner).map(|member| member.identity).collect()
}

fn chain_of(observer: &Observer, author: &Identity) -> Vec<Vec<u8>> {
    let members = observer.members().unwrap_or_default();
    members
        .into_iter()
        .find(|member| member.identity == *author)
        .map(|member| member.chain)
        .unwrap_or_default()
}

fn key_of(member: &Member) -> Option<P256Point> {
    leaf_point(member.chain.first()?).ok()
}
