//! The two halves of enrolment in the vault: each is one act, and each may be run again.
//!
//! Killed between any two lines, the next run goes on: keys are in the vault before the request is
//! written, and an answer is in it whole or not at all.

use super::{EnrolError, Enrolment, Held, PendingRequest, check_answer, rows};
use crate::vault::{
    Act, Durability, Passphrase, Vault, VaultError,
    rows::{DeviceRow, EnrolmentRow},
};
use ring::rand::SystemRandom;
use rows::{ONLY, Origin};
use std::{path::Path, sync::Arc};

/// Whether there is a vault in `home`, whole or not: asking for a passphrase that opens nothing would only confuse.
pub fn has_vault(home: &Path) -> bool {
    Vault::exists(home)
}

/// The request of this device, from its vault in `home`, which is made if it is not there.
///
/// Keys are made the first time; the request is the same bytes ever after. It also serves to renew certificates:
/// the keys stay, the agency answers anew.
/// Errors: [`EnrolError::Vault`], [`EnrolError::KeyGeneration`].
pub fn request(home: &Path, passphrase: &Passphrase) -> Result<PendingRequest, EnrolError> {
    open_or_make(home, passphrase)?.act(Durability::OnDisk, pending_or_made)
}

/// The vault in `home`, which is made if it is not there.
pub(super) fn open_or_make(home: &Path, passphrase: &Passphrase) -> Result<Vault, VaultError> {
    let random = Arc::new(SystemRandom::new());
    match Vault::create(home, passphrase, random.clone()) {
        // Perhaps another process was faster: the passphrase says whether it is the same person's.
        Err(VaultError::Exists { .. }) => Vault::open(home, passphrase, random),
        made => made,
    }
}

/// The request of this device; its keys are made the first time.
pub(super) fn pending_or_made(act: &Act<'_>) -> Result<PendingRequest, EnrolError> {
    if let Some(row) = act.get::<DeviceRow>(ONLY)? {
        return Ok(rows::pending(&row));
    }
    let pending = PendingRequest::make()?;
    act.put(ONLY, &rows::device(&pending))?;
    Ok(pending)
}

/// Takes an agency's answer into the vault in `home`. The same answer twice is taken once.
///
/// `server`: `host:port` from the command line, or nothing. `time_ms`: now, since 1970.
/// Errors: [`EnrolError`]; the vault is as it was then.
pub fn finish(
    home: &Path,
    passphrase: &Passphrase,
    answer: &[u8],
    server: Option<&str>,
    time_ms: i64,
) -> Result<Enrolment, EnrolError> {
    if !Vault::exists(home) {
        return Err(EnrolError::NoRequest);
    }
    let vault = Vault::open(home, passphrase, Arc::new(SystemRandom::new()))?;
    vault.act(Durability::OnDisk, |act| {
        let pending = act.get::<DeviceRow>(ONLY)?.ok_or(EnrolError::NoRequest)?;
        let earlier = act.get::<EnrolmentRow>(ONLY)?;
        let held = Held {
            charters: rows::held_charters(act)?,
            server,
            earlier_server: earlier.as_ref().map(|row| row.server_address.as_str()),
            earlier_desk: earlier.as_ref().map(|row| row.desk_address.as_str()),
            ..Held::default()
        };
        let enrolment = check_answer(&rows::pending(&pending), held, answer, time_ms)?;
        if let Some(earlier) = &earlier {
            rows::check_continues(earlier, &enrolment)?;
        }
        rows::put(act, &enrolment, earlier.as_ref(), Origin::File, time_ms)?;
        Ok(enrolment)
    })
}
