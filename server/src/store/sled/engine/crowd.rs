//! How long the committer waits for more to flush at once: not at all for one or two askers, a moment among many.
//!
//! Askers who wait for their answer before they ask again come back together after each flush. A flush that
//! begins with the first of them leaves the others for one flush more each; one that waits until half of them
//! are there lets the disk work for that half while the other half is on its way.

use std::time::{Duration, Instant};

/// Longest wait: about what half of 64 askers take to come back on two cores.
const WAIT_MAX: Duration = Duration::from_millis(4);
/// Time between two looks at the queue. A look costs a switch of threads, like an act that is not waited for.
const STEP: Duration = Duration::from_micros(250);

/// What is known of the askers.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// About how many ask at one time.
    askers: usize,
}

impl Crowd {
    /// Learns from a flush of `acts` acts during which `queued` more came.
    pub(crate) fn flushed(&mut self, acts: usize, queued: usize) {
        // A crowd is believed at once, and its end within some flushes.
        self.askers = (acts + queued).max(self.askers - self.askers.div_ceil(8));
    }

    /// Waits until half of the crowd is `there`, and never for long.
    #[expect(clippy::disallowed_methods, reason = "whoever comes should not have to wake the committer")]
    pub(crate) fn wait_for_more(&self, there: impl Fn() -> usize) {
        let began = Instant::now();
        while there() < self.askers / 2 && began.elapsed() < WAIT_MAX {
            std::thread::sleep(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn looks(crowd: &Crowd, there: impl Fn(usize) -> usize) -> usize {
        let looks = Cell::new(0);
        crowd.wait_for_more(|| {
            looks.set(looks.get() + 1);
            there(looks.get())
        });
        looks.get()
    }

    #[test]
    fn whoever_asks_alone_never_waits() {
        let mut crowd = Crowd::default();
        assert_eq!(looks(&crowd, |_| 1), 1);
        for queued in [0, 1, 2] {
            crowd.flushed(1, queued);
            assert_eq!(looks(&crowd, |_| 1), 1, "{queued} more");
        }
    }

    #[test]
    fn a_crowd_is_waited_for_until_half_of_it_is_there_and_never_for_long() {
        let mut crowd = Crowd::default();
        crowd.flushed(10, 30);
        assert_eq!(looks(&crowd, |look| 10 * look), 2, "20 of 40 are enough");
        let began = Instant::now();
        assert!(looks(&crowd, |_| 1) > 1, "for those who do not come");
        assert!(began.elapsed() >= WAIT_MAX);
    }

    #[test]
    fn a_crowd_that_has_gone_is_forgotten() {
        let mut crowd = Crowd::default();
        crowd.flushed(32, 32);
        let flushes = (1..1000).find(|_| {
            crowd.flushed(1, 0);
            looks(&crowd, |_| 1) == 1
        });
        assert!(flushes.is_some_and(|flushes| flushes < 40), "{flushes:?}");
    }
}
