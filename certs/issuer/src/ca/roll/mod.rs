//! Rolling a CA over to a new key without an outage: begin, switch, finish. PROTOCOL.md, "Renewal", and section 8.
//!
//! Each step is one rewriting of the keystore; the certificates in the folder and `agency.pub` follow from it and are
//! put right whenever the folder is opened. So a step that was killed has either not been taken or is finished by
//! whatever comes next, and a step that is taken again changes nothing.

mod steps;

use crate::{
    ca::{
        agency::{AgencyCa, IssuedCrl},
        folder::{Folder, KEYSTORE},
        keys::SigningKey,
        keystore::{self, Roll},
        roll::steps::{Certificates, RollsOver},
        server::ServerCa,
    },
    error::IssuerError,
    ledger::lines::{IssuedEntry, Kind, Ledger},
};
use alcove_charter::{Ca, Charter, CharterFile, Crl};
use alcove_programs::passphrase::Passphrase;
use rustls_pki_types::CertificateDer;
use std::fmt;

pub(crate) use steps::settle;

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

/// The charter in a file, if it is signed by all it needs and has not ended.
fn in_force(file: &CharterFile, now_ms: i64) -> Result<std::sync::Arc<Charter>, IssuerError> {
    let charter = file.complete()?.newest().clone();
    charter.check_in_force(now_ms)?;
    Ok(charter)
}

impl RollsOver for AgencyCa {
    const WHAT: &'static str = "Alcove agency CA";
    const KINDS: &'static [Kind] = &[Kind::Tls, Kind::Mls];

    fn owner(&self) -> &str {
        self.secrets.profile.trust_domain.as_str()
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn keys(&self) -> (&SigningKey, &Roll) {
        (&self.secrets.ca_key, &self.secrets.roll)
    }

    fn keys_mut(&mut self) -> (&mut SigningKey, &mut Roll) {
        (&mut self.secrets.ca_key, &mut self.secrets.roll)
    }

    fn keep(&self, passphrase: &Passphrase) -> Result<(), IssuerError> {
        keystore::rewrite_agency(&self.folder.file(KEYSTORE), &self.secrets, passphrase)
    }

    fn take(&mut self, certificates: Certificates) {
        (self.ca, self.other_ca) = certificates;
    }
}

impl AgencyCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        self.stands()
    }

    /// Makes the CA that takes over, and an `agency.pub` with both, the old one first. The old one goes on signing.
    ///
    /// Begun before, it changes nothing.
    /// Errors: [`IssuerError::RollOrder`] after the switch, [`IssuerError::WrongPassphrase`], [`IssuerError::Io`].
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        if self.begin(passphrase, now_ms)? { self.settle_agency_file() } else { Ok(()) }
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
        self.check_begun()?;
        let stated = self.stated_in(&*in_force(charter, now_ms)?)?;
        if stated != self.entry().ca_certificates {
            return Err(IssuerError::RollCharter { needs: "the old and the new CA of this agency" });
        }
        self.switch(passphrase)?;
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
        let Some(old) = self.ending()? else { return Ok(()) };
        let stated = self.stated_in(&*in_force(charter, now_ms)?)?;
        if !self.may_stand_in_charter(&stated, Purpose::Certify) {
            return Err(IssuerError::RollCharter { needs: "the new CA of this agency" });
        }
        self.finish(old, force, passphrase, now_ms)?;
        self.settle_agency_file()
    }

    /// Living device certificates by the CA that ends.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        self.living(now_ms)
    }

    /// This agency's CAs in a charter.
    fn stated_in(&self, charter: &Charter) -> Result<Vec<Vec<u8>>, IssuerError> {
        let trust_domain = &self.secrets.profile.trust_domain;
        let agency = charter.agency(trust_domain);
        let agency =
            agency.ok_or_else(|| IssuerError::NotInCharter { trust_domain: trust_domain.clone() })?;
        Ok(agency.entry().ca_certificates.clone())
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

impl RollsOver for ServerCa {
    const WHAT: &'static str = "Alcove server CA";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Receipts];

    fn owner(&self) -> &str {
        &self.secrets.collaborative
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn keys(&self) -> (&SigningKey, &Roll) {
        (&self.secrets.ca_key, &self.secrets.roll)
    }

    fn keys_mut(&mut self) -> (&mut SigningKey, &mut Roll) {
        (&mut self.secrets.ca_key, &mut self.secrets.roll)
    }

    fn keep(&self, passphrase: &Passphrase) -> Result<(), IssuerError> {
        keystore::rewrite_server(&self.folder.file(KEYSTORE), &self.secrets, passphrase)
    }

    fn take(&mut self, certificates: Certificates) {
        (self.ca, self.other_ca) = certificates;
    }
}

impl ServerCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        self.stands()
    }

    /// Makes the CA that takes over, in `ca.next.cert`: see [`AgencyCa::roll_begin`].
    ///
    /// Errors: as there.
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        self.begin(passphrase, now_ms).map(drop)
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
        self.check_begun()?;
        let charter = in_force(charter, now_ms)?;
        let listed = |ca: &CertificateDer<'_>| charter.server_cas.iter().any(|listed| listed.der() == ca);
        if !listed(&self.ca) || !self.other_ca.as_ref().is_some_and(listed) {
            return Err(IssuerError::RollCharter { needs: "the old and the new CA of the server" });
        }
        self.switch(passphrase)
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
        let Some(old) = self.ending()? else { return Ok(()) };
        let charter = in_force(charter, now_ms)?;
        if !charter.server_cas.iter().any(|listed| *listed.der() == self.ca) {
            return Err(IssuerError::RollCharter { needs: "the new CA of the server" });
        }
        self.finish(old, force, passphrase, now_ms)
    }

    /// Living certificates of the server by the CA that ends.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        self.living(now_ms)
    }
}
