//! The three steps of a roll-over, as far as they are the same for an agency's CA and the server's.

use crate::{
    ca::{
        agency::read_ca,
        files::read_limited,
        folder::{CA_CERTIFICATE, Folder, NEXT_CA_CERTIFICATE, OLD_CA_CERTIFICATE},
        keys::SigningKey,
        keystore::{OtherKey, Roll},
        roll::{OldCertificate, RollState},
    },
    certify::{certificates, devices::key_text},
    error::IssuerError,
    ledger::lines::{IssuedEntry, Kind, Ledger},
};
use alcove_charter::{Ca, P256Point};
use alcove_programs::passphrase::Passphrase;
use alcove_proto::limits::CERTIFICATE_BYTES_MAX;
use rustls_pki_types::CertificateDer;
use std::mem;

/// The certificate of the key that signs, and of the other one while the CA rolls over.
pub(super) type Certificates = (CertificateDer<'static>, Option<CertificateDer<'static>>);

/// Finds the certificate of each key, and puts right what a killed step left of the files.
pub(crate) fn settle(folder: &Folder, ca_key: &SigningKey, roll: &Roll) -> Result<Certificates, IssuerError> {
    let mut held = Vec::new();
    for name in [CA_CERTIFICATE, NEXT_CA_CERTIFICATE, OLD_CA_CERTIFICATE] {
        let path = folder.file(name);
        if path.exists() {
            held.push((name, read_limited(&path, CERTIFICATE_BYTES_MAX)?));
        }
    }
    let find = |key: &P256Point| {
        let of_key = |der: &[u8]| Ca::parse(der).is_ok_and(|ca| ca.public_key() == key);
        held.iter().find(|(_, der)| of_key(der)).map(|(_, der)| CertificateDer::from(der.clone()))
    };
    let ca = match find(ca_key.public()) {
        Some(ca) => ca,
        None => read_ca(folder, ca_key)?,
    };
    let other = |key: &SigningKey, name: &str| {
        find(key.public()).ok_or_else(|| IssuerError::FolderMismatch { path: folder.file(name) })
    };
    let (next, old) = match &roll.other {
        OtherKey::Absent => (None, None),
        OtherKey::Next(key) => (Some(other(key, NEXT_CA_CERTIFICATE)?), None),
        OtherKey::Old(key) => (None, Some(other(key, OLD_CA_CERTIFICATE)?)),
    };
    // First what must be there, then what must not: at every moment each certificate stands somewhere.
    let wanted = [
        (OLD_CA_CERTIFICATE, old.as_ref()),
        (CA_CERTIFICATE, Some(&ca)),
        (NEXT_CA_CERTIFICATE, next.as_ref()),
    ];
    for (name, der) in &wanted {
        let as_held = held.iter().find(|(held, _)| held == name).map(|(_, der)| der.as_slice());
        if let Some(der) = der
            && as_held != Some(der.as_ref())
        {
            folder.write(name, der)?;
        }
    }
    for (name, der) in &wanted {
        if der.is_none() {
            folder.remove(name)?;
        }
    }
    Ok((ca, next.or(old)))
}

/// A key that takes over, its certificate in the folder already: without its key in the keystore that is nothing, and
/// is removed.
///
/// Its name tells it from every CA before, so that whoever verifies picks the right one by name.
fn make_next(folder: &Folder, owner: &str, what: &str, now_ms: i64) -> Result<SigningKey, IssuerError> {
    let key = SigningKey::generate()?;
    let fingerprint = key_text(key.public());
    let name = format!("{what} {}", fingerprint.get(..16).unwrap_or(&fingerprint));
    let der = certificates::ca(&key, owner, &name, now_ms)?;
    folder.write(NEXT_CA_CERTIFICATE, &der)?;
    Ok(key)
}

/// Makes the next key the one that signs; once more takes it back.
fn swap(ca_key: &mut SigningKey, roll: &mut Roll) {
    roll.other = match mem::take(&mut roll.other) {
        OtherKey::Absent => OtherKey::Absent,
        OtherKey::Next(next) => OtherKey::Old(mem::replace(ca_key, next)),
        OtherKey::Old(old) => OtherKey::Next(mem::replace(ca_key, old)),
    };
}

