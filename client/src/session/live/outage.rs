//! When it is told that the server is away, and that it is back: a whole night without it is one line, and so is a bad hour.

use std::time::Duration;
use tokio::time::Instant;

/// Time after an outage that was told in which a short one is not: a network that comes and goes.
const RESTLESS: Duration = Duration::from_secs(600);
/// What lasts longer than this is told all the same.
const SHORT: Duration = Duration::from_secs(60);

/// What was told of the server's being away.
#[derive(Default)]
pub(super) struct Outage {
    since: Option<Instant>,
    is_told: bool,
    /// Also that somebody else answers.
    is_told_who: bool,
    last_told: Option<Instant>,
}

impl Outage {
    /// The server is away, and perhaps somebody else answers in its place. Returns whether that is to be told now: once, and
    /// once more when somebody answers who has not before.
    pub(super) fn goes_on(&mut self, now: Instant, in_its_place: bool) -> bool {
        let since = *self.since.get_or_insert(now);
        let is_restless = self.last_told.is_some_and(|last| now.duration_since(last) < RESTLESS);
        if self.is_told {
            return in_its_place && !std::mem::replace(&mut self.is_told_who, true);
        }
        if is_restless && now.duration_since(since) < SHORT {
            return false;
        }
        (self.is_told, self.is_told_who) = (true, in_its_place);
        self.last_told = Some(now);
        true
    }

    /// The server is there. Returns whether that is to be told: only whoever heard of the outage has waited for it.
    pub(super) fn is_over(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_without_the_server_is_told_once_and_its_end_once() {
        let (mut outage, begun) = (Outage::default(), Instant::now());
        assert!(!outage.is_over(), "it was never away");
        let told =
            (0..4 * 60 * 10).filter(|tick| outage.goes_on(begun + Duration::from_secs(15) * *tick, false));
        assert_eq!(told.count(), 1);
        assert!(outage.is_over());
        assert!(!outage.is_over());
        assert!(
            outage.goes_on(begun + Duration::from_secs(12 * 3600), false),
            "the next night is another one"
        );
    }

    #[test]
    fn somebody_in_the_servers_place_is_told_in_the_middle_of_an_outage_once() {
        let (mut outage, begun) = (Outage::default(), Instant::now());
        let told = [false, true, true, false, true].map(|in_its_place| outage.goes_on(begun, in_its_place));
        assert_eq!(told, [true, true, false, false, false]);
    }

    #[test]
    fn a_network_that_comes_and_goes_is_told_once_unless_it_stays_away() {
        let (mut outage, begun) = (Outage::default(), Instant::now());
        assert!(outage.goes_on(begun, false));
        assert!(outage.is_over());
        for second in 1..300 {
            assert!(!outage.goes_on(begun + Duration::from_secs(second), false));
            assert!(!outage.is_over(), "nobody heard that it was away");
        }
        let away = begun + Duration::from_secs(300);
        assert!(!outage.goes_on(away, false));
        assert!(outage.goes_on(away + SHORT, false));
        assert!(outage.is_over());
    }
}
