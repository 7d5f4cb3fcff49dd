//! What an agency's lists have ever had: revoked stays revoked, whatever a later list leaves out or dates anew.
//!
//! Whoever judges a commit later must come to the verdict of those before, so what counts is not whether the newest list
//! has a serial but which list had it **first**. The newest list says so itself; what is remembered here is for lists that
//! do not (those of before said nothing) and for lists that lie: what an earlier one said stays as it was.
//! PROTOCOL.md section 8, "Lists".

use crate::{
    CrlError,
    certificate::Serial,
    crl::{Crl, CrlEntry},
    history::CharterHistory,
    key::P256Point,
    pace::Pace,
};
use alcove_proto::limits::{CRL_NUMBER_RISE_MAX, LISTED_SERIALS_MAX};
use prost::Message;
use std::collections::BTreeMap;

/// How long what was listed must stay: the longest life of a certificate, 825 days, and thirty for wrong clocks.
const LISTED_MS_MIN: i64 = (825 + 30) * 24 * 3600 * 1000;

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
        let place = |signers: &[P256Point], index: usize| {
            signers.get(index).and_then(|key| charters.place_of_ca(&crl.trust_domain, key))
        };
        let places: Vec<_> = (0..next.signers.len()).map(|index| place(&next.signers, index)).collect();
        let since_ms = now_ms.map_or(crl.this_update_ms, |now_ms| now_ms.max(crl.this_update_ms));
        let charter_version = charters.newest().version;
        for (serial, CrlEntry { revoked_at_ms, first }) in crl.entries() {
            let rows = next.serials.entry(serial.clone()).or_default();
            let known = rows.iter().map(|row| row.first).min();
            let not_before = known.or(held.map(|held| held.number.saturating_add(1))).unwrap_or(0);
            if let Some(row) = rows.iter_mut().find(|row| row.signer == signer) {
                row.learn(*first);
                continue;
            }
            // A later CA that says the same of it takes the row over, and speaks for what it issued as well.
            let says_the_same =
                |row: &&mut Listing| places[row.signer] < places[signer] && row.agrees(*first);
            if let Some(row) = rows.iter_mut().find(says_the_same) {
                row.learn(*first);
                row.signer = signer;
                continue;
            }
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
        if next.serials.values().map(Vec::len).sum::<usize>() > LISTED_SERIALS_MAX {
            return Err(CrlError::TooMany { trust_domain: crl.trust_domain.clone() });
        }
        next.pace = Some(match self.pace_since(held) {
            Some(pace) => pace.after(crl.number, crl.this_update_ms),
            None => Pace::from(crl.number, crl.this_update_ms),
        });
        Ok(next)
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

    /// Whether the desk may take `crl`, `now_ms` being its clock (milliseconds since 1970): it drops nothing and dates
    /// nothing anew.
    ///
    /// A serial may go when its revocation lies further back than any certificate lives. And what an earlier CA listed
    /// when a later one stood in the charter may go when that later one signs: it speaks for nothing that the later one
    /// issued, and whoever stole the earlier key must not hold up the lists of the later one.
    /// Errors: [`CrlError::Ahead`], [`CrlError::Drops`], [`CrlError::Redated`], [`CrlError::Jump`], in this order.
    pub(crate) fn check_next(
        &self,
        crl: &Crl,
        held: Option<&Crl>,
        charters: &CharterHistory,
        now_ms: i64,
    ) -> Result<(), CrlError> {
        let (trust_domain, number) = (crl.trust_domain.clone(), crl.number);
        crl.check_not_ahead(now_ms)?;
        let made_ms = crl.this_update_ms.min(now_ms);
        let place = |key: &P256Point| charters.place_of_ca(&crl.trust_domain, key);
        let is_behind = |row: &Listing| {
            let Some(signer) = self.signers.get(row.signer) else { return false };
            let agency =
                charters.get(row.charter_version).and_then(|charter| charter.agency(&crl.trust_domain));
            let was_replaced = agency
                .is_some_and(|agency| agency.cas.iter().any(|ca| place(ca.public_key()) > place(signer)));
            was_replaced && place(crl.signer()) > place(signer)
        };
        for (serial, rows) in &self.serials {
            let may_go = |row: &Listing| {
                row.revoked_at_ms.max(row.since_ms).saturating_add(LISTED_MS_MIN) < made_ms || is_behind(row)
            };
            if crl.entry(serial).is_none() && !rows.iter().all(may_go) {
                return Err(CrlError::Drops { trust_domain, number, serial: serial.clone() });
            }
        }
        for (serial, entry) in crl.entries() {
            let is_new = || entry.first.is_none_or(|first| held.is_none_or(|held| first > held.number));
            let fits = match self.serials.get(serial) {
                Some(rows) => {
                    // The date of an earlier CA's entry may be a thief's; since when it counts has been leaned on.
                    let counts_from_then = || rows.iter().any(|row| entry.first == Some(row.first));
                    rows.iter().any(|row| row.is_of(entry))
                        || (rows.iter().all(is_behind) && (is_new() || counts_from_then()))
                }
                None => is_new(),
            };
            if !fits {
                return Err(CrlError::Redated { trust_domain, number, serial: serial.clone() });
            }
        }
        let Some(held_number) = held.map(|held| held.number) else { return Ok(()) };
        // By at most a thousand each, and so that whoever missed some takes it too.
        let by_the_last = held_number.saturating_add(CRL_NUMBER_RISE_MAX);
        let by_the_pace = self.pace_since(held).map_or(by_the_last, |pace| pace.most(crl.this_update_ms));
        let most = by_the_last.min(by_the_pace);
        if number > most {
            let rise_max = most.saturating_sub(held_number);
            return Err(CrlError::Jump { trust_domain, held: held_number, offered: number, rise_max });
        }
        Ok(())
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

/// As it is kept: by clients in their vault, by the server beside the list.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(bytes = "vec", repeated, tag = "1")]
    signers: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "2")]
    listings: Vec<KeptListing>,
    #[prost(message, optional, tag = "3")]
    pace: Option<Pace>,
}

