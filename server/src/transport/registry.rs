//! The connections that are alive: who is on each, and how to cut it.
//!
//! A verified certificate is a judgement of one moment. When what is trusted changes, or time passes, every
//! live connection is judged again here, and cut if it would not be let in today (PROTOCOL.md, "Transport", 2).

use crate::trust::{Connected, Judge, Peer};
use alcove_proto::names::Identity;
use alcove_trust::CertificateFault;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Why a connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutReason {
    /// Its certificate would not be let in any more.
    Certificate(CertificateFault),
    /// Its device opened more connections than it may have; this was the oldest.
    TooMany,
}

/// The live connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    live: Arc<Mutex<Live>>,
    per_identity_max: usize,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    connections: HashMap<u64, Entry>,
    /// Oldest first. Never holds a number that `connections` does not.
    by_identity: HashMap<Identity, VecDeque<u64>>,
}

#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    cut: oneshot::Sender<CutReason>,
}

/// Keeps a connection in the registry until it is dropped.
#[derive(Debug)]
pub struct Registration {
    registry: Registry,
    number: u64,
}

impl Registry {
    /// An empty registry that lets one device have `per_identity_max` connections.
    pub fn new(per_identity_max: usize) -> Self {
        Self { live: Arc::default(), per_identity_max }
    }

    /// Enters a connection. The receiver fires when it must be cut.
    ///
    /// One connection too many cuts the device's oldest: after a network change that is the dead one.
    pub fn register(&self, peer: Arc<Peer>) -> (Registration, oneshot::Receiver<CutReason>) {
        let (cut, must_be_cut) = oneshot::channel();
        let mut live = self.lock();
        let number = live.next;
        live.next += 1;
        let numbers = live.by_identity.entry(peer.identity.clone()).or_default();
        numbers.push_back(number);
        let too_many = numbers.len() > self.per_identity_max;
        let oldest = numbers.front().copied().filter(|_| too_many);
        live.connections.insert(number, Entry { peer, cut });
        if let Some(oldest) = oldest {
            live.cut(oldest, CutReason::TooMany);
        }
        (Registration { registry: self.clone(), number }, must_be_cut)
    }

    /// How many connections there have been, dead ones included.
    pub fn opened(&self) -> u64 {
        self.lock().next
    }

    /// How many connections are alive.
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Whether no connection is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        // Every change is complete before anything can panic.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected for Registry {
    // Judged without the lock, since signatures are checked.
    fn judge_again(&self, judge: Judge<'_>) -> usize {
        let peers: Vec<_> = {
            let live = self.lock();
            live.connections.iter().map(|(number, entry)| (*number, Arc::clone(&entry.peer))).collect()
        };
        let refused = peers.iter().filter_map(|(number, peer)| Some((*number, judge(peer).err()?)));
        refused.filter(|(number, fault)| self.lock().cut(*number, CutReason::Certificate(*fault))).count()
    }

    fn refused_by(&self, judge: Judge<'_>) -> Vec<Identity> {
        let peers: Vec<_> = self.lock().connections.values().map(|entry| Arc::clone(&entry.peer)).collect();
        let refused = peers.iter().filter(|peer| judge(peer).is_err());
        refused.map(|peer| peer.identity.clone()).collect()
    }

    fn cut_expired(&self, now_ms: i64) -> usize {
        let mut live = self.lock();
        let expired: Vec<_> = live
            .connections
            .iter()
            .filter(|(_, entry)| entry.peer.not_after_ms < now_ms)
            .map(|(number, _)| *number)
            .collect();
        let expired = expired.into_iter();
        expired.filter(|number| live.cut(*number, CutReason::Certificate(CertificateFault::Expired))).count()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl Live {
    fn cut(&mut self, number: u64, reason: CutReason) -> bool {
        // Already ended by itself: nothing is left to cut.
        self.remove(number).is_some_and(|entry| entry.cut.send(reason).is_ok())
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.connections.remove(&number)?;
        if let Some(numbers) = self.by_identity.get_mut(&entry.peer.identity) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_identity.remove(&entry.peer.identity);
            }
        }
        Some(entry)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(device: u16, not_after_ms: i64) -> Arc<Peer> {
        let name = format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{device}");
        Arc::new(Peer { identity: name.parse().unwrap(), chain: Vec::new(), not_after_ms })
    }

    #[test]
    fn one_connection_too_many_cuts_the_oldest_of_that_device_only() {
        let registry = Registry::new(2);
        let (_a, mut a) = registry.register(peer(1, 0));
        let (_b, mut b) = registry.register(peer(1, 0));
        let (_other, mut other) = registry.register(peer(2, 0));
        assert!(a.try_recv().is_err());
        let (_c, mut c) = registry.register(peer(1, 0));
        assert_eq!(a.try_recv(), Ok(CutReason::TooMany));
        assert!(b.try_recv().is_err() && c.try_recv().is_err() && other.try_recv().is_err());
        assert_eq!(registry.len(), 3);
    }

    #[test]
    fn a_refused_connection_is_cut_once_and_the_others_stay() {
        let registry = Registry::new(8);
        let (_a, mut a) = registry.register(peer(1, 0));
        let (_b, mut b) = registry.register(peer(2, 0));
        let judge = |peer: &Peer| {
            if peer.identity.device == 1 { Err(CertificateFault::Revoked) } else { Ok(()) }
        };
        assert_eq!(registry.judge_again(&judge), 1);
        assert_eq!(a.try_recv(), Ok(CutReason::Certificate(CertificateFault::Revoked)));
        assert!(b.try_recv().is_err());
        assert_eq!(registry.judge_again(&judge), 0);
    }

    #[test]
    fn a_certificate_holds_through_its_last_moment_and_not_after_it() {
        let registry = Registry::new(8);
        let (_a, mut a) = registry.register(peer(1, 1000));
        assert_eq!(registry.cut_expired(1000), 0);
        assert_eq!(registry.cut_expired(1001), 1);
        assert_eq!(a.try_recv(), Ok(CutReason::Certificate(CertificateFault::Expired)));
    }

    #[test]
    fn nothing_stays_of_a_connection_that_ended() {
        let registry = Registry::new(8);
        let (registration, receiver) = registry.register(peer(1, 0));
        drop(receiver);
        drop(registration);
        assert!(registry.is_empty());
        assert!(registry.lock().by_identity.is_empty());
    }
}
