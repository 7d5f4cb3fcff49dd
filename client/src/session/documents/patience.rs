//! How long a transfer goes on trying while the server cannot be reached.

use std::time::Duration;
use tokio::time::Instant;

/// Pause before the first new try; it doubles from there. Each try makes several of its own.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two tries: what comes back is noticed within it.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The patience of one transfer. Every sign of life renews it.
pub(super) struct Patience {
    limit: Duration,
    pause: Duration,
    waiting_since: Option<Instant>,
}

impl Patience {
    /// Waits up to `limit` from the first failure on; with none, the first failure is the end.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, pause: PAUSE, waiting_since: None }
    }

    /// Something came through.
    pub(super) fn renew(&mut self) {
        self.waiting_since = None;
        self.pause = PAUSE;
    }

    /// A try failed: when to make the next one, or nothing when patience has run out.
    pub(super) fn next_try(&mut self, now: Instant) -> Option<Instant> {
        let since = *self.waiting_since.get_or_insert(now);
        let end = since + self.limit;
        if now >= end {
            return None;
        }
        let next = (now + self.pause).min(end);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries until patience runs out, each failing at once: how many, and how long it took.
    fn endure(patience: &mut Patience) -> (u32, Duration) {
        let began = Instant::now();
        let (mut now, mut tries) = (began, 0);
        while let Some(next) = patience.next_try(now) {
            assert!(next > now && next <= now + PAUSE_MAX, "a try every few seconds");
            (now, tries) = (next, tries + 1);
        }
        (tries, now - began)
    }

    #[test]
    fn patience_lasts_as_long_as_it_was_given_and_no_longer() {
        let minute = Duration::from_secs(60);
        let (tries, lasted) = endure(&mut Patience::new(minute));
        assert_eq!(lasted, minute);
        assert!((10..30).contains(&tries), "{tries} tries");
        assert_eq!(endure(&mut Patience::new(Duration::ZERO)), (0, Duration::ZERO));
    }

    #[test]
    fn a_sign_of_life_renews_it() {
        let mut patience = Patience::new(Duration::from_secs(60));
        endure(&mut patience);
        patience.renew();
        assert_eq!(endure(&mut patience).1, Duration::from_secs(60));
    }
}
