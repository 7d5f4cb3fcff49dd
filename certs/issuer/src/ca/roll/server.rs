//! The roll-over of the server's CA: what the charter must list before each step.

use crate::{
    ca::{
        roll::{
            error::RollError,
            state::{OldCertificate, RollState},
            steps::in_force,
        },
        server::ServerCa,
    },
    error::IssuerError,
};
use alcove_charter::CharterFile;
use alcove_programs::passphrase::Passphrase;
use rustls_pki_types::CertificateDer;

impl ServerCa {
    /// Where its roll-over stands.
    pub fn roll_state(&self) -> RollState {
        self.home.stands()
    }

    /// Makes the CA that takes over, in `ca.next.cert`: see [`crate::AgencyCa::roll_begin`].
    ///
    /// Errors: as there.
    pub fn roll_begin(&mut self, passphrase: &Passphrase, now_ms: i64) -> Result<(), IssuerError> {
        self.home.begin(passphrase, now_ms).map(drop)
    }

    /// Signs with the new CA from now on. The charter must be in force and list both CAs.
    ///
    /// Errors: as [`crate::AgencyCa::roll_switch`].
    pub fn roll_switch(
        &mut self,
        charter: &CharterFile,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        self.home.check_begun()?;
        let charter = in_force(charter, now_ms)?;
        let listed = |ca: &CertificateDer<'_>| charter.server_cas.iter().any(|listed| listed.der() == ca);
        if !listed(&self.home.ca) || !self.home.other_ca.as_ref().is_some_and(listed) {
            return Err(RollError::Charter("the old and the new CA of the server").into());
        }
        self.home.switch(passphrase)
    }

    /// Ends the old CA: its key is wiped from the keystore. The charter must be in force and list the new one.
    ///
    /// Errors: as [`crate::AgencyCa::roll_finish`].
    pub fn roll_finish(
        &mut self,
        charter: &CharterFile,
        force: bool,
        passphrase: &Passphrase,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let Some(old) = self.home.ending()? else { return Ok(()) };
        let charter = in_force(charter, now_ms)?;
        if !charter.server_cas.iter().any(|listed| *listed.der() == self.home.ca) {
            return Err(RollError::Charter("the new CA of the server").into());
        }
        self.home.finish(old, force, passphrase, now_ms)
    }

    /// Living certificates of the server by the CA that ends.
    pub fn living_by_old_ca(&self, now_ms: i64) -> Vec<OldCertificate> {
        self.home.living(now_ms)
    }
}
