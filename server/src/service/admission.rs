//! How much one caller may ask for, each for itself: calls per second, calls under way, and bytes of
//! memory its calls hold; and how much memory all of them may hold together.
//!
//! At the first door the limits go by the verified identity, never by address: an agency's staff sit behind one. At
//! the desk nobody is verified: there they go by address, and everybody's calls a second have a limit too. A call is
//! admitted on its headers, before a byte of its body is read, and what it holds afterwards is counted
//! before it is held.

use super::error::ServiceError;
use crate::config::Limits;
use alcove_proto::names::Identity;
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter, clock::Clock as _,
    clock::DefaultClock, clock::QuantaInstant,
};
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// Locks that share the counting of calls under way.
const SHARDS: usize = 16;
/// Calls after which callers that have long been quiet are forgotten.
const CALLS_BETWEEN_SWEEPS: u32 = 65_536;
/// When to come back to a limit that other calls of the same caller fill, milliseconds.
const OWN_CALLS_RETRY_MS: u64 = 100;
/// When to come back to a limit that everybody's calls fill, milliseconds.
const ALL_CALLS_RETRY_MS: u64 = 1_000;

/// Whose calls are counted together: a verified device, or an address.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

/// What one caller, and everybody together, may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Calls one caller may begin a second in the long run.
    pub calls_per_second_max: NonZeroU32,
    /// Calls one caller may begin at once.
    pub calls_burst_max: NonZeroU32,
    /// Calls one caller may have under way at one time.
    pub calls_in_flight_max: NonZeroU32,
    /// Bytes of messages and chunks one caller's calls may hold in memory at one time.
    pub call_bytes_each_max: u64,
    /// Bytes of messages and chunks everybody's calls may hold in memory at one time.
    pub call_bytes_max: u64,
    /// Calls everybody together may begin a second in the long run, and at once; nothing where each is verified.
    pub of_everybody: Option<(NonZeroU32, NonZeroU32)>,
}

impl From<&Limits> for Allowance {
    fn from(limits: &Limits) -> Self {
        Self {
            calls_per_second_max: limits.calls_per_second_max,
            calls_burst_max: limits.calls_burst_max,
            calls_in_flight_max: limits.calls_in_flight_max,
            call_bytes_each_max: limits.call_bytes_per_identity_max,
            call_bytes_max: limits.call_bytes_max,
            of_everybody: None,
        }
    }
}

/// Decides whether a call may begin, and what it may hold.
pub struct Admission<K: Key = Identity> {
    rate: DefaultKeyedRateLimiter<K>,
    rate_of_everybody: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    allowance: Allowance,
    accounts: [Mutex<HashMap<K, Arc<Account<K>>>>; SHARDS],
    hasher: RandomState,
    since_sweep: AtomicU32,
    /// Bytes that all calls hold. Always the sum of the accounts.
    bytes: AtomicU64,
}

/// What one caller's calls come to. Never outlives the last of them.
struct Account<K> {
    key: K,
    /// Changed only under the shard's lock, so that the last call takes the account away with it.
    calls: AtomicU32,
    bytes: AtomicU64,
}

/// A call under way; it counts until the last clone of this is dropped. Cheap to clone: whatever works for
/// a call, also after the caller has gone away, keeps one.
pub struct Permit<K: Key = Identity>(Arc<Admitted<K>>);

struct Admitted<K: Key> {
    admission: Arc<Admission<K>>,
    account: Arc<Account<K>>,
    /// Bytes this call holds.
    held: AtomicU64,
}

