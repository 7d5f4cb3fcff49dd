//! Who was turned away before anybody knew who it was: counted, and told once a minute.
//!
//! One line each would let whoever opens sockets fill the disk with lines, and what an operator looks for would drown in
//! them. So the first is told at once, with what it was; those of the minute after it by their numbers, together with what
//! the last of them was. With the log at `debug` each one has its line.

use std::{
    fmt::Display,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Time between two lines.
const MINUTE: Duration = Duration::from_secs(60);

/// What somebody was turned away for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The handshake failed: no certificate, or one that is not believed.
    Handshake,
    /// Nothing was said in time, or too little.
    Silence,
    /// Newer ones took the place, or there was none.
    Crowd,
    /// A call was refused.
    Call,
}

const KINDS: usize = 4;

/// The tally of one door.
#[derive(Debug)]
pub(crate) struct Strangers {
    door: &'static str,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    told_at: Option<Instant>,
    /// Since the last line, by kind.
    untold: [u64; KINDS],
    /// What the last of them was.
    last: String,
}

impl Strangers {
    pub(crate) fn of(door: &'static str) -> Self {
        Self { door, tally: Mutex::default() }
    }

    /// Counts one at `now`, and writes a line unless there was one within the minute.
    pub(crate) fn turned_away(&self, why: Why, what: &dyn Display, now: Instant) {
        let due = self.lock().count(why, what, now);
        self.write(due);
    }

    /// Writes a line of those that are not told yet, if the minute is over: the last of many are told too.
    pub(crate) fn tell_rest(&self, now: Instant) {
        let due = self.lock().due(now);
        self.write(due);
    }

    /// The same when the door closes, whatever the time.
    pub(crate) fn tell_last(&self) {
        let due = self.lock().take();
        self.write(due);
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        // Every change is complete before anything can panic.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, due: Option<Due>) {
        let Some(Due { counts: [handshakes, silent, crowded, calls], last }) = due else { return };
        let door = self.door;
        if crowded > 0 {
            let what = "strangers turned away, for want of room too";
            tracing::warn!(door, handshakes, silent, crowded, calls, last, "{what}");
        } else {
            tracing::info!(door, handshakes, silent, crowded, calls, last, "strangers turned away");
        }
    }
}

/// What a line is to say.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    counts: [u64; KINDS],
    last: String,
}

impl Tally {
    fn count(&mut self, why: Why, what: &dyn Display, now: Instant) -> Option<Due> {
        self.untold[why as usize] += 1;
        self.last = what.to_string();
        self.due(now)
    }

    fn due(&mut self, now: Instant) -> Option<Due> {
        if self.told_at.is_some_and(|at| now.saturating_duration_since(at) < MINUTE) {
            return None;
        }
        let due = self.take()?;
        self.told_at = Some(now);
        Some(due)
    }

    fn take(&mut self) -> Option<Due> {
        let counts = std::mem::take(&mut self.untold);
        (counts != [0; KINDS]).then(|| Due { counts, last: std::mem::take(&mut self.last) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_those_of_a_minute_by_their_numbers() {
        let (mut tally, began) = (Tally::default(), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        let due = |counts, last: &str| Some(Due { counts, last: last.to_owned() });
        assert_eq!(tally.due(at(0)), None, "nobody came");
        assert_eq!(
            tally.count(Why::Handshake, &"no certificate", at(0)),
            due([1, 0, 0, 0], "no certificate")
        );
        for ms in 1..6_000 {
            assert_eq!(tally.count(Why::Crowd, &"pushed out", at(ms)), None);
        }
        assert_eq!(tally.count(Why::Call, &"a call", at(59_999)), None);
        assert_eq!(tally.due(at(60_000)), due([0, 0, 5_999, 1], "a call"));
        assert_eq!(tally.due(at(120_000)), None, "all are told");
        assert_eq!(tally.count(Why::Silence, &"silent", at(120_000)), due([0, 1, 0, 0], "silent"));
    }
}
