//! What ends when: the server's certificates, the charter, every member agency's CRL; and who is told how loudly.
//!
//! A line is logged at start, whenever something comes a stage nearer to its end, and once a day.

use alcove_charter::TrustView;
use alcove_proto::names::TrustDomain;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// Time between lines about the same thing at the same stage.
const REPEATED_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What may end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The first of the server's two certificates.
    Certificates,
    /// The charter.
    Charter,
    /// The CRL of a member agency.
    Crl(TrustDomain),
}

/// How near the end is; later ones are nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A CRL has passed half of its time: the next one should be on its way.
    HalfOver,
    /// Within 30 days, of certificates and charter.
    Days30,
    /// Within 14 days.
    Days14,
    /// Within 7 days.
    Days7,
    /// Within a day.
    Day1,
    /// It is over.
    Over,
}

/// Something that ends soon, or has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What.
    pub subject: Subject,
    /// When, milliseconds since 1970.
    pub end_ms: i64,
    /// How near that is.
    pub stage: Stage,
}

impl Ending {
    /// Whether an operator has to act now, or devices will notice.
    pub fn is_urgent(&self) -> bool {
        match self.subject {
            Subject::Certificates | Subject::Charter => self.stage >= Stage::Day1,
            Subject::Crl(_) => self.stage >= Stage::Over,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificates => formatter.write_str("the server's certificates"),
            Self::Charter => formatter.write_str("the charter"),
            Self::Crl(trust_domain) => write!(formatter, "the CRL of {trust_domain}"),
        }
    }
}

/// What of `trust`, and of certificates that end at `certificates_end_ms`, ends soon as seen at `now_ms`; most urgent
/// first.
pub(super) fn endings(trust: &TrustView, certificates_end_ms: i64, now_ms: i64) -> Vec<Ending> {
    let charter = trust.charter();
    let counted = [(Subject::Certificates, certificates_end_ms), (Subject::Charter, charter.not_after_ms)];
    let counted = counted.into_iter().filter_map(|(subject, end_ms)| {
        Some(Ending { subject, end_ms, stage: stage_of_days(end_ms - now_ms)? })
    });
    let members = trust.crls().filter(|crl| charter.agency(&crl.trust_domain).is_some());
    let crls = members.filter_map(|crl| {
        let stage = stage_of_crl(crl.this_update_ms, crl.next_update_ms, now_ms)?;
        let subject = Subject::Crl(crl.trust_domain.clone());
        Some(Ending { subject, end_ms: crl.next_update_ms, stage })
    });
    let mut endings: Vec<_> = counted.chain(crls).collect();
    endings.sort_by_key(|ending| (!ending.is_urgent(), ending.end_ms));
    endings
}

fn stage_of_days(left_ms: i64) -> Option<Stage> {
    let stages =
        [(0, Stage::Over), (1, Stage::Day1), (7, Stage::Days7), (14, Stage::Days14), (30, Stage::Days30)];
    stages.into_iter().find(|(days, _)| left_ms < days * DAY_MS).map(|(_, stage)| stage)
}

fn stage_of_crl(this_update_ms: i64, next_update_ms: i64, now_ms: i64) -> Option<Stage> {
    // Halves first: the sum of two times may not fit.
    let half_ms = this_update_ms / 2 + next_update_ms / 2;
    if now_ms >= next_update_ms { Some(Stage::Over) } else { (now_ms >= half_ms).then_some(Stage::HalfOver) }
}

/// Remembers what has been said, so that each stage is said once, and once a day.
#[derive(Debug, Default)]
pub(super) struct Countdown {
    said: BTreeMap<Subject, (Stage, Instant)>,
}

