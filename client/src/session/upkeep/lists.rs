//! How old the revocation lists are that this device holds. An agency follows each one by the next before its time; where
//! no newer one comes, it forgot, or the server keeps it back, and with it a revocation perhaps.
//!
//! An agency that has published none yet is late with nothing. PROTOCOL.md section 8, "Lists", 8.

use crate::{
    session::{AlarmKind, Error, ListView, Session, alarms, people::cards::agency_view},
    vault::{Act, Durability, rows::CrlRow},
};
use alcove_charter::{Crl, TrustView};
use alcove_proto::names::{Identity, TrustDomain};
use std::sync::Arc;

/// Whether the next list is due: half of the time of this one is over.
fn is_half_over(crl: &Crl, now_ms: i64) -> bool {
    let half_ms = crl.next_update_ms.saturating_sub(crl.this_update_ms) / 2;
    now_ms >= crl.this_update_ms.saturating_add(half_ms)
}

/// The lists held of the charter's agencies.
fn of_members(trust: &TrustView) -> impl Iterator<Item = &Arc<Crl>> {
    trust.crls().filter(|crl| trust.charter().agency(&crl.trust_domain).is_some())
}

/// The lists that are past half of their time, or all of it.
pub(in crate::session) fn ageing(trust: &TrustView, now_ms: i64) -> Vec<ListView> {
    let ageing = of_members(trust).filter(|crl| is_half_over(crl, now_ms));
    ageing
        .map(|crl| ListView {
            agency: agency_view(trust, &crl.trust_domain),
            number: crl.number,
            next_update_ms: crl.next_update_ms,
            overdue: crl.is_stale(now_ms),
        })
        .collect()
}

impl Session {
    /// Refuses to add anybody of an agency whose list is past its time; the server is asked once more for a newer one.
    ///
    /// Errors: [`Error::ListOverdue`], and those of the server.
    pub(in crate::session) async fn check_list_of(&self, trust_domain: &TrustDomain) -> Result<(), Error> {
        if self.overdue_list_of(trust_domain).is_some() {
            self.fetch_trust().await?;
        }
        match self.overdue_list_of(trust_domain) {
            None => Ok(()),
            Some(crl) => Err(Error::ListOverdue {
                agency: agency_view(&self.trust(), trust_domain).name,
                number: crl.number,
                next_update_ms: crl.next_update_ms,
            }),
        }
    }

    fn overdue_list_of(&self, trust_domain: &TrustDomain) -> Option<Arc<Crl>> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        of_members(&trust).find(|crl| crl.trust_domain == *trust_domain && crl.is_stale(now_ms)).cloned()
    }

    /// Those of `devices` whose agency's list is not past its time.
    pub(in crate::session) fn with_current_lists(&self, devices: &[Identity]) -> Vec<Identity> {
        let is_current = |device: &&Identity| self.overdue_list_of(&device.person.trust_domain).is_none();
        devices.iter().filter(is_current).cloned().collect()
    }

    /// Raises the alarm about each list past its time, once for each agency and list.
    pub(in crate::session) fn tell_overdue_lists(&self) -> Result<(), Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        if !of_members(&trust).any(|crl| crl.is_stale(now_ms)) {
            return Ok(());
        }
        self.vault.act(Durability::OnDisk, |act| {
            for crl in of_members(&trust).filter(|crl| crl.is_stale(now_ms)) {
                tell(act, crl, now_ms)?;
            }
            Ok(())
        })
    }
}

fn tell(act: &Act<'_>, crl: &Crl, now_ms: i64) -> Result<(), Error> {
    let place = act.tag::<CrlRow>(crl.trust_domain.as_str());
    let Some(row) = act.get::<CrlRow>(&place)? else { return Ok(()) };
    if row.overdue_told {
        return Ok(());
    }
    act.put(&place, &CrlRow { overdue_told: true, ..row })?;
    let alarm = alarms::Alarm { group: None, kind: AlarmKind::ListOverdue, position: crl.number };
    alarms::raise_of(act, alarm, &crl.trust_domain, now_ms)
}
