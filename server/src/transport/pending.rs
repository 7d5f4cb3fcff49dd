//! Connections of which it is not known yet who they are: only so many at one time.
//!
//! When there is one too many, the one that has waited longest goes. Making newcomers wait instead would let
//! anybody lock everybody out by opening sockets and saying nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// The waiting room.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    places: Arc<Mutex<Places>>,
    max: usize,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A place in the room; given back when dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    pending: Pending,
    number: u64,
    pushed_out: oneshot::Receiver<()>,
}

impl Pending {
    /// A room with `max` places.
    pub(super) fn new(max: usize) -> Self {
        Self { places: Arc::default(), max }
    }

    /// Takes a place; if none is free, the longest-waiting one is pushed out.
    pub(super) fn enter(&self) -> Waiting {
        let (push_out, pushed_out) = oneshot::channel();
        let mut places = self.lock();
        if places.taken.len() >= self.max
            && let Some((_, longest)) = places.taken.pop_first()
        {
            // It may just have finished.
            let _finished = longest.send(());
        }
        let number = places.next;
        places.next += 1;
        places.taken.insert(number, push_out);
        Waiting { pending: self.clone(), number, pushed_out }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        // Every change is complete before anything can panic.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Returns when this place has been given to somebody else.
    pub(super) async fn pushed_out(mut self) {
        // The sender goes only when it fires or when this place is given back, below.
        let _fired = (&mut self.pushed_out).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pending.lock().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_waiting_stranger_makes_room_for_the_newest() {
        let pending = Pending::new(2);
        let first = pending.enter();
        let mut second = pending.enter();
        let _third = pending.enter();
        first.pushed_out().await;
        assert!(second.pushed_out.try_recv().is_err());
    }

    #[test]
    fn whoever_is_known_gives_the_place_back() {
        let pending = Pending::new(1);
        drop(pending.enter());
        assert!(pending.lock().taken.is_empty());
        let mut second = pending.enter();
        assert!(second.pushed_out.try_recv().is_err());
    }
}