impl Countdown {
    /// Logs what is new among `endings`, or was said a day before `now`.
    pub(super) fn tell(&mut self, endings: &[Ending], now: Instant) {
        for ending in self.due(endings, now) {
            let Ending { subject, end_ms, stage } = ending;
            if ending.is_urgent() {
                tracing::error!(%subject, end_ms, ?stage, "renew it now: it has ended, or does within a day");
            } else {
                tracing::warn!(%subject, end_ms, ?stage, "it ends; have it renewed in time");
            }
        }
    }

    fn due<'a>(&mut self, endings: &'a [Ending], now: Instant) -> Vec<&'a Ending> {
        self.said.retain(|subject, _| endings.iter().any(|ending| ending.subject == *subject));
        let is_due = |ending: &&Ending| match self.said.get(&ending.subject) {
            None => true,
            Some((stage, said_at)) => {
                *stage < ending.stage || now.saturating_duration_since(*said_at) >= REPEATED_AFTER
            }
        };
        let due: Vec<_> = endings.iter().filter(is_due).collect();
        for ending in &due {
            self.said.insert(ending.subject.clone(), (ending.stage, now));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(subject: Subject, stage: Stage) -> Ending {
        Ending { subject, end_ms: 0, stage }
    }

    #[test]
    fn each_threshold_begins_with_its_last_full_day() {
        let stage = |days: i64| stage_of_days(days * DAY_MS);
        assert_eq!((stage(31), stage(30)), (None, None));
        assert_eq!(stage_of_days(30 * DAY_MS - 1), Some(Stage::Days30));
        assert_eq!((stage(29), stage(14)), (Some(Stage::Days30), Some(Stage::Days30)));
        assert_eq!((stage(13), stage(6)), (Some(Stage::Days14), Some(Stage::Days7)));
        assert_eq!(stage_of_days(DAY_MS - 1), Some(Stage::Day1));
        assert_eq!((stage_of_days(0), stage_of_days(-1)), (Some(Stage::Day1), Some(Stage::Over)));
    }

    #[test]
    fn a_list_is_warned_of_from_half_of_its_time_on() {
        assert_eq!(stage_of_crl(1000, 2000, 1499), None);
        assert_eq!(stage_of_crl(1000, 2000, 1500), Some(Stage::HalfOver));
        assert_eq!(stage_of_crl(1000, 2000, 1999), Some(Stage::HalfOver));
        assert_eq!(stage_of_crl(1000, 2000, 2000), Some(Stage::Over));
        assert_eq!(stage_of_crl(i64::MIN, i64::MAX, 0), Some(Stage::HalfOver));
    }

    #[test]
    fn what_devices_would_notice_is_urgent() {
        let crl = || Subject::Crl("harborlight.northmark.example".parse().unwrap());
        assert!(ending(Subject::Charter, Stage::Day1).is_urgent());
        assert!(ending(Subject::Certificates, Stage::Over).is_urgent());
        assert!(ending(crl(), Stage::Over).is_urgent());
        assert!(!ending(crl(), Stage::HalfOver).is_urgent());
        assert!(!ending(Subject::Charter, Stage::Days7).is_urgent());
    }

    #[test]
    fn a_stage_is_said_once_and_again_after_a_day() {
        let mut countdown = Countdown::default();
        let began = Instant::now();
        let fortnight = [ending(Subject::Charter, Stage::Days14)];
        assert_eq!(countdown.due(&fortnight, began).len(), 1, "at start");
        assert!(countdown.due(&fortnight, began + Duration::from_secs(3600)).is_empty());
        let week = [ending(Subject::Charter, Stage::Days7)];
        assert_eq!(countdown.due(&week, began + Duration::from_secs(7200)).len(), 1, "a stage nearer");
        assert!(countdown.due(&week, began + REPEATED_AFTER).is_empty());
        assert_eq!(countdown.due(&week, began + Duration::from_secs(7200) + REPEATED_AFTER).len(), 1);
        // Renewed, and near its end again: that is news.
        assert!(countdown.due(&[], began).is_empty());
        assert_eq!(countdown.due(&fortnight, began).len(), 1);
    }
}
