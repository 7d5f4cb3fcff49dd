//! What every command is run with.

use super::{desk::AtDesk, output::Output, passphrase::Source};
use alcove_issuer::{AgencyCa, AnyCa, CaLife, IssuerError, Passphrase, ServerCa, Visit};
use std::path::Path;

/// Where a command takes the passphrase from, where it answers, and when it was started.
pub(crate) struct Run {
    pub(crate) passphrase: Source,
    pub(crate) output: Output,
    /// This machine's clock when the program was started, milliseconds since 1970.
    pub(crate) now_ms: i64,
}

impl Run {
    /// Opens an agency's CA, and tells if it ends soon.
    pub(crate) fn open_agency(&mut self, folder: &Path) -> Result<(AgencyCa, Passphrase), IssuerError> {
        let (ca, passphrase) = self.passphrase.open(|passphrase| AgencyCa::open(folder, passphrase))?;
        self.check(&ca.life()?)?;
        Ok((ca, passphrase))
    }

    /// The same for the server's CA.
    pub(crate) fn open_server(&mut self, folder: &Path) -> Result<ServerCa, IssuerError> {
        let (ca, _) = self.passphrase.open(|passphrase| ServerCa::open(folder, passphrase))?;
        self.check(&ca.life()?)?;
        Ok(ca)
    }

    /// The same for a CA of either kind.
    pub(crate) fn open_any(&mut self, folder: &Path) -> Result<(AnyCa, Passphrase), IssuerError> {
        let (ca, passphrase) = self.passphrase.open(|passphrase| AnyCa::open(folder, passphrase))?;
        self.check(&ca.life()?)?;
        Ok((ca, passphrase))
    }

    /// A visit to the desk with the agency's CA open.
    pub(crate) fn visit(&mut self, at: &AtDesk) -> Result<Visit, IssuerError> {
        let visit = at.visit(&self.passphrase)?;
        self.check(&visit.ca.life()?)?;
        Ok(visit)
    }

    /// Refuses to use a CA by a clock from before it was made: whatever it signs would be dated wrongly.
    pub(crate) fn check(&mut self, life: &CaLife) -> Result<(), IssuerError> {
        life.check_clock(self.now_ms)?;
        self.output.tell_end(life);
        Ok(())
    }
}
