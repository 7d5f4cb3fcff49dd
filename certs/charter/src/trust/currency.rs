//! How current a list is that a commit names: the newest, one that was so until a moment ago, or an old one.
//!
//! An agency that puts a list in force every few seconds must not outdate everybody else's commits on their way.
//! PROTOCOL.md section 8, "Commits", 5.

use super::{Moment, Superseded, TrustView};
use alcove_proto::{
    limits::{CRL_RECENT_MS, CRLS_REMEMBERED_MAX},
    names::TrustDomain,
};
use std::{collections::VecDeque, sync::Arc};

/// How current the list is that a moment names of one agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// None is newer.
    Newest,
    /// It was the newest within the last ten minutes.
    Recent,
    /// It was followed by another one longer ago, or while nobody looked.
    Old,
}

impl TrustView {
    /// This view as what comes into force at `now_ms` in the place of `earlier`: it remembers which lists are followed.
    ///
    /// A view that was made anew, after a restart say, remembers none: then only the newest lists are current, which
    /// asks more of a commit than it has to and never less.
    #[must_use]
    pub fn superseding(&self, earlier: &Self, now_ms: i64) -> Self {
        let mut superseded = Superseded::clone(&earlier.superseded);
        for agency in &self.charter().agencies {
            let (before, now) = (earlier.number(&agency.trust_domain), self.number(&agency.trust_domain));
            if before == now {
                continue;
            }
            let lists = superseded.entry(agency.trust_domain.clone()).or_default();
            lists.push_back((before, now_ms));
            while lists.len() > CRLS_REMEMBERED_MAX {
                lists.pop_front();
            }
        }
        superseded.retain(|_, lists| {
            lists.retain(|(_, at_ms)| is_recent(*at_ms, now_ms));
            !lists.is_empty()
        });
        Self { superseded: Arc::new(superseded), ..self.clone() }
    }

    /// How current the list of `trust_domain` is that `moment` names, at `now_ms`.
    pub fn currency(&self, moment: &Moment, trust_domain: &TrustDomain, now_ms: i64) -> Currency {
        let named = moment.crl_number(trust_domain);
        let was_newest = |lists: &VecDeque<(u64, i64)>| {
            lists.iter().any(|(number, at_ms)| *number == named && is_recent(*at_ms, now_ms))
        };
        if named == self.number(trust_domain) {
            Currency::Newest
        } else if self.superseded.get(trust_domain).is_some_and(was_newest) {
            Currency::Recent
        } else {
            Currency::Old
        }
    }

    /// The newest list of an agency; 0 for none.
    fn number(&self, trust_domain: &TrustDomain) -> u64 {
        self.crl(trust_domain).map_or(0, |crl| crl.number)
    }
}

/// A clock that is put back makes nothing recent that was followed long ago.
fn is_recent(at_ms: i64, now_ms: i64) -> bool {
    (0..=CRL_RECENT_MS).contains(&now_ms.saturating_sub(at_ms))
}
