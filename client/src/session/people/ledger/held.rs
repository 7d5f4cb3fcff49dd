//! What the vault has of the ledger.

use crate::{
    session::{Error, own::ONLY},
    vault::{Act, rows::LedgerHeadRow},
};
use alcove_proto::names::Person;

/// Whose certificate a row is: the first byte of its key. Never change a number: it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Whose {
    Colleague = 0,
    Own = 1,
}

impl Whose {
    pub(super) const ALL: [Self; 2] = [Self::Colleague, Self::Own];

    pub(super) fn of(person: &Person, own: &Person) -> Self {
        if person == own { Self::Own } else { Self::Colleague }
    }

    /// What the keys of all certificates of that serial number begin with.
    pub(super) fn place_of(self, serial: &[u8]) -> Vec<u8> {
        // Twenty-one at most, which whoever reads a ledger has checked.
        let length = u8::try_from(serial.len()).unwrap_or(u8::MAX);
        [&[self as u8, length], serial].concat()
    }

    pub(super) fn key(self, serial: &[u8], number: u64) -> Vec<u8> {
        let mut key = self.place_of(serial);
        key.extend(number.to_be_bytes());
        key
    }
}

/// The end that was followed to.
pub(super) fn held(act: &Act<'_>) -> Result<Option<LedgerHeadRow>, Error> {
    Ok(act.get(ONLY)?)
}
