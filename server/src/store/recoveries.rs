//! Attempts at recovery, in domain types: announced by an agency's admin, open to objection, and then handed out by.
//!
//! An attempt's state follows from what was done and from the time: nothing has to be running for it to open or to end.
//! The store judges what must be judged in the instant of the write, and no signature. PROTOCOL.md, "Recovery", step 9.

use super::{access::PositionRange, audit::By, error::Answer};
use alcove_proto::{
    ids::{AttemptId, GroupId},
    limits::{RECOVERY_DELAY_MS, RECOVERY_OPEN_MS},
    names::{Identity, TrustDomain},
};
use bytes::Bytes;

pub use alcove_proto::v1::AttemptState;

/// Bytes of one encoded Order that announces an attempt.
pub const ATTEMPT_ORDER_BYTES_MAX: usize = 4 * 1024;

/// An attempt to announce. The device it is for is the act's [`By`], and its agency the attempt's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Its id, drawn by the admin's program.
    pub attempt: AttemptId,
    /// Encoded Order, at most [`ATTEMPT_ORDER_BYTES_MAX`]; opaque here.
    pub order: Bytes,
    /// By the agency's charter key.
    pub signature: Bytes,
}

/// What came of announcing an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenAttemptOutcome {
    /// It is announced, now or by the very same order before.
    Announced,
    /// The id is another attempt's.
    IdReused,
    /// Another attempt for that device has been announced, and neither handed out nor ended. Nothing changed.
    Stands,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub attempt: AttemptId,
    /// The device it is for.
    pub identity: Identity,
    /// Encoded Order.
    pub order: Bytes,
    /// By the agency's charter key.
    pub signature: Bytes,
    /// Server time, milliseconds since 1970.
    pub announced_at_ms: i64,
    /// When something was first handed out.
    pub handed_out_at_ms: Option<i64>,
    /// When it was taken back.
    pub withdrawn_at_ms: Option<i64>,
    /// When a device objected, and its encoded SignedObjection.
    pub objected: Option<(i64, Bytes)>,
}

impl Attempt {
    /// The first moment at which something may be handed out, milliseconds since 1970.
    pub fn open_from_ms(&self) -> i64 {
        self.announced_at_ms.saturating_add(RECOVERY_DELAY_MS)
    }

    /// The moment from which nothing is handed out any more.
    pub fn ends_at_ms(&self) -> i64 {
        self.open_from_ms().saturating_add(RECOVERY_OPEN_MS)
    }

    /// Its state at `now_ms`, and since when.
    pub fn state(&self, now_ms: i64) -> (AttemptState, i64) {
        if let Some((at_ms, _)) = self.objected {
            return (AttemptState::Objected, at_ms);
        }
        if let Some(at_ms) = self.withdrawn_at_ms {
            return (AttemptState::Withdrawn, at_ms);
        }
        if let Some(at_ms) = self.handed_out_at_ms {
            return (AttemptState::HandedOut, at_ms);
        }
        if now_ms >= self.ends_at_ms() {
            (AttemptState::Ended, self.ends_at_ms())
        } else if now_ms >= self.open_from_ms() {
            (AttemptState::Open, self.open_from_ms())
        } else {
            (AttemptState::Announced, self.announced_at_ms)
        }
    }

    /// Whether something may be handed out by it at `now_ms`, for the first time or again.
    pub fn is_open(&self, now_ms: i64) -> bool {
        match self.state(now_ms).0 {
            AttemptState::Open => true,
            AttemptState::HandedOut => now_ms < self.ends_at_ms(),
            AttemptState::Announced
            | AttemptState::Objected
            | AttemptState::Withdrawn
            | AttemptState::Ended
            | AttemptState::Unspecified => false,
        }
    }
}

/// What is opened to the device of an attempt in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredAccess {
    /// The group.
    pub group: GroupId,
    /// Disjoint, in order.
    pub ranges: Vec<PositionRange>,
}

