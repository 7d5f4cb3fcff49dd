//! What is sealed to recovery keys: entries, grants, certificates.
//!
//! Everything of one agency in one group lies together, and of one epoch whatever key it is sealed to: an epoch that two
//! devices have sealed to the key in force keeps nothing that is sealed to an earlier one.

use super::{
    escrow_keys::{certificate_key, count_key, entry_of, epoch_prefix, grants_prefix},
    recoverable,
};
use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    error::{bytes_at_most, count_at_most},
    escrow::{
        Escrow, EscrowPage, EscrowQuery, NewEscrow, NewEscrowedGrant, NewSealing, PutEscrowOutcome,
        Recoverable, SEALING_BYTES_MAX, SealingPage,
    },
    sled::{
        engine::{
            AccessRow, Audited, Batch, CertificateRow, Demand, EscrowCountRow, EscrowRow, EscrowedGrantRow,
            Key, Kind, View,
        },
        log::members::require_member,
        store::SledStore,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{Digest, Epoch, GroupId},
    limits::{
        CERTIFICATE_BYTES_MAX, ESCROW_CERTIFICATES_PER_CALL_MAX, ESCROW_CERTIFICATES_PER_GROUP_MAX,
        ESCROW_ENTRIES_PER_CALL_MAX, ESCROW_GRANTS_PER_CALL_MAX, ESCROWED_GRANT_BYTES_MAX,
    },
    names::{Identity, Person, TrustDomain},
};
use bytes::Bytes;

/// Devices that seal an epoch to the key in force before what is sealed to earlier ones goes.
const SEALINGS_ENOUGH: usize = 2;

impl Escrow for SledStore {
    async fn put_escrow(&self, escrow: NewEscrow, by: By) -> Result<PutEscrowOutcome> {
        let demand = Demand::bytes(weight(&escrow));
        self.queue.submit(demand, move |batch| put(batch, &escrow, &by)).await
    }

    async fn certificates_missing(
        &self,
        trust_domain: TrustDomain,
        group: GroupId,
        certificates: Vec<Bytes>,
    ) -> Result<Vec<Bytes>> {
        self.read(move |view| missing(view, &trust_domain, &group, certificates)).await
    }

    async fn sealings(
        &self,
        group: GroupId,
        recovery_key_hash: Digest,
        device: Identity,
        from: Epoch,
        max: usize,
    ) -> Result<SealingPage> {
        self.read(move |view| recoverable::sealings(view, &group, &recovery_key_hash, &device, from, max))
            .await
    }

    async fn recoverable(&self, person: Person, recovery_key_hash: Digest) -> Result<Vec<Recoverable>> {
        self.read(move |view| recoverable::recoverable(view, &person, &recovery_key_hash)).await
    }

    async fn escrow_page(&self, query: EscrowQuery) -> Result<EscrowPage> {
        self.read(move |view| recoverable::page(view, &query)).await
    }
}

/// Bytes an act writes.
fn weight(new: &NewEscrow) -> usize {
    let entries = new.entries.iter().map(|sealing| sealing.entry.len() + 256);
    let grants = new.grants.iter().map(|grant| grant.grant.len() + 256);
    let certificates = new.certificates.iter().map(|certificate| certificate.len() + 256);
    entries.chain(grants).chain(certificates).sum()
}

/// Stores what a device has sealed.
fn put(batch: &mut Batch<'_>, new: &NewEscrow, by: &By) -> Result<PutEscrowOutcome> {
    check_sizes(new)?;
    let head = batch.head(&new.group)?;
    require_member(batch, &new.group, &by.identity)?;
    if new.entries.iter().any(|sealing| sealing.epoch > head.epoch) {
        return Ok(PutEscrowOutcome::EpochAhead { current: head.epoch });
    }
    let mut changed = false;
    for sealing in &new.entries {
        changed |= put_entry(batch, new, sealing, by)?;
    }
    for grant in &new.grants {
        changed |= put_grant(batch, new, grant, by)?;
    }
    changed |= put_certificates(batch, new, by)?;
    if changed {
        batch.audit(by, Audited { group: Some(&new.group), ..Audited::act(Act::PutEscrow) });
    }
    Ok(PutEscrowOutcome::Stored)
}

