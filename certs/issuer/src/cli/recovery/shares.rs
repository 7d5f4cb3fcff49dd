//! Which officers' passphrases, and against which recovery key their shares are held.

use crate::cli::passphrase;
use alcove_issuer::{
    DraftError, IssuerError,
    drafting::read_charter,
    recovery::{Expected, RecoveryError, Shares, check_shares},
};
use alcove_proto::names::TrustDomain;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct PassphraseFiles {
    /// Files with the officers' passphrases, in the order of the shares. Without them each officer is asked.
    #[arg(long, value_delimiter = ',', value_name = "FILES")]
    passphrase_files: Vec<PathBuf>,
}

/// Against which recovery key the shares are held.
#[derive(Debug, Args)]
pub(super) struct Reference {
    /// A charter that names the recovery key; without one the shares are only compared with each other.
    #[arg(long, value_name = "FILE", requires = "agency")]
    charter: Option<PathBuf>,
    /// The agency whose recovery key the charter names.
    #[arg(long, value_name = "DOMAIN", requires = "charter")]
    agency: Option<TrustDomain>,
}

impl PassphraseFiles {
    /// As many as shares, or none.
    pub(super) fn check_count(&self, wanted: usize) -> Result<(), IssuerError> {
        match self.passphrase_files.len() {
            0 => Ok(()),
            given if given == wanted => Ok(()),
            given => Err(RecoveryError::Passphrases { given, wanted }.into()),
        }
    }

    pub(super) fn of(&self, index: usize) -> Option<&Path> {
        self.passphrase_files.get(index).map(PathBuf::as_path)
    }

    pub(super) fn check(&self, files: &[PathBuf], reference: &Reference) -> Result<Shares, IssuerError> {
        self.check_count(files.len())?;
        let expected = reference.read()?;
        check_shares(files, expected.as_ref(), |index, path, attempt| {
            passphrase::of_share(self.of(index), path, attempt)
        })
    }
}

impl Reference {
    fn read(&self) -> Result<Option<Expected>, IssuerError> {
        let (Some(charter), Some(trust_domain)) = (&self.charter, &self.agency) else { return Ok(None) };
        let file = read_charter(charter)?;
        let history = file.complete()?;
        let agency = history
            .newest()
            .agency(trust_domain)
            .ok_or_else(|| DraftError::NotInCharter(trust_domain.clone()))?;
        let trust_domain = trust_domain.clone();
        match agency.recovery_key {
            Some(recovery_key) => Ok(Some(Expected { trust_domain, recovery_key })),
            None => Err(RecoveryError::NoRecoveryKey(trust_domain).into()),
        }
    }
}
