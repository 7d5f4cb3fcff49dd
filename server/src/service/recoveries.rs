//! Attempts at recovery: announced by an agency's admin, shown to its devices, and handed out by when none has objected.
//!
//! The order that announces one is signed by the agency's charter key, and every device is shown order and signature: the
//! server cannot make one up. An objection is signed by the device's MLS key, and the admin is shown it. PROTOCOL.md,
//! "Recovery", step 9.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{
    Escrow, Recoveries,
    audit::By,
    escrow::{EscrowPage, EscrowQuery},
    recoveries::{Attempt, AttemptState, NewAttempt, OpenAttemptOutcome, RecoveredAccess},
};
use alcove_charter::{Judge, ObjectionError, VerifiedObjection, spelled_words};
use alcove_proto::{
    ids::{AttemptId, Digest},
    limits::{ESCROW_PAGE_BYTES_MAX, OBJECTION_BYTES_MAX},
    names::TrustDomain,
    v1,
};
use bytes::Bytes;

/// Bytes of a cursor: what a key of the store has at most.
const CURSOR_BYTES_MAX: usize = 1024;

/// An attempt as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptNow {
    /// The attempt.
    pub attempt: Attempt,
    /// How far it has come.
    pub state: AttemptState,
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
}

impl<S: Recoveries> Service<S> {
    /// The attempts in the caller's agency, newest first.
    ///
    /// Errors: those of the store.
    pub async fn list_recoveries(&self, caller: &Caller) -> Result<Vec<AttemptNow>, ServiceError> {
        self.inner.attempts(&caller.identity.person.trust_domain).await
    }

    /// Takes the caller's objection, an encoded [`v1::SignedObjection`], and answers what has become of the attempt: an
    /// objection after something was handed out changes nothing.
    ///
    /// Errors: [`ServiceError::NotFound`] when the caller's agency has no such attempt; [`ServiceError::NotAuthorised`] when
    /// it is not the caller's own, or not signed by a certificate of it that holds now; [`ServiceError::Malformed`],
    /// [`ServiceError::NotCanonical`], [`ServiceError::TooLarge`].
    pub async fn object_to_recovery(
        &self,
        caller: &Caller,
        signed_objection: Bytes,
    ) -> Result<AttemptState, ServiceError> {
        let inner = &self.inner;
        let trust = inner.trust();
        let moment = trust.moment(inner.clock.now_ms());
        let verified = VerifiedObjection::verify(&signed_objection, &trust, Judge::At(&moment))
            .map_err(|error| refused(&error))?;
        if verified.objection.identity != caller.identity {
            return Err(ServiceError::NotAuthorised);
        }
        let attempt = verified.objection.attempt;
        let by = inner.by(caller);
        let time_ms = by.time_ms;
        let now = inner.store.object_to_attempt(attempt, signed_objection, by).await?;
        Ok(now.ok_or(ServiceError::NotFound)?.state(time_ms).0)
    }
}

impl<S: Recoveries> Inner<S> {
    /// An agency's attempts as they stand now, newest first.
    pub(super) async fn attempts(&self, agency: &TrustDomain) -> Result<Vec<AttemptNow>, ServiceError> {
        let now_ms = self.clock.now_ms();
        let attempts = self.store.attempts(agency.clone()).await?;
        let now = |attempt: Attempt| {
            let (state, since_ms) = attempt.state(now_ms);
            AttemptNow { attempt, state, since_ms }
        };
        Ok(attempts.into_iter().map(now).collect())
    }

    /// Announces an attempt for the device `by.identity`, which is of the agency whose signature of the order this is.
    pub(super) async fn open_recovery(
        &self,
        open: &v1::OpenRecovery,
        (order, signature): (Bytes, Bytes),
        by: By,
    ) -> Result<(), ServiceError> {
        let attempt = attempt_id(&open.attempt_id)?;
        // Whoever is told of the attempt reads them out on the phone.
        if spelled_words(&open.request_words).as_ref() != Some(&open.request_words) {
            return Err(ServiceError::Malformed);
        }
        match self.store.open_attempt(NewAttempt { attempt, order, signature }, by).await? {
            OpenAttemptOutcome::Announced => Ok(()),
            OpenAttemptOutcome::IdReused => Err(ServiceError::IdReused),
            OpenAttemptOutcome::Stands => Err(ServiceError::RecoveryStands),
        }
    }

