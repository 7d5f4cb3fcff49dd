//! The roll-over of an agency's CA: what the charter must list before each step, and which charters are its own meanwhile.

use crate::{
    ca::{
        agency::{AgencyCa, IssuedCrl},
        roll::{
            error::RollError,
            state::{OldCertificate, RollState},
            steps::in_force,
        },
    },
    charters::error::DraftError,
    error::IssuerError,
};
use alcove_charter::{Ca, Charter, CharterFile, Crl};
use alcove_programs::passphrase::Passphrase;
use rustls_pki_types::CertificateDer;

/// What the agency's entry in a charter is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To sign the charter: its entry must be one that the agency wants from now on.
    Sign,
    /// To certify under it: the CA that signs must stand there, and none that has never been the agency's.
    Certify,
}

impl AgencyCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        self.home.stands()
    }

    /// Makes the CA that takes over, and an `agency.pub` with both, the old one first. The old one goes on signing.
    ///
    /// Begun before, it changes nothing.
    /// Errors: [`RollError::Order`] after the switch, [`IssuerError::WrongPassphrase`], [`FolderError::Io`](crate::FolderError::Io).
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        if self.home.begin(passphrase, now_ms)? { self.settle_agency_file() } else { Ok(()) }
    }

    /// Signs with the new CA from now on, beginning with a CRL over everything revoked; `None` when that was done before.
    ///
    /// The charter must be in force and list both CAs, the old one first.
    /// Errors: [`RollError::Order`] when nothing was begun, [`RollError::Charter`], [`IssuerError::Charter`],
    /// [`IssuerError::WrongPassphrase`].
    pub fn roll_switch(
        &mut self,
        charter: &CharterFile,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<Option<IssuedCrl>, IssuerError> {
        self.home.check_begun()?;
        let stated = self.stated_in(&*in_force(charter, now_ms)?)?;
        if stated != self.entry().ca_certificates {
            return Err(RollError::Charter("the old and the new CA of this agency").into());
        }
        self.home.switch(passphrase)?;
        // A list that the new CA has signed is the sign that this step was finished before.
        let held = self.newest_crl()?;
        let history = charter.complete()?;
        let by_new =
            Crl::verify(&held, &history).is_ok_and(|crl| crl.signer() == self.home.keys.signing.public());
        if by_new { Ok(None) } else { self.renew_crl(now_ms).map(Some) }
    }

    /// Ends the old CA: `agency.pub` has the new one alone, and the old key is wiped from the keystore.
    ///
    /// The charter must be in force and list the new CA. Finished before, it changes nothing.
    /// Errors: [`RollError::OldCertificatesLive`] unless forced, [`RollError::Order`] before the switch,
    /// [`RollError::Charter`], [`IssuerError::Charter`], [`IssuerError::WrongPassphrase`].
    pub fn roll_finish(
        &mut self,
        charter: &CharterFile,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let Some(old) = self.home.ending()? else { return Ok(()) };
        let stated = self.stated_in(&*in_force(charter, now_ms)?)?;
        if !self.may_stand_in_charter(&stated, Purpose::Certify) {
            return Err(RollError::Charter("the new CA of this agency").into());
        }
        self.home.finish(old, force, passphrase, now_ms)?;
        self.settle_agency_file()
    }

    /// Living device certificates by the CA that ends.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        self.home.living(now_ms)
    }

    /// This agency's CAs in a charter.
    fn stated_in(&self, charter: &Charter) -> Result<Vec<Vec<u8>>, IssuerError> {
        let trust_domain = &self.home.owner.profile.trust_domain;
        let agency = charter.agency(trust_domain);
        let agency = agency.ok_or_else(|| DraftError::NotInCharter(trust_domain.clone()))?;
        Ok(agency.entry().ca_certificates.clone())
    }

    /// The CAs as `agency.pub` has them: the old one first.
    pub(crate) fn cas_in_entry(&self) -> Vec<&CertificateDer<'static>> {
        match (self.roll_state(), &self.home.other_ca) {
            (RollState::Steady, _) | (_, None) => vec![&self.home.ca],
            (RollState::Begun, Some(next)) => vec![&self.home.ca, next],
            (RollState::Switched, Some(old)) => vec![old, &self.home.ca],
        }
    }

    /// Whether a charter may state these CAs of this agency, as the roll-over stands.
    pub(crate) fn may_stand_in_charter(&self, stated: &[Vec<u8>], purpose: Purpose) -> bool {
        let is = |cas: &[&CertificateDer<'static>]| {
            stated.len() == cas.len() && stated.iter().zip(cas).all(|(stated, ca)| stated == ca.as_ref())
        };
        let as_in_entry = is(&self.cas_in_entry());
        let alone = is(&[&self.home.ca]);
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
        old.is_some() && old == self.home.keys.roll.retired && own == self.home.ca.as_ref()
    }
}
