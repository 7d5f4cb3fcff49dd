//! Taking lists: what a device, the desk and whoever reads what was kept ask of the next one of an agency.
//!
//! PROTOCOL.md section 8, "Lists".

use super::TrustView;
use crate::{
    CrlError, ListFault,
    crl::{Crl, FIRST_NUMBER_MAX, MET_NUMBER_MAX, OfferedCrl},
    history::Appended,
    listed::{Asked, EverListed},
    pace,
};
use alcove_proto::{limits::COMMIT_CLOCK_SKEW_MS_MAX, names::TrustDomain};
use std::{collections::BTreeMap, sync::Arc};

/// Where a list stands among those of its agency: the highest is the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrlRank {
    place: Option<usize>,
    number: u64,
}

impl TrustView {
    /// A view that also knows this CRL; the very same one again changes nothing.
    ///
    /// A CA of any charter version may have signed it: the list of an agency that has left is still what
    /// earlier commits were judged by, and one by a CA that was retired since takes none of its revocations
    /// back. It counts until a later CA of the agency has signed one, which none of an earlier CA replaces,
    /// whatever its number: whoever stole the old key has no say any more. Numbers rise through every roll-over.
    /// What a list leaves out that an earlier one had stays revoked; the desk takes no such list
    /// ([`Self::with_next_crl`]).
    /// Errors: [`CrlError`]; [`ListFault::Behind`] and [`ListFault::Retired`] when a newer one is held.
    /// Source: PROTOCOL.md section 8, "Lists".
    pub fn with_crl(&self, der: &[u8]) -> Result<(Self, Appended), CrlError> {
        self.taking(Crl::verify(der, &self.charters)?, None)
    }

    /// The same for a list that was handed out by a server, at a device whose clock says `now_ms` (milliseconds since
    /// 1970): the dates of lists bound how far their numbers may rise, so one that is dated ahead is none. Taken once, it
    /// would stand above every later list of its agency.
    ///
    /// Errors: as [`Self::with_crl`]; [`ListFault::Ahead`].
    pub fn with_offered_crl(&self, der: &[u8], now_ms: i64) -> Result<(Self, Appended), CrlError> {
        let crl = Crl::verify(der, &self.charters)?;
        if self.crl(&crl.trust_domain).is_none_or(|held| held.der() != crl.der()) {
            crl.check_not_ahead(now_ms, COMMIT_CLOCK_SKEW_MS_MAX)?;
        }
        self.taking(crl, Some(now_ms))
    }

    /// The same for a list that was verified as this agency's before and kept with its name: no other CA is asked, so
    /// that a kept list changes its owner under no charter.
    ///
    /// Errors: as [`Self::with_crl`].
    pub fn with_crl_of(&self, trust_domain: &TrustDomain, der: &[u8]) -> Result<(Self, Appended), CrlError> {
        self.taking(Crl::verify_of(der, trust_domain, &self.charters)?, None)
    }

    /// The same at the desk, whose clock says `now_ms` (milliseconds since 1970): where every list of every agency comes
    /// by, none may take a revocation back, date one anew or let its number jump, and a CA that the agency has retired
    /// signs no more of them.
    ///
    /// Errors: [`CrlError`].
    pub fn with_next_crl(&self, der: &[u8], now_ms: i64) -> Result<(Self, Appended), CrlError> {
        let crl = Crl::verify(der, &self.charters)?;
        let trust_domain = &crl.trust_domain;
        let held = self.crl(trust_domain);
        if held.is_none_or(|held| held.der() != crl.der()) {
            self.check_not_retired(trust_domain, crl.signer(), crl.number)?;
            // Here alone it is known whether an agency has had none: everywhere else lists may have been missed.
            if held.is_none() && self.listed(trust_domain).is_none() {
                crl.check_first_number(FIRST_NUMBER_MAX)?;
            }
            self.check_order(&crl)?;
            self.check_nothing_is_taken_back(&crl, Asked::AtDesk, now_ms)?;
        }
        self.taking(crl, Some(now_ms))
    }

    /// The same from a file that lies at the server, where the last list of a CA that is retired may lie too, and where the
    /// list lies that was taken last: that one was judged when it came.
    ///
    /// Of several of one agency the one with the highest [`Self::rank_of_filed`] comes first: it says what the others said.
    /// Errors: [`CrlError`].
    pub fn with_filed_crl(&self, der: &[u8], now_ms: i64) -> Result<(Self, Appended), CrlError> {
        let crl = Crl::verify(der, &self.charters)?;
        let is_held = self.crl(&crl.trust_domain).is_some_and(|held| held.der() == crl.der());
        let was_taken = self.listed(&crl.trust_domain).is_some_and(|listed| listed.is_newest(&crl));
        if !is_held && !was_taken {
            self.check_order(&crl)?;
            self.check_nothing_is_taken_back(&crl, Asked::OfFile, now_ms)?;
        }
        self.taking(crl, Some(now_ms))
    }

