//! What an agency's lists have ever had: revoked stays revoked, whatever a later list leaves out or dates anew.
//!
//! Whoever judges a commit later must come to the verdict of those before, so what counts is not whether the newest list
//! has a serial but which list had it **first**. The newest list says so itself; what is remembered here is for lists that
//! do not (those of before said nothing) and for lists that lie: what an earlier one said stays as it was.
//! PROTOCOL.md section 8, "Lists".

mod desk;
mod kept;

pub(crate) use desk::Asked;
pub use kept::EVER_LISTED_BYTES_MAX;

use crate::{
    CrlError,
    certificate::Serial,
    crl::{Crl, CrlEntry},
    history::CharterHistory,
    key::P256Point,
    pace::Pace,
};
use alcove_proto::{ids::Digest, limits::LISTED_SERIALS_MAX};
use std::collections::BTreeMap;

/// CAs of one agency whose lists are remembered together with as many serials as each may have: more than any agency has in
/// a server's life, so that what is remembered stays a file that can be read.
const FULL_CAS_MAX: usize = 16;

/// One serial as the lists of one CA have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listing {
    /// Which of the signers.
    signer: usize,
    /// The number of the list that had it first; not later than that one where it is not `exact`.
    first: u64,
    exact: bool,
    /// The number of the first list that can have had it: whoever held the one before knows that it was not on that.
    not_before: u64,
    /// Milliseconds since 1970.
    revoked_at_ms: i64,
    /// When this became known, milliseconds since 1970: by the clock of whoever took the list, where that was asked, and
    /// never before the list was made. A list's own date alone is its agency's word.
    since_ms: i64,
    /// The charter in force when it became known.
    charter_version: u64,
}

/// Every serial that an agency's lists have ever had. Only grows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EverListed {
    /// Keys of CAs.
    signers: Vec<P256Point>,
    /// Never empty rows; one for each signer at most.
    serials: BTreeMap<Serial, Vec<Listing>>,
    /// How far the numbers of the lists have come: asked at the desk alone. Nothing as before it was counted.
    pace: Option<Pace>,
    /// The hash of the list that was taken last: it is not judged again. Nothing as before it was remembered.
    newest: Option<Digest>,
}

/// Whether a serial stood on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stood {
    /// It did; with the moment of revocation, milliseconds since 1970.
    Yes(i64),
    /// It did not.
    No,
    /// It stands on a later one that does not say since when.
    Unknown,
}

impl EverListed {
    /// Together with what `crl` says; `held` is the list before it, where there is one. `now_ms`: when it came, milliseconds
    /// since 1970; nothing for what was taken before and is read again.
    ///
    /// What is known already stays as it is. What is new was not on `held`, so that it was first listed after it,
    /// whatever it says.
    /// Errors: [`CrlError::TooMany`].
    pub(crate) fn with(
        &self,
        crl: &Crl,
        held: Option<&Crl>,
        charters: &CharterHistory,
        now_ms: Option<i64>,
    ) -> Result<Self, CrlError> {
        let mut next = self.clone();
        let signer = next.index_of(crl.signer());
        let since_ms = now_ms.map_or(crl.this_update_ms, |now_ms| now_ms.max(crl.this_update_ms));
        let charter_version = charters.newest().version;
        for (serial, CrlEntry { revoked_at_ms, first }) in crl.entries() {
            let rows = next.serials.entry(serial.clone()).or_default();
            if let Some(row) = rows.iter_mut().find(|row| row.signer == signer) {
                row.learn(*first);
                continue;
            }
            // Each CA has a row of its own. A later one speaks for what it issued itself as well, of which no list of an
            // earlier one said anything: so for that it was listed after `held`, whatever the earlier one's row says.
            let known = rows.iter().map(|row| row.first).min();
            let not_before = held.map(|held| held.number.saturating_add(1)).or(known).unwrap_or(0);
            rows.push(Listing {
                signer,
                first: first.unwrap_or(crl.number).max(not_before),
                exact: first.is_some(),
                not_before,
                revoked_at_ms: *revoked_at_ms,
                since_ms,
                charter_version,
            });
        }
        if !next.is_within_limits() {
            return Err(CrlError::TooMany(crl.trust_domain.clone()));
        }
        if !self.is_newest(crl) {
            let made_ms = crl.this_update_ms;
            next.pace = Some(match self.pace_since(held) {
                Some(pace) => pace.after(crl.number, made_ms, now_ms.unwrap_or(made_ms)),
                None => Pace::from(crl.number, made_ms),
            });
            next.newest = Some(crl.hash());
        }
        Ok(next)
    }

    /// Whether that is the list that was taken last, and was judged then.
    pub(crate) fn is_newest(&self, crl: &Crl) -> bool {
        self.newest.is_some_and(|newest| newest == crl.hash())
    }

    /// By signer, since whoever has stolen the key of one CA must not use up what the next one needs.
    fn is_within_limits(&self) -> bool {
        let mut of_signer = vec![0_usize; self.signers.len()];
        for row in self.serials.values().flatten() {
            if let Some(count) = of_signer.get_mut(row.signer) {
                *count += 1;
            }
        }
        of_signer.iter().all(|count| *count <= LISTED_SERIALS_MAX)
            && of_signer.iter().sum::<usize>() <= FULL_CAS_MAX * LISTED_SERIALS_MAX
    }

    /// How far the numbers have come by `held`, the list in force, where there is one.
    fn pace_since(&self, held: Option<&Crl>) -> Option<Pace> {
        self.pace.or_else(|| held.map(|held| Pace::from(held.number, held.this_update_ms)))
    }

    fn index_of(&mut self, signer: &P256Point) -> usize {
        self.signers.iter().position(|known| known == signer).unwrap_or_else(|| {
            self.signers.push(*signer);
            self.signers.len() - 1
        })
    }

    /// Whether a serial stood on the list with that number, as far as those lists go whose signer `speaks` for it.
    pub(crate) fn stood(&self, serial: &Serial, number: u64, speaks: impl Fn(&P256Point) -> bool) -> Stood {
        let rows = self.serials.get(serial).map(Vec::as_slice).unwrap_or_default();
        let heard: Vec<&Listing> =
            rows.iter().filter(|row| self.signers.get(row.signer).is_some_and(&speaks)).collect();
        if let Some(row) = heard.iter().find(|row| row.first <= number) {
            Stood::Yes(row.revoked_at_ms)
        } else if heard.is_empty() || heard.iter().any(|row| row.exact) {
            Stood::No
        } else {
            Stood::Unknown
        }
    }
}

impl Listing {
    /// Whether a list that says `first` may say the same as this.
    fn agrees(&self, first: Option<u64>) -> bool {
        let may_be = |first| !self.exact && (self.not_before..=self.first).contains(&first);
        first.is_none_or(|first| first == self.first || may_be(first))
    }

    /// Becomes exact by a list that says `first`, where it was not.
    fn learn(&mut self, first: Option<u64>) {
        if let Some(first) = first.filter(|_| !self.exact && self.agrees(first)) {
            (self.first, self.exact) = (first, true);
        }
    }

    fn is_of(&self, entry: &CrlEntry) -> bool {
        self.revoked_at_ms == entry.revoked_at_ms && self.agrees(entry.first)
    }
}
