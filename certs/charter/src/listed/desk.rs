//! What is asked of the next list at the desk, of one in a file, and of one that a device was handed.

use super::{EverListed, Listing};
use crate::{
    CrlError, ListFault,
    crl::Crl,
    history::CharterHistory,
    key::P256Point,
    pace::{Early, Pace},
};
use alcove_proto::limits::{COMMIT_CLOCK_SKEW_MS_MAX, CRL_AHEAD_MS_MAX, CRL_NUMBER_RISE_MAX};
use std::{cell::RefCell, collections::BTreeMap};

/// How long what was listed must stay: the longest life of a certificate, 825 days, and thirty for wrong clocks.
const LISTED_MS_MIN: i64 = (825 + 30) * 24 * 3600 * 1000;

/// Who asks whether a list takes anything back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The desk, before it comes into force.
    AtDesk,
    /// The server, of a file that an operator may have put there.
    OfFile,
    /// A device, of what is in force: for an alarm alone.
    AtDevice,
}

impl EverListed {
    /// Whether `crl` may come next, `now_ms` being the clock of whoever asks (milliseconds since 1970): it drops nothing and
    /// dates nothing anew.
    ///
    /// A serial may go when its revocation lies further back than any certificate lives. And what an earlier CA listed
    /// may go when a later one signs, if the later one stood in the charter then (of what that one issued it says nothing,
    /// and whoever stole the earlier key must not hold up the lists of the later one), or if the charter in force names the
    /// earlier one no more: then whatever it certified is outside anyway.
    /// Errors: [`ListFault::Ahead`], [`ListFault::Drops`], [`ListFault::Redated`], [`ListFault::Jump`],
    /// [`ListFault::Pace`], in this order.
    pub(crate) fn check_next(
        &self,
        crl: &Crl,
        held: Option<&Crl>,
        charters: &CharterHistory,
        asked: Asked,
        now_ms: i64,
    ) -> Result<(), CrlError> {
        self.check_date(crl, asked, now_ms)?;
        let made_ms = crl.this_update_ms.min(now_ms);
        let place = |key: &P256Point| charters.place_of_ca(&crl.trust_domain, key);
        // Of each signer once: rows are many.
        let is_earlier: Vec<bool> = self.signers.iter().map(|key| place(key) < place(crl.signer())).collect();
        let is_gone: Vec<bool> = {
            let agency = charters.newest().agency(&crl.trust_domain);
            let is_named = |key: &P256Point| {
                agency.is_some_and(|agency| agency.cas.iter().any(|ca| ca.public_key() == key))
            };
            self.signers.iter().map(|key| !is_named(key)).collect()
        };
        let of_earlier = |row: &Listing| is_earlier.get(row.signer).copied().unwrap_or(false);
        let stood_beside_a_later_one = |signer: usize, version: u64| {
            let Some(signer) = self.signers.get(signer) else { return false };
            let agency = charters.get(version).and_then(|charter| charter.agency(&crl.trust_domain));
            agency.is_some_and(|agency| agency.cas.iter().any(|ca| place(ca.public_key()) > place(signer)))
        };
        let known = RefCell::new(BTreeMap::new());
        let was_replaced = |row: &Listing| {
            let (signer, version) = (row.signer, row.charter_version);
            let stood = || stood_beside_a_later_one(signer, version);
            *known.borrow_mut().entry((signer, version)).or_insert_with(stood)
        };
        let is_behind = |row: &Listing| {
            of_earlier(row) && (is_gone.get(row.signer).copied().unwrap_or(false) || was_replaced(row))
        };
        for (serial, rows) in &self.serials {
            let may_go = |row: &Listing| {
                row.revoked_at_ms.max(row.since_ms).saturating_add(LISTED_MS_MIN) < made_ms || is_behind(row)
            };
            if crl.entry(serial).is_none() && !rows.iter().all(may_go) {
                return Err(crl.refused(ListFault::Drops(serial.clone())));
            }
        }
        for (serial, entry) in crl.entries() {
            let is_new = || entry.first.is_none_or(|first| held.is_none_or(|held| first > held.number));
            let rows = self.serials.get(serial).map(Vec::as_slice).unwrap_or_default();
            // This CA lists it for the first time, and speaks for what it issued itself as well: no commit that named an
            // earlier list can have known. Another date is no lie: that of the earlier one may be a thief's.
            let fits = if rows.iter().all(of_earlier) {
                is_new()
            } else {
                rows.iter().any(|row| !of_earlier(row) && row.is_of(entry))
            };
            // Desks of before took another number of a later CA: at a device that is no alarm.
            let fits = fits || (asked == Asked::AtDevice && rows.iter().any(|row| row.is_of(entry)));
            if !fits {
                return Err(crl.refused(ListFault::Redated(serial.clone())));
            }
        }
        self.check_rise(crl, held, now_ms)
    }

    /// A device has been asked already. Nor is a file of which it is remembered that a list of its date was taken: the clock
    /// has been set back since.
    fn check_date(&self, crl: &Crl, asked: Asked, now_ms: i64) -> Result<(), CrlError> {
        let is_known = self.pace.is_some_and(|pace| pace.has_come_to(crl.this_update_ms));
        match asked {
            Asked::AtDesk => crl.check_not_ahead(now_ms, CRL_AHEAD_MS_MAX),
            Asked::OfFile if !is_known => crl.check_not_ahead(now_ms, COMMIT_CLOCK_SKEW_MS_MAX),
            Asked::OfFile | Asked::AtDevice => Ok(()),
        }
    }

    /// By at most a thousand each, and so that whoever missed some takes it too.
    fn check_rise(&self, crl: &Crl, held: Option<&Crl>, now_ms: i64) -> Result<(), CrlError> {
        let Some(held_crl) = held else { return Ok(()) };
        let (held, offered, rise_max) = (held_crl.number, crl.number, CRL_NUMBER_RISE_MAX);
        if offered > held.saturating_add(rise_max) {
            return Err(crl.refused(ListFault::Jump { held, rise_max }));
        }
        let pace = self.pace_since(Some(held_crl));
        match pace.and_then(|pace: Pace| pace.check(held, offered, crl.this_update_ms, now_ms).err()) {
            Some(Early { in_ms: again_ms, is_dated_ahead }) => {
                Err(crl.refused(ListFault::Pace { again_ms, is_dated_ahead }))
            }
            None => Ok(()),
        }
    }
}
