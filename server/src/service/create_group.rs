//! Creating a group: its creator is the only member, and the log is empty.

use super::{caller::Caller, daily::Act, error::ServiceError, inner::Service, observed::beside};
use crate::{
    observer::Refused,
    store::{
        Groups,
        groups::{CreateOutcome, NewGroup},
    },
};
use alcove_charter::sha256;
use alcove_mls::Observer;
use alcove_proto::{
    ids::{Digest, GroupId},
    v1::SignedHead,
};
use std::sync::Arc;

impl<S: Groups> Service<S> {
    /// Creates a group at epoch 0.
    ///
    /// `group_info`: MLSMessage(GroupInfo) with the tree, at most [`alcove_proto::limits::GROUP_INFO_BYTES_MAX`].
    /// Repeated with the same bytes it answers the same group. Errors: [`ServiceError::GroupExists`],
    /// [`ServiceError::CommitInvalid`], [`ServiceError::LeafNotTrusted`], [`ServiceError::CommitNotAllowed`] for a
    /// policy that does not make the creator an owner, [`ServiceError::TrustStale`] for a charter not known here,
    /// [`ServiceError::DailyLimit`].
    pub async fn create_group(
        &self,
        caller: &Caller,
        group: GroupId,
        group_info: Vec<u8>,
    ) -> Result<Arc<SignedHead>, ServiceError> {
        let inner = &self.inner;
        let creation_digest = Digest(sha256(&[&group_info]));
        let (trust, now_ms, creator) = (inner.trust(), inner.clock.now_ms(), caller.identity.clone());
        let (observer, snapshot) = beside(move || {
            let observer = Observer::create(&group_info, &trust, now_ms)?;
            if observer.group() != group {
                return Err(Refused::OtherGroup);
            }
            if !observer.members()?.iter().any(|member| member.identity == creator) {
                return Err(Refused::NotByCaller);
            }
            let snapshot = observer.snapshot()?;
            Ok((observer, snapshot))
        })
        .await??;
        let new = NewGroup { group, creation_digest, snapshot };
        // What exists already is asked for again, and counts for nothing.
        let is_new = inner.store.group_head(group).await?.is_none();
        if is_new {
            inner.daily.take(&caller.identity.person, &[Act::Group], now_ms)?;
        }
        let head = match inner.store.create_group(new, inner.by(caller)).await? {
            CreateOutcome::Created(head) => {
                inner.held.put(Arc::new(observer), 1);
                head
            }
            CreateOutcome::Replayed(head) => head,
            CreateOutcome::Exists => return Err(ServiceError::GroupExists),
        };
        let live = inner.live.find_or_make(group, head.position, head.head);
        live.feed().advance(head.position, head.head);
        inner.signed_newest(&live)
    }
}
