//! How fast the numbers of an agency's lists may rise, so that whoever missed some can tell the next from a leap.
//!
//! A device that was away has one list and is given a later one. It knows no more of those in between than the times that
//! both say, so it allows as many numbers as a desk takes in that time ([`rise_max`]). What a list says of its own time is
//! the agency's word: six lists a minute, all of one date, would be nothing that a device could take. So the desk counts
//! as devices do ([`Pace`]), and what rises by many may not be dated ahead at all: whoever dates ahead gains nothing by it.
//! What an agency makes itself is the number after the one in force, or one soon after it, and is taken at any time
//! ([`STEP_MAX`]): else whoever has stolen the key would only have to be faster.
//! PROTOCOL.md section 8, "Lists", 4.

use alcove_proto::limits::{CRL_AHEAD_MS_MAX, CRL_NUMBER_RISE_MAX, CRLS_PER_MINUTE_MAX};

/// Milliseconds between two lists where as many come as a desk takes.
const BETWEEN_MS: u64 = 60_000 / CRLS_PER_MINUTE_MAX;
/// A list that rises by no more than this is taken also where the numbers have come as far as they may: its folder may have
/// made some that were never handed in.
const STEP_MAX: u64 = 10;
/// By how much such lists may come above what else is taken, in all.
const OVER_MAX: u64 = CRL_NUMBER_RISE_MAX;

/// By how much the number may rise between two lists of which the later is dated `between_ms` after the earlier, and
/// between which some may have been missed. The later may be one of those that come above what else is taken.
pub(crate) fn rise_max(between_ms: i64) -> u64 {
    CRL_NUMBER_RISE_MAX.saturating_mul(lists_within(between_ms).saturating_add(1)).saturating_add(OVER_MAX)
}

fn lists_within(between_ms: i64) -> u64 {
    u64::try_from(between_ms).unwrap_or(0) / BETWEEN_MS
}

/// When a list that comes too early for its number may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Early {
    /// In how many milliseconds; none where one that is made now may.
    pub(crate) in_ms: i64,
    /// Whether it is early by its date alone: then it is taken as it is; else one that is made then.
    pub(crate) is_dated_ahead: bool,
}

pub(crate) use crate::kept::Pace;

impl Pace {
    /// Counts from the first list that is known.
    pub(crate) fn from(number: u64, made_ms: i64) -> Self {
        Self { number, not_before_ms: None, latest_ms: made_ms }
    }

    /// Whether a list of that date, or one of a later date, has come.
    pub(crate) fn has_come_to(&self, made_ms: i64) -> bool {
        self.latest_ms >= made_ms
    }

    /// The highest number that a list of that date may have whose number rises by more than a few.
    fn most(&self, made_ms: i64) -> u64 {
        if self.comes_before(made_ms) {
            return self.number;
        }
        let rise = CRL_NUMBER_RISE_MAX.saturating_mul(lists_within(made_ms.saturating_sub(self.latest_ms)));
        self.number.saturating_add(rise.max(CRL_NUMBER_RISE_MAX))
    }

    /// The highest number that one may have after `held`, as long as it is not dated before the list that is counted from.
    fn most_of_few(&self, held: u64) -> u64 {
        let over = self.number.saturating_add(CRL_NUMBER_RISE_MAX + OVER_MAX);
        held.saturating_add(STEP_MAX).min(over).max(self.number.saturating_add(CRL_NUMBER_RISE_MAX))
    }

    fn comes_before(&self, made_ms: i64) -> bool {
        self.not_before_ms.is_some_and(|not_before_ms| made_ms < not_before_ms)
    }

    /// Whether a list of that date may have number `offered` after `held`, at a desk whose clock says `now_ms`.
    ///
    /// Errors: when to come again.
    pub(crate) fn check(&self, held: u64, offered: u64, made_ms: i64, now_ms: i64) -> Result<(), Early> {
        // A clock that was set back holds nobody up.
        let not_before_ms = self.not_before_ms.filter(|not_before_ms| *not_before_ms <= now_ms);
        let latest_ms = self.latest_ms.min(now_ms.saturating_add(CRL_AHEAD_MS_MAX));
        let pace = Self { not_before_ms, latest_ms, ..*self };
        let is_one_of_few = offered <= pace.most_of_few(held);
        if is_one_of_few && !pace.comes_before(made_ms) {
            return Ok(());
        }
        if made_ms <= now_ms && offered <= pace.most(made_ms) {
            return Ok(());
        }
        // A clock that is ahead dates the next one ahead as well: whoever was told to make another would be told so for ever.
        if made_ms > now_ms && self.check(held, offered, made_ms, made_ms).is_ok() {
            return Err(Early { in_ms: made_ms.saturating_sub(now_ms), is_dated_ahead: true });
        }
        let in_ms = if is_one_of_few || offered <= pace.most(now_ms) {
            0
        } else {
            let lists = offered.saturating_sub(pace.number).div_ceil(CRL_NUMBER_RISE_MAX);
            let after_ms = i64::try_from(lists.saturating_mul(BETWEEN_MS)).unwrap_or(i64::MAX);
            pace.latest_ms.saturating_add(after_ms).saturating_sub(now_ms)
        };
        Err(Early { in_ms, is_dated_ahead: false })
    }

