//! When a CA may sign, how long what it signs may live, and from when its people are told that it ends.
//!
//! Nobody else looks at the end of a CA: to them it is a name and a key (PROTOCOL.md, "Certificates"). So it is kept here,
//! where the key is. The keys that sign charters end with no CA, since the charter that replaces one has to be signed.

use alcove_charter::Ca;

/// Days before its end from which whoever uses a CA is told of it: the longest year. A roll-over waits for the signatures of
/// other agencies, and for every laptop.
pub const CA_END_TOLD_DAYS: u32 = 366;

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Milliseconds that a clock may be before the CA was made, and be believed all the same: the computer that made it may have
/// had the time of another zone.
const CLOCK_BEHIND_MS_MAX: i64 = DAY_MS;
/// Milliseconds between the beginning and the end of a certificate's last second.
const LAST_SECOND_MS: i64 = 999;

/// When a CA may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaLife {
    not_before_ms: i64,
    not_after_ms: i64,
    has_successor: bool,
}

/// Why a CA does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum LifeError {
    /// It has ended.
    Over {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// It ends in less than a day: a certificate could be used by nobody.
    AlmostOver {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// It was made after what this computer's clock says.
    NotYet {
        /// From when it may sign, milliseconds since 1970.
        not_before_ms: i64,
    },
}

impl CaLife {
    pub(crate) fn of(ca: &Ca, has_successor: bool) -> Self {
        let (not_before_ms, not_after_ms) = (ca.not_before_ms(), ca.not_after_ms());
        Self { not_before_ms, not_after_ms, has_successor }
    }

    /// Its last moment, milliseconds since 1970.
    pub fn not_after_ms(&self) -> i64 {
        self.not_after_ms
    }

    /// Whether the CA that takes over is made already.
    pub fn has_successor(&self) -> bool {
        self.has_successor
    }

    /// Whether its people are to be told that it ends, or has ended.
    pub fn is_near_end(&self, now_ms: i64) -> bool {
        now_ms >= self.not_after_ms.saturating_sub(i64::from(CA_END_TOLD_DAYS) * DAY_MS)
    }

    /// Whether it has ended.
    pub fn is_over(&self, now_ms: i64) -> bool {
        now_ms > self.not_after_ms
    }

    /// Whole days that are left; none after its end.
    pub fn days_left(&self, now_ms: i64) -> i64 {
        self.not_after_ms.saturating_sub(now_ms).max(0) / DAY_MS
    }

    /// Whether a certificate with this last second would have lived longer, had the CA.
    pub fn cuts_short(&self, leaf_not_after_ms: i64) -> bool {
        leaf_not_after_ms >= self.last_second_ms()
    }

    /// Whether `now_ms` can be what a clock says that is about right: a CA is not used before it is made.
    ///
    /// Errors: [`LifeError::NotYet`].
    pub fn check_clock(&self, now_ms: i64) -> Result<(), LifeError> {
        if now_ms < self.not_before_ms.saturating_sub(CLOCK_BEHIND_MS_MAX) {
            Err(LifeError::NotYet { not_before_ms: self.not_before_ms })
        } else {
            Ok(())
        }
    }

    /// Whether it signs at all.
    ///
    /// Errors: [`LifeError::Over`].
    pub fn check_signs(&self, now_ms: i64) -> Result<(), LifeError> {
        if self.is_over(now_ms) { Err(LifeError::Over { not_after_ms: self.not_after_ms }) } else { Ok(()) }
    }

    /// Whether a certificate for so many days can be made, as far as the CA goes.
    ///
    /// Errors: [`LifeError::Over`], [`LifeError::AlmostOver`].
    pub fn check_certifies(&self, days: u32, now_ms: i64) -> Result<(), LifeError> {
        self.end_of_leaf(now_ms.saturating_add(i64::from(days) * DAY_MS), now_ms).map(drop)
    }

    /// The last second of a certificate that is wanted until `wanted_ms`: no certificate outlives its CA.
    ///
    /// Errors: those of [`Self::check_signs`], [`LifeError::AlmostOver`].
    pub(crate) fn end_of_leaf(&self, wanted_ms: i64, now_ms: i64) -> Result<i64, LifeError> {
        self.check_signs(now_ms)?;
        let last_ms = self.last_second_ms();
        let second_ms = now_ms - now_ms.rem_euclid(1000);
        if wanted_ms > last_ms && last_ms.saturating_sub(second_ms) < DAY_MS {
            return Err(LifeError::AlmostOver { not_after_ms: self.not_after_ms });
        }
        Ok(wanted_ms.min(last_ms))
    }

    fn last_second_ms(&self) -> i64 {
        self.not_after_ms.saturating_sub(LAST_SECOND_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 2026-03-04 to the last second of 2036-02-29.
    const LIFE: CaLife =
        CaLife { not_before_ms: 1_772_582_400_000, not_after_ms: 2_087_942_399_999, has_successor: false };
    const END_MS: i64 = LIFE.not_after_ms;

    #[test]
    fn it_signs_to_its_last_moment_and_by_no_clock_from_long_before_its_first() {
        let (first_ms, not_after_ms) = (LIFE.not_before_ms, END_MS);
        let not_yet = Err(LifeError::NotYet { not_before_ms: first_ms });
        assert_eq!(LIFE.check_clock(first_ms - DAY_MS - 1), not_yet, "a day for a clock of another zone");
        assert_eq!(LIFE.check_clock(first_ms - DAY_MS), Ok(()));
        assert_eq!(LIFE.check_signs(END_MS), Ok(()));
        assert_eq!(LIFE.check_signs(END_MS + 1), Err(LifeError::Over { not_after_ms }));
        assert!(LIFE.is_over(END_MS + 1) && !LIFE.is_over(END_MS));
    }

    #[test]
    fn its_people_are_told_from_a_year_before_on_and_also_when_that_year_is_a_leap_year() {
        let march_2035_ms = 2_056_320_000_000;
        assert!(LIFE.is_near_end(march_2035_ms) && LIFE.is_near_end(END_MS - 366 * DAY_MS));
        assert!(!LIFE.is_near_end(END_MS - 366 * DAY_MS - 1));
        assert!(LIFE.is_near_end(END_MS + 1) && LIFE.is_near_end(i64::MAX));
        assert_eq!(LIFE.days_left(END_MS - 366 * DAY_MS), 366);
        assert_eq!((LIFE.days_left(END_MS - DAY_MS), LIFE.days_left(END_MS - DAY_MS + 1)), (1, 0));
        assert_eq!((LIFE.days_left(END_MS + 1), LIFE.days_left(i64::MAX)), (0, 0));
    }

    #[test]
    fn no_certificate_outlives_it_and_none_is_made_for_less_than_a_day() {
        let last_ms = END_MS - LAST_SECOND_MS;
        let now_ms = last_ms - 30 * DAY_MS;
        assert_eq!(LIFE.end_of_leaf(now_ms + 29 * DAY_MS, now_ms), Ok(now_ms + 29 * DAY_MS));
        assert_eq!(LIFE.end_of_leaf(last_ms, now_ms), Ok(last_ms));
        assert_eq!(LIFE.end_of_leaf(now_ms + 90 * DAY_MS, now_ms), Ok(last_ms));
        assert!(LIFE.cuts_short(last_ms) && !LIFE.cuts_short(last_ms - 1));
        let day_before_ms = last_ms - DAY_MS;
        for within_second in [0, 999] {
            let now_ms = day_before_ms + within_second;
            assert_eq!(LIFE.end_of_leaf(now_ms + 90 * DAY_MS, now_ms), Ok(last_ms), "a day is left");
        }
        let almost = Err(LifeError::AlmostOver { not_after_ms: END_MS });
        assert_eq!(LIFE.end_of_leaf(last_ms + 90 * DAY_MS, day_before_ms + 1000), almost);
        let over = Err(LifeError::Over { not_after_ms: END_MS });
        assert_eq!(LIFE.end_of_leaf(last_ms + 90 * DAY_MS, END_MS + 1), over);
    }
}
