//! Opening escrow with a recovery key that was put together, and comparing what two devices sealed.

use crate::{
    ca::files::read_limited,
    error::IssuerError,
    recovery::{error::RecoveryError, shares::CombinedKey},
};
use alcove_charter::{
    ESCROW_GRANT_INFO, ESCROW_INFO, EscrowBundle, EscrowPlace, EscrowedGrant, EscrowedGrantPlace,
};
use alcove_proto::{
    canonical,
    limits::{ESCROW_BUNDLE_BYTES_MAX, GRANT_RECORDS_MAX},
    v1,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use zeroize::Zeroizing;

/// Bytes of an epoch's key.
const KEY_BYTES: usize = 32;

/// What one epoch's entries opened to: each key with the entries it came out of, and the sealings these are.
#[derive(Default)]
struct Epoch {
    /// In rising order of the keys. On the heap each, so that the list leaves no copy behind when it grows.
    keys: Vec<(Zeroizing<Vec<u8>>, Vec<usize>)>,
    sealings: BTreeSet<[u8; 65]>,
}

impl Epoch {
    fn insert(&mut self, key: Zeroizing<Vec<u8>>, index: usize) {
        match self.keys.binary_search_by(|(other, _)| other.as_slice().cmp(&key)) {
            Ok(at) => self.keys[at].1.push(index),
            Err(at) => self.keys.insert(at, (key, vec![index])),
        }
    }
}

/// An escrow, opened. The keys are wiped when this is dropped.
pub struct OpenedEscrow {
    epochs: BTreeMap<EscrowPlace, Epoch>,
    unopened: Vec<usize>,
    grants: BTreeMap<EscrowedGrantPlace, Vec<v1::EscrowedRecordKey>>,
    unopened_grants: Vec<usize>,
    /// As they came: whoever reads records by them checks each against the charter.
    certificates: BTreeSet<Vec<u8>>,
}

/// An epoch whose entries opened to different keys: one of those who sealed them did not seal the epoch's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisoned {
    /// Which epoch.
    pub place: EscrowPlace,
    /// For each of the keys, the entries that opened to it, counted in the bundle from 0.
    pub entries: Vec<Vec<usize>>,
}

/// Reads a bundle that was fetched from the desk.
///
/// Errors: those of the file; [`RecoveryError::Escrow`].
pub fn read_escrow(path: &Path) -> Result<EscrowBundle, IssuerError> {
    let bundle = read_limited(path, ESCROW_BUNDLE_BYTES_MAX)?;
    Ok(EscrowBundle::parse(&bundle).map_err(RecoveryError::from)?)
}

/// The epoch of an entry, for scripts.
pub fn place_object(place: &EscrowPlace) -> serde_json::Value {
    serde_json::json!({
        "group": place.group.to_string(),
        "epoch": place.epoch.0,
        "epoch_id": place.epoch_id.to_string(),
    })
}

impl CombinedKey {
    /// Opens every entry and every grant of a bundle.
    ///
    /// What does not open is told by [`OpenedEscrow::unopened`] and [`OpenedEscrow::unopened_grants`] and left out.
    /// Errors: [`RecoveryError::OtherAgencysEscrow`]; [`RecoveryError::NothingOpens`] when nothing at all does.
    /// Source: PROTOCOL.md, "Recovery".
    pub fn open(&self, bundle: &EscrowBundle) -> Result<OpenedEscrow, RecoveryError> {
        if bundle.trust_domain != self.trust_domain {
            return Err(RecoveryError::OtherAgencysEscrow(bundle.trust_domain.clone()));
        }
        let mut opened = OpenedEscrow {
            epochs: BTreeMap::new(),
            unopened: Vec::new(),
            grants: BTreeMap::new(),
            unopened_grants: Vec::new(),
            certificates: bundle.certificates.iter().cloned().collect(),
        };
        for (index, entry) in bundle.entries.iter().enumerate() {
            let aad = entry.place.aad(&self.trust_domain, self.key.public());
            let encapsulated = entry.encapsulated_key.as_bytes();
            let key = self
                .key
                .open(encapsulated, ESCROW_INFO, &aad, &entry.ciphertext)
                .filter(|key| key.len() == KEY_BYTES);
            match key {
                Some(key) => {
                    let epoch = opened.epochs.entry(entry.place).or_default();
                    epoch.sealings.insert(*encapsulated);
                    epoch.insert(key, index);
                }
                None => opened.unopened.push(index),
            }
        }
        for (index, grant) in bundle.grants.iter().enumerate() {
            match self.open_grant(grant) {
                // Only one device has a grant's keys, and it seals them once.
                Some(keys) if !opened.grants.contains_key(&grant.place) => {
                    opened.grants.insert(grant.place, keys);
                }
                Some(_) | None => opened.unopened_grants.push(index),
            }
        }
        if opened.epochs.is_empty() && opened.grants.is_empty() {
            let entries = bundle.entries.len() + bundle.grants.len();
            return Err(RecoveryError::NothingOpens { entries });
        }
        Ok(opened)
    }

