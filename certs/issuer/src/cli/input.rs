//! Files that several commands take, and files that none of them writes over.

use alcove_issuer::{FolderError, IssuerError, read_limited};
use alcove_proto::limits::CRL_BYTES_MAX;
use clap::Args;
use std::path::{Path, PathBuf};

/// Most bytes of a request file.
pub(crate) const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Where an answer is written.
#[derive(Debug, Args)]
pub(crate) struct AnswerFile {
    /// Where to write the result; an existing file is not overwritten.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Overwrite an existing file.
    #[arg(long)]
    force: bool,
}

impl AnswerFile {
    /// Before anything is signed: a file that is there is not written over.
    pub(crate) fn check(&self) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)
    }
}

/// Before anything is signed: a file that is there is not written over, except the last list of `ca` by the next.
pub(crate) fn refuse_existing(file: &Path, force: bool, ca: Option<&Path>) -> Result<(), IssuerError> {
    if force || !file.exists() {
        return Ok(());
    }
    let last = ca.map(|folder| read_limited(&folder.join("agency.crl"), CRL_BYTES_MAX)).transpose()?;
    if last.is_some() && read_limited(file, CRL_BYTES_MAX).ok() == last {
        return Ok(());
    }
    Err(FolderError::WouldOverwrite(file.to_owned()).into())
}
