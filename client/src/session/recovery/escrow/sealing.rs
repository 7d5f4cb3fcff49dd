//! Sealing what is due, and handing it in. PROTOCOL.md section 18, steps 5 to 7.

use super::certificate_place;
use crate::{
    session::{
        Error, Session,
        own::ONLY,
        state::{epoch_place, group_place},
    },
    transport::{EscrowBatch, ServerError},
    vault::{
        Act, Durability, VaultError,
        rows::{ChainRow, EpochRow, EscrowCertificateRow, EscrowDueRow, EscrowGrantRow, EscrowStateRow},
    },
};
use alcove_charter::{EscrowedGrantPlace, P256Point};
use alcove_e2ee::{
    escrow::{EscrowSealError, seal_epoch_key, seal_grant},
    grants::{GrantedKey, GrantedRecord},
    keys::{EpochKey, RecordKey},
};
use alcove_proto::{
    ids::{AccessId, Digest, Epoch, EpochId, GroupId, Position},
    limits::{ESCROW_CERTIFICATES_PER_CALL_MAX, ESCROW_ENTRIES_PER_CALL_MAX},
    v1::Reason,
};
use alcove_sealing::hpke;

/// How the handing in of one group's escrow ended.
enum Handed {
    /// Nothing is due there any more.
    All,
    /// The server refuses something of this group; the others go on.
    Refused,
}

