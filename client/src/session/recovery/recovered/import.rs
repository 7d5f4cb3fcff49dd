//! Taking in the file that the officers made for this device. Local; killed at any line, the same file is taken in again.

use crate::{
    session::{Error, Imported, RecoveredFileFault, Session, own::ONLY, state::epoch_place},
    vault::{
        Act, Durability, VaultError,
        rows::{
            ChainRow, DeviceRow, GroupRow, RecoveredEpochRow, RecoveredGroupRow, RecoveredRecordRow, Row,
        },
    },
};
use alcove_charter::{Judge, TrustView, sha256};
use alcove_e2ee::escrow::{Recovered, read_recovered};
use alcove_proto::{ids::GroupId, names::Identity};
use alcove_sealing::recovered_keys::{self, RecoveredKeysError};
use std::collections::BTreeSet;

impl Session {
    /// Takes recovered keys in: from then on every sync reads what they open, until all of it is here.
    ///
    /// `file`: an encoded [`alcove_proto::v1::RecoveredKeys`] for this device, at most
    /// [`alcove_proto::limits::RECOVERED_KEYS_BYTES_MAX`]. Local; the same file
    /// again changes nothing. Errors: [`Error::RecoveredFile`]; nothing was changed.
    pub fn import_recovered(&self, file: &[u8]) -> Result<Imported, Error> {
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            let keys: DeviceRow = act.expect(ONLY)?;
            let recovered = open(file, &keys.sealing_key, &self.identity)?;
            keep(act, &trust, &recovered, now_ms)
        })
    }
}

/// Opens the file with this device's sealing key.
fn open(file: &[u8], sealing_key: &[u8], identity: &Identity) -> Result<Recovered, RecoveredFileFault> {
    let opened = recovered_keys::open(file, sealing_key, identity).map_err(|error| match error {
        RecoveredKeysError::TooLarge => RecoveredFileFault::TooLarge,
        RecoveredKeysError::NotSuchAFile => RecoveredFileFault::NotSuchAFile,
        RecoveredKeysError::Format { found } => RecoveredFileFault::Format { found },
        RecoveredKeysError::OtherDevice { named } => {
            let identity = named.map(|identity| identity.to_string()).unwrap_or_default();
            RecoveredFileFault::OtherDevice { identity }
        }
        RecoveredKeysError::Unopened => RecoveredFileFault::DoesNotOpen,
    })?;
    read_recovered(&opened).map_err(|error| {
        tracing::warn!(%error, "recovered keys are not in order");
        RecoveredFileFault::Content
    })
}

fn keep(act: &Act<'_>, trust: &TrustView, recovered: &Recovered, now_ms: i64) -> Result<Imported, Error> {
    let mut imported = Imported { cases: 0, epochs: 0, records: 0, certificates_refused: 0 };
    for certificate in &recovered.certificates {
        imported.certificates_refused += u64::from(!keep_certificate(act, trust, certificate)?);
    }
    let mut groups: BTreeSet<GroupId> = BTreeSet::new();
    let mut new: BTreeSet<GroupId> = BTreeSet::new();
    let mut epochs = BTreeSet::new();
    for key in &recovered.keys {
        groups.insert(key.place.group);
        epochs.insert((key.place.group, key.place.epoch));
        let mut row = RecoveredEpochRow::default();
        row.epoch_id = key.place.epoch_id.to_vec();
        row.key = key.key.as_bytes().to_vec();
        let base = epoch_place(&key.place.group, key.place.epoch.0);
        let place = place_of(base, key.place.epoch_id.as_bytes(), key.key.as_bytes());
        if put_new(act, &place, &row)? {
            new.insert(key.place.group);
        }
    }
    for grant in &recovered.grants {
        groups.insert(grant.place.group);
        for (position, hash, key) in &grant.keys {
            imported.records += 1;
            let mut row = RecoveredRecordRow::default();
            row.hash = hash.to_vec();
            row.key = key.as_bytes().to_vec();
            let base = epoch_place(&grant.place.group, position.0);
            if put_new(act, &place_of(base, hash.as_bytes(), key.as_bytes()), &row)? {
                new.insert(grant.place.group);
            }
        }
    }
    for group in &groups {
        make_room(act, group, new.contains(group), now_ms)?;
    }
    imported.cases = groups.len() as u64;
    imported.epochs = epochs.len() as u64;
    Ok(imported)
}

/// Where a key lies: after what it is for, so that two keys for one thing lie beside each other.
fn place_of(base: [u8; 24], named: &[u8; 32], key: &[u8; 32]) -> [u8; 56] {
    let mut place = [0; 56];
    place[..24].copy_from_slice(&base);
    place[24..].copy_from_slice(&sha256(&[b"alcove recovered key place\0", named, key]));
    place
}

/// Whether it was not there before.
fn put_new<R: Row>(act: &Act<'_>, place: &[u8], row: &R) -> Result<bool, VaultError> {
    let new = !act.has::<R>(place)?;
    if new {
        act.put(place, row)?;
    }
    Ok(new)
}

/// Keeps a certificate that a charter vouches for; whether it held is judged by each record it signed.
fn keep_certificate(act: &Act<'_>, trust: &TrustView, certificate: &[u8]) -> Result<bool, Error> {
    let chain = vec![certificate.to_vec()];
    match trust.verify_device_mls(&chain, Judge::Never) {
        Ok(believed) => {
            put_new(act, believed.certificate_hash.as_bytes(), &ChainRow { certificates: chain })?;
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(%error, "a recovered certificate is refused");
            Ok(false)
        }
    }
}

/// Sees that a group is known, and is read: from its beginning when there are new keys.
fn make_room(act: &Act<'_>, group: &GroupId, has_new: bool, now_ms: i64) -> Result<(), Error> {
    if !act.has::<GroupRow>(group.as_bytes())? {
        let row = GroupRow {
            recovered: true,
            created: true,
            closed: true,
            joined_at_ms: now_ms,
            ..GroupRow::default()
        };
        act.put(group.as_bytes(), &row)?;
    }
    let held: Option<RecoveredGroupRow> = act.get(group.as_bytes())?;
    if has_new || held.is_none() {
        let held = held.unwrap_or_default();
        let row = RecoveredGroupRow { position: 0, head: Vec::new(), done: false, unreadable: 0, ..held };
        act.put(group.as_bytes(), &row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::rows::tests::{GROUP, NUMBER};
    use alcove_tests::stored::Forms;

    #[test]
    fn a_recovered_key_lies_where_its_stored_form_says() {
        let place = place_of(epoch_place(&GROUP, NUMBER), &[1; 32], &[2; 32]);
        for name in ["recovered_epoch", "recovered_record"] {
            assert_eq!(place.to_vec(), Forms::of("vault").key(name));
        }
    }
}
