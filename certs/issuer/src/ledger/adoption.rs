//! A list that is in force and that this folder did not make: somebody else has the CA's key.
//!
//! Whoever has stolen it publishes a list of a higher number, and the agency's own next one is refused: revoked stays
//! revoked, and numbers only rise. So that the agency can revoke again before its CA has rolled over, its folder takes over
//! what everybody has by now: number, serial numbers, dates. PROTOCOL.md section 8, "Lists", 10.

use crate::{
    ca::{agency::AgencyCa, folder::CRL, roll::state::RollState},
    error::IssuerError,
    ledger::{
        entries::{AdoptedEntry, AdoptedList, Event, IssuedEntry, Reason, Revocation, serial_text},
        error::ListError,
    },
};
use alcove_charter::{Ca, CharterHistory, Crl as List};
use alcove_proto::limits::{ADOPTED_SERIALS_MAX, CRL_BYTES_MAX};
use std::collections::{BTreeMap, BTreeSet};

/// A list in force, beside what the folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoptable {
    /// Its number.
    pub number: u64,
    /// When it says that it was made, milliseconds since 1970.
    pub made_ms: i64,
    /// How many serial numbers it names.
    pub entries: usize,
    /// What it names and this folder has not revoked.
    pub foreign: Vec<Foreign>,
    /// Serial numbers that this folder has revoked and that are not on it, hexadecimal.
    pub missing: Vec<String>,
    /// How many of them are left out, since nobody but a CA that is gone listed them.
    pub left_out: usize,
    /// The list, where it is to stand in the folder.
    der: Option<Vec<u8>>,
    list: AdoptedList,
}

/// Where the CA that signed a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// It signs here, or is about to.
    OfToday,
    /// It came before that one, and the charter in force names it still.
    Earlier,
    /// It came before that one, and the charter in force names it no more.
    Gone,
}

/// A revocation that this folder has not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Hexadecimal.
    pub serial: String,
    /// What it says, milliseconds since 1970.
    pub revoked_at_ms: i64,
    /// The certificate, if this folder has issued it; else nobody has it, or somebody else made it.
    pub issued: Option<IssuedEntry>,
}

impl AgencyCa {
    /// Holds a list that is in force (DER) against what this folder says.
    ///
    /// By the CA that signs here, everything that stands on it is taken over. By one before it, whose key somebody else may
    /// have, the next list says all of it anew ([`crate::AgencyCa::renew_crl`]); and when the charter in force names that CA no
    /// more, what nobody but that one listed is left out.
    /// Errors: [`ListError::Foreign`]; [`ListError::NothingToAdopt`] when the folder's next list would be taken as it
    /// is; [`ListError::TooMuchToAdopt`].
    pub fn compare_list(
        &self,
        der: &[u8],
        charters: &CharterHistory,
        now_ms: i64,
    ) -> Result<Adoptable, IssuerError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(ListError::Foreign.into());
        }
        let own = &self.profile().trust_domain;
        let list = self.read_list(der).or_else(|_| List::verify_of(der, own, charters));
        let list = list.map_err(|_| ListError::Foreign)?;
        let signer = self.standing_of(&list, charters);
        let issued: BTreeMap<&str, &IssuedEntry> =
            self.home.ledger.issued().iter().map(|entry| (entry.serial.as_str(), entry)).collect();
        // What an earlier CA says of it is not taken over, and is not left unsaid either: it is first listed by the next list.
        let next = self.home.ledger.next_crl_number().max(list.number.saturating_add(1));
        let all = list.entries().map(|(serial, entry)| AdoptedEntry {
            serial: serial_text(serial.as_bytes()),
            at_ms: entry.revoked_at_ms,
            first: if signer == Signer::OfToday { entry.first } else { Some(next) },
        });
        let is_known = |entry: &AdoptedEntry| {
            self.home.ledger.is_revoked(&entry.serial) || issued.contains_key(entry.serial.as_str())
        };
        let entries: Vec<AdoptedEntry> =
            all.filter(|entry| signer != Signer::Gone || is_known(entry)).collect();
        let leads_on = match signer {
            Signer::OfToday => self.home.ledger.says_all_of(&entries),
            Signer::Earlier | Signer::Gone => self.home.ledger.says_all_of_anew(&entries, list.number),
        };
        if list.number < self.home.ledger.next_crl_number() && leads_on {
            return Err(ListError::NothingToAdopt.into());
        }
        let count = entries.iter().filter(|entry| !is_known(entry)).count();
        if count > ADOPTED_SERIALS_MAX {
            return Err(ListError::TooMuchToAdopt { count, max: ADOPTED_SERIALS_MAX }.into());
        }
        let unknown = entries.iter().filter(|entry| !self.home.ledger.is_revoked(&entry.serial));
        let foreign = unknown.map(|entry| Foreign {
            serial: entry.serial.clone(),
            revoked_at_ms: entry.at_ms,
            issued: issued.get(entry.serial.as_str()).copied().cloned(),
        });
        let on_it: BTreeSet<String> =
            list.entries().map(|(serial, _)| serial_text(serial.as_bytes())).collect();
        let missing = self.home.ledger.revoked().filter(|own| !on_it.contains(&own.serial));
        Ok(Adoptable {
            number: list.number,
            made_ms: list.this_update_ms,
            entries: list.len(),
            foreign: foreign.collect(),
            missing: missing.map(|own| own.serial.clone()).collect(),
            left_out: list.len() - entries.len(),
            der: (signer == Signer::OfToday).then(|| der.to_vec()),
            list: AdoptedList { number: list.number, at_ms: now_ms, entries },
        })
    }

    /// Where the CA that signed a list stands beside the one that signs here.
    fn standing_of(&self, list: &List, charters: &CharterHistory) -> Signer {
        let is_next = || {
            let next = self.home.other_ca.as_ref().and_then(|ca| Ca::parse(ca).ok());
            self.roll_state() == RollState::Begun && next.is_some_and(|ca| ca.public_key() == list.signer())
        };
        if list.signer() == self.home.keys.signing.public() || is_next() {
            return Signer::OfToday;
        }
        let agency = charters.newest().agency(&self.profile().trust_domain);
        let is_named =
            agency.is_some_and(|agency| agency.cas.iter().any(|ca| ca.public_key() == list.signer()));
        if is_named { Signer::Earlier } else { Signer::Gone }
    }

    /// Takes over what a list says: from then on it counts as this folder's last one, and the next one leads on from it.
    ///
    /// On disk when this returns; killed in between, it is adopted, or not, or adopted once more.
    /// Errors: [`IssuerError`].
    pub fn adopt_list(&mut self, adoptable: Adoptable) -> Result<(), IssuerError> {
        let Adoptable { foreign, der, list, .. } = adoptable;
        // Of its own certificates the published ledger tells the revocation.
        let own = foreign.into_iter().filter(|foreign| foreign.issued.is_some());
        let mut events: Vec<Event> = own
            .map(|Foreign { serial, revoked_at_ms, .. }| {
                Event::Revoked(Revocation { serial, reason: Reason::Unspecified, at_ms: revoked_at_ms })
            })
            .collect();
        events.push(Event::Adopted(list));
        self.home.ledger.append(events)?;
        // By an earlier CA it is no list that this folder's next one is held against.
        der.map_or(Ok(()), |der| self.home.folder.write(CRL, &der))
    }
}
