//! A list that is in force and that this folder did not make: somebody else has the CA's key.
//!
//! Whoever has stolen it publishes a list of a higher number, and the agency's own next one is refused: revoked stays
//! revoked, and numbers only rise. So that the agency can revoke again before its CA has rolled over, its folder takes over
//! what everybody has by now: number, serial numbers, dates. PROTOCOL.md section 8, "Lists", 10.

use crate::{
    AgencyCa, IssuedEntry, IssuerError, Reason, Revocation,
    folder::CRL,
    ledger::{AdoptedEntry, AdoptedList, Event, serial_text},
};
use alcove_proto::limits::CRL_BYTES_MAX;
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
    der: Vec<u8>,
    list: AdoptedList,
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
    /// Errors: [`IssuerError::ListForeign`]; [`IssuerError::NothingToAdopt`] when the folder's next list would be taken as it
    /// is.
    pub fn compare_list(&self, der: &[u8], now_ms: i64) -> Result<Adoptable, IssuerError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(IssuerError::ListForeign);
        }
        let list = self.read_list(der).map_err(|_| IssuerError::ListForeign)?;
        let entries: Vec<AdoptedEntry> = list
            .entries()
            .map(|(serial, entry)| AdoptedEntry {
                serial: serial_text(serial.as_bytes()),
                at_ms: entry.revoked_at_ms,
                first: entry.first,
            })
            .collect();
        if list.number < self.ledger.next_crl_number() && self.ledger.says_all_of(&entries) {
            return Err(IssuerError::NothingToAdopt);
        }
        let issued: BTreeMap<&str, &IssuedEntry> =
            self.ledger.issued().iter().map(|entry| (entry.serial.as_str(), entry)).collect();
        let unknown = entries.iter().filter(|entry| !self.ledger.is_revoked(&entry.serial));
        let foreign = unknown.map(|entry| Foreign {
            serial: entry.serial.clone(),
            revoked_at_ms: entry.at_ms,
            issued: issued.get(entry.serial.as_str()).copied().cloned(),
        });
        let on_it: BTreeSet<&str> = entries.iter().map(|entry| entry.serial.as_str()).collect();
        let missing = self.ledger.revoked().filter(|own| !on_it.contains(own.serial.as_str()));
        Ok(Adoptable {
            number: list.number,
            made_ms: list.this_update_ms,
            entries: entries.len(),
            foreign: foreign.collect(),
            missing: missing.map(|own| own.serial.clone()).collect(),
            der: der.to_vec(),
            list: AdoptedList { number: list.number, at_ms: now_ms, entries },
        })
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
        self.ledger.append(events)?;
        self.folder.write(CRL, &der)
    }
}
