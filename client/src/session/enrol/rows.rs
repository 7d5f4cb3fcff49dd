//! What enrolment writes into the vault, and what of it has to go on: one place for files, invitations and renewals.

use super::{DeviceKeys, EnrolError, Enrolment, PendingRequest};
use crate::vault::{
    Act, VaultError,
    rows::{
        CharterRow, DeviceRow, EnrolmentRow, FormerKeyRow, InvitationRow, KeyPackageRow, KeyTiesRow,
        UpkeepRow,
    },
};
use alcove_charter::{Card, CharterHistory, Judge, TrustView, leaf_point, sha256};
use alcove_e2ee::device::Device;
use alcove_mls::KeyTies;
use alcove_proto::{ids::Digest, names::Identity};
use zeroize::Zeroizing;

/// Rows of which a vault has one.
pub(super) const ONLY: &[u8] = &[];

/// How an answer came.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// As a file, or over the desk for a renewal.
    File,
    /// On the invitation with this SHA-256.
    Invitation(Digest),
}

/// The keys of a row, and the request for them.
pub(super) fn pending(row: &DeviceRow) -> PendingRequest {
    PendingRequest {
        keys: DeviceKeys {
            tls: Zeroizing::new(row.tls_key.clone()),
            mls: Zeroizing::new(row.mls_key.clone()),
            sealing: Zeroizing::new(row.sealing_key.clone()),
            sealing_public: row.sealing_public_key.clone(),
        },
        request: row.request.clone(),
    }
}

/// The row of these keys.
pub(super) fn device(pending: &PendingRequest) -> DeviceRow {
    DeviceRow {
        tls_key: pending.keys.tls.to_vec(),
        mls_key: pending.keys.mls.to_vec(),
        sealing_key: pending.keys.sealing.to_vec(),
        sealing_public_key: pending.keys.sealing_public.clone(),
        request: pending.request.clone(),
    }
}

