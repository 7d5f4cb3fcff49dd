//! `charter show`: what a charter says and who has signed it.

use crate::cli::{
    charter::describe::{Described, answer},
    input::read_charter,
    run::Run,
};
use alcove_charter::directory_key_words;
use alcove_issuer::IssuerError;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The charter.
    file: PathBuf,
    /// Answer with six words alone: those of the key for the names of staff. The admin who drafted the charter asks for them then,
    /// and reads them out from then on.
    #[arg(long)]
    words: bool,
}

impl Show {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        if !self.words {
            return answer(&file, &self.file, None, run.now_ms, &mut run.output);
        }
        let object = Described::new(&file, run.now_ms, run.output.language)?.object(&self.file);
        let words = file.offered.charter().directory_key_hash.as_ref().map(directory_key_words);
        run.output.answer(
            &object,
            &[words.unwrap_or_else(|| "The charter states no key for the names.".to_owned())],
        )
    }
}
