//! Which desk, which CA, which charter: what every command says that goes to the desk.

use super::passphrase::Source;
use alcove_issuer::{AgencyCa, IssuerError, Passphrase, Visit, telling::Place};
use clap::Args;
use std::path::{Path, PathBuf};

/// Whose desk, and whose agency.
#[derive(Debug, Args)]
pub(crate) struct AtDesk {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The charter in force.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
    /// The address of the server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
}

impl AtDesk {
    /// A visit with the passphrase that the command was given or asks for; see [`Visit::begin`].
    pub(crate) fn visit(&self, passphrase: &Source) -> Result<Visit, IssuerError> {
        let passphrase = passphrase.of_existing()?;
        self.enter(|| Ok(passphrase.open(|passphrase| AgencyCa::open(&self.ca, passphrase))?.0))
    }

    /// As [`Self::visit`], for a watch, which comes again and again.
    pub(crate) fn visit_with(&self, passphrase: &Passphrase) -> Result<Visit, IssuerError> {
        self.enter(|| AgencyCa::open(&self.ca, passphrase))
    }

    fn enter(&self, open: impl FnOnce() -> Result<AgencyCa, IssuerError>) -> Result<Visit, IssuerError> {
        Visit::begin(&self.desk, &self.charter, open)
    }

    /// The three of them, for what comes next.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { folder: &self.ca, charter: &self.charter, desk: &self.desk }
    }

    /// The folder of the CA.
    pub(crate) fn folder(&self) -> &Path {
        &self.ca
    }

    /// The file of the charter.
    pub(crate) fn charter(&self) -> &Path {
        &self.charter
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.desk
    }
}
