//! The revocation list of a watch: what is left to do with it, and when. Whatever the desk says of a list, renewals go on.

use super::{
    clock::clock_ms,
    output::Output,
    pauses::{BACKOFF_SECONDS_MAX, longer},
    publishing::of_a_list,
};
use alcove_issuer::{
    DeskError, IssuerError, ListError, Visit,
    telling::{
        published::{Watched, watched as watched_text},
        tell,
    },
};
use alcove_proto::v1::Reason;
use std::path::Path;

/// A revocation list that is not in force yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListLeft {
    /// Whether one has to be made that takes the place of the newest, which comes too early for its number.
    is_another: bool,
    /// When the desk refused it last, milliseconds since 1970.
    refused_at_ms: i64,
    /// For how long it is not handed in again after that.
    wait_seconds: u64,
}

impl ListLeft {
    /// The newest one, which has not been refused.
    pub(super) fn at_once() -> Self {
        Self { is_another: false, refused_at_ms: 0, wait_seconds: 0 }
    }

    /// The one that was made now. How long was waited before counts on: a desk that refuses each one must not fill the ledger.
    pub(super) fn made(self) -> Self {
        Self { is_another: false, refused_at_ms: 0, ..self }
    }

    /// The same or another one in so many milliseconds, as the desk says, and longer after each refusal in a row.
    fn refused(self, is_another: bool, retry_after_ms: u64, now_ms: i64) -> Self {
        // Rounded up, so that nobody comes a moment too early.
        let asked_seconds = retry_after_ms.div_ceil(1000).clamp(1, BACKOFF_SECONDS_MAX);
        Self { is_another, refused_at_ms: now_ms, wait_seconds: asked_seconds.max(longer(self.wait_seconds)) }
    }

    /// A clock that was set, forward or back, holds nothing up.
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        now_ms.abs_diff(self.refused_at_ms) / 1000 >= self.wait_seconds
    }

    /// Whether it is due, and has to be made before.
    pub(super) fn is_another_due(&self, now_ms: i64) -> bool {
        self.is_another && self.is_due(now_ms)
    }

    /// Seconds until it is due, one at least.
    pub(super) fn seconds_left(&self, now_ms: i64) -> u64 {
        self.wait_seconds.saturating_sub(now_ms.abs_diff(self.refused_at_ms) / 1000).max(1)
    }
}

/// Hands the newest list in, and tells what became of it. Returns what is left to do; nothing also where no later try would do.
///
/// Errors: as of any call at the desk.
pub(super) fn submit(
    visit: &Visit,
    list: ListLeft,
    folder: &Path,
    output: &mut Output,
) -> Result<Option<ListLeft>, IssuerError> {
    let crl = visit.ca.newest_crl()?;
    let told;
    let (watched, left) = match visit.submit_crl(crl).map_err(of_a_list) {
        Ok(published) => (Watched::InForce { number: published.number, cut: published.cut }, None),
        // The server has this list or a newer one: nothing is left to do.
        Err(IssuerError::Desk(DeskError::Refused { reason: Reason::TrustRefused, .. })) => {
            (Watched::NotAccepted, None)
        }
        Err(IssuerError::List(ListError::Ahead { retry_after_ms })) => {
            let left = list.refused(false, retry_after_ms, clock_ms());
            (Watched::Ahead { seconds: left.wait_seconds }, Some(left))
        }
        Err(IssuerError::List(ListError::TooEarly { number, retry_after_ms })) => {
            let left = list.refused(true, retry_after_ms, clock_ms());
            (Watched::TooEarly { number, seconds: left.wait_seconds }, Some(left))
        }
        // Nor does it later, whatever is tried: somebody has to look.
        Err(IssuerError::Desk(DeskError::Refused { reason: Reason::ListRefused, .. })) => {
            (Watched::TakesBack, None)
        }
        Err(
            error @ (IssuerError::List(ListError::Full { .. })
            | IssuerError::Desk(DeskError::Refused { reason: Reason::TooLarge, .. })),
        ) => {
            told = tell(output.language, &error, clock_ms());
            (Watched::Refused(&told), None)
        }
        Err(error) => return Err(error),
    };
    output.remark(&watched_text(output.language, watched, &folder.join("agency.crl")))?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    #[test]
    fn a_list_is_handed_in_again_when_the_desk_says_and_ever_later_whatever_it_says() {
        let first = ListLeft::at_once();
        assert!(first.is_due(NOW_MS));
        let early = first.refused(true, 19_001, NOW_MS);
        assert!(!early.is_due(NOW_MS + 19_999) && early.is_another_due(NOW_MS + 20_000));
        assert_eq!(early.seconds_left(NOW_MS + 5_000), 15);
        assert!(early.is_due(NOW_MS - 3_600_000), "the clock was set back");
        assert!(early.made().is_due(NOW_MS) && !early.made().is_another_due(NOW_MS));

        let mut waits = Vec::new();
        let mut left = ListLeft::at_once();
        for _ in 0..20 {
            left = left.refused(true, 1, NOW_MS).made();
            waits.push(left.wait_seconds);
        }
        assert_eq!(waits[..4], [1, 2, 4, 8]);
        assert_eq!(waits.last(), Some(&BACKOFF_SECONDS_MAX));
        assert_eq!(first.refused(false, u64::MAX, NOW_MS).wait_seconds, BACKOFF_SECONDS_MAX);
    }
}
