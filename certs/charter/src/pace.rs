//! How fast the numbers of an agency's lists may rise, so that whoever missed some can tell the next from a leap.
//!
//! A device that was away has one list and is given a later one. It knows no more of those in between than the times that
//! both say, so it allows as many numbers as a desk takes in that time ([`rise_max`]). What a list says of its own time is
//! the agency's word: six lists a minute, all of one date, would be nothing that a device could take. So the desk counts
//! as devices do ([`Pace`]). PROTOCOL.md section 8, "Lists", 4.

use alcove_proto::limits::{CRL_NUMBER_RISE_MAX, CRLS_PER_MINUTE_MAX};
use prost::Message;

/// Milliseconds between two lists where as many come as a desk takes.
const BETWEEN_MS: u64 = 60_000 / CRLS_PER_MINUTE_MAX;

/// By how much the number may rise between two lists of which the later is dated `between_ms` after the earlier, and
/// between which some may have been missed.
pub(crate) fn rise_max(between_ms: i64) -> u64 {
    CRL_NUMBER_RISE_MAX.saturating_mul(lists_within(between_ms).saturating_add(1))
}

fn lists_within(between_ms: i64) -> u64 {
    u64::try_from(between_ms).unwrap_or(0) / BETWEEN_MS
}

/// From which list the desk counts, so that whoever has **any** list that it took takes each one after it.
///
/// The thousand numbers after that list may come whenever they like, as every device takes them; a higher one only so long
/// after everything before it that who has the oldest of these takes it too. Then it is the list from which to count, and
/// none that is dated before it comes any more.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Pace {
    #[prost(uint64, tag = "1")]
    number: u64,
    /// Its own date, milliseconds since 1970; nothing where it is the first that this desk knows of.
    #[prost(int64, optional, tag = "2")]
    not_before_ms: Option<i64>,
    /// The latest date of it and of those after it.
    #[prost(int64, tag = "3")]
    latest_ms: i64,
}

impl Pace {
    /// Counts from the first list that is known.
    pub(crate) fn from(number: u64, made_ms: i64) -> Self {
        Self { number, not_before_ms: None, latest_ms: made_ms }
    }

    /// The highest number that a list of that date may have.
    pub(crate) fn most(&self, made_ms: i64) -> u64 {
        if self.not_before_ms.is_some_and(|not_before_ms| made_ms < not_before_ms) {
            return self.number;
        }
        let rise = CRL_NUMBER_RISE_MAX.saturating_mul(lists_within(made_ms.saturating_sub(self.latest_ms)));
        self.number.saturating_add(rise.max(CRL_NUMBER_RISE_MAX))
    }

    /// The pace after that list, which was taken.
    pub(crate) fn after(self, number: u64, made_ms: i64) -> Self {
        if number > self.number.saturating_add(CRL_NUMBER_RISE_MAX) {
            Self { number, not_before_ms: Some(made_ms), latest_ms: made_ms }
        } else {
            Self { latest_ms: self.latest_ms.max(made_ms), ..self }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    /// Numbers that are drawn the same way each time.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % end
        }
    }

    /// What a desk takes of an admin who does as much as can be done; dates go back as well. `counts` is the desk.
    fn taken(seed: u64, counts: impl Fn(&Pace, i64) -> u64) -> Vec<(u64, i64)> {
        let (mut draw, mut taken) = (Draw(seed), vec![(1, NOW_MS)]);
        let (mut pace, mut latest_ms) = (Pace::from(1, NOW_MS), NOW_MS);
        while taken.len() < 200 {
            let held = taken.last().map_or(0, |(number, _)| *number);
            let number = held + [1, 999, 1000][draw.below(3) as usize];
            let made_ms = latest_ms + [-20_000, -1, 0, 1, 9_999, 10_000, 30_001][draw.below(7) as usize];
            if number <= counts(&pace, made_ms) {
                pace = pace.after(number, made_ms);
                latest_ms = latest_ms.max(made_ms);
                taken.push((number, made_ms));
            } else {
                latest_ms += 1_000;
            }
        }
        taken
    }

    fn refused_by_somebody(taken: &[(u64, i64)]) -> usize {
        let later = |index: usize| taken.iter().skip(index + 1);
        let pairs =
            taken.iter().enumerate().flat_map(|(index, held)| later(index).map(move |next| (held, next)));
        pairs.filter(|(held, next)| next.0 - held.0 > rise_max(next.1 - held.1)).count()
    }

    #[test]
    fn whoever_has_any_list_that_the_desk_took_takes_each_one_after_it() {
        for seed in 0..50 {
            assert_eq!(refused_by_somebody(&taken(seed, Pace::most)), 0, "seed {seed}");
        }
        // The control: a desk that only holds each list against the one before takes what others cannot.
        assert!(refused_by_somebody(&taken(7, |_, _| u64::MAX)) > 0);
    }

    #[test]
    fn an_honest_admin_is_held_up_by_nothing_whatever_the_clock_of_the_machine_does() {
        let mut pace = Pace::from(1, NOW_MS + 7_000_000);
        for number in 2..1_000 {
            // The clock was ahead, is set, and lists come several a second.
            let made_ms = NOW_MS + i64::try_from(number).unwrap() / 5;
            assert!(number <= pace.most(made_ms), "{number}");
            pace = pace.after(number, made_ms);
        }
    }

    #[test]
    fn two_thousand_numbers_are_taken_every_twenty_seconds_and_none_a_moment_earlier() {
        let mut pace = Pace::from(1, NOW_MS);
        for round in 1..500 {
            let made_ms = NOW_MS + i64::try_from(round).unwrap() * 20_000;
            for number in [round * 2_000, round * 2_000 + 1] {
                assert!(number <= pace.most(made_ms), "{number}");
            }
            assert!(round * 2_000 + 1 > pace.most(made_ms - 1), "{round}");
            pace = pace.after(round * 2_000 + 1, made_ms).after(round * 2_000 + 1_001, made_ms);
        }
    }
}
