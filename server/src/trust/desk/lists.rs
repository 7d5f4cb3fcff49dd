//! A list that comes by the desk.

use super::{Accepted, TrustDesk, refused::Refused};
use crate::trust::{files::listed::keep_listed, reload::reload_knowing};
use alcove_charter::{Crl, CrlError, TrustView};
use alcove_programs::files::{Access, put};
use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

impl TrustDesk {
    /// What is dear comes last: bytes that are in force, whose signature it is, whether it is old, whether its CA has had
    /// enough lists within the minute; only then is it read, and only then is anything held up.
    pub(super) fn take_crl(&self, der: &[u8]) -> Result<Accepted, Refused> {
        let judged_by = Arc::clone(&self.in_force.trust.load().trust);
        if let Some(crl) = that(&judged_by, der) {
            return Ok(Accepted { number: crl.number, cut: 0 });
        }
        let offered = judged_by.offered_crl(der)?;
        let counted =
            self.lists.lock().unwrap_or_else(PoisonError::into_inner).count(&offered.signer, Instant::now());
        counted.map_err(|wait| Refused::TooSoon { wait })?;
        let mut next = self.followed(&judged_by, der)?;

        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        if !Arc::ptr_eq(&held, &judged_by) {
            // Something else has come into force meanwhile.
            next = self.followed(&held, der)?;
        }
        // Cannot fail: it was taken, so it is there.
        let crl = Arc::clone(that(&next, der).ok_or(CrlError::Malformed)?);
        put(&self.files.crl_path(&crl.trust_domain), der, Access::Everyone)?;
        keep_listed(&self.files, &next)?;
        let reloaded = reload_knowing(&mut seen, &self.files, &self.in_force, &next)?;
        self.in_force.tell(&self.remember);
        Ok(Accepted { number: crl.number, cut: reloaded.cut })
    }

    /// `held` with the list.
    fn followed(&self, held: &TrustView, der: &[u8]) -> Result<TrustView, Refused> {
        let (next, _appended) =
            held.with_next_crl(der, self.in_force.now_ms()).map_err(|error| match error {
                CrlError::Of { trust_domain, fault, .. } if fault.takes_back() => {
                    Refused::List { number: held.crl(&trust_domain).map_or(0, |crl| crl.number), fault }
                }
                error => error.into(),
            })?;
        Ok(next)
    }
}

fn that<'a>(trust: &'a TrustView, der: &[u8]) -> Option<&'a Arc<Crl>> {
    trust.crls().find(|crl| crl.der()[..] == *der)
}