impl Session {
    /// Seals what is due and hands it in. What cannot be done now stays due.
    ///
    /// Errors: those of the vault, and of this device's own certificate.
    pub(in crate::session) async fn seal_due(&self) -> Result<(), Error> {
        let Some((key, hash)) = self.key_to_seal_to() else { return Ok(()) };
        if self.escrow_state()?.recovery_key_hash != hash.as_bytes() {
            // What is missing under this key has yet to be found out.
            return Ok(());
        }
        match self.seal_due_to(&key, &hash).await {
            Err(Error::Server(error)) => {
                tracing::info!(%error, "escrow waits");
                if error.reason() == Some(Reason::RecoveryKeyChanged) {
                    return match self.fetch_trust().await {
                        // What is wrong with it stands as an alarm, or is said by the next sync.
                        Ok(_) | Err(Error::Server(_) | Error::Alarm { .. }) => Ok(()),
                        Err(error) => Err(error),
                    };
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn seal_due_to(&self, key: &P256Point, hash: &Digest) -> Result<(), Error> {
        for group in self.groups_to_seal()? {
            if let Handed::Refused = self.seal_group(&group, key, hash).await? {
                tracing::info!(?group, "the server refuses escrow of a case");
            }
        }
        Ok(())
    }

    async fn seal_group(&self, group: &GroupId, key: &P256Point, hash: &Digest) -> Result<Handed, Error> {
        while let Some(due) = self.vault.read(|act| Due::load(act, group))? {
            let Some(batch) = self.sealed(&due, key)? else { return Ok(Handed::Refused) };
            match self.server()?.put_escrow(group, hash, batch).await {
                Ok(()) => {}
                // The grant has ended: nobody will read these records by recovery either.
                Err(error) if error.reason() == Some(Reason::NotFound) && due.grant.is_some() => {}
                Err(error) if is_about_the_group(&error) => return Ok(Handed::Refused),
                Err(error) => return Err(error.into()),
            }
            if !self.acknowledged(&due, hash)? {
                break;
            }
        }
        Ok(Handed::All)
    }

    /// Nothing when the recovery key is none that anything can be sealed to.
    fn sealed(&self, due: &Due, key: &P256Point) -> Result<Option<EscrowBatch>, Error> {
        let trust_domain = &self.identity.person.trust_domain;
        let seal = || -> Result<EscrowBatch, EscrowSealError> {
            let entries = due.epochs.iter().map(|epoch| {
                seal_epoch_key(key, trust_domain, due.group, epoch.number, epoch.id, &epoch.key, hpke::seal)
            });
            let grants = due.grant.iter().map(|(access, keys)| {
                let place = EscrowedGrantPlace { group: due.group, access: *access };
                seal_grant(key, trust_domain, place, keys, hpke::seal)
            });
            Ok(EscrowBatch {
                entries: entries.collect::<Result<_, _>>()?,
                grants: grants.collect::<Result<_, _>>()?,
                certificates: due.certificates.iter().map(|(_, der)| der.clone()).collect(),
            })
        };
        match seal() {
            Ok(batch) => Ok(Some(batch)),
            Err(error) => {
                tracing::warn!(%error, "escrow cannot be sealed");
                Ok(None)
            }
        }
    }

    /// The server has it on disk. If that is lost here, it is sealed again, and changes nothing there.
    ///
    /// Returns whether this is still the key to seal to.
    fn acknowledged(&self, due: &Due, hash: &Digest) -> Result<bool, Error> {
        self.vault.act(Durability::Refetchable, |act| {
            for (certificate, _) in &due.certificates {
                act.put(&certificate_place(&due.group, certificate), &EscrowCertificateRow { given: true })?;
            }
            let state: EscrowStateRow = act.get(ONLY)?.unwrap_or_default();
            if state.recovery_key_hash != hash.as_bytes() {
                // Another process has met another key meanwhile: what is marked is for that one.
                return Ok(false);
            }
            for epoch in &due.epochs {
                act.delete::<EscrowDueRow>(&epoch_place(&due.group, epoch.number.0))?;
            }
            if let Some((access, _)) = &due.grant {
                settle_grant(act, &due.group, access)?;
            }
            Ok(true)
        })
    }
}

/// What goes with one call.
struct Due {
    group: GroupId,
    epochs: Vec<DueEpoch>,
    grant: Option<(AccessId, Vec<GrantedKey>)>,
    certificates: Vec<(Digest, Vec<u8>)>,
}

struct DueEpoch {
    number: Epoch,
    id: EpochId,
    key: EpochKey,
}

impl Due {
    /// The next batch of a group: epochs first, then one grant at a time, so that one that has ended refuses no other.
    /// Nothing when nothing is due.
    fn load(act: &Act<'_>, group: &GroupId) -> Result<Option<Self>, Error> {
        let mut due = Self { group: *group, epochs: Vec::new(), grant: None, certificates: Vec::new() };
        for (place, _) in act.scan::<EscrowDueRow>(group.as_bytes())? {
            if due.epochs.len() == ESCROW_ENTRIES_PER_CALL_MAX {
                break;
            }
            due.epochs.push(DueEpoch::load(act, &place)?);
        }
        if due.epochs.is_empty() {
            due.grant = due_grant(act, group)?;
        }
        for (place, row) in act.scan::<EscrowCertificateRow>(group.as_bytes())? {
            if row.given {
                continue;
            }
            if due.certificates.len() == ESCROW_CERTIFICATES_PER_CALL_MAX {
                break;
            }
            let hash = place.last_chunk::<32>().ok_or(VaultError::damaged("a certificate of escrow"))?;
            let chain: ChainRow = act.expect(hash)?;
            let leaf = chain.certificates.first().ok_or(VaultError::damaged("a certificate chain"))?;
            due.certificates.push((Digest(*hash), leaf.clone()));
        }
        let nothing = due.epochs.is_empty() && due.grant.is_none() && due.certificates.is_empty();
        Ok(if nothing { None } else { Some(due) })
    }
}

impl DueEpoch {
    fn load(act: &Act<'_>, place: &[u8]) -> Result<Self, VaultError> {
        let damaged = || VaultError::damaged("an epoch key");
        let number = place.last_chunk::<8>().ok_or_else(damaged)?;
        let row: EpochRow = act.expect(place)?;
        Ok(Self {
            number: Epoch(u64::from_be_bytes(*number)),
            id: EpochId::try_from(row.epoch_id.as_slice()).map_err(|_| damaged())?,
            key: EpochKey::try_from(row.key.as_slice()).map_err(|_| damaged())?,
        })
    }
}

/// The next grant that is due, with the keys of its records as far as they were taken.
fn due_grant(act: &Act<'_>, group: &GroupId) -> Result<Option<(AccessId, Vec<GrantedKey>)>, Error> {
    let damaged = || VaultError::damaged("a grant of escrow");
    for (place, row) in act.scan::<EscrowGrantRow>(group.as_bytes())? {
        if !row.due {
            continue;
        }
        let access = place.get(16..).and_then(|id| AccessId::try_from(id).ok()).ok_or_else(damaged)?;
        let mut keys = Vec::with_capacity(row.positions.len());
        for position in row.positions {
            let Some((_, entry)) = act.entry_at(group, Position(position))? else { continue };
            if entry.unreadable != 0 {
                continue;
            }
            let hash = Digest::try_from(entry.hash.as_slice()).map_err(|_| damaged())?;
            let key = RecordKey::try_from(entry.key.as_slice()).map_err(|_| damaged())?;
            let record = GrantedRecord { position: Position(position), hash, chain: 0 };
            keys.push(GrantedKey { record, key });
        }
        if !keys.is_empty() {
            return Ok(Some((access, keys)));
        }
    }
    Ok(None)
}

fn settle_grant(act: &Act<'_>, group: &GroupId, access: &AccessId) -> Result<(), VaultError> {
    let place = group_place(group, access.as_bytes());
    let Some(mut row) = act.get::<EscrowGrantRow>(&place)? else { return Ok(()) };
    row.due = false;
    act.put(&place, &row)
}

/// Whether an answer is about this group and says nothing about the others.
fn is_about_the_group(error: &ServerError) -> bool {
    match error {
        ServerError::Refused(refusal) => refusal.reason != Reason::RecoveryKeyChanged && !error.is_passing(),
        ServerError::Unreachable
        | ServerError::Address
        | ServerError::Config(_)
        | ServerError::ServerCertificate(_)
        | ServerError::DeviceCertificate(_)
        | ServerError::InItsPlace
        | ServerError::Proxy(_)
        | ServerError::BadAnswer { .. } => false,
    }
}
