//! Following logs live: one subscription a device, a cursor for each group.
//!
//! The reader pulls. Nothing is queued for it: when its bell rings it reads on from its own cursor, from
//! the feed if that holds the next entry and from the store if not. A slow reader holds one page; an idle
//! one holds its cursors and a bell.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
    live::LiveGroup,
    wake::Bell,
};
use crate::store::{Groups, Log, Members, Welcomes, groups::LogQuery};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{GroupId, Head, Position},
    limits::{LOG_PAGE_BYTES_MAX, LOG_PAGE_ENTRIES_MAX},
    log::first_head,
    v1::{EntryKind, LogEntry, SignedHead},
};
use std::sync::Arc;

/// A reader this many entries behind or fewer shares the feed; one further behind reads pages of its own.
const NEAR_ENTRIES_MAX: u64 = 64;
/// Memberships asked of the store at one time.
const MEMBERSHIPS_PER_READ: usize = 1024;

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// Entries of one group, from the cursor on, without gaps.
    Entries {
        /// Whose log.
        group: GroupId,
        /// In order; none when only the head is told: the cursor was ahead of the log.
        entries: Vec<Arc<LogEntry>>,
        /// The head after the last entry, when that was the newest.
        signed: Option<Arc<SignedHead>>,
    },
    /// A welcome waits.
    WelcomeWaiting,
    /// The subscriber is no member, or no longer.
    GroupClosed(GroupId),
    /// Everything stored when the subscription began has been told.
    CaughtUp,
}

/// One subscription.
pub struct Subscription<S> {
    inner: Arc<Inner<S>>,
    caller: Caller,
    bell: Arc<Bell>,
    /// A group that was closed leaves its place empty.
    cursors: Vec<Option<Cursor>>,
    /// Groups asked for that the caller does not belong to, still to be told.
    strangers: Vec<GroupId>,
    caught_up: bool,
}

struct Cursor {
    live: Arc<LiveGroup>,
    after: Position,
}

/// What reading on from a cursor came to.
enum Step {
    Nothing,
    Closed,
    Page { entries: Vec<Arc<LogEntry>>, newest: Option<(Position, Head)> },
}

impl<S: Groups + Log + Members + Welcomes> Service<S> {
    /// Begins to follow `cursors`. Which of these groups the caller belongs to, the store says, not the
    /// caller; entries begin at its join position whatever the cursor says.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        cursors: Vec<(GroupId, Position)>,
    ) -> Result<Subscription<S>, ServiceError> {
        let inner = Arc::clone(&self.inner);
        let joined = inner.join_positions(caller).await?;
        // The bell hangs before anything is read: what comes meanwhile rings.
        let bell = inner.doorbells.hang(&caller.identity);
        bell.ring_welcome();
        let mut subscription = Subscription {
            inner,
            caller: caller.clone(),
            bell,
            cursors: Vec::with_capacity(cursors.len()),
            strangers: Vec::new(),
            caught_up: false,
        };
        for (group, after) in cursors {
            match joined.binary_search_by_key(&group, |(group, _)| *group) {
                Ok(place) => {
                    let first = Position(joined[place].1.0.saturating_sub(1));
                    subscription.follow(group, after.max(first)).await?;
                }
                Err(_) => subscription.strangers.push(group),
            }
        }
        Ok(subscription)
    }
}

impl<S: Groups + Log + Members + Welcomes> Subscription<S> {
    async fn follow(&mut self, group: GroupId, after: Position) -> Result<(), ServiceError> {
        // The edge allows far fewer cursors than a u32 counts.
        let index = u32::try_from(self.cursors.len()).unwrap_or(u32::MAX);
        let live = self.inner.live.find_or_make(group, Position(0), first_head(sha256, &group));
        live.ropes.follow(&self.bell, index);
        self.cursors.push(Some(Cursor { live: Arc::clone(&live), after }));
        // Follow first, then look: what comes in between rings.
        if let Some(head) = self.inner.store.group_head(group).await? {
            live.feed().advance(head.position, head.head);
        }
        self.bell.ring(index);
        Ok(())
    }

    /// The next thing to tell; nothing when the server is going down.
    ///
    /// Safe to drop between calls; a dropped call loses nothing that a later subscription from the same
    /// cursor would not tell.
    pub async fn next(&mut self) -> Result<Option<Event>, ServiceError> {
        loop {
            if self.bell.is_closing() {
                return Ok(None);
            }
            if let Some(group) = self.strangers.pop() {
                return Ok(Some(Event::GroupClosed(group)));
            }
            if self.bell.take_welcome() && self.has_welcome().await? {
                return Ok(Some(Event::WelcomeWaiting));
            }
            if let Some(index) = self.bell.take_moved() {
                if let Some(event) = self.read_on(index).await? {
                    return Ok(Some(event));
                }
                continue;
            }
            if !self.caught_up {
                self.caught_up = true;
                return Ok(Some(Event::CaughtUp));
            }
            self.bell.heard().await;
        }
    }

