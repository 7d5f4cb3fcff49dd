//! Rolling a CA over to a new key without an outage: begin, switch, finish. PROTOCOL.md, "Renewal", and section 8.
//!
//! Each step is one rewriting of the keystore; the certificates in the folder and `agency.pub` follow from it and are
//! put right whenever the folder is opened. So a step that was killed has either not been taken or is finished by
//! whatever comes next, and a step that is taken again changes nothing.

use crate::{
    AgencyCa, IssuedCrl, IssuerError, Passphrase, ServerCa,
    agency::read_ca,
    certificates,
    certify::key_text,
    files::read_limited,
    folder::{CA_CERTIFICATE, Folder, KEYSTORE, NEXT_CA_CERTIFICATE, OLD_CA_CERTIFICATE},
    keys::SigningKey,
    keystore::{self, OtherKey, Roll},
    ledger::{IssuedEntry, Kind, Ledger},
};
use alcove_charter::{Ca, Charter, CharterFile, Crl, P256Point};
use alcove_proto::limits::CERTIFICATE_BYTES_MAX;
use rustls_pki_types::CertificateDer;
use std::{fmt, mem};

/// Where a roll-over stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollState {
    /// None is under way.
    Steady,
    /// There is a next CA, and the old one signs.
    Begun,
    /// The new CA signs, and the old key has not been wiped.
    Switched,
}

impl fmt::Display for RollState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Steady => "not under way",
            Self::Begun => "begun",
            Self::Switched => "switched",
        })
    }
}

/// A living certificate by a CA that is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldCertificate {
    /// It, as the ledger has it.
    pub issued: IssuedEntry,
    /// Whether the new CA has made one of the same kind for the same name since: the holder has it, or will collect it.
    pub replaced: bool,
}

/// What the agency's entry in a charter is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To sign the charter: its entry must be one that the agency wants from now on.
    Sign,
    /// To certify under it: the CA that signs must stand there, and none that has never been the agency's.
    Certify,
}