impl<K: Key> Admission<K> {
    /// Admits within `allowance`.
    pub fn new(allowance: impl Into<Allowance>) -> Arc<Self> {
        let allowance = allowance.into();
        let quota = |a_second, at_once| Quota::per_second(a_second).allow_burst(at_once);
        let of_everybody = allowance.of_everybody;
        Arc::new(Self {
            rate: RateLimiter::keyed(quota(allowance.calls_per_second_max, allowance.calls_burst_max)),
            rate_of_everybody: of_everybody
                .map(|(a_second, at_once)| RateLimiter::direct(quota(a_second, at_once))),
            clock: DefaultClock::default(),
            allowance,
            accounts: Default::default(),
            hasher: RandomState::new(),
            since_sweep: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Lets a call of `key` begin.
    ///
    /// Errors: [`ServiceError::RateLimited`] with the time after which it may.
    pub fn admit(self: &Arc<Self>, key: &K) -> Result<Permit<K>, ServiceError> {
        // The caller's own limit first: whoever is over it takes nothing from the others'.
        self.rate.check_key(key).map_err(|not_until| self.wait_for(&not_until))?;
        if let Some(rate) = &self.rate_of_everybody {
            rate.check().map_err(|not_until| self.wait_for(&not_until))?;
        }
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= CALLS_BETWEEN_SWEEPS {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.rate.retain_recent();
        }
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let account = match shard.get(key) {
            Some(account) => Arc::clone(account),
            None => {
                let account = Arc::new(Account::of(key));
                shard.insert(key.clone(), Arc::clone(&account));
                account
            }
        };
        if account.calls.load(Ordering::Relaxed) >= self.allowance.calls_in_flight_max.get() {
            return Err(ServiceError::RateLimited { retry_after_ms: OWN_CALLS_RETRY_MS });
        }
        account.calls.fetch_add(1, Ordering::Relaxed);
        drop(shard);
        Ok(Permit(Arc::new(Admitted { admission: Arc::clone(self), account, held: AtomicU64::new(0) })))
    }

    /// Charges `key` for a call that costs as much as `cost` calls. One of them has been charged at the
    /// admission; a cost above the burst is charged as the whole burst.
    ///
    /// Errors: [`ServiceError::RateLimited`] with the time after which it may.
    pub(super) fn charge(&self, key: &K, cost: usize) -> Result<(), ServiceError> {
        let most = self.allowance.calls_burst_max.get();
        let more = u32::try_from(cost).unwrap_or(most).min(most).saturating_sub(1);
        let Some(more) = NonZeroU32::new(more) else { return Ok(()) };
        match self.rate.check_key_n(key, more) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(self.wait_for(&not_until)),
            // Never: it is within the burst.
            Err(_over_the_burst) => Err(ServiceError::RateLimited { retry_after_ms: ALL_CALLS_RETRY_MS }),
        }
    }

    fn wait_for(&self, not_until: &NotUntil<QuantaInstant>) -> ServiceError {
        let wait = not_until.wait_time_from(self.clock.now());
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        ServiceError::RateLimited { retry_after_ms }
    }

    fn shard(&self, key: &K) -> &Mutex<HashMap<K, Arc<Account<K>>>> {
        &self.accounts[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

impl<K: Key> Account<K> {
    fn of(key: &K) -> Self {
        Self { key: key.clone(), calls: AtomicU32::new(0), bytes: AtomicU64::new(0) }
    }
}

impl<K: Key> Permit<K> {
    /// Counts `bytes` that the call is about to hold in memory.
    ///
    /// Errors: [`ServiceError::RateLimited`] when the caller's calls hold as much as they may,
    /// [`ServiceError::Unavailable`] when everybody's do; then nothing is counted.
    pub fn hold(&self, bytes: u64) -> Result<(), ServiceError> {
        let Admitted { admission, account, held } = &*self.0;
        let allowance = &admission.allowance;
        if !take(&account.bytes, bytes, allowance.call_bytes_each_max) {
            return Err(ServiceError::RateLimited { retry_after_ms: OWN_CALLS_RETRY_MS });
        }
        if !take(&admission.bytes, bytes, allowance.call_bytes_max) {
            account.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(ServiceError::Unavailable { retry_after_ms: ALL_CALLS_RETRY_MS });
        }
        held.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Says that `bytes` counted by [`Permit::hold`] are held no more. Whatever is not given back, is so with
    /// the permit.
    pub fn give_back(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
        self.0.give_back(bytes);
    }
}

impl<K: Key> Admitted<K> {
    fn give_back(&self, bytes: u64) {
        self.account.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.admission.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl<K: Key> Drop for Admitted<K> {
    fn drop(&mut self) {
        self.give_back(self.held.load(Ordering::Relaxed));
        let mut shard =
            self.admission.shard(&self.account.key).lock().unwrap_or_else(PoisonError::into_inner);
        if self.account.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            shard.remove(&self.account.key);
        }
    }
}

impl<K: Key> Clone for Permit<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Key> fmt::Debug for Permit<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permit").field("held", &self.0.held).finish_non_exhaustive()
    }
}

/// Adds `more` unless that is over `max`; says whether it did.
fn take(counter: &AtomicU64, more: u64, max: u64) -> bool {
    let within = |now: u64| now.checked_add(more).filter(|sum| *sum <= max);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u16) -> Identity {
        format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{number}")
            .parse()
            .unwrap()
    }

    fn plenty() -> Limits {
        let calls = NonZeroU32::new(1000).unwrap();
        Limits {
            calls_per_second_max: calls,
            calls_burst_max: calls,
            calls_in_flight_max: calls,
            call_bytes_per_identity_max: 1000,
            call_bytes_max: 10_000,
            ..Limits::default()
        }
    }

    #[test]
    fn one_identity_at_its_limits_does_not_stop_another() {
        let (one, two) = (NonZeroU32::MIN, NonZeroU32::new(2).unwrap());
        let admission =
            Admission::new(&Limits { calls_per_second_max: one, calls_burst_max: two, ..plenty() });
        let _first = admission.admit(&device(1)).unwrap();
        let _second = admission.admit(&device(1)).unwrap();
        let Err(ServiceError::RateLimited { retry_after_ms }) = admission.admit(&device(1)) else {
            panic!("the third call within a second is over a burst of two");
        };
        assert!((1..=1000).contains(&retry_after_ms), "{retry_after_ms}");
        assert!(admission.admit(&device(2)).is_ok());
    }

    #[test]
    fn a_caller_over_its_own_limit_takes_nothing_from_the_others() {
        let (two, three) = (NonZeroU32::new(2).unwrap(), NonZeroU32::new(3).unwrap());
        let allowance = Allowance {
            calls_per_second_max: NonZeroU32::MIN,
            calls_burst_max: two,
            of_everybody: Some((NonZeroU32::MIN, three)),
            ..(&plenty()).into()
        };
        let admission: Arc<Admission<u8>> = Admission::new(allowance);
        let admitted = (0..100).filter(|_| admission.admit(&1).is_ok()).count();
        assert_eq!(admitted, 2);
        assert!(admission.admit(&2).is_ok(), "98 refused calls of another have cost nothing");
        let Err(ServiceError::RateLimited { .. }) = admission.admit(&3) else {
            panic!("everybody together has had three");
        };
    }

    #[test]
    fn calls_under_way_are_counted_until_they_end() {
        let two = NonZeroU32::new(2).unwrap();
        let admission = Admission::new(&Limits { calls_in_flight_max: two, ..plenty() });
        let first = admission.admit(&device(1)).unwrap();
        let second = admission.admit(&device(1)).unwrap();
        let still_at_work = first.clone();
        drop(first);
        assert!(matches!(admission.admit(&device(1)), Err(ServiceError::RateLimited { .. })));
        drop(still_at_work);
        let third = admission.admit(&device(1));
        assert!(third.is_ok());
        drop((third, second));
        assert!(admission.accounts.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    #[test]
    fn a_call_that_costs_as_much_as_many_is_charged_as_many() {
        let (one, hundred) = (NonZeroU32::MIN, NonZeroU32::new(100).unwrap());
        let limits = Limits { calls_per_second_max: one, calls_burst_max: hundred, ..plenty() };
        let admission = Admission::new(&limits);
        let _call = admission.admit(&device(1)).unwrap();
        admission.charge(&device(1), 90).unwrap();
        let Err(ServiceError::RateLimited { retry_after_ms }) = admission.charge(&device(1), 90) else {
            panic!("twice 90 are over a burst of 100");
        };
        assert!(retry_after_ms > 60_000, "at one a second: {retry_after_ms}");
        // Nothing costs more than the burst, or it would be refused for ever.
        let _call = admission.admit(&device(2)).unwrap();
        admission.charge(&device(2), 1_000_000).unwrap();
    }

    #[test]
    fn bytes_are_counted_for_the_identity_and_for_everybody_until_they_are_given_back() {
        let admission = Admission::new(&Limits { call_bytes_max: 1500, ..plenty() });
        let (first, second) = (admission.admit(&device(1)).unwrap(), admission.admit(&device(1)).unwrap());
        first.hold(1000).unwrap();
        assert!(
            matches!(second.hold(1), Err(ServiceError::RateLimited { .. })),
            "the device's own are used up"
        );
        let other = admission.admit(&device(2)).unwrap();
        other.hold(500).unwrap();
        assert!(matches!(other.hold(1), Err(ServiceError::Unavailable { .. })), "everybody's are used up");
        first.give_back(600);
        second.hold(600).unwrap();
        drop((first, second));
        other.hold(500).expect("whatever a call held is free when it ends");
        drop(other);
        assert_eq!(admission.bytes.load(Ordering::Relaxed), 0);
    }
}