    async fn has_welcome(&self) -> Result<bool, ServiceError> {
        let page = self.inner.store.welcomes(self.caller.identity.clone(), 1).await?;
        Ok(!page.welcomes.is_empty())
    }

    /// Reads on from one cursor, and rings for it again when there may be more.
    async fn read_on(&mut self, index: u32) -> Result<Option<Event>, ServiceError> {
        let Some(place) = self.cursors.get_mut(index as usize) else { return Ok(None) };
        let Some(cursor) = place else { return Ok(None) };
        let first_look = !self.caught_up;
        let group = cursor.live.id;
        match self.inner.step(&self.caller, cursor, first_look).await? {
            Step::Nothing => Ok(None),
            Step::Closed => {
                cursor.live.leave();
                *place = None;
                Ok(Some(Event::GroupClosed(group)))
            }
            Step::Page { entries, newest } => {
                if let Some(last) = entries.last() {
                    cursor.after = Position(last.position);
                }
                let signed = match newest {
                    Some((position, head)) => {
                        let now_ms = self.inner.clock.now_ms();
                        let mut feed = cursor.live.feed();
                        Some(feed.signed(&group, position, &head, &self.inner.key(), now_ms)?)
                    }
                    None => {
                        self.bell.ring(index);
                        None
                    }
                };
                Ok(Some(Event::Entries { group, entries, signed }))
            }
        }
    }
}

impl<S> Drop for Subscription<S> {
    fn drop(&mut self) {
        self.cursors.iter().flatten().for_each(|cursor| cursor.live.leave());
    }
}

impl<S: Log + Members> Inner<S> {
    /// The caller's groups with its join positions, in order of group id.
    async fn join_positions(&self, caller: &Caller) -> Result<Vec<(GroupId, Position)>, ServiceError> {
        let mut joined = Vec::new();
        loop {
            let after = joined.last().map(|(group, _)| *group);
            let identity = caller.identity.clone();
            let page = self.store.memberships(identity, after, MEMBERSHIPS_PER_READ).await?;
            let last = page.len() < MEMBERSHIPS_PER_READ;
            joined.extend(page.into_iter().map(|membership| (membership.group, membership.joined)));
            if last {
                return Ok(joined);
            }
        }
    }

    async fn step(&self, caller: &Caller, cursor: &Cursor, first_look: bool) -> Result<Step, ServiceError> {
        let live = &cursor.live;
        let (newest, head) = live.feed().newest();
        if cursor.after >= newest {
            // A cursor ahead of the log: the reader knows more than the disk holds, and must be shown.
            let ahead = first_look && cursor.after > newest;
            let head_alone = || Step::Page { entries: Vec::new(), newest: Some((newest, head)) };
            return Ok(if ahead { head_alone() } else { Step::Nothing });
        }
        let near = newest.0 - cursor.after.0 <= NEAR_ENTRIES_MAX;
        if near && !live.feed().holds_next(cursor.after) {
            self.fill(live, cursor.after).await;
        }
        let mut entries = {
            let feed = live.feed();
            feed.following(cursor.after, LOG_PAGE_ENTRIES_MAX, LOG_PAGE_BYTES_MAX)
        };
        if entries.is_empty() {
            let query = LogQuery {
                group: live.id,
                after: cursor.after,
                through: None,
                entries_max: LOG_PAGE_ENTRIES_MAX,
                bytes_max: LOG_PAGE_BYTES_MAX,
            };
            let page = self.store.read_log(query).await?;
            if let Some(head) = page.group_head {
                live.feed().advance(head.position, head.head);
            }
            entries = page.entries.into_iter().map(Arc::new).collect();
        }
        let Some(last) = entries.last().map(|entry| Position(entry.position)) else {
            return Ok(Step::Nothing);
        };
        // A commit may have removed the reader. Whoever was removed is told no more than that here; the commit
        // itself it reads from the log. Whoever was added again meanwhile begins anew with its welcome, and never
        // sees what was written in between.
        let commits = entries.iter().any(|entry| entry.kind() == EntryKind::Commit);
        if commits {
            let member = self.store.member(live.id, caller.identity.clone()).await?;
            if member.is_none_or(|member| member.joined > cursor.after.next()) {
                return Ok(Step::Closed);
            }
        }
        // Never behind the entries: whoever put them there also said how far the log is.
        let (newest, head) = live.feed().newest();
        Ok(Step::Page { entries, newest: (last == newest).then_some((newest, head)) })
    }
}
