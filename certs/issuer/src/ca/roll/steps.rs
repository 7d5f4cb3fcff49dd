//! The three steps of a roll-over, as far as they are the same for an agency's CA and the server's.

use crate::{
    ca::{
        folder::{Folder, NEXT_CA_CERTIFICATE},
        home::{Home, OwnsCa},
        keys::SigningKey,
        roll::{
            error::RollError,
            settle::settle,
            state::{OldCertificate, RollState},
        },
        secrets::{CaKeys, OtherKey, Roll},
    },
    certify::certificates,
    error::IssuerError,
    ledger::entries::{IssuedEntry, key_text},
};
use alcove_charter::{Charter, CharterFile, P256Point};
use alcove_programs::passphrase::Passphrase;
use std::{mem, sync::Arc};

/// The charter in a file, if it is signed by all it needs and has not ended.
pub(super) fn in_force(file: &CharterFile, now_ms: i64) -> Result<Arc<Charter>, IssuerError> {
    let charter = file.complete()?.newest().clone();
    charter.check_in_force(now_ms)?;
    Ok(charter)
}

/// A key that takes over, its certificate in the folder already: without its key in the keystore that is nothing, and
/// is removed.
///
/// Its name tells it from every CA before, so that whoever verifies picks the right one by name.
fn make_next<O: OwnsCa>(folder: &Folder, owner: &O, now_ms: i64) -> Result<SigningKey, IssuerError> {
    let key = SigningKey::generate()?;
    let fingerprint = key_text(key.public());
    let name = format!("{} {}", O::CA_NAME, fingerprint.get(..16).unwrap_or(&fingerprint));
    let der = certificates::ca(&key, owner.name(), &name, now_ms)?;
    folder.write(NEXT_CA_CERTIFICATE, &der)?;
    Ok(key)
}

/// Makes the next key the one that signs; once more takes it back.
fn swap(keys: &mut CaKeys) {
    keys.roll.other = match mem::take(&mut keys.roll.other) {
        OtherKey::Absent => OtherKey::Absent,
        OtherKey::Next(next) => OtherKey::Old(mem::replace(&mut keys.signing, next)),
        OtherKey::Old(old) => OtherKey::Next(mem::replace(&mut keys.signing, old)),
    };
}

/// Refuses while somebody hangs on the old CA alone. Whoever has a certificate by the new one, or has it waiting at the
/// desk, loses nothing with the old one.
fn refuse_if_alive(mut certificates: Vec<OldCertificate>, force: bool) -> Result<(), IssuerError> {
    certificates.retain(|old| !old.replaced);
    if certificates.is_empty() || force {
        Ok(())
    } else {
        Err(RollError::OldCertificatesLive(certificates).into())
    }
}

impl<O: OwnsCa> Home<O> {
    pub(super) fn stands(&self) -> RollState {
        match self.keys.roll.other {
            OtherKey::Absent => RollState::Steady,
            OtherKey::Next(_) => RollState::Begun,
            OtherKey::Old(_) => RollState::Switched,
        }
    }

    /// One step: the keys are changed, kept, and the files put right. What could not be kept is undone by the same
    /// change once more.
    fn step(
        &mut self,
        passphrase: &Passphrase,
        mut flip: impl FnMut(&mut CaKeys),
    ) -> Result<(), IssuerError> {
        flip(&mut self.keys);
        if let Err(error) = self.keep(passphrase) {
            flip(&mut self.keys);
            return Err(error);
        }
        (self.ca, self.other_ca) = settle(&self.folder, &self.keys)?;
        Ok(())
    }

    /// Whether there was anything to begin.
    pub(super) fn begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<bool, IssuerError> {
        match self.stands() {
            RollState::Begun => return Ok(false),
            stands @ RollState::Switched => return Err(RollError::Order(stands).into()),
            RollState::Steady => {}
        }
        let key = make_next(&self.folder, &self.owner, now_ms)?;
        let mut begun = Roll { other: OtherKey::Next(key), retired: self.keys.roll.retired };
        self.step(passphrase, |keys| mem::swap(&mut keys.roll, &mut begun))?;
        Ok(true)
    }

    /// Errors: [`RollError::Order`] when nothing was begun.
    pub(super) fn check_begun(&self) -> Result<(), IssuerError> {
        match self.stands() {
            stands @ RollState::Steady => Err(RollError::Order(stands).into()),
            RollState::Begun | RollState::Switched => Ok(()),
        }
    }

    /// Switched before, it changes nothing.
    pub(super) fn switch(&mut self, passphrase: &Passphrase) -> Result<(), IssuerError> {
        match self.stands() {
            RollState::Begun => self.step(passphrase, swap),
            RollState::Steady | RollState::Switched => Ok(()),
        }
    }

    /// The key that would end; `None` when that was done before.
    pub(super) fn ending(&self) -> Result<Option<P256Point>, IssuerError> {
        let roll = &self.keys.roll;
        match &roll.other {
            OtherKey::Old(key) => Ok(Some(*key.public())),
            OtherKey::Absent if roll.retired.is_some() => Ok(None),
            OtherKey::Absent | OtherKey::Next(_) => Err(RollError::Order(self.stands()).into()),
        }
    }

    pub(super) fn finish(
        &mut self,
        old: P256Point,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        refuse_if_alive(self.living(now_ms), force)?;
        let mut ended = Roll { other: OtherKey::Absent, retired: Some(old) };
        self.step(passphrase, |keys| mem::swap(&mut keys.roll, &mut ended))
    }

    /// The living certificates by the CA that ends: by the one that signs until the switch, by the old one after it.
    ///
    /// A line without a CA is from before CAs rolled over: it is the first CA's, which is the one that ends unless a
    /// roll-over was finished before.
    pub(super) fn living(&self, now_ms: i64) -> Vec<OldCertificate> {
        let CaKeys { signing, roll } = &self.keys;
        let signing = signing.public();
        let (old, new) = match &roll.other {
            OtherKey::Absent => return Vec::new(),
            OtherKey::Next(next) => (key_text(signing), key_text(next.public())),
            OtherKey::Old(old) => (key_text(old.public()), key_text(signing)),
        };
        let first_roll = roll.retired.is_none();
        let living = self.ledger.living(now_ms).filter(|entry| O::KINDS.contains(&entry.kind));
        let living: Vec<_> = living.collect();
        let by_old = |entry: &&&IssuedEntry| match &entry.ca {
            Some(ca) => *ca == old,
            None => first_roll,
        };
        let replaced = |by_old: &IssuedEntry| {
            let same = |entry: &&&IssuedEntry| entry.kind == by_old.kind && entry.name == by_old.name;
            living.iter().filter(same).any(|entry| entry.ca.as_ref() == Some(&new))
        };
        let by_old = living.iter().filter(by_old);
        by_old.map(|entry| OldCertificate { issued: (*entry).clone(), replaced: replaced(entry) }).collect()
    }
}
