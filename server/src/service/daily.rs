//! What one person may do in a day that others have to bear: groups made, devices added to them, key packages taken,
//! positions opened.
//!
//! Counted against whoever does it, never against whom it is done to: else a stranger could use up what an agency needs.
//! A day begins with the first act of its kind and is the server's memory only: a restart begins a new one. All of it lies
//! far above what people do by hand and below what hurts; the operator sets it.

use super::error::ServiceError;
use crate::config::Limits;
use alcove_proto::names::{Identity, Person};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Tallies among which those of days that are over are looked for when one more is begun.
const TALLIES_BETWEEN_SWEEPS: usize = 65_536;

/// An act that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// A group is made.
    Group,
    /// A device is added to a group; which one does not count.
    Addition,
    /// This device is added to a group.
    AdditionOf(Identity),
    /// A key package of this device is taken.
    ClaimOf(Identity),
    /// An access entry is opened.
    Opening,
}

/// How often since when.
#[derive(Debug, Clone, Copy)]
struct Tally {
    since_ms: i64,
    count: u32,
}

/// What everybody has done today.
pub(super) struct Daily {
    limits: Limits,
    tallies: Mutex<Tallies>,
}

#[derive(Default)]
struct Tallies {
    of: HashMap<(Person, Act), Tally>,
    sweep_at: usize,
}

impl Daily {
    pub(super) fn new(limits: Limits) -> Self {
        let tallies = Tallies { sweep_at: TALLIES_BETWEEN_SWEEPS, ..Tallies::default() };
        Self { limits, tallies: Mutex::new(tallies) }
    }

    /// Counts all of `acts` as done by `who`, or none of them. Counted before they are done, so that many at one time come
    /// to no more than one after the other.
    ///
    /// Errors: [`ServiceError::DailyLimit`] for the first that is too many.
    pub(super) fn take(&self, who: &Person, acts: &[Act], now_ms: i64) -> Result<(), ServiceError> {
        let mut tallies = self.lock();
        let mut asked: HashMap<&Act, Tally> = HashMap::with_capacity(acts.len());
        for act in acts {
            let begun = || tallies.today(who, act, now_ms).unwrap_or(Tally { since_ms: now_ms, count: 0 });
            let tally = asked.entry(act).or_insert_with(begun);
            let limit = self.limit(act);
            if tally.count >= limit {
                let again_at_ms = tally.since_ms.saturating_add(DAY_MS);
                let retry_after_ms = u64::try_from(again_at_ms.saturating_sub(now_ms)).unwrap_or(0);
                return Err(ServiceError::DailyLimit { limit: limit.into(), retry_after_ms });
            }
            tally.count += 1;
        }
        tallies.of.extend(asked.into_iter().map(|(act, tally)| ((who.clone(), act.clone()), tally)));
        if tallies.of.len() >= tallies.sweep_at {
            tallies.of.retain(|_, tally| tally.is_of_day(now_ms));
            tallies.sweep_at = tallies.of.len() + TALLIES_BETWEEN_SWEEPS;
        }
        Ok(())
    }

    /// Takes back what was counted and came to nothing. A tally of which nothing is left goes: whoever asks for devices that
    /// nobody has, of which there is no end, leaves nothing behind.
    pub(super) fn give_back(&self, who: &Person, acts: impl IntoIterator<Item = Act>) {
        let mut tallies = self.lock();
        for act in acts {
            if let Entry::Occupied(mut held) = tallies.of.entry((who.clone(), act)) {
                let tally = held.get_mut();
                tally.count = tally.count.saturating_sub(1);
                if tally.count == 0 {
                    held.remove();
                }
            }
        }
    }

