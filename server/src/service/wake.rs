//! Waking subscribers: a bell per subscription, and who hangs on which bell rope.
//!
//! A ring says only "look again": what there is to see, the subscriber reads by its own cursor. So a ring
//! may be doubled and never carries anything, and a slow subscriber costs a few flags, not a queue.

use alcove_proto::names::Identity;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Subscribers that are woken on the spot; more are woken by a task of their own, so that an author does
/// not wait for a thousand readers.
const WOKEN_ON_THE_SPOT_MAX: usize = 8;

/// What one subscription hears.
#[derive(Default)]
pub(crate) struct Bell {
    notify: Notify,
    /// Indices of the cursors whose group has moved.
    moved: Mutex<BTreeSet<u32>>,
    welcome: AtomicBool,
    closing: AtomicBool,
}

impl Bell {
    /// Says that the group of cursor `index` has moved.
    pub(crate) fn ring(&self, index: u32) {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
        self.notify.notify_one();
    }

    /// Says that a welcome waits.
    pub(crate) fn ring_welcome(&self) {
        self.welcome.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }

    /// Says that the server is going down: the subscription ends.
    pub(crate) fn ring_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }

    /// Takes the lowest cursor whose group has moved.
    pub(crate) fn take_moved(&self) -> Option<u32> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }

    /// Whether a welcome was announced since the last call.
    pub(crate) fn take_welcome(&self) -> bool {
        self.welcome.swap(false, Ordering::SeqCst)
    }

    /// Whether the server is going down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits for the next ring; one that came since the last wait ends it at once.
    pub(crate) async fn heard(&self) {
        self.notify.notified().await;
    }
}

/// The subscriptions that follow one group.
#[derive(Default)]
pub(crate) struct Ropes {
    ropes: Mutex<Vec<(Weak<Bell>, u32)>>,
    followers: AtomicUsize,
    waking: AtomicBool,
}

impl Ropes {
    /// Follows the group for cursor `index` of `bell`, until [`Ropes::leave`].
    pub(crate) fn follow(&self, bell: &Arc<Bell>, index: u32) {
        self.followers.fetch_add(1, Ordering::SeqCst);
        let mut ropes = self.ropes.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes sweeps out whoever has gone, at the moment the list would grow: that keeps it
        // within twice the followers there are, at a constant cost for each.
        if ropes.len() == ropes.capacity() {
            ropes.retain(|(bell, _)| bell.strong_count() > 0);
        }
        ropes.push((Arc::downgrade(bell), index));
    }

    /// Says that one follower has gone or goes with its bell. Answers whether it was the last one.
    pub(crate) fn leave(&self) -> bool {
        let last = self.followers.fetch_sub(1, Ordering::SeqCst) == 1;
        if last {
            let mut ropes = self.ropes.lock().unwrap_or_else(PoisonError::into_inner);
            // Somebody may have come meanwhile.
            ropes.retain(|(bell, _)| bell.strong_count() > 0);
        }
        last
    }

    /// Whether nobody follows.
    pub(crate) fn is_empty(&self) -> bool {
        self.followers.load(Ordering::SeqCst) == 0
    }

    /// Rings for everybody who follows.
    fn ring(&self) {
        self.waking.store(false, Ordering::SeqCst);
        for (bell, index) in self.ropes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(bell) = bell.upgrade() {
                bell.ring(*index);
            }
        }
    }
}

/// Rings for everybody who follows `owner`'s group, many of them from a task of its own.
pub(crate) fn ring_all<T, F>(owner: &Arc<T>, ropes: F)
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &Ropes + Send + 'static,
{
    let of = ropes(owner);
    let few = {
        let list = of.ropes.lock().unwrap_or_else(PoisonError::into_inner);
        if list.is_empty() {
            return;
        }
        list.len() <= WOKEN_ON_THE_SPOT_MAX
    };
    if few {
        of.ring();
    } else if !of.waking.swap(true, Ordering::SeqCst) {
        // One task under way rings for every entry that comes before it begins.
        let owner = Arc::clone(owner);
        tokio::spawn(async move { ropes(&owner).ring() });
    }
}

/// The subscriptions of every identity, for welcomes and for the end.
#[derive(Default)]
pub(crate) struct Doorbells {
    bells: Mutex<HashMap<Identity, Vec<Weak<Bell>>>>,
}

impl Doorbells {
    /// Hangs a new bell at the door of `identity`.
    pub(crate) fn hang(&self, identity: &Identity) -> Arc<Bell> {
        let bell = Arc::new(Bell::default());
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.len() == bells.capacity() {
            bells.retain(|_, hung| hung.iter().any(|bell| bell.strong_count() > 0));
        }
        let hung = bells.entry(identity.clone()).or_default();
        hung.retain(|bell| bell.strong_count() > 0);
        hung.push(Arc::downgrade(&bell));
        bell
    }

    /// Tells `identity` that a welcome waits.
    pub(crate) fn ring_welcome(&self, identity: &Identity) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.get(identity).into_iter().flatten().filter_map(Weak::upgrade) {
            bell.ring_welcome();
        }
    }

    /// Tells everybody to look for welcomes.
    pub(crate) fn ring_welcomes(&self) {
        self.ring(Bell::ring_welcome);
    }

    /// Tells everybody that the server is going down.
    pub(crate) fn ring_closing(&self) {
        self.ring(Bell::ring_closing);
    }

    fn ring(&self, how: impl Fn(&Bell)) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.values().flatten().filter_map(Weak::upgrade).for_each(|bell| how(&bell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Group {
        ropes: Ropes,
    }

    #[tokio::test]
    async fn everybody_who_follows_is_woken_and_nobody_who_has_gone() {
        for count in [3, 1000] {
            let group = Arc::new(Group { ropes: Ropes::default() });
            let mut bells: Vec<_> = (0..count).map(|_| Arc::new(Bell::default())).collect();
            bells.iter().for_each(|bell| group.ropes.follow(bell, 5));
            let gone = bells.swap_remove(0);
            let watched = Arc::downgrade(&gone);
            assert!(!group.ropes.leave());
            drop(gone);
            ring_all(&group, |group| &group.ropes);
            ring_all(&group, |group| &group.ropes);
            for bell in &bells {
                bell.heard().await;
                assert_eq!(bell.take_moved(), Some(5));
                assert_eq!(bell.take_moved(), None, "two rings are one look");
            }
            assert!(watched.upgrade().is_none(), "the list holds nobody");
        }
    }

    #[test]
    fn bells_that_are_gone_do_not_pile_up() {
        let group = Group { ropes: Ropes::default() };
        let door = Doorbells::default();
        let identity: Identity =
            "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap();
        let stays = Arc::new(Bell::default());
        group.ropes.follow(&stays, 0);
        for _ in 0..10_000 {
            let bell = door.hang(&identity);
            group.ropes.follow(&bell, 0);
            assert!(!group.ropes.leave());
        }
        assert!(!group.ropes.is_empty());
        assert!(group.ropes.ropes.lock().unwrap().len() < 64);
        assert!(door.bells.lock().unwrap()[&identity].len() <= 1);
        assert!(group.ropes.leave() && group.ropes.is_empty());
    }
}