/// Finds the certificate of each key, and puts right what a killed step left of the files.
pub(crate) fn settle(
    folder: &Folder,
    ca_key: &SigningKey,
    roll: &Roll,
) -> Result<(CertificateDer<'static>, Option<CertificateDer<'static>>), IssuerError> {
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

/// A key and certificate that take over, the certificate in the folder already: without its key in the keystore it is
/// nothing, and is removed.
///
/// Its name tells it from every CA before, so that whoever verifies picks the right one by name.
fn make_next(
    folder: &Folder,
    owner: &str,
    what: &str,
    now_ms: i64,
) -> Result<(SigningKey, CertificateDer<'static>), IssuerError> {
    let key = SigningKey::generate()?;
    let fingerprint = key_text(key.public());
    let name = format!("{what} {}", fingerprint.get(..16).unwrap_or(&fingerprint));
    let der = certificates::ca(&key, owner, &name, now_ms)?;
    folder.write(NEXT_CA_CERTIFICATE, &der)?;
    Ok((key, der.into()))
}

fn state(roll: &Roll) -> RollState {
    match roll.other {
        OtherKey::Absent => RollState::Steady,
        OtherKey::Next(_) => RollState::Begun,
        OtherKey::Old(_) => RollState::Switched,
    }
}

/// Makes the next key the one that signs; once more takes it back.
fn swap(ca_key: &mut SigningKey, roll: &mut Roll) {
    roll.other = match mem::take(&mut roll.other) {
        OtherKey::Absent => OtherKey::Absent,
        OtherKey::Next(next) => OtherKey::Old(mem::replace(ca_key, next)),
        OtherKey::Old(old) => OtherKey::Next(mem::replace(ca_key, old)),
    };
}

/// The certificates by the CA that ends which are alive.
///
/// A line without a CA is from before CAs rolled over: it is the first CA's, which is the one that ends unless a
/// roll-over was finished before.
fn living_by_old(
    ledger: &Ledger,
    kinds: &[Kind],
    old: &P256Point,
    signing: &P256Point,
    first_roll: bool,
    now_ms: i64,
) -> Vec<OldCertificate> {
    let (old, signing) = (key_text(old), key_text(signing));
    let living: Vec<_> = ledger.living(now_ms).filter(|entry| kinds.contains(&entry.kind)).collect();
    let by_old = |entry: &&&IssuedEntry| match &entry.ca {
        Some(ca) => *ca == old,
        None => first_roll,
    };
    let replaced = |by_old: &IssuedEntry| {
        let same = |entry: &&&IssuedEntry| entry.kind == by_old.kind && entry.name == by_old.name;
        living.iter().filter(same).any(|entry| entry.ca.as_ref() == Some(&signing))
    };
    let old = living.iter().filter(by_old);
    old.map(|entry| OldCertificate { issued: (*entry).clone(), replaced: replaced(entry) }).collect()
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

/// The charter in a file, if it is signed by all it needs and has not ended.
fn in_force(file: &CharterFile, now_ms: i64) -> Result<std::sync::Arc<Charter>, IssuerError> {
    let charter = file.complete()?.newest().clone();
    charter.check_in_force(now_ms)?;
    Ok(charter)
}

impl AgencyCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        state(&self.secrets.roll)
    }

    /// Makes the CA that takes over, and an `agency.pub` with both, the old one first. The old one goes on signing.
    ///
    /// Begun before, it changes nothing.
    /// Errors: [`IssuerError::RollOrder`] after the switch, [`IssuerError::WrongPassphrase`], [`IssuerError::Io`].
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        match self.roll_state() {
            RollState::Begun => return Ok(()),
            stands @ RollState::Switched => return Err(IssuerError::RollOrder { stands }),
            RollState::Steady => {}
        }
        let owner = self.secrets.profile.trust_domain.as_str();
        let (key, der) = make_next(&self.folder, owner, "Alcove agency CA", now_ms)?;
        self.secrets.roll.other = OtherKey::Next(key);
        let kept = keystore::rewrite_agency(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
        if kept.is_err() {
            self.secrets.roll.other = OtherKey::Absent;
        }
        kept?;
        self.other_ca = Some(der);
        self.settle_agency_file()
    }

    /// Signs with the new CA from now on, beginning with a CRL over everything revoked; `None` when that was done before.
    ///
    /// The charter must be in force and list both CAs, the old one first.
    /// Errors: [`IssuerError::RollOrder`] when nothing was begun, [`IssuerError::RollCharter`], [`IssuerError::Charter`],
    /// [`IssuerError::WrongPassphrase`].
    pub fn roll_switch(
        &mut self,
        charter: &CharterFile,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Option<IssuedCrl>, IssuerError> {
        if let stands @ RollState::Steady = self.roll_state() {
            return Err(IssuerError::RollOrder { stands });
        }
        let in_force = in_force(charter, now_ms)?;
        let trust_domain = &self.secrets.profile.trust_domain;
        let agency = in_force
            .agency(trust_domain)
            .ok_or_else(|| IssuerError::NotInCharter { trust_domain: trust_domain.clone() })?;
        if agency.entry().ca_certificates != self.entry().ca_certificates {
            return Err(IssuerError::RollCharter { needs: "the old and the new CA of this agency" });
        }
        if self.roll_state() == RollState::Begun {
            swap(&mut self.secrets.ca_key, &mut self.secrets.roll);
            let kept = keystore::rewrite_agency(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
            if kept.is_err() {
                swap(&mut self.secrets.ca_key, &mut self.secrets.roll);
            }
            kept?;
            (self.ca, self.other_ca) = settle(&self.folder, &self.secrets.ca_key, &self.secrets.roll)?;
        }
        // A list that the new CA has signed is the sign that this step was finished before.
        let held = self.newest_crl()?;
        let history = charter.complete()?;
        let by_new =
            Crl::verify(&held, &history).is_ok_and(|crl| crl.signer() == self.secrets.ca_key.public());
        if by_new { Ok(None) } else { self.renew_crl(now_ms).map(Some) }
    }

    /// Ends the old CA: `agency.pub` has the new one alone, and the old key is wiped from the keystore.
    ///
    /// The charter must be in force and list the new CA. Finished before, it changes nothing.
    /// Errors: [`IssuerError::OldCertificatesLive`] unless forced, [`IssuerError::RollOrder`] before the switch,
    /// [`IssuerError::RollCharter`], [`IssuerError::Charter`], [`IssuerError::WrongPassphrase`].
    pub fn roll_finish(
        &mut self,
        charter: &CharterFile,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let old = match &self.secrets.roll.other {
            OtherKey::Absent if self.secrets.roll.retired.is_some() => return Ok(()),
            OtherKey::Absent | OtherKey::Next(_) => {
                return Err(IssuerError::RollOrder { stands: self.roll_state() });
            }
            OtherKey::Old(key) => *key.public(),
        };
        let charter = in_force(charter, now_ms)?;
        let trust_domain = &self.secrets.profile.trust_domain;
        let agency = charter
            .agency(trust_domain)
            .ok_or_else(|| IssuerError::NotInCharter { trust_domain: trust_domain.clone() })?;
        if !self.may_stand_in_charter(&agency.entry().ca_certificates, Purpose::Certify) {
            return Err(IssuerError::RollCharter { needs: "the new CA of this agency" });
        }
        refuse_if_alive(self.living_by_old_ca(now_ms), force)?;
        let before =
            mem::replace(&mut self.secrets.roll, Roll { other: OtherKey::Absent, retired: Some(old) });
        let kept = keystore::rewrite_agency(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
        if kept.is_err() {
            self.secrets.roll = before;
        }
        kept?;
        (self.ca, self.other_ca) = settle(&self.folder, &self.secrets.ca_key, &self.secrets.roll)?;
        self.settle_agency_file()
    }

    /// Living device certificates by the CA that ends: by the one that signs until the switch, by the old one after it.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        let roll = &self.secrets.roll;
        let signing = self.secrets.ca_key.public();
        let (old, new) = match &roll.other {
            OtherKey::Absent => return Vec::new(),
            OtherKey::Next(next) => (signing, next.public()),
            OtherKey::Old(old) => (old.public(), signing),
        };
        let kinds = [Kind::Tls, Kind::Mls];
        living_by_old(&self.ledger, &kinds, old, new, roll.retired.is_none(), now_ms)
    }

    /// The CAs as `agency.pub` has them: the old one first.
    pub(crate) fn cas_in_entry(&self) -> Vec<&CertificateDer<'static>> {
        match (self.roll_state(), &self.other_ca) {
            (RollState::Steady, _) | (_, None) => vec![&self.ca],
            (RollState::Begun, Some(next)) => vec![&self.ca, next],
            (RollState::Switched, Some(old)) => vec![old, &self.ca],
        }
    }

    /// Whether a charter may state these CAs of this agency, as the roll-over stands.
    pub(crate) fn may_stand_in_charter(&self, stated: &[Vec<u8>], purpose: Purpose) -> bool {
        let is = |cas: &[&CertificateDer<'static>]| {
            stated.len() == cas.len() && stated.iter().zip(cas).all(|(stated, ca)| stated == ca.as_ref())
        };
        let as_in_entry = is(&self.cas_in_entry());
        let alone = is(&[&self.ca]);
        match (purpose, self.roll_state()) {
            (_, RollState::Steady) if alone => true,
            (Purpose::Sign, RollState::Steady) => false,
            // The charter that drops the old CA comes after the step that ends it: until then both stand there.
            (Purpose::Certify, RollState::Steady) => self.is_retired_and_own(stated),
            (_, RollState::Begun) => alone || as_in_entry,
            (Purpose::Sign, RollState::Switched) => as_in_entry,
            // The keystore may be a copy from before the last step: what that made is still this agency's own.
            (Purpose::Certify, RollState::Switched) => alone || as_in_entry,
        }
    }

    fn is_retired_and_own(&self, stated: &[Vec<u8>]) -> bool {
        let [old, own] = stated else { return false };
        let old = Ca::parse(old).map(|ca| *ca.public_key()).ok();
        old.is_some() && old == self.secrets.roll.retired && own == self.ca.as_ref()
    }
}

impl ServerCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        state(&self.secrets.roll)
    }

    /// Makes the CA that takes over, in `ca.next.cert`: see [`AgencyCa::roll_begin`].
    ///
    /// Errors: as there.
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        match self.roll_state() {
            RollState::Begun => return Ok(()),
            stands @ RollState::Switched => return Err(IssuerError::RollOrder { stands }),
            RollState::Steady => {}
        }
        let (key, der) = make_next(&self.folder, &self.secrets.collaborative, "Alcove server CA", now_ms)?;
        self.secrets.roll.other = OtherKey::Next(key);
        let kept = keystore::rewrite_server(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
        if kept.is_err() {
            self.secrets.roll.other = OtherKey::Absent;
        }
        kept?;
        self.other_ca = Some(der);
        Ok(())
    }

    /// Signs with the new CA from now on. The charter must be in force and list both CAs.
    ///
    /// Errors: as [`AgencyCa::roll_switch`].
    pub fn roll_switch(
        &mut self,
        charter: &CharterFile,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        if let stands @ RollState::Steady = self.roll_state() {
            return Err(IssuerError::RollOrder { stands });
        }
        let charter = in_force(charter, now_ms)?;
        let listed = |ca: &CertificateDer<'_>| charter.server_cas.iter().any(|listed| listed.der() == ca);
        if !listed(&self.ca) || !self.other_ca.as_ref().is_some_and(listed) {
            return Err(IssuerError::RollCharter { needs: "the old and the new CA of the server" });
        }
        if self.roll_state() == RollState::Switched {
            return Ok(());
        }
        swap(&mut self.secrets.ca_key, &mut self.secrets.roll);
        let kept = keystore::rewrite_server(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
        if kept.is_err() {
            swap(&mut self.secrets.ca_key, &mut self.secrets.roll);
        }
        kept?;
        (self.ca, self.other_ca) = settle(&self.folder, &self.secrets.ca_key, &self.secrets.roll)?;
        Ok(())
    }

    /// Ends the old CA: its key is wiped from the keystore. The charter must be in force and list the new one.
    ///
    /// Errors: as [`AgencyCa::roll_finish`].
    pub fn roll_finish(
        &mut self,
        charter: &CharterFile,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let old = match &self.secrets.roll.other {
            OtherKey::Absent if self.secrets.roll.retired.is_some() => return Ok(()),
            OtherKey::Absent | OtherKey::Next(_) => {
                return Err(IssuerError::RollOrder { stands: self.roll_state() });
            }
            OtherKey::Old(key) => *key.public(),
        };
        let charter = in_force(charter, now_ms)?;
        if !charter.server_cas.iter().any(|listed| *listed.der() == self.ca) {
            return Err(IssuerError::RollCharter { needs: "the new CA of the server" });
        }
        refuse_if_alive(self.living_by_old_ca(now_ms), force)?;
        let before =
            mem::replace(&mut self.secrets.roll, Roll { other: OtherKey::Absent, retired: Some(old) });
        let kept = keystore::rewrite_server(&self.folder.file(KEYSTORE), &self.secrets, passphrase);
        if kept.is_err() {
            self.secrets.roll = before;
        }
        kept?;
        (self.ca, self.other_ca) = settle(&self.folder, &self.secrets.ca_key, &self.secrets.roll)?;
        Ok(())
    }

    /// Living certificates of the server by the CA that ends.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        let roll = &self.secrets.roll;
        let signing = self.secrets.ca_key.public();
        let (old, new) = match &roll.other {
            OtherKey::Absent => return Vec::new(),
            OtherKey::Next(next) => (signing, next.public()),
            OtherKey::Old(old) => (old.public(), signing),
        };
        let kinds = [Kind::Server, Kind::Receipts];
        living_by_old(&self.ledger, &kinds, old, new, roll.retired.is_none(), now_ms)
    }
}
