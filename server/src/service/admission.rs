//! How much one identity may ask for: calls per second and calls under way, for each by itself.
//!
//! The limits go by the verified identity, never by address: an agency's staff sit behind one. What is
//! refused here is refused after its body was read, so a client never waits for a window that stays shut.

use super::ServiceError;
use alcove_proto::names::Identity;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _, clock::DefaultClock};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// Locks that share the counting of calls under way.
const SHARDS: usize = 16;
/// Calls after which identities that have long been quiet are forgotten.
const CALLS_BETWEEN_SWEEPS: u32 = 65_536;

/// Decides whether a call may begin.
pub(crate) struct Admission {
    rate: DefaultKeyedRateLimiter<Identity>,
    clock: DefaultClock,
    calls_in_flight_max: u32,
    in_flight: [Mutex<HashMap<Identity, u32>>; SHARDS],
    hasher: RandomState,
    since_sweep: AtomicU32,
}

/// A call under way; it counts until this is dropped.
pub struct Permit {
    admission: Arc<Admission>,
    identity: Identity,
}

impl Admission {
    pub(crate) fn new(
        calls_per_second: NonZeroU32,
        burst: NonZeroU32,
        calls_in_flight_max: u32,
    ) -> Arc<Self> {
        Arc::new(Self {
            rate: RateLimiter::keyed(Quota::per_second(calls_per_second).allow_burst(burst)),
            clock: DefaultClock::default(),
            calls_in_flight_max,
            in_flight: Default::default(),
            hasher: RandomState::new(),
            since_sweep: AtomicU32::new(0),
        })
    }

    /// Lets a call of `identity` begin.
    ///
    /// Errors: [`ServiceError::RateLimited`] with the time after which it may.
    pub(crate) fn admit(self: &Arc<Self>, identity: &Identity) -> Result<Permit, ServiceError> {
        if let Err(not_until) = self.rate.check_key(identity) {
            let wait = not_until.wait_time_from(self.clock.now());
            let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            return Err(ServiceError::RateLimited { retry_after_ms });
        }
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= CALLS_BETWEEN_SWEEPS {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.rate.retain_recent();
        }
        let mut shard = self.shard(identity).lock().unwrap_or_else(PoisonError::into_inner);
        match shard.get_mut(identity) {
            Some(count) if *count >= self.calls_in_flight_max => {
                return Err(ServiceError::RateLimited { retry_after_ms: 100 });
            }
            Some(count) => *count += 1,
            None => {
                shard.insert(identity.clone(), 1);
            }
        }
        Ok(Permit { admission: Arc::clone(self), identity: identity.clone() })
    }

    fn shard(&self, identity: &Identity) -> &Mutex<HashMap<Identity, u32>> {
        &self.in_flight[self.hasher.hash_one(identity) as usize % SHARDS]
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut shard = self.admission.shard(&self.identity).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.identity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u16) -> Identity {
        format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{number}")
            .parse()
            .unwrap()
    }

    #[test]
    fn one_identity_at_its_limits_does_not_stop_another() {
        let per_second = NonZeroU32::new(1).unwrap();
        let admission = Admission::new(per_second, NonZeroU32::new(2).unwrap(), 100);
        let _first = admission.admit(&device(1)).unwrap();
        let _second = admission.admit(&device(1)).unwrap();
        let Err(ServiceError::RateLimited { retry_after_ms }) = admission.admit(&device(1)) else {
            panic!("the third call within a second is over a burst of two");
        };
        assert!((1..=1000).contains(&retry_after_ms), "{retry_after_ms}");
        assert!(admission.admit(&device(2)).is_ok());
    }

    #[test]
    fn calls_under_way_are_counted_until_they_end() {
        let plenty = NonZeroU32::new(1000).unwrap();
        let admission = Admission::new(plenty, plenty, 2);
        let first = admission.admit(&device(1)).unwrap();
        let _second = admission.admit(&device(1)).unwrap();
        assert!(matches!(admission.admit(&device(1)), Err(ServiceError::RateLimited { .. })));
        drop(first);
        let third = admission.admit(&device(1));
        assert!(third.is_ok());
        drop((third, _second));
        assert!(admission.in_flight.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
