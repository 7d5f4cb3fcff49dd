//! Submitting a commit: judged by the observer, then ordered by the store, one at a time for each group.

use super::{
    caller::Caller,
    daily::additions,
    error::ServiceError,
    inner::{Inner, Service},
    live::LiveGroup,
    observed::beside,
    receipts::Receipt,
};
use crate::{
    observer::{CommitOffer, Judged, Offer, judge},
    store::{
        Groups, Log, Members,
        groups::{
            CommitOutcome as Stored, Joiner, MemberAfter, MembersAfter, NewCommit, NewWelcome, Replayed,
        },
    },
};
use alcove_proto::{ids::Position, names::Identity, v1::LogEntry};
use std::sync::Arc;

/// What came of a commit.
#[derive(Debug, Clone)]
pub enum CommitOutcome {
    /// It is in force, from now on or since it was first offered.
    Accepted(Receipt),
    /// Another commit of that epoch was first: process it, and make the intent anew.
    SupersededBy(LogEntry),
}

impl<S: Groups + Log + Members> Service<S> {
    /// Offers a commit. Goes on to its end though the caller goes away: it may ask again. Until then the call
    /// counts as under way, or a caller that goes away again and again would pile up commits here.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member; [`ServiceError::StaleEpoch`] for an epoch
    /// that has not come; all that the observer refuses for; [`ServiceError::DailyLimit`] for whoever has added as many,
    /// or one of them as often, as one may in a day.
    /// Source: PROTOCOL.md section 8, "Commits", 5.
    pub async fn submit_commit(
        &self,
        caller: &Caller,
        offer: CommitOffer,
    ) -> Result<CommitOutcome, ServiceError> {
        let (inner, caller) = (Arc::clone(&self.inner), caller.clone());
        let ordered = tokio::spawn(async move { inner.order(&caller, offer).await });
        ordered.await.map_err(ServiceError::internal)?
    }
}

impl<S: Groups + Log + Members> Inner<S> {
    async fn order(&self, caller: &Caller, offer: CommitOffer) -> Result<CommitOutcome, ServiceError> {
        self.member(caller, offer.group).await?;
        let live = self.live(offer.group).await?.ok_or(ServiceError::NotFound)?;
        let _alone = live.commits.lock().await;
        let head = self.store.group_head(offer.group).await?.ok_or(ServiceError::NotFound)?;
        if offer.epoch < head.epoch {
            return self.too_late(caller, &live, &offer).await;
        }
        if offer.epoch > head.epoch {
            return Err(ServiceError::StaleEpoch { current: head.epoch });
        }
        let observer = self.observed(offer.group).await?;
        let seen_head = self.store.head_at(offer.group, offer.seen).await?;
        // A log that never reached that far is not the one the author saw.
        let seen_head = seen_head.ok_or(ServiceError::CommitInvalid)?;
        let (trust, now_ms, identity) = (self.trust(), self.clock.now_ms(), caller.identity.clone());
        let (offer, judged) = beside(move || {
            let judged = judge(
                &observer,
                &Offer { caller: &identity, commit: &offer, seen_head, newest: head.position, now_ms },
                &trust,
            );
            (offer, judged)
        })
        .await?;
        let judged = judged.inspect_err(|refused| {
            tracing::info!(group = ?offer.group, epoch = offer.epoch.0, %refused, "a commit was refused");
        })?;
        self.write(caller, &live, offer, judged).await
    }

    async fn write(
        &self,
        caller: &Caller,
        live: &LiveGroup,
        offer: CommitOffer,
        judged: Judged,
    ) -> Result<CommitOutcome, ServiceError> {
        let Judged { next, summary, members, tree, snapshot } = judged;
        let (who, now_ms) = (&caller.identity.person, self.clock.now_ms());
        let additions = additions(who, summary.added.iter().map(|added| added.identity.clone()));
        self.daily.take(who, &additions, now_ms)?;
        let joiners = offer
            .joiners
            .into_iter()
            .map(|(identity, reference)| Joiner { identity, key_package_ref: reference.to_vec() });
        let welcome = tree.map(|tree| NewWelcome {
            welcome: offer.welcome,
            tree: tree.into(),
            joiners: joiners.collect(),
            pinned: offer.seen,
        });
        let leaves = members.as_ref().map(Vec::len);
        let members = members.map_or(MembersAfter::Unchanged, |members| {
            let members = members.into_iter();
            MembersAfter::Are(
                members
                    .map(|(leaf, identity, joins_now)| MemberAfter { leaf, identity, joins_now })
                    .collect(),
            )
        });
        let commit = NewCommit {
            group: offer.group,
            epoch: offer.epoch,
            body: offer.commit,
            members,
            welcome,
            snapshot,
            group_info: offer.group_info,
        };
        let stored = self.store.commit(commit, self.by(caller)).await.inspect_err(|_| {
            // Whether it was written may be unknown; the store says when it is asked next.
            self.held.forget(&offer.group);
        })?;
        if !matches!(stored, Stored::Committed(_)) {
            self.daily.give_back(who, additions);
            self.held.forget(&offer.group);
        }
        match stored {
            Stored::Committed(appended) => {
                match leaves {
                    Some(leaves) => self.held.put(Arc::new(next), leaves),
                    None => self.held.replace(Arc::new(next)),
                }
                let gone = summary.removed.iter().map(|removed| removed.identity.clone());
                let came = summary.added.iter().map(|added| added.identity.clone());
                let changed: Vec<Identity> =
                    gone.chain(came).chain([summary.author.identity.clone()]).collect();
                live.standings.forget(&changed);
                Ok(CommitOutcome::Accepted(self.receipt_of_new(live, appended)?))
            }
            Stored::Replayed(replayed) => {
                Ok(CommitOutcome::Accepted(self.receipt_of_old(live, replayed).await?))
            }
            Stored::Superseded(winner) => Ok(CommitOutcome::SupersededBy(winner)),
            Stored::StaleEpoch { current } => Err(ServiceError::StaleEpoch { current }),
            Stored::HeadTooOld { limit } => Err(ServiceError::HeadTooOld { limit }),
        }
    }

    /// The answer to a commit of an epoch that is closed: its own receipt if it closed it, else the winner.
    async fn too_late(
        &self,
        caller: &Caller,
        live: &LiveGroup,
        offer: &CommitOffer,
    ) -> Result<CommitOutcome, ServiceError> {
        let closing = self.store.read_commits(offer.group, offer.epoch, 1).await?;
        let winner = closing.into_iter().next();
        let winner = winner.ok_or_else(|| ServiceError::internal("a closed epoch has no commit"))?;
        if winner.body != offer.commit || winner.author != caller.identity.to_string() {
            return Ok(CommitOutcome::SupersededBy(winner));
        }
        let position = Position(winner.position);
        let head = self.store.head_at(offer.group, position).await?;
        let head = head.ok_or_else(|| ServiceError::internal("an entry has no head"))?;
        let replayed = Replayed { position, head, received_at_ms: winner.received_at_ms };
        Ok(CommitOutcome::Accepted(self.receipt_of_old(live, replayed).await?))
    }
}
