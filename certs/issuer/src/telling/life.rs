//! What a person is told of the end of a CA: from a year before, of a certificate that is cut short by it, and after it.

use crate::{
    ca::life::{CaLife, LifeError},
    telling::{
        time::{end, minute, moment},
        told::{Said, said},
    },
};
use alcove_programs::language::Language;
use serde_json::{Value, json};

/// A CA that ends within a year, or has ended, for people and for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What happens and what to do.
    pub text: String,
    /// The same for scripts.
    pub object: Value,
}

/// What whoever uses a CA is told of its end; nothing while more than a year is left.
pub fn ending(language: Language, life: &CaLife, now_ms: i64) -> Option<Ending> {
    let Language::English = language;
    if !life.is_near_end(now_ms) {
        return None;
    }
    let (end_ms, days_left) = (life.not_after_ms(), life.days_left(now_ms));
    let left = match days_left {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let what = if life.is_over(now_ms) {
        format!(
            "This CA ended on {}: it certifies nothing and makes no revocation lists any more.",
            end(end_ms, now_ms)
        )
    } else {
        format!(
            "This CA ends on {}, {left}. No certificate that it makes is valid for longer, and after its end it certifies nothing.",
            end(end_ms, now_ms)
        )
    };
    let object = json!({ "at": moment(end_ms), "days_left": days_left, "over": life.is_over(now_ms) });
    Some(Ending { text: format!("{what} {}", replace(life.has_successor())), object })
}

fn replace(has_successor: bool) -> &'static str {
    if has_successor {
        "The CA that takes over is made: `alcove-certs ca roll status` says what is left to do."
    } else {
        "Replace it with `alcove-certs ca roll begin`; the whole roll-over can take weeks."
    }
}

/// Why a certificate ends earlier than was asked for; nothing when it does not.
pub fn cut_short(language: Language, life: &CaLife, leaf_not_after_ms: i64) -> Option<&'static str> {
    let Language::English = language;
    life.cuts_short(leaf_not_after_ms).then_some(
        "That is earlier than you asked for: the CA itself ends then, and no certificate is valid for longer than its CA.",
    )
}

/// Why, in one word for scripts.
pub(super) fn code(error: &LifeError) -> &'static str {
    match error {
        LifeError::Over { .. } => "ca-ended",
        LifeError::AlmostOver { .. } => "ca-ends-within-a-day",
        LifeError::NotYet { .. } => "clock-before-ca",
    }
}

pub(super) fn sentences(language: Language, error: &LifeError, now_ms: i64) -> Said {
    let Language::English = language;
    match error {
        LifeError::Over { not_after_ms } => said(
            format!(
                "This CA ended on {}, so it signs nothing any more; this computer's clock says {}.",
                end(*not_after_ms, now_ms),
                minute(now_ms)
            ),
            "If the clock is right, replace the CA: `alcove-certs ca roll begin`, then sign and publish the charter that lists \
             the new one. That still works. The new CA certifies, and makes the list of all that was ever revoked.",
        ),
        LifeError::AlmostOver { not_after_ms } => said(
            format!(
                "This CA ends at {}: a certificate would be valid for less than a day, so none was made.",
                minute(*not_after_ms)
            ),
            "Replace the CA with `alcove-certs ca roll begin`, then certify with the new one. Until this CA ends it can still \
             revoke.",
        ),
        LifeError::NotYet { not_before_ms } => said(
            format!(
                "This computer's clock says {}. This CA was made later, about {}, so nothing was signed.",
                minute(now_ms),
                minute(*not_before_ms)
            ),
            "Set the clock of this computer, then run the command again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::{IssuerError, LifeError, telling::tell};
    use alcove_programs::{exit::Exit, language::Language::English};

    #[test]
    fn a_ca_that_may_not_sign_says_when_it_may_and_what_this_computers_clock_says() {
        let told = |error: LifeError| tell(English, &IssuerError::from(error), 1_772_600_000_000);
        for (error, says) in [
            (LifeError::Over { not_after_ms: 1_700_000_000_999 }, "2023-11-14"),
            (LifeError::AlmostOver { not_after_ms: 1_772_600_060_999 }, "2026-03-04"),
            (LifeError::NotYet { not_before_ms: 1_800_000_000_000 }, "2027-01-15"),
        ] {
            let told = told(error);
            assert_eq!(told.exit, Exit::Certificate);
            assert!(told.happened.contains(says), "{}", told.happened);
        }
        assert!(
            told(LifeError::NotYet { not_before_ms: 1 })
                .happened
                .contains(&crate::telling::minute(1_772_600_000_000))
        );
    }
}