#[derive(Clone, PartialEq, Message)]
struct KeptListing {
    #[prost(bytes = "vec", tag = "1")]
    serial: Vec<u8>,
    #[prost(uint32, tag = "2")]
    signer: u32,
    #[prost(uint64, tag = "3")]
    first: u64,
    #[prost(bool, tag = "4")]
    exact: bool,
    #[prost(int64, tag = "5")]
    revoked_at_ms: i64,
    #[prost(int64, tag = "6")]
    since_ms: i64,
    #[prost(uint64, tag = "7")]
    charter_version: u64,
    #[prost(uint64, tag = "8")]
    not_before: u64,
}

impl EverListed {
    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        let rows = self.serials.iter().flat_map(|(serial, rows)| rows.iter().map(move |row| (serial, row)));
        let listings = rows.map(|(serial, row)| KeptListing {
            serial: serial.as_bytes().to_vec(),
            // Cannot fail: an agency has had fewer CAs than a charter has versions.
            signer: u32::try_from(row.signer).unwrap_or(u32::MAX),
            first: row.first,
            exact: row.exact,
            revoked_at_ms: row.revoked_at_ms,
            since_ms: row.since_ms,
            charter_version: row.charter_version,
            not_before: row.not_before,
        });
        let signers = self.signers.iter().map(|signer| signer.as_bytes().to_vec()).collect();
        Kept { signers, listings: listings.collect(), pace: self.pace }.encode_to_vec()
    }

    /// Reads what [`Self::encode`] wrote; nothing for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let kept = Kept::decode(bytes).ok()?;
        let signers: Vec<P256Point> =
            kept.signers.iter().map(|signer| P256Point::parse(signer)).collect::<Option<_>>()?;
        let mut serials: BTreeMap<Serial, Vec<Listing>> = BTreeMap::new();
        for row in kept.listings {
            let signer = usize::try_from(row.signer).ok().filter(|signer| *signer < signers.len())?;
            serials.entry(Serial::from_der_content(&row.serial)).or_default().push(Listing {
                signer,
                first: row.first,
                exact: row.exact,
                not_before: row.not_before,
                revoked_at_ms: row.revoked_at_ms,
                since_ms: row.since_ms,
                charter_version: row.charter_version,
            });
        }
        (serials.values().map(Vec::len).sum::<usize>() <= LISTED_SERIALS_MAX).then_some(Self {
            signers,
            serials,
            pace: kept.pace,
        })
    }
}
