//! Carrying the store's hints to whoever waits: one task for the whole server.
//!
//! A hint says that something became durable, never what. Before it rings, the task brings the feed of a
//! followed group up to date, so that a thousand subscribers read memory and one reads the store.

use super::{inner::Inner, live::LiveGroup, wake::ring_all};
use crate::store::{Groups, Log, groups::LogQuery, operation::Hint};
use alcove_proto::{
    ids::Position,
    limits::{LOG_PAGE_BYTES_MAX, LOG_PAGE_ENTRIES_MAX},
};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Carries hints until the service or the store is gone.
pub(super) async fn carry<S: Groups + Log>(inner: Weak<Inner<S>>, mut hints: Receiver<Hint>) {
    loop {
        let hint = hints.recv().await;
        let Some(inner) = inner.upgrade() else { return };
        match hint {
            Ok(Hint::GroupAdvanced { group, position }) => {
                if let Some(live) = inner.live.find(&group) {
                    inner.bring_up_to(&live, position).await;
                    ring_all(&live, |live: &LiveGroup| &live.ropes);
                }
            }
            Ok(Hint::MembersChanged(group)) => {
                if let Some(live) = inner.live.find(&group) {
                    ring_all(&live, |live: &LiveGroup| &live.ropes);
                }
            }
            Ok(Hint::WelcomeWaiting(identity)) => inner.doorbells.ring_welcome(&identity),
            Err(RecvError::Lagged(_)) => {
                // Which groups moved is lost, so everybody looks.
                for live in inner.live.all() {
                    if let Ok(Some(head)) = inner.store.group_head(live.id).await {
                        live.feed().advance(head.position, head.head);
                    }
                    ring_all(&live, |live: &LiveGroup| &live.ropes);
                }
                inner.doorbells.ring_welcomes();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

impl<S: Log> Inner<S> {
    /// Brings the feed of a followed group up to `position`, from the store if nobody has put the entries
    /// there yet.
    async fn bring_up_to(&self, live: &Arc<LiveGroup>, position: Position) {
        let (newest, _) = live.feed().newest();
        let before = Position(position.0.saturating_sub(1));
        if live.ropes.is_empty() || (newest >= position && live.feed().holds_next(before)) {
            return;
        }
        self.fill(live, newest.min(before)).await;
    }

    /// Reads one page after `after` from the store into the feed. One reader does it for all: whoever had
    /// to wait for another finds the feed filled.
    ///
    /// A store that fails here fails the reader that needs the page, with its own error; the feed only
    /// stays as it was.
    pub(super) async fn fill(&self, live: &LiveGroup, after: Position) {
        let _alone = live.filling.lock().await;
        if live.feed().holds_next(after) {
            return;
        }
        let query = LogQuery {
            group: live.id,
            after,
            through: None,
            entries_max: LOG_PAGE_ENTRIES_MAX,
            bytes_max: LOG_PAGE_BYTES_MAX,
        };
        match self.store.read_log(query).await {
            Ok(page) => {
                let mut feed = live.feed();
                page.entries.into_iter().for_each(|entry| feed.insert(Arc::new(entry)));
                if let Some(head) = page.group_head {
                    feed.advance(head.position, head.head);
                }
            }
            Err(error) => tracing::warn!(group = %live.id, %error, "a feed stayed behind"),
        }
    }
}
