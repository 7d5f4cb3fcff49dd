//! `charter show`: what a charter says and who has signed it.

use crate::cli::run::Run;
use alcove_issuer::{
    IssuerError,
    drafting::read_charter,
    telling::{Described, Words},
};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The charter.
    file: PathBuf,
    /// Print only six words: those of the key for the names of staff. The admin who drafts a charter notes them, and reads
    /// them out to those who sign.
    #[arg(long)]
    words: bool,
}

impl Show {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        let described = Described::new(&file, run.now_ms, run.output.language)?;
        if !self.words {
            return answer(&described, &self.file, None, run);
        }
        let words = described.directory_key_words();
        let words = words.unwrap_or_else(|| "The charter states no key for the names.".to_owned());
        run.output.answer(&described.object(&self.file), &[words])
    }
}

/// Shows a charter file, after what was done with it: the same for every command.
pub(super) fn answer(
    described: &Described<'_>,
    path: &Path,
    said: Option<&str>,
    run: &mut Run,
) -> Result<(), IssuerError> {
    let lines: Vec<_> = said.map(str::to_owned).into_iter().chain(described.lines(Words::Shown)).collect();
    run.output.answer_and_next(described.object(path), lines, &described.done(path))
}
