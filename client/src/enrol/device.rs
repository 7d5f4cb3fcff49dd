//! The two halves of enrolment in the vault: each is one act, and each may be run again.
//!
//! Killed between any two lines, the next run goes on: keys are in the vault before the request is
//! written, and an answer is in it whole or not at all.

use super::{DeviceKeys, EnrolError, Enrolment, Held, PendingRequest, check_answer};
use crate::vault::{
    Act, Durability, Passphrase, Vault, VaultError,
    rows::{CharterRow, DeviceRow, EnrolmentRow, UpkeepRow},
};
use alcove_charter::{CharterHistory, Judge, TrustView};
use ring::rand::SystemRandom;
use std::{path::Path, sync::Arc};
use zeroize::Zeroizing;

/// Rows of which a vault has one.
const ONLY: &[u8] = &[];

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
    let random = Arc::new(SystemRandom::new());
    let vault = match Vault::create(home, passphrase, random.clone()) {
        // Perhaps another process was faster: the passphrase says whether it is the same person's.
        Err(VaultError::Exists { .. }) => Vault::open(home, passphrase, random)?,
        made => made?,
    };
    vault.act(Durability::OnDisk, |act| {
        if let Some(pending) = pending(act)? {
            return Ok(pending);
        }
        let pending = PendingRequest::make()?;
        act.put(
            ONLY,
            &DeviceRow {
                tls_key: pending.keys.tls.to_vec(),
                mls_key: pending.keys.mls.to_vec(),
                sealing_key: pending.keys.sealing.to_vec(),
                sealing_public_key: pending.keys.sealing_public.clone(),
                request: pending.request.clone(),
            },
        )?;
        Ok(pending)
    })
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
        let pending = pending(act)?.ok_or(EnrolError::NoRequest)?;
        let earlier = act.get::<EnrolmentRow>(ONLY)?;
        let held = Held {
            charters: held_charters(act)?,
            server,
            earlier_server: earlier.as_ref().map(|row| row.server_address.as_str()),
        };
        let enrolment = check_answer(&pending, held, answer, time_ms)?;
        if let Some(earlier) = &earlier {
            check_continues(earlier, &enrolment)?;
        }
        put(act, &enrolment, earlier.as_ref(), time_ms)?;
        Ok(enrolment)
    })
}

fn pending(act: &Act<'_>) -> Result<Option<PendingRequest>, VaultError> {
    Ok(act.get::<DeviceRow>(ONLY)?.map(|row| PendingRequest {
        keys: DeviceKeys {
            tls: Zeroizing::new(row.tls_key.clone()),
            mls: Zeroizing::new(row.mls_key.clone()),
            sealing: Zeroizing::new(row.sealing_key.clone()),
            sealing_public: row.sealing_public_key.clone(),
        },
        request: row.request.clone(),
    }))
}

fn held_charters(act: &Act<'_>) -> Result<Option<CharterHistory>, EnrolError> {
    let rows = act.scan::<CharterRow>(ONLY)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let versions = rows.iter().map(|(_, row)| &row.signed);
    // They were verified before they were put there.
    let charters =
        CharterHistory::from_versions(versions).map_err(|_| VaultError::Damaged { what: "a charter" })?;
    Ok(Some(charters))
}

/// A vault is one device for good, and a renewal never goes back.
fn check_continues(earlier: &EnrolmentRow, enrolment: &Enrolment) -> Result<(), EnrolError> {
    if earlier.identity != enrolment.identity.to_string() {
        let identity = earlier.identity.parse().map_err(|_| VaultError::Damaged { what: "the enrolment" })?;
        return Err(EnrolError::AlreadyEnrolled(Box::new(identity)));
    }
    let trust = TrustView::new(enrolment.charters.clone());
    // A certificate that no charter ever vouched for cannot be the newer one.
    match trust.verify_device_mls(&earlier.mls_chain, Judge::Never) {
        Ok(held) if held.not_after_ms > enrolment.mls_not_after_ms => Err(EnrolError::Older),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn put(
    act: &Act<'_>,
    enrolment: &Enrolment,
    earlier: Option<&EnrolmentRow>,
    time_ms: i64,
) -> Result<(), EnrolError> {
    for (charter, signed) in enrolment.charters.charters().zip(enrolment.charters.signed_after(0)) {
        act.put(&charter.version.to_be_bytes(), &CharterRow { signed: signed.to_vec() })?;
    }
    let row = EnrolmentRow {
        identity: enrolment.identity.to_string(),
        tls_chain: enrolment.tls_chain.clone(),
        mls_chain: enrolment.mls_chain.clone(),
        card: enrolment.signed_card.clone(),
        directory_key: enrolment.directory_key.to_vec(),
        server_address: enrolment.server_address.clone(),
        enrolled_at_ms: earlier.map_or(time_ms, |earlier| earlier.enrolled_at_ms),
    };
    let same_card =
        |earlier: &EnrolmentRow| earlier.card == row.card && earlier.directory_key == row.directory_key;
    if !earlier.is_none_or(same_card)
        && let Some(upkeep) = act.get::<UpkeepRow>(ONLY)?
    {
        // The next sync seals and publishes the new card.
        act.put(ONLY, &UpkeepRow { card_published: Vec::new(), sealed_card: Vec::new(), ..upkeep })?;
    }
    act.put(ONLY, &row)?;
    Ok(())
}
