//! `charter sign`: this agency's signature under a draft, once the words of its new keys were heard.

use crate::cli::{
    charter::{hear::hear, show::answer},
    run::Run,
};
use alcove_issuer::{
    IssuerError,
    drafting::{Signed, read_charter},
    telling::{self, Described, Words},
    write_whole,
};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The draft; the signature is added to this file.
    file: PathBuf,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The six words of a new key in the draft, as its owner read them out; once for each change. At a terminal you are asked
    /// for those that are missing.
    #[arg(long, value_name = "WORDS")]
    heard: Vec<String>,
    /// Do not ask at the end. Words that must be heard are still asked for.
    #[arg(long, short)]
    yes: bool,
}

impl Sign {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        sign_file(&self.file, &self.ca, &self.heard, self.yes, run)
    }
}

/// Signs a draft in its file for the agency of a folder, once the words of its new keys were heard.
pub(crate) fn sign_file(
    path: &Path,
    folder: &Path,
    heard: &[String],
    yes: bool,
    run: &mut Run,
) -> Result<(), IssuerError> {
    let mut file = read_charter(path)?;
    let (ca, _) = run.open_agency(folder)?;
    let signer = &ca.profile().trust_domain;
    let signed_before = file.offered.standing(file.history.as_ref())?.signed.contains(signer);
    if !signed_before {
        let shown = Described::new(&file, run.now_ms, run.output.language)?.lines(Words::Hidden);
        let due = telling::due(run.output.language, &file, signer, heard)?;
        hear(&due, &shown, yes)?;
    }
    let said = match ca.sign_charter(&mut file, run.now_ms)? {
        Signed::Now => {
            write_whole(path, &file.encode())?;
            "Signed."
        }
        Signed::Before => "This agency had signed before.",
    };
    run.output.acted();
    answer(&Described::new(&file, run.now_ms, run.output.language)?, path, Some(said), run)
}