    /// The pace after that list, which was taken at `now_ms`. It is counted from one that rises by many, which is not dated
    /// ahead.
    pub(crate) fn after(self, number: u64, made_ms: i64, now_ms: i64) -> Self {
        let is_above = number > self.number.saturating_add(CRL_NUMBER_RISE_MAX);
        if is_above && made_ms <= now_ms && number <= self.most(made_ms) {
            Self { number, not_before_ms: Some(made_ms), latest_ms: made_ms }
        } else {
            Self { latest_ms: self.latest_ms.max(made_ms), ..self }
        }
    }
}

#[cfg(test)]
impl Pace {
    /// One in which every field is set: its stored form is frozen.
    pub(crate) fn whole() -> Self {
        Self { number: 1, not_before_ms: Some(2), latest_ms: 3 }
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

    /// What a desk takes of an admin, or of whoever has the key, who does as much as can be done: many at once, few at once,
    /// dated back and dated ahead. `takes` is the desk: pace, number held, number offered, date, its clock.
    fn taken(seed: u64, takes: impl Fn(&Pace, u64, u64, i64, i64) -> bool) -> Vec<(u64, i64)> {
        let (mut draw, mut taken) = (Draw(seed), vec![(1, NOW_MS)]);
        let (mut pace, mut now_ms) = (Pace::from(1, NOW_MS), NOW_MS);
        while taken.len() < 300 {
            let held = taken.last().map_or(0, |(number, _)| *number);
            let number = held + [1, 10, 999, 1000][draw.below(4) as usize];
            let made_ms = now_ms + [-20_000, -1, 0, 9_999, 30_001, CRL_AHEAD_MS_MAX][draw.below(6) as usize];
            if takes(&pace, held, number, made_ms, now_ms) {
                pace = pace.after(number, made_ms, now_ms);
                taken.push((number, made_ms));
            } else {
                now_ms += 1_000;
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

    fn by_the_pace(pace: &Pace, held: u64, offered: u64, made_ms: i64, now_ms: i64) -> bool {
        pace.check(held, offered, made_ms, now_ms).is_ok()
    }

    #[test]
    fn whoever_has_any_list_that_the_desk_took_takes_each_one_after_it() {
        for seed in 0..50 {
            assert_eq!(refused_by_somebody(&taken(seed, by_the_pace)), 0, "seed {seed}");
        }
        // The control: a desk that only holds each list against the one before takes what others cannot.
        assert!(refused_by_somebody(&taken(7, |_, _, _, _, _| true)) > 0);
    }

    #[test]
    fn an_honest_admin_is_held_up_by_nothing_whatever_the_clock_of_the_machine_does() {
        let mut pace = Pace::from(1, NOW_MS + 7_000_000);
        for number in 2..1_000 {
            // The clock was ahead, is set, and lists come several a second.
            let made_ms = NOW_MS + i64::try_from(number).unwrap() / 5;
            assert_eq!(pace.check(number - 1, number, made_ms, made_ms + 300), Ok(()), "{number}");
            pace = pace.after(number, made_ms, made_ms + 300);
        }
    }

    /// Two hours of somebody with the stolen key, who takes the six lists of each minute as high as they may be, and of an agency
    /// that wants a list in force twice a minute.
    struct Pressed {
        /// How far ahead the thief dates its lists.
        thief_ahead_ms: &'static [i64],
        /// How far ahead the agency's clock is.
        agency_ahead_ms: i64,
        /// Whether the agency hands in the same list again when it is told so.
        waits_for_its_date: bool,
    }

    /// What came of it.
    struct Outcome {
        pace: Pace,
        held: u64,
        /// The longest that the agency has waited until one was taken, seconds.
        longest: i64,
        /// Whether a list that rises by a thousand was refused at any time.
        were_used_up: bool,
    }

    const PRESSED_SECONDS: i64 = 7_200;

    impl Pressed {
        fn run(&self) -> Outcome {
            let (mut pace, mut held) = (Pace::from(1, NOW_MS), 1);
            let (mut wanted_since, mut longest, mut were_used_up) = (None, 0, false);
            let mut kept: Option<(u64, i64, i64)> = None;
            for second in 0..PRESSED_SECONDS {
                let now_ms = NOW_MS + second * 1_000;
                let may = |number: &u64, made_ms| pace.check(held, *number, made_ms, now_ms).is_ok();
                let highest = |made_ms| {
                    (held + 1..=held + CRL_NUMBER_RISE_MAX).rev().find(|number| may(number, made_ms))
                };
                let dates = self.thief_ahead_ms.iter().map(|ahead_ms| now_ms + ahead_ms);
                if second % 10 == 0
                    && let Some((number, made_ms)) =
                        dates.filter_map(|made_ms| Some((highest(made_ms)?, made_ms))).max()
                {
                    (pace, held) = (pace.after(number, made_ms, now_ms), number);
                }
                if second % 30 == 0 {
                    wanted_since = wanted_since.or(Some(second));
                }
                let comes_ms = now_ms + 400;
                let many = held + CRL_NUMBER_RISE_MAX;
                were_used_up |= pace.check(held, many, now_ms, comes_ms).is_err();
                let Some(since) = wanted_since else { continue };
                // The agency adopts what is in force, and makes its own; by its next CA it is the same.
                let (number, made_ms) = match kept.take() {
                    Some((number, made_ms, at_ms)) if number > held => {
                        if comes_ms < at_ms {
                            kept = Some((number, made_ms, at_ms));
                            continue;
                        }
                        (number, made_ms)
                    }
                    _ if second % 30 == 0 => (held + 1, now_ms + 100 + self.agency_ahead_ms),
                    _ => continue,
                };
                match pace.check(held, number, made_ms, comes_ms) {
                    Ok(()) => {
                        (pace, held) = (pace.after(number, made_ms, comes_ms), number);
                        longest = longest.max(second - since);
                        wanted_since = None;
                    }
                    Err(Early { in_ms, is_dated_ahead: true }) if self.waits_for_its_date => {
                        kept = Some((number, made_ms, comes_ms + in_ms));
                    }
                    Err(_) => {}
                }
            }
            longest = longest.max(wanted_since.map_or(0, |since| PRESSED_SECONDS - since));
            Outcome { pace, held, longest, were_used_up }
        }
    }

    #[test]
    fn whoever_presses_on_with_the_stolen_key_and_dates_ahead_holds_up_no_list_of_the_agencys() {
        let pressed =
            Pressed { thief_ahead_ms: &[0, CRL_AHEAD_MS_MAX], agency_ahead_ms: 0, waits_for_its_date: true };
        let Outcome { pace, held, longest, were_used_up } = pressed.run();
        assert!(longest <= 120, "{longest} s until it was taken");
        assert!(were_used_up, "the control: the numbers were used up");
        // One that comes too early for its number is told when to come, and is taken then.
        let now_ms = NOW_MS + PRESSED_SECONDS * 1_000;
        let offered = held + CRL_NUMBER_RISE_MAX;
        let early = pace.check(held, offered, now_ms, now_ms).unwrap_err();
        assert!((1..=120_000).contains(&early.in_ms) && !early.is_dated_ahead, "{early:?}");
        let then_ms = now_ms + early.in_ms;
        assert_eq!(pace.check(held, offered, then_ms, then_ms), Ok(()));
        assert!(pace.check(held, offered, then_ms - 1, then_ms - 1).is_err());
    }

    #[test]
    fn nor_does_it_hold_up_an_agency_whose_clock_is_ahead() {
        // One presses by whatever is highest; one stays where the numbers have come as far as lists that are dated ahead may.
        for thief_ahead_ms in [&[0, CRL_AHEAD_MS_MAX][..], &[CRL_AHEAD_MS_MAX]] {
            for agency_ahead_ms in [0, 1_000, 30_000, CRL_AHEAD_MS_MAX - 100] {
                let waits = Pressed { thief_ahead_ms, agency_ahead_ms, waits_for_its_date: true };
                let Outcome { longest, were_used_up, .. } = waits.run();
                assert!(longest <= 120, "{longest} s until it was taken, {agency_ahead_ms} ms ahead");
                assert!(were_used_up);
            }
        }
        // The control: one that makes another list each time, which is dated ahead as well, gets none in force.
        let thief_ahead_ms = &[CRL_AHEAD_MS_MAX];
        let other = Pressed { thief_ahead_ms, agency_ahead_ms: 30_000, waits_for_its_date: false };
        assert!(other.run().longest > 3_600);
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
            pace = pace.after(round * 2_000 + 1, made_ms, made_ms).after(
                round * 2_000 + 1_001,
                made_ms,
                made_ms,
            );
        }
    }
}
