//! Welcomes: what waits for a device that was added, the tree that goes with it, and its end.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{Log, Welcomes, welcomes::PendingWelcome};
use alcove_proto::{
    ids::{Digest, WelcomeId},
    limits::{LINK_DIGESTS_MAX, MESSAGE_BYTES_MAX, WELCOMES_PER_PAGE_MAX},
};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of welcomes in one answer: half of what a message may have, the rest is for links.
const WELCOMES_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

/// A welcome that waits for the caller.
#[derive(Debug, Clone)]
pub struct WaitingWelcome {
    /// What waits.
    pub pending: PendingWelcome,
    /// Digests from the position after the pinned one to that of the commit that adds the caller.
    pub link: Vec<Digest>,
}

/// Reads the tree of one welcome, chunk by chunk.
pub struct TreeReader<S> {
    inner: Arc<Inner<S>>,
    caller: Caller,
    welcome: WelcomeId,
    offset: u64,
    /// The first chunk, which told whether the welcome is there.
    first: Option<Bytes>,
}

impl<S: Log + Welcomes> Service<S> {
    /// The welcomes that wait for the caller, and whether more wait than one answer holds.
    pub async fn list_welcomes(&self, caller: &Caller) -> Result<(Vec<WaitingWelcome>, bool), ServiceError> {
        let store = &self.inner.store;
        let page = store.welcomes(caller.identity.clone(), WELCOMES_PER_PAGE_MAX).await?;
        let mut more = page.more;
        let mut bytes = 0;
        let mut waiting = Vec::with_capacity(page.welcomes.len());
        for pending in page.welcomes {
            bytes += pending.welcome.len();
            if bytes > WELCOMES_BYTES_MAX && !waiting.is_empty() {
                more = true;
                break;
            }
            // A commit is taken only within this distance of what its welcome pins.
            let far = pending.position.0.saturating_sub(pending.pinned.0);
            debug_assert!(far <= LINK_DIGESTS_MAX as u64);
            let link = store.entry_digests(pending.group, pending.pinned.next(), pending.position).await?;
            waiting.push(WaitingWelcome { pending, link });
        }
        Ok((waiting, more))
    }

    /// Opens the tree of a welcome of the caller.
    ///
    /// Errors: [`ServiceError::NotFound`] for a welcome that is not there, or somebody else's.
    pub async fn open_tree(
        &self,
        caller: &Caller,
        welcome: WelcomeId,
    ) -> Result<TreeReader<S>, ServiceError> {
        let mut reader = TreeReader {
            inner: Arc::clone(&self.inner),
            caller: caller.clone(),
            welcome,
            offset: 0,
            first: None,
        };
        reader.first = reader.read().await?;
        if reader.first.is_none() { Err(ServiceError::NotFound) } else { Ok(reader) }
    }

    /// Deletes a welcome of the caller that has been joined.
    ///
    /// Errors: [`ServiceError::NotFound`] for a welcome that is not there, or somebody else's.
    pub async fn acknowledge_welcome(&self, caller: &Caller, welcome: WelcomeId) -> Result<(), ServiceError> {
        let there = self.inner.store.acknowledge_welcome(welcome, self.inner.by(caller)).await?;
        if there { Ok(()) } else { Err(ServiceError::NotFound) }
    }
}

impl<S: Welcomes> TreeReader<S> {
    /// The next chunk; nothing at the end.
    ///
    /// Errors: [`ServiceError::NotFound`] when the welcome has gone meanwhile.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let chunk = match self.first.take() {
            Some(first) => first,
            None => self.read().await?.ok_or(ServiceError::NotFound)?,
        };
        self.offset += chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    async fn read(&self) -> Result<Option<Bytes>, ServiceError> {
        let identity = self.caller.identity.clone();
        Ok(self.inner.store.read_tree(identity, self.welcome, self.offset).await?)
    }
}