/// Refuses while somebody hangs on the old CA alone. Whoever has a certificate by the new one, or has it waiting at the
/// desk, loses nothing with the old one.
fn refuse_if_alive(mut certificates: Vec<OldCertificate>, force: bool) -> Result<(), IssuerError> {
    certificates.retain(|old| !old.replaced);
    if certificates.is_empty() || force {
        Ok(())
    } else {
        Err(IssuerError::OldCertificatesLive { certificates })
    }
}

/// What every CA that rolls over has, and the three steps as far as they are the same for each.
pub(super) trait RollsOver {
    /// What the certificates are called before the fingerprint of their key.
    const WHAT: &'static str;
    /// What it certifies.
    const KINDS: &'static [Kind];

    /// Whose it is, as its certificates say.
    fn owner(&self) -> &str;
    fn folder(&self) -> &Folder;
    fn ledger(&self) -> &Ledger;
    /// The key that signs, and the other one.
    fn keys(&self) -> (&SigningKey, &Roll);
    fn keys_mut(&mut self) -> (&mut SigningKey, &mut Roll);
    /// Rewrites the keystore.
    fn keep(&self, passphrase: &Passphrase) -> Result<(), IssuerError>;
    /// Takes over the certificate of the key that signs, and the other one.
    fn take(&mut self, certificates: Certificates);

    fn stands(&self) -> RollState {
        match self.keys().1.other {
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
        mut flip: impl FnMut(&mut SigningKey, &mut Roll),
    ) -> Result<(), IssuerError> {
        let (ca_key, roll) = self.keys_mut();
        flip(ca_key, roll);
        if let Err(error) = self.keep(passphrase) {
            let (ca_key, roll) = self.keys_mut();
            flip(ca_key, roll);
            return Err(error);
        }
        let (ca_key, roll) = self.keys();
        let certificates = settle(self.folder(), ca_key, roll)?;
        self.take(certificates);
        Ok(())
    }

    /// Whether there was anything to begin.
    fn begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<bool, IssuerError> {
        match self.stands() {
            RollState::Begun => return Ok(false),
            stands @ RollState::Switched => return Err(IssuerError::RollOrder { stands }),
            RollState::Steady => {}
        }
        let key = make_next(self.folder(), self.owner(), Self::WHAT, now_ms)?;
        let mut begun = Roll { other: OtherKey::Next(key), retired: self.keys().1.retired };
        self.step(passphrase, |_, roll| mem::swap(roll, &mut begun))?;
        Ok(true)
    }

    /// Errors: [`IssuerError::RollOrder`] when nothing was begun.
    fn check_begun(&self) -> Result<(), IssuerError> {
        match self.stands() {
            stands @ RollState::Steady => Err(IssuerError::RollOrder { stands }),
            RollState::Begun | RollState::Switched => Ok(()),
        }
    }

    /// Switched before, it changes nothing.
    fn switch(&mut self, passphrase: &Passphrase) -> Result<(), IssuerError> {
        match self.stands() {
            RollState::Begun => self.step(passphrase, swap),
            RollState::Steady | RollState::Switched => Ok(()),
        }
    }

    /// The key that would end; `None` when that was done before.
    fn ending(&self) -> Result<Option<P256Point>, IssuerError> {
        let (_, roll) = self.keys();
        match &roll.other {
            OtherKey::Old(key) => Ok(Some(*key.public())),
            OtherKey::Absent if roll.retired.is_some() => Ok(None),
            OtherKey::Absent | OtherKey::Next(_) => Err(IssuerError::RollOrder { stands: self.stands() }),
        }
    }

    fn finish(
        &mut self,
        old: P256Point,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        refuse_if_alive(self.living(now_ms), force)?;
        let mut ended = Roll { other: OtherKey::Absent, retired: Some(old) };
        self.step(passphrase, |_, roll| mem::swap(roll, &mut ended))
    }

    /// The living certificates by the CA that ends: by the one that signs until the switch, by the old one after it.
    ///
    /// A line without a CA is from before CAs rolled over: it is the first CA's, which is the one that ends unless a
    /// roll-over was finished before.
    fn living(&self, now_ms: i64) -> Vec<OldCertificate> {
        let (ca_key, roll) = self.keys();
        let signing = ca_key.public();
        let (old, new) = match &roll.other {
            OtherKey::Absent => return Vec::new(),
            OtherKey::Next(next) => (key_text(signing), key_text(next.public())),
            OtherKey::Old(old) => (key_text(old.public()), key_text(signing)),
        };
        let first_roll = roll.retired.is_none();
        let living = self.ledger().living(now_ms).filter(|entry| Self::KINDS.contains(&entry.kind));
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