/// The charters pinned here; nothing before the first answer.
pub(super) fn held_charters(act: &Act<'_>) -> Result<Option<CharterHistory>, EnrolError> {
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

/// What this device is by now; nothing before the first answer.
pub(super) fn held_enrolment(act: &Act<'_>) -> Result<Option<Enrolment>, EnrolError> {
    let (Some(row), Some(charters)) = (act.get::<EnrolmentRow>(ONLY)?, held_charters(act)?) else {
        return Ok(None);
    };
    let damaged = || VaultError::Damaged { what: "the enrolment" };
    let identity: Identity = row.identity.parse().map_err(|_| damaged())?;
    let trust = TrustView::new(charters.clone());
    let tls = trust.read_own_tls(&row.tls_chain).map_err(|_| damaged())?;
    let mls = trust.verify_device_mls(&row.mls_chain, Judge::Never).map_err(|_| damaged())?;
    let card = Card::verify(&row.card, &identity.person, &charters).map_err(|_| damaged())?;
    let directory_key = <[u8; 32]>::try_from(row.directory_key.as_slice()).map_err(|_| damaged())?;
    Ok(Some(Enrolment {
        identity,
        tls_chain: row.tls_chain.clone(),
        mls_chain: row.mls_chain.clone(),
        charters,
        signed_card: row.card.clone(),
        card,
        directory_key: Zeroizing::new(directory_key),
        server_address: row.server_address.clone(),
        desk_address: row.desk_address.clone(),
        tls_not_after_ms: tls.not_after_ms,
        mls_not_after_ms: mls.not_after_ms,
    }))
}

/// A vault is one device for good, and a renewal never goes back.
pub(super) fn check_continues(earlier: &EnrolmentRow, enrolment: &Enrolment) -> Result<(), EnrolError> {
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

/// Puts an answer into the vault, in the place of an earlier one. New keys are put by whoever calls, afterwards.
pub(super) fn put(
    act: &Act<'_>,
    enrolment: &Enrolment,
    earlier: Option<&EnrolmentRow>,
    origin: Origin,
    time_ms: i64,
) -> Result<(), EnrolError> {
    for (charter, signed) in enrolment.charters.charters().zip(enrolment.charters.signed_after(0)) {
        act.put(&charter.version.to_be_bytes(), &CharterRow { signed: signed.to_vec() })?;
    }
    let invitation_hash = match origin {
        Origin::File => earlier.map(|earlier| earlier.invitation_hash.clone()).unwrap_or_default(),
        Origin::Invitation(hash) => hash.to_vec(),
    };
    let row = EnrolmentRow {
        identity: enrolment.identity.to_string(),
        tls_chain: enrolment.tls_chain.clone(),
        mls_chain: enrolment.mls_chain.clone(),
        card: enrolment.signed_card.clone(),
        directory_key: enrolment.directory_key.to_vec(),
        server_address: enrolment.server_address.clone(),
        enrolled_at_ms: earlier.map_or(time_ms, |earlier| earlier.enrolled_at_ms),
        desk_address: enrolment.desk_address.clone(),
        invitation_hash,
    };
    if let Some(earlier) = earlier {
        let mut upkeep = act.get::<UpkeepRow>(ONLY)?.unwrap_or_default();
        if earlier.card != row.card || earlier.directory_key != row.directory_key {
            // The next sync seals and publishes the new card.
            upkeep.card_published.clear();
            upkeep.sealed_card.clear();
        }
        if earlier.mls_chain != row.mls_chain {
            upkeep.key_packages_due = true;
            keep_former_key(act, earlier)?;
            tie_keys(act, earlier, &row)?;
        }
        act.put(ONLY, &upkeep)?;
    }
    act.put(ONLY, &row)?;
    act.delete::<InvitationRow>(ONLY)?;
    Ok(())
}

/// The key that goes signs for the one that follows it, before it is wiped: whoever knew this device by it knows it again.
fn tie_keys(act: &Act<'_>, earlier: &EnrolmentRow, next: &EnrolmentRow) -> Result<(), EnrolError> {
    let damaged = || VaultError::Damaged { what: "the enrolment" };
    let keys: DeviceRow = act.expect(ONLY)?;
    let leaf = next.mls_chain.first().ok_or_else(damaged)?;
    let next = leaf_point(leaf).map_err(|_| damaged())?;
    let device = Device::new(&keys.mls_key, earlier.mls_chain.clone(), None).map_err(|_| damaged())?;
    if *device.public_key() == next {
        return Ok(());
    }
    let tie = device.tie_to(&next).map_err(|_| EnrolError::KeyGeneration)?;
    let ties = key_ties(act)?;
    let ties = KeyTies::newest(ties.iter().cloned().chain([tie]).collect());
    Ok(act.put(ONLY, &KeyTiesRow { ties: ties.encode() })?)
}

/// The ties between this device's keys; none before its first renewal.
pub(crate) fn key_ties(act: &Act<'_>) -> Result<KeyTies, VaultError> {
    let Some(row) = act.get::<KeyTiesRow>(ONLY)? else { return Ok(KeyTies::default()) };
    KeyTies::parse(&row.ties).map_err(|_| VaultError::Damaged { what: "the ties of this device's keys" })
}

/// Key packages under the certificate that goes may have been claimed already, or are before the server forgets them:
/// welcomes to them are opened with the key they name.
fn keep_former_key(act: &Act<'_>, earlier: &EnrolmentRow) -> Result<(), EnrolError> {
    let packages = act.scan::<KeyPackageRow>(&[])?;
    if packages.is_empty() {
        return Ok(());
    }
    let device: DeviceRow = act.expect(ONLY)?;
    let leaf = earlier.mls_chain.first().ok_or(VaultError::Damaged { what: "the enrolment" })?;
    let certificate = sha256(&[leaf]);
    let former = FormerKeyRow { mls_key: device.mls_key.clone(), mls_chain: earlier.mls_chain.clone() };
    act.put(&certificate, &former)?;
    for (key, mut package) in packages {
        if package.former_certificate.is_empty() {
            package.former_certificate = certificate.to_vec();
            // One whose publication was not acknowledged may be out; it is not sent once more.
            package.unpublished.clear();
            act.put(&key, &package)?;
        }
    }
    Ok(())
}
