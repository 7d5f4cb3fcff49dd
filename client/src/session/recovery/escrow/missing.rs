//! Another recovery key, or the first one: every epoch whose key is held here and that too few devices have sealed to it.
//!
//! PROTOCOL.md section 18, step 8.

use super::{SEALINGS_WANTED, mark_certificates, take_back};
use crate::{
    session::{
        Error, Session,
        own::ONLY,
        state::{Roster, epoch_place},
    },
    transport::Sealings,
    vault::{
        Act, Direction, Durability, VaultError,
        rows::{EpochRow, EscrowDueRow, EscrowGrantRow, EscrowStateRow},
    },
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Position},
    v1::Reason,
};
use std::{collections::BTreeSet, ops::ControlFlow};

impl Session {
    /// Sees to it that everything held here gets sealed to the recovery key of the charter in force, once for each key.
    ///
    /// Killed in between, it begins anew. Errors: those of the vault alone; a server that does not answer is asked at the
    /// next sync.
    pub(in crate::session) async fn see_to_recovery_key(&self) -> Result<(), Error> {
        let wanted = self.key_to_seal_to().map(|(_, hash)| hash);
        let dealt_with = self.escrow_state()?.recovery_key_hash;
        if dealt_with == wanted.map(Digest::to_vec).unwrap_or_default() {
            return Ok(());
        }
        let Some(hash) = wanted else { return self.nothing_to_seal_to() };
        match self.mark_missing(&hash).await {
            Ok(()) => self.dealt_with(&hash),
            Err(Error::Server(error)) => {
                tracing::info!(%error, "what is sealed to the recovery key is not known yet");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn mark_missing(&self, hash: &Digest) -> Result<(), Error> {
        for group in self.groups_to_seal()? {
            let held = self.epochs_held(&group)?;
            let Some(first) = held.first() else { continue };
            match self.sealings(&group, hash, *first).await {
                Ok(sealings) => self.mark(&group, &missing(held, &sealings))?,
                // No member any more: what its log says of that is read later.
                Err(Error::Server(error)) if error.reason() == Some(Reason::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn sealings(&self, group: &GroupId, hash: &Digest, first: Epoch) -> Result<Vec<Sealings>, Error> {
        let server = self.server()?;
        let mut sealings: Vec<Sealings> = Vec::new();
        let mut from = first;
        loop {
            let (page, more) = server.list_sealings(group, hash, from).await?;
            sealings.extend(page);
            match sealings.last().filter(|_| more) {
                Some(last) => from = Epoch(last.epoch.0.saturating_add(1)),
                None => return Ok(sealings),
            }
        }
    }

    fn epochs_held(&self, group: &GroupId) -> Result<BTreeSet<Epoch>, Error> {
        self.vault.read(|act| {
            let epochs = act.scan::<EpochRow>(group.as_bytes())?;
            let number = |(place, _): &(Vec<u8>, EpochRow)| {
                let number = place.last_chunk::<8>().ok_or(VaultError::damaged("an epoch key"))?;
                Ok(Epoch(u64::from_be_bytes(*number)))
            };
            epochs.iter().map(number).collect()
        })
    }

    fn mark(&self, group: &GroupId, epochs: &[Epoch]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            for epoch in epochs {
                act.put(&epoch_place(group, epoch.0), &EscrowDueRow {})?;
            }
            if !epochs.is_empty() {
                mark_certificates(act, group, signers(act, group)?.into_iter())?;
            }
            for (place, mut row) in act.scan::<EscrowGrantRow>(group.as_bytes())? {
                row.due = true;
                act.put(&place, &row)?;
            }
            Ok(())
        })
    }

    fn dealt_with(&self, hash: &Digest) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let state: EscrowStateRow = act.get(ONLY)?.unwrap_or_default();
            Ok(act.put(ONLY, &EscrowStateRow { recovery_key_hash: hash.to_vec(), ..state })?)
        })
    }

    /// The agency has given recovery up: what was marked is for nobody, and a later key begins with everything.
    fn nothing_to_seal_to(&self) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            take_back(act, &[])?;
            let state: EscrowStateRow = act.get(ONLY)?.unwrap_or_default();
            Ok(act.put(ONLY, &EscrowStateRow { recovery_key_hash: Vec::new(), ..state })?)
        })
    }
}

/// The epochs this device is to seal: it has not done so, and fewer have than are wanted.
fn missing(held: BTreeSet<Epoch>, sealings: &[Sealings]) -> Vec<Epoch> {
    let enough = |epoch: &Epoch| {
        let known = sealings.binary_search_by_key(epoch, |sealings| sealings.epoch);
        known.is_ok_and(|at| sealings[at].own || sealings[at].devices >= SEALINGS_WANTED)
    };
    held.into_iter().filter(|epoch| !enough(epoch)).collect()
}

/// The certificates of whoever is in the group, and of whoever signed something in it that is held here.
fn signers(act: &Act<'_>, group: &GroupId) -> Result<BTreeSet<Digest>, Error> {
    let roster = Roster::load(act, group)?;
    let mut signers: BTreeSet<Digest> = roster.members.iter().map(|seat| seat.certificate_hash).collect();
    act.entries(group, (Position(0), Position(u64::MAX)), Direction::Forward, &mut |_, row| {
        // Commits and what did not open have none.
        signers.extend(Digest::try_from(row.certificate_hash.as_slice()));
        ControlFlow::Continue(())
    })?;
    Ok(signers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_have_sealed_or_this_device_has_is_not_sealed_again() {
        let sealings = |epoch, devices, own| Sealings { epoch: Epoch(epoch), devices, own };
        let held = || (1..=5).map(Epoch).collect();
        let known =
            [sealings(1, 2, false), sealings(2, 1, false), sealings(3, 1, true), sealings(5, 3, true)];
        assert_eq!(missing(held(), &known), [Epoch(2), Epoch(4)]);
        assert_eq!(missing(held(), &[]).len(), 5, "a new key: nobody has sealed anything to it");
    }
}