    /// Takes an attempt back; one by which something was handed out, or that is over, stays what it is.
    pub(super) async fn withdraw_recovery(
        &self,
        agency: &TrustDomain,
        attempt: &[u8],
        request: u64,
    ) -> Result<(), ServiceError> {
        let (attempt, now_ms) = (attempt_id(attempt)?, self.clock.now_ms());
        let withdrawn = self.store.withdraw_attempt(agency.clone(), attempt, now_ms, request).await?;
        withdrawn.map(drop).ok_or(ServiceError::NotFound)
    }
}

impl<S: Escrow + Recoveries> Inner<S> {
    /// One page of what an attempt is for. With the first one, before it is answered and on disk, the attempt counts as
    /// handed out and its device may read the log at these epochs and grants.
    pub(super) async fn read_escrow(
        &self,
        agency: &TrustDomain,
        read: v1::ReadEscrow,
        request: u64,
    ) -> Result<EscrowPage, ServiceError> {
        let id = attempt_id(&read.attempt_id)?;
        let hash = Digest::try_from(&read.recovery_key_hash[..]).map_err(|_| ServiceError::Malformed)?;
        if read.cursor.len() > CURSOR_BYTES_MAX {
            return Err(ServiceError::TooLarge { limit: CURSOR_BYTES_MAX as u64 });
        }
        let now_ms = self.clock.now_ms();
        let attempt = self.store.attempt(agency.clone(), id).await?.ok_or(ServiceError::NotFound)?;
        let handed_out = may_be_read(&attempt, now_ms)?;
        let person = attempt.identity.person.clone();
        let is_first = read.cursor.is_empty();
        if is_first || !handed_out {
            let recoverable = self.store.recoverable(person.clone(), hash).await?;
            let accesses = recoverable.into_iter().filter(|group| !group.positions.is_empty());
            let accesses = accesses
                .map(|group| RecoveredAccess { group: group.group, ranges: group.positions })
                .collect();
            // Judged again in the instant of the write: somebody may have objected meanwhile.
            let now = self.store.hand_out(agency.clone(), id, accesses, now_ms, request).await?;
            may_be_read(&now.ok_or(ServiceError::NotFound)?, now_ms)?;
        }
        let after = (!is_first).then_some(read.cursor);
        let query = EscrowQuery { person, recovery_key_hash: hash, after, bytes_max: ESCROW_PAGE_BYTES_MAX };
        Ok(self.store.escrow_page(query).await?)
    }
}

/// Whether something has been handed out before.
///
/// Errors: [`ServiceError::RecoveryNotOpen`].
fn may_be_read(attempt: &Attempt, now_ms: i64) -> Result<bool, ServiceError> {
    if attempt.is_open(now_ms) {
        return Ok(attempt.handed_out_at_ms.is_some());
    }
    let retry_after_ms = match attempt.state(now_ms).0 {
        AttemptState::Announced => attempt.open_from_ms().saturating_sub(now_ms).unsigned_abs(),
        AttemptState::Open
        | AttemptState::HandedOut
        | AttemptState::Objected
        | AttemptState::Withdrawn
        | AttemptState::Ended
        | AttemptState::Unspecified => 0,
    };
    Err(ServiceError::RecoveryNotOpen { retry_after_ms })
}

fn attempt_id(bytes: &[u8]) -> Result<AttemptId, ServiceError> {
    AttemptId::try_from(bytes).map_err(|_| ServiceError::Malformed)
}

/// What a device is told of an objection that is not believed: nothing of why its certificate is not.
fn refused(error: &ObjectionError) -> ServiceError {
    match error {
        ObjectionError::Body(body) => ServiceError::of_signed_body(body, OBJECTION_BYTES_MAX),
        ObjectionError::Attempt(_) => ServiceError::Malformed,
        ObjectionError::OtherDevice => ServiceError::NotAuthorised,
    }
}
