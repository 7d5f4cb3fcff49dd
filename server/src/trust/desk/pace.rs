//! How many lists a minute: so many of each CA, whatever they add.
//!
//! Putting a list in force costs everybody: it is read again, every live connection is judged by it, and every device
//! fetches it. What one adds is no measure, since serial numbers can be made up. They are counted by the key of the CA and
//! not by the agency: while one rolls over, whoever has stolen the old key uses up nothing of the new one's.
//! Counted in memory: a server that was started anew has taken none, and what whoever missed lists counts on is the
//! numbers in them, which are kept. PROTOCOL.md section 8, "Lists", 4.

use alcove_charter::P256Point;
use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);

/// The lists of the last minute.
#[derive(Debug)]
pub(super) struct Lists {
    per_minute_max: NonZeroU32,
    /// When one was read, by the CA that signed it; oldest first. As many CAs as charters have named at most.
    read: HashMap<P256Point, VecDeque<Instant>>,
}

impl Lists {
    pub(super) fn new(per_minute_max: NonZeroU32) -> Self {
        Self { per_minute_max, read: HashMap::new() }
    }

    /// Counts one more of `signer`'s, that is about to be read at `now`; or says how long that has to wait.
    ///
    /// Only what `signer` has signed and is newer than what is in force may be counted: everything else anybody can hand in.
    pub(super) fn count(&mut self, signer: &P256Point, now: Instant) -> Result<(), Duration> {
        let read = self.read.entry(*signer).or_default();
        while read.front().is_some_and(|at| now.saturating_duration_since(*at) >= MINUTE) {
            read.pop_front();
        }
        match read.front() {
            Some(oldest) if read.len() as u64 >= u64::from(self.per_minute_max.get()) => {
                Err(MINUTE.saturating_sub(now.saturating_duration_since(*oldest)))
            }
            Some(_) | None => {
                read.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ca_has_six_lists_a_minute_and_takes_nothing_from_another() {
        let (mut lists, began) = (Lists::new(NonZeroU32::new(6).unwrap()), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let [one, other] = [1, 2].map(|filling| {
            let mut bytes = [filling; P256Point::LEN];
            bytes[0] = 4;
            P256Point::parse(&bytes).unwrap()
        });
        for second in 0..6 {
            assert_eq!(lists.count(&one, at(second)), Ok(()));
        }
        assert_eq!(
            lists.count(&one, at(10)),
            Err(Duration::from_secs(50)),
            "until the first is a minute old"
        );
        assert_eq!(lists.count(&other, at(10)), Ok(()));
        assert_eq!(lists.count(&one, at(59)), Err(Duration::from_secs(1)), "being refused costs nothing");
        assert_eq!(lists.count(&one, at(60)), Ok(()));
        assert_eq!(lists.count(&one, at(60)), Err(Duration::from_secs(1)));
    }
}
