//! What devices seal to their agency's recovery key, taken in and counted. What is in it nobody here can see.
//! PROTOCOL.md, "Recovery", steps 5 to 8.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
};
use crate::store::{
    Access, Escrow, Members,
    escrow::{NewEscrow, NewEscrowedGrant, PutEscrowOutcome, SealingPage},
};
use alcove_charter::{Judge, sha256};
use alcove_proto::{
    ids::{AccessId, Digest, Epoch, GroupId, Position},
    limits::SEALINGS_PER_PAGE_MAX,
};
use bytes::Bytes;

pub use crate::store::escrow::NewSealing;

/// What a device hands in for one group; forms have been checked.
#[derive(Debug, Clone)]
pub struct EscrowOffer {
    /// The group.
    pub group: GroupId,
    /// SHA-256 of the recovery key that everything is sealed to.
    pub recovery_key_hash: Digest,
    /// Keys of epochs.
    pub entries: Vec<NewSealing>,
    /// Record keys that grants brought.
    pub grants: Vec<OfferedGrant>,
    /// MLS certificates (DER) of whoever is or was a member.
    pub certificates: Vec<Bytes>,
}

/// One grant's record keys, sealed.
#[derive(Debug, Clone)]
pub struct OfferedGrant {
    /// The access entry that goes with it.
    pub access: AccessId,
    /// First and last position of each range.
    pub ranges: Vec<(Position, Position)>,
    /// Encoded EscrowedGrant.
    pub grant: Bytes,
}

impl<S: Access + Escrow + Members> Service<S> {
    /// Stores what the caller has sealed; what it has sealed before stays as it is. PROTOCOL.md, "Recovery", step 7.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member, and for grants over positions that the caller may not
    /// read or that were never opened to it; [`ServiceError::RecoveryKeyChanged`]; [`ServiceError::StaleEpoch`] for an epoch
    /// that has not begun; [`ServiceError::Malformed`] for a certificate that is no device's for signing;
    /// [`ServiceError::TooLarge`] also when the agency has too many certificates there.
    pub async fn put_escrow(&self, caller: &Caller, offer: EscrowOffer) -> Result<(), ServiceError> {
        let inner = &self.inner;
        // Before anything else is told: whoever is no member learns nothing.
        inner.member(caller, offer.group).await?;
        inner.check_recovery_key(caller, &offer.recovery_key_hash)?;
        if !offer.grants.is_empty() {
            let reach = inner.reach(caller, offer.group).await?;
            let mut ranges = offer.grants.iter().flat_map(|grant| &grant.ranges);
            if !ranges.all(|(first, last)| reach.holds_all(*first, *last)) {
                return Err(ServiceError::NotFound);
            }
        }
        let certificates = inner.new_certificates(caller, offer.group, offer.certificates).await?;
        let grants = offer.grants.into_iter();
        let stored = NewEscrow {
            group: offer.group,
            recovery_key_hash: offer.recovery_key_hash,
            entries: offer.entries,
            grants: grants
                .map(|grant| NewEscrowedGrant { access: grant.access, grant: grant.grant })
                .collect(),
            certificates,
        };
        match inner.store.put_escrow(stored, inner.by(caller)).await? {
            PutEscrowOutcome::Stored => Ok(()),
            PutEscrowOutcome::EpochAhead { current } => Err(ServiceError::StaleEpoch { current }),
        }
    }

    /// How many devices of the caller's agency have sealed each epoch of a group to a recovery key, from an epoch on.
    /// PROTOCOL.md, "Recovery", step 8.
    ///
    /// Errors: [`ServiceError::NotFound`] for whoever is no member.
    pub async fn list_sealings(
        &self,
        caller: &Caller,
        group: GroupId,
        recovery_key_hash: Digest,
        from: Epoch,
    ) -> Result<SealingPage, ServiceError> {
        let inner = &self.inner;
        inner.member(caller, group).await?;
        let device = caller.identity.clone();
        Ok(inner.store.sealings(group, recovery_key_hash, device, from, SEALINGS_PER_PAGE_MAX).await?)
    }
}

impl<S: Escrow> Inner<S> {
    /// Errors: [`ServiceError::RecoveryKeyChanged`].
    fn check_recovery_key(&self, caller: &Caller, hash: &Digest) -> Result<(), ServiceError> {
        let trust = self.trust();
        let agency = trust.charter().agency(&caller.identity.person.trust_domain);
        let in_force = agency.and_then(|agency| agency.recovery_key);
        let is_that = in_force.is_some_and(|key| sha256(&[key.as_bytes()]) == hash.0);
        if is_that { Ok(()) } else { Err(ServiceError::RecoveryKeyChanged) }
    }

    /// Those that are not kept yet. Each is a device's, by a CA of its agency of any time: nobody fills the store with
    /// anything else.
    ///
    /// Errors: [`ServiceError::Malformed`].
    async fn new_certificates(
        &self,
        caller: &Caller,
        group: GroupId,
        certificates: Vec<Bytes>,
    ) -> Result<Vec<Bytes>, ServiceError> {
        if certificates.is_empty() {
            return Ok(certificates);
        }
        let agency = caller.identity.person.trust_domain.clone();
        let missing = self.store.certificates_missing(agency, group, certificates).await?;
        let trust = self.trust();
        let judged = tokio::task::spawn_blocking(move || {
            let believed = |der: &Bytes| trust.verify_device_mls(&[der], Judge::Never).is_ok();
            missing.iter().all(believed).then_some(missing)
        });
        judged.await.map_err(ServiceError::internal)?.ok_or(ServiceError::Malformed)
    }
}
