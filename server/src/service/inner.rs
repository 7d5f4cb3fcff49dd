//! The service itself, and what all of its acts have at hand.

use super::{
    admission::Admission,
    caller::Caller,
    daily::Daily,
    error::ServiceError,
    live::{LiveGroup, LiveGroups},
    receipts::{ReceiptKey, ReceiptKeySource},
    wake::Doorbells,
};
use crate::{
    clock::Clock,
    config::Limits,
    observer::Held,
    store::{Groups, audit::By},
};
use alcove_charter::TrustView;
use alcove_proto::{ids::GroupId, v1::SignedHead};
use std::sync::Arc;

/// Gives the charter and CRLs in force: a new snapshot after every reload.
pub type TrustSource = Arc<dyn Fn() -> Arc<TrustView> + Send + Sync>;

/// The server's decisions over a store.
///
/// Cheap to clone: all clones are one service.
pub struct Service<S> {
    pub(super) inner: Arc<Inner<S>>,
}

impl<S> Clone for Service<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// What all clones of a service share.
pub(super) struct Inner<S> {
    pub(super) store: Arc<S>,
    pub(super) keys: ReceiptKeySource,
    pub(super) trust: TrustSource,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) admission: Arc<Admission>,
    pub(super) daily: Daily,
    pub(super) live: LiveGroups,
    pub(super) held: Held,
    pub(super) doorbells: Doorbells,
}

impl<S> Service<S> {
    /// What lets calls begin; whoever takes them in asks it on their headers.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.inner.admission)
    }

    /// Ends every subscription, for a server that is going down.
    pub fn close_subscriptions(&self) {
        self.inner.doorbells.ring_closing();
    }
}

impl<S> Inner<S> {
    /// What is trusted now.
    pub(super) fn trust(&self) -> Arc<TrustView> {
        (self.trust)()
    }

    /// What signs receipts now.
    pub(super) fn key(&self) -> Arc<ReceiptKey> {
        (self.keys)()
    }

    /// The caller, now.
    pub(super) fn by(&self, caller: &Caller) -> By {
        By { identity: caller.identity.clone(), time_ms: self.clock.now_ms(), request: caller.request }
    }

    /// The signed head at the newest position the live group knows.
    pub(super) fn signed_newest(&self, live: &LiveGroup) -> Result<Arc<SignedHead>, ServiceError> {
        let mut feed = live.feed();
        let (position, head) = feed.newest();
        feed.signed(&live.id, position, &head, &self.key(), self.clock.now_ms())
    }
}

impl<S: Groups> Inner<S> {
    /// The live group; nothing when there is no such group.
    pub(super) async fn live(&self, group: GroupId) -> Result<Option<Arc<LiveGroup>>, ServiceError> {
        if let Some(live) = self.live.find(&group) {
            return Ok(Some(live));
        }
        let head = self.store.group_head(group).await?;
        Ok(head.map(|head| self.live.find_or_make(group, head.position, head.head)))
    }
}
