//! Groups that something is happening in: their feed, who follows them, and the one-at-a-time of commits.
//!
//! A live group is made when a call first needs it and forgotten when nobody holds it any more and others
//! want its place. There is never more than one for a group.

use super::{feed::Feed, standing::Standings, wake::Ropes};
use alcove_proto::ids::{GroupId, Head, Position};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Groups kept though nobody holds them: the ones used last.
const IDLE_MAX: usize = 4096;

/// One group that something is happening in.
pub(crate) struct LiveGroup {
    pub(crate) id: GroupId,
    feed: Mutex<Feed>,
    pub(crate) ropes: Ropes,
    /// Held from the judging of a commit until the store has it: one at a time.
    pub(crate) commits: Arc<tokio::sync::Mutex<()>>,
    /// Held while the window is filled from the store: one reader does it for all.
    pub(crate) filling: tokio::sync::Mutex<()>,
    pub(crate) standings: Standings,
    used: AtomicU64,
}

impl LiveGroup {
    pub(crate) fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One follower goes; with the last one go the entries kept for them.
    pub(crate) fn leave(&self) {
        if self.ropes.leave() {
            self.feed().close_window();
        }
    }
}

/// All live groups.
#[derive(Default)]
pub(crate) struct LiveGroups {
    groups: Mutex<HashMap<GroupId, Arc<LiveGroup>>>,
    uses: AtomicU64,
}

impl LiveGroups {
    /// The group, if it is live.
    pub(crate) fn find(&self, group: &GroupId) -> Option<Arc<LiveGroup>> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.get(group).map(|live| {
            live.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            Arc::clone(live)
        })
    }

    /// The group; made from what the store says unless it is live. A position that is behind the store's
    /// does no harm to whoever looks there afterwards.
    pub(crate) fn find_or_make(&self, group: GroupId, position: Position, head: Head) -> Arc<LiveGroup> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.len() >= IDLE_MAX && !groups.contains_key(&group) {
            forget_some(&mut groups);
        }
        let live = groups.entry(group).or_insert_with(|| {
            Arc::new(LiveGroup {
                id: group,
                feed: Mutex::new(Feed::at(position, head)),
                ropes: Ropes::default(),
                commits: Arc::default(),
                filling: tokio::sync::Mutex::default(),
                standings: Standings::default(),
                used: AtomicU64::new(0),
            })
        });
        live.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Arc::clone(live)
    }

    /// Every live group.
    pub(crate) fn all(&self) -> Vec<Arc<LiveGroup>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Forgets the older half of the groups nobody holds. Whoever holds one keeps it the only one.
fn forget_some(groups: &mut HashMap<GroupId, Arc<LiveGroup>>) {
    let idle = |live: &Arc<LiveGroup>| Arc::strong_count(live) == 1;
    let mut uses: Vec<u64> =
        groups.values().filter(|live| idle(live)).map(|live| live.used.load(Ordering::Relaxed)).collect();
    let middle = uses.len() / 2;
    if uses.is_empty() {
        return;
    }
    let (_, median, _) = uses.select_nth_unstable(middle);
    let median = *median;
    groups.retain(|_, live| !idle(live) || live.used.load(Ordering::Relaxed) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(number: u32) -> GroupId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        GroupId(bytes)
    }

    #[test]
    fn a_group_in_use_stays_the_only_one_and_idle_ones_make_room() {
        let live = LiveGroups::default();
        let held = live.find_or_make(group(0), Position(7), Head([7; 32]));
        for number in 1..(3 * IDLE_MAX as u32) {
            live.find_or_make(group(number), Position(0), Head([0; 32]));
        }
        let again = live.find_or_make(group(0), Position(0), Head([0; 32]));
        assert!(Arc::ptr_eq(&held, &again), "it was the oldest, and in use");
        assert!(live.all().len() <= IDLE_MAX);
        assert!(live.find(&group(1)).is_none());
        let newest = group(3 * IDLE_MAX as u32 - 1);
        assert!(live.find(&newest).is_some());
    }
}