    /// The record keys of one grant; nothing when it does not open, or to something else than it says.
    fn open_grant(&self, grant: &EscrowedGrant) -> Option<Vec<v1::EscrowedRecordKey>> {
        let aad = grant.place.aad(&self.trust_domain, self.key.public());
        let encapsulated = grant.encapsulated_key.as_bytes();
        let opened = self.key.open(encapsulated, ESCROW_GRANT_INFO, &aad, &grant.ciphertext)?;
        let keys = canonical::decode::<v1::EscrowedRecordKeys>(&opened).ok()?.keys;
        let within =
            |position| grant.ranges.iter().any(|(first, last)| first.0 <= position && position <= last.0);
        let each = |key: &v1::EscrowedRecordKey| {
            within(key.position) && key.hash.len() == KEY_BYTES && key.key.len() == KEY_BYTES
        };
        let rising = keys.windows(2).all(|pair| pair[0].position < pair[1].position);
        let counted = !keys.is_empty() && keys.len() <= GRANT_RECORDS_MAX;
        (counted && rising && keys.iter().all(each)).then_some(keys)
    }
}

impl OpenedEscrow {
    /// How many epochs there are keys of.
    pub fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// The epochs whose entries differ. Both keys are kept: the commitments of the records tell which is the epoch's.
    pub fn compare(&self) -> Vec<Poisoned> {
        let differing = self.epochs.iter().filter(|(_, epoch)| epoch.keys.len() > 1);
        differing
            .map(|(place, epoch)| Poisoned {
                place: *place,
                entries: epoch.keys.iter().map(|(_, entries)| entries.clone()).collect(),
            })
            .collect()
    }

    /// The epochs that one device alone has sealed: nothing vouches for their keys.
    pub fn sealed_once(&self) -> Vec<EscrowPlace> {
        self.epochs.iter().filter(|(_, epoch)| epoch.sealings.len() == 1).map(|(place, _)| *place).collect()
    }

    /// The entries that did not open, counted in the bundle from 0: damaged, or sealed to another key or place.
    pub fn unopened(&self) -> &[usize] {
        &self.unopened
    }

    /// How many grants there are keys of.
    pub fn grants(&self) -> usize {
        self.grants.len()
    }

    /// The grants that did not open, counted in the bundle from 0: damaged, sealed to another key or place, or there a
    /// second time.
    pub fn unopened_grants(&self) -> &[usize] {
        &self.unopened_grants
    }

    /// Everything in the order of the message.
    pub(super) fn to_wire(&self) -> v1::RecoveredEpochKeys {
        let keys = self.epochs.iter().flat_map(|(place, epoch)| {
            epoch.keys.iter().map(|(key, _)| v1::RecoveredEpochKey {
                group_id: place.group.to_vec(),
                epoch: place.epoch.0,
                epoch_id: place.epoch_id.to_vec(),
                key: key.to_vec(),
            })
        });
        let grants = self.grants.iter().map(|(place, keys)| v1::RecoveredGrant {
            group_id: place.group.to_vec(),
            access_id: place.access.to_vec(),
            keys: keys.clone(),
        });
        v1::RecoveredEpochKeys {
            keys: keys.collect(),
            grants: grants.collect(),
            certificates: self.certificates.iter().cloned().collect(),
        }
    }
}