/// Attempts at recovery.
pub trait Recoveries: Send + Sync + 'static {
    /// Announces an attempt at recovery for the device. Of each agency at most
    /// [`alcove_proto::limits::RECOVERY_ATTEMPTS_MAX`] are kept; the oldest that is over makes way.
    ///
    /// Errors: [`super::error::StoreError::TooLarge`], [`super::error::StoreError::TooMany`] when none of them is over.
    fn open_attempt(&self, attempt: NewAttempt, by: By) -> impl Answer<OpenAttemptOutcome>;

    /// Takes an attempt back, unless something has been handed out by it or it is over. Answers it as it stands then; nothing when there is none.
    /// `time_ms`: server time; `request`: the id of the call.
    fn withdraw_attempt(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        time_ms: i64,
        request: u64,
    ) -> impl Answer<Option<Attempt>>;

    /// Takes the caller's objection to an attempt of its agency, unless something has been handed out by it or it is
    /// over. Answers it as it stands then; nothing when there is none. Errors: [`super::error::StoreError::TooLarge`].
    fn object_to_attempt(
        &self,
        attempt: AttemptId,
        signed_objection: Bytes,
        by: By,
    ) -> impl Answer<Option<Attempt>>;

    /// Marks an attempt as handed out, if it is open or was handed out before, and opens log positions to its device.
    /// Answers it as it stands then, changed or not; nothing when there is none.
    fn hand_out(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        accesses: Vec<RecoveredAccess>,
        time_ms: i64,
        request: u64,
    ) -> impl Answer<Option<Attempt>>;

    /// One attempt.
    fn attempt(&self, trust_domain: TrustDomain, attempt: AttemptId) -> impl Answer<Option<Attempt>>;

    /// An agency's attempts, newest first.
    fn attempts(&self, trust_domain: TrustDomain) -> impl Answer<Vec<Attempt>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            attempt: AttemptId([1; 16]),
            identity: "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/2"
                .parse()
                .unwrap(),
            order: Bytes::new(),
            signature: Bytes::new(),
            announced_at_ms: 1_000,
            handed_out_at_ms: None,
            withdrawn_at_ms: None,
            objected: None,
        }
    }

    #[test]
    fn an_attempt_opens_and_ends_by_the_time_alone() {
        let open = 1_000 + RECOVERY_DELAY_MS;
        let end = open + RECOVERY_OPEN_MS;
        let announced = attempt();
        assert_eq!(announced.state(1_000), (AttemptState::Announced, 1_000));
        assert_eq!(announced.state(open - 1), (AttemptState::Announced, 1_000));
        assert_eq!(announced.state(open), (AttemptState::Open, open));
        assert_eq!(announced.state(end - 1), (AttemptState::Open, open));
        assert_eq!(announced.state(end), (AttemptState::Ended, end));
        let handed_out = Attempt { handed_out_at_ms: Some(open + 5), ..attempt() };
        assert_eq!(handed_out.state(open + 9), (AttemptState::HandedOut, open + 5));
        assert_eq!(handed_out.state(end), (AttemptState::HandedOut, open + 5), "nobody forgets it");
        let opens = [open - 1, open, end - 1, end];
        assert_eq!(opens.map(|now_ms| announced.is_open(now_ms)), [false, true, true, false]);
        assert!(handed_out.is_open(end - 1) && !handed_out.is_open(end));
    }

    #[test]
    fn an_objection_and_a_withdrawal_stay_what_they_are() {
        let objected = Attempt { objected: Some((7, Bytes::new())), ..attempt() };
        let withdrawn = Attempt { withdrawn_at_ms: Some(8), ..attempt() };
        for now_ms in [9, 1_000 + RECOVERY_DELAY_MS, i64::MAX] {
            assert_eq!(objected.state(now_ms), (AttemptState::Objected, 7));
            assert_eq!(withdrawn.state(now_ms), (AttemptState::Withdrawn, 8));
            assert!(!objected.is_open(now_ms) && !withdrawn.is_open(now_ms));
        }
    }
}