    /// Where a list stands among those of its agency: by the place of its CA, then by its number. Nothing of it is read but
    /// who signed it and which number it has.
    ///
    /// Errors: [`CrlError`].
    pub fn rank_of_filed(&self, der: &[u8]) -> Result<(TrustDomain, CrlRank), CrlError> {
        let OfferedCrl { trust_domain, signer, number } = Crl::offered(der, &self.charters)?;
        let place = self.charters.place_of_ca(&trust_domain, &signer);
        Ok((trust_domain, CrlRank { place, number }))
    }

    /// Where the list stands that is held of an agency; before all others while there is none.
    pub fn rank_held(&self, trust_domain: &TrustDomain) -> Option<CrlRank> {
        let crl = self.crl(trust_domain)?;
        Some(CrlRank { place: self.charters.place_of_ca(trust_domain, crl.signer()), number: crl.number })
    }

    /// The number of a list that takes a revocation back or dates one anew, which no honest desk hands out.
    pub fn takes_back(&self, der: &[u8], now_ms: i64) -> Option<u64> {
        let crl = Crl::verify(der, &self.charters).ok()?;
        match self.check_nothing_is_taken_back(&crl, Asked::AtDevice, now_ms) {
            Err(CrlError::Of { number, fault: ListFault::Drops(_) | ListFault::Redated(_), .. }) => {
                Some(number)
            }
            Ok(()) | Err(_) => None,
        }
    }

    fn check_nothing_is_taken_back(&self, crl: &Crl, asked: Asked, now_ms: i64) -> Result<(), CrlError> {
        let held = self.crl(&crl.trust_domain).map(Arc::as_ref);
        let listed = self.listed.get(&crl.trust_domain).cloned().unwrap_or_default();
        listed.check_next(crl, held, &self.charters, asked, now_ms)
    }

    /// A view that also knows `crl`, which has been verified; `now_ms` as of [`EverListed::with`].
    fn taking(&self, crl: Crl, now_ms: Option<i64>) -> Result<(Self, Appended), CrlError> {
        let held = self.crl(&crl.trust_domain);
        if held.is_some_and(|held| held.der() == crl.der()) {
            return Ok((self.clone(), Appended::AlreadyHeld));
        }
        self.check_order(&crl)?;
        let known = self.listed.get(&crl.trust_domain).cloned().unwrap_or_default();
        let listed = known.with(&crl, held.map(Arc::as_ref), &self.charters, now_ms)?;
        let mut all_listed = BTreeMap::clone(&self.listed);
        all_listed.insert(crl.trust_domain.clone(), Arc::new(listed));
        let mut crls = BTreeMap::clone(&self.crls);
        crls.insert(crl.trust_domain.clone(), Arc::new(crl));
        let next = Self { crls: Arc::new(crls), listed: Arc::new(all_listed), ..self.clone() };
        Ok((next, Appended::New))
    }

    /// Whether a list may come after the one that is held: not by an earlier CA, with a higher number, and with one that
    /// is not higher than the desk would have let it become since.
    fn check_order(&self, crl: &Crl) -> Result<(), CrlError> {
        let Some(held) = self.crl(&crl.trust_domain) else { return crl.check_first_number(MET_NUMBER_MAX) };
        let place = |crl: &Crl| self.charters.place_of_ca(&crl.trust_domain, crl.signer());
        let rise_max = pace::rise_max(crl.this_update_ms.saturating_sub(held.this_update_ms));
        let fault = if place(crl) < place(held) {
            ListFault::Retired
        } else if crl.number == held.number {
            ListFault::Fork
        } else if crl.number < held.number {
            ListFault::Behind { held: held.number }
        } else if crl.number - held.number > rise_max {
            ListFault::Jump { held: held.number, rise_max }
        } else {
            return Ok(());
        };
        Err(crl.refused(fault))
    }

    /// A view that also knows what was ever listed of an agency, as [`Self::listed`] said it before: to be told before
    /// the lists themselves.
    #[must_use]
    pub fn with_listed(&self, trust_domain: &TrustDomain, listed: EverListed) -> Self {
        let mut all_listed = BTreeMap::clone(&self.listed);
        all_listed.insert(trust_domain.clone(), Arc::new(listed));
        Self { listed: Arc::new(all_listed), ..self.clone() }
    }

    /// What the lists of an agency have ever had.
    pub fn listed(&self, trust_domain: &TrustDomain) -> Option<&Arc<EverListed>> {
        self.listed.get(trust_domain)
    }
}