    /// How many tallies there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().of.len()
    }

    fn limit(&self, act: &Act) -> u32 {
        let limit = match act {
            Act::Group => self.limits.groups_per_day_max,
            Act::Addition => self.limits.additions_per_day_max,
            Act::AdditionOf(_) => self.limits.additions_of_one_per_day_max,
            Act::ClaimOf(_) => self.limits.claims_of_one_per_day_max,
            Act::Opening => self.limits.openings_per_day_max,
        };
        limit.get()
    }

    fn lock(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tallies {
    fn today(&self, who: &Person, act: &Act, now_ms: i64) -> Option<Tally> {
        let tally = self.of.get(&(who.clone(), act.clone())).copied();
        tally.filter(|tally| tally.is_of_day(now_ms))
    }
}

impl Tally {
    /// A clock that was put back ends the day too: nobody is shut out by it for longer.
    fn is_of_day(self, now_ms: i64) -> bool {
        (0..DAY_MS).contains(&now_ms.saturating_sub(self.since_ms))
    }
}

/// What counts when `who` adds these devices: everybody's but their own.
pub(super) fn additions(who: &Person, added: impl Iterator<Item = Identity>) -> Vec<Act> {
    let others = added.filter(|device| device.person != *who);
    others.flat_map(|device| [Act::Addition, Act::AdditionOf(device)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(handle: char, number: u16) -> Identity {
        let handle = handle.to_string().repeat(16);
        format!("spiffe://elmgate.northmark.example/staff/{handle}/device/{number}").parse().unwrap()
    }

    fn daily(groups: u32, additions: u32, of_one: u32) -> Daily {
        let number = |value| std::num::NonZeroU32::new(value).unwrap();
        Daily::new(Limits {
            groups_per_day_max: number(groups),
            additions_per_day_max: number(additions),
            additions_of_one_per_day_max: number(of_one),
            claims_of_one_per_day_max: number(of_one),
            openings_per_day_max: number(additions),
            ..Limits::default()
        })
    }

    fn take(daily: &Daily, who: &Person, acts: &[Act], now_ms: i64) -> Option<(u64, u64)> {
        match daily.take(who, acts, now_ms) {
            Ok(()) => None,
            Err(ServiceError::DailyLimit { limit, retry_after_ms }) => Some((limit, retry_after_ms)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_day_is_counted_for_each_person_and_each_target_and_then_begins_anew() {
        let daily = daily(2, 100, 3);
        let (stranger, other) = (device('a', 1).person, device('b', 1).person);
        let target = |letter| [Act::AdditionOf(device(letter, 1))];
        for _ in 0..3 {
            assert_eq!(take(&daily, &stranger, &target('c'), 1000), None);
        }
        assert_eq!(take(&daily, &stranger, &target('c'), 5000), Some((3, DAY_MS as u64 - 4000)));
        assert_eq!(take(&daily, &stranger, &target('d'), 5000), None, "somebody else may be added");
        assert_eq!(take(&daily, &other, &target('c'), 5000), None, "and by somebody else");
        assert_eq!(take(&daily, &stranger, &[Act::ClaimOf(device('c', 1))], 5000), None, "another act");
        assert_eq!(take(&daily, &stranger, &target('c'), 1000 + DAY_MS), None, "tomorrow");
        assert_eq!(take(&daily, &stranger, &target('d'), 4000), None, "a clock that was put back");
    }

    #[test]
    fn many_at_once_are_counted_together_and_a_refusal_counts_nothing() {
        let daily = daily(2, 1000, 3);
        let who = device('a', 1).person;
        // A case of a thousand seats in one commit, and the adder's own second device.
        let seats = (1..=999).map(|number| device('b', number)).chain([device('a', 2)]);
        let acts = additions(&who, seats);
        assert_eq!(acts.len(), 2 * 999);
        assert_eq!(take(&daily, &who, &acts, 0), None);
        let two = additions(&who, [device('c', 1), device('c', 2)].into_iter());
        assert_eq!(take(&daily, &who, &two, 0).map(|(limit, _)| limit), Some(1000));
        assert_eq!(take(&daily, &who, &two[..2], 0), None, "one of them had room");
        let often = vec![Act::ClaimOf(device('c', 1)); 4];
        assert_eq!(take(&daily, &who, &often, 0).map(|(limit, _)| limit), Some(3));
        assert_eq!(take(&daily, &who, &often[..3], 0), None);
        assert!(take(&daily, &who, &often[..1], 0).is_some());
        daily.give_back(&who, often[..1].iter().cloned());
        assert_eq!(take(&daily, &who, &often[..1], 0), None, "what came to nothing does not count");
        let held = daily.len();
        daily.give_back(&who, often[..2].iter().cloned());
        assert_eq!(daily.len(), held, "one of three is left");
        daily.give_back(&who, often[..1].iter().cloned());
        assert_eq!(daily.len(), held - 1, "none is left");
    }

    #[test]
    fn days_that_are_over_are_forgotten() {
        let daily = daily(1, 1, 1);
        let who = device('a', 1).person;
        daily.lock().sweep_at = 2;
        assert_eq!(take(&daily, &who, &[Act::Group], 0), None);
        assert_eq!(take(&daily, &who, &[Act::Opening], 2 * DAY_MS), None);
        assert_eq!(daily.lock().of.len(), 1);
    }
}