fn check_sizes(new: &NewEscrow) -> Result<()> {
    count_at_most("escrow entries", new.entries.len(), ESCROW_ENTRIES_PER_CALL_MAX)?;
    count_at_most("escrowed grants", new.grants.len(), ESCROW_GRANTS_PER_CALL_MAX)?;
    count_at_most("certificates", new.certificates.len(), ESCROW_CERTIFICATES_PER_CALL_MAX)?;
    let entries = new.entries.iter().map(|sealing| ("escrow entry", &sealing.entry, SEALING_BYTES_MAX));
    let grants = new.grants.iter().map(|grant| ("escrowed grant", &grant.grant, ESCROWED_GRANT_BYTES_MAX));
    let certificates = new.certificates.iter().map(|der| ("certificate", der, CERTIFICATE_BYTES_MAX));
    let mut pieces = entries.chain(grants).chain(certificates);
    pieces.try_for_each(|(what, bytes, limit)| bytes_at_most(what, bytes.len(), limit))
}

/// The first sealing of an epoch by a device stays: what comes later changes nothing.
fn put_entry(batch: &mut Batch<'_>, new: &NewEscrow, sealing: &NewSealing, by: &By) -> Result<bool> {
    let (agency, hash) = (&by.identity.person.trust_domain, &new.recovery_key_hash);
    let key = entry_of(agency, &new.group, sealing.epoch, hash, &by.identity);
    if batch.has(&key)? {
        return Ok(false);
    }
    batch.put_new(key, &EscrowRow { entry: sealing.entry.clone() })?;
    let prefix = epoch_prefix(agency, &new.group, sealing.epoch);
    let current: Key = [prefix.as_slice(), hash.as_bytes()].concat();
    let rows = batch.scan(&prefix, usize::MAX)?;
    let (now, earlier): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(key, _)| key.starts_with(&current));
    if now.len() >= SEALINGS_ENOUGH {
        for (key, _) in earlier {
            batch.remove(key)?;
        }
    }
    Ok(true)
}

fn put_grant(batch: &mut Batch<'_>, new: &NewEscrow, grant: &NewEscrowedGrant, by: &By) -> Result<bool> {
    // A grant goes with an access entry, also one that has ended since: so a device fills no more than it was opened.
    let access = Kind::Access.key().group(&new.group).access(&grant.access).build();
    let opened: AccessRow = batch.row(&access)?.ok_or(StoreError::NotFound)?;
    if opened.grantee != by.identity.to_string() {
        return Err(StoreError::NotFound);
    }
    let mut key = grants_prefix(&by.identity.person.trust_domain, &new.group, &by.identity);
    key.extend_from_slice(grant.access.as_bytes());
    let hash = new.recovery_key_hash.to_vec();
    // Nobody but this device has these keys: what it seals to the next recovery key takes the place of the earlier.
    if batch.row::<EscrowedGrantRow>(&key)?.is_some_and(|row| row.recovery_key_hash == hash) {
        return Ok(false);
    }
    batch.put(key, &EscrowedGrantRow { recovery_key_hash: hash, grant: grant.grant.clone() })?;
    Ok(true)
}

/// Each certificate is kept once for an agency and group.
fn put_certificates(batch: &mut Batch<'_>, new: &NewEscrow, by: &By) -> Result<bool> {
    let agency = &by.identity.person.trust_domain;
    let count_key = count_key(agency, &new.group);
    let mut count: EscrowCountRow = batch.row(&count_key)?.unwrap_or_default();
    let before = count.certificates;
    for certificate in &new.certificates {
        let key = certificate_key(agency, &new.group, &Digest(sha256(&[certificate])));
        if batch.has(&key)? {
            continue;
        }
        count.certificates += 1;
        count_at_most("certificates", count.certificates as usize, ESCROW_CERTIFICATES_PER_GROUP_MAX)?;
        batch.put_new(key, &CertificateRow { certificate: certificate.clone() })?;
    }
    if count.certificates == before {
        return Ok(false);
    }
    batch.put(count_key, &count)?;
    Ok(true)
}

/// Those of `certificates` that are not kept for the agency and group.
fn missing(
    view: &View,
    agency: &TrustDomain,
    group: &GroupId,
    certificates: Vec<Bytes>,
) -> Result<Vec<Bytes>> {
    let mut missing = Vec::new();
    for certificate in certificates {
        let key = certificate_key(agency, group, &Digest(sha256(&[&certificate])));
        if view.value(&key)?.is_none() {
            missing.push(certificate);
        }
    }
    Ok(missing)
}
