//! What this device's own trust material says of one certificate now.

use alcove_charter::{Issued, Moment, TrustError, TrustView};
use alcove_proto::limits::COMMIT_CLOCK_SKEW_MS_MAX;

/// What this device's own newest charter and lists say of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Standing {
    /// It holds, and is to be asked for again at this time, milliseconds since 1970.
    Good { until_ms: i64 },
    /// It has ended, by more than two clocks may differ.
    Expired,
    /// It is revoked, or its agency or CA is not in the charter any more.
    Outside,
}

/// Judges a certificate, whose signature is known to hold, as of now, and not as of when it came in.
pub(super) fn standing(trust: &TrustView, issued: &Issued, now: &Moment) -> Standing {
    let ends_at_ms = ends_at_ms(issued.not_after_ms);
    match trust.judge_issued(issued, now) {
        Ok(()) => Standing::Good { until_ms: ends_at_ms },
        Err(TrustError::Expired { not_after_ms, .. }) => {
            // Whoever was revoked is so after the end of the certificate too.
            match trust.judge_issued(issued, &trust.moment(not_after_ms)) {
                Err(error) if is_outside(&error) => Standing::Outside,
                // A clock that is ahead, as far as commits bear it, ends nobody's membership.
                Ok(()) | Err(_) if ends_at_ms < now.time_ms() => Standing::Expired,
                Ok(()) | Err(_) => Standing::Good { until_ms: ends_at_ms },
            }
        }
        Err(error) => of_error(&error, now),
    }
}

/// What it comes to that a certificate is not believed, of whichever time.
pub(super) fn of_error(error: &TrustError, now: &Moment) -> Standing {
    match error {
        error if is_outside(error) => Standing::Outside,
        // Of a clock that is behind, or of what was checked when the leaf came in.
        _ => Standing::Good { until_ms: now.time_ms() },
    }
}

fn ends_at_ms(not_after_ms: i64) -> i64 {
    not_after_ms.saturating_add(COMMIT_CLOCK_SKEW_MS_MAX)
}

/// Whether the certificate is revoked, or its agency or CA has left. A denial is not asked: it is of the server's door, which
/// judges no leaf.
pub(super) fn is_outside(error: &TrustError) -> bool {
    matches!(
        error,
        TrustError::Revoked { .. } | TrustError::UnknownAgency(..) | TrustError::UnknownIssuer(..)
    )
}
