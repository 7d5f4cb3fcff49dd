//! `recovery open`: enough shares open escrow for one device.

use crate::cli::{
    input::{AnswerFile, REQUEST_BYTES_MAX},
    output::Output,
    recovery::shares::{PassphraseFiles, Reference},
    run::Run,
};
use alcove_issuer::{
    IssuerError, read_limited,
    recovery::{OpenedEscrow, place_object, read_escrow},
    telling::{Done, opened as opened_lines},
    words_of_request, write_whole,
};
use alcove_proto::names::Identity;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// The share files, as many as are needed.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    shares: Vec<PathBuf>,
    /// The escrow to open.
    #[arg(long, value_name = "FILE")]
    escrow: PathBuf,
    /// The request of the device that will receive the keys: the file that `alcove enrol request` wrote, or the one in the CA's
    /// folder that `recovery ask` names.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The six words the person reads out; another request is refused.
    #[arg(long, value_name = "WORDS")]
    words: String,
    /// The device's name (…/staff/HANDLE/device/N).
    #[arg(long, value_name = "NAME")]
    device: Identity,
    #[command(flatten)]
    reference: Reference,
    #[command(flatten)]
    passphrases: PassphraseFiles,
    #[command(flatten)]
    answer: AnswerFile,
}

impl Open {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        self.answer.check()?;
        let request = read_limited(&self.request, REQUEST_BYTES_MAX)?;
        words_of_request(&request, Some(&self.words))?;
        let bundle = read_escrow(&self.escrow)?;
        let key = self.passphrases.check(&self.shares, &self.reference)?.combine()?;
        let opened = key.open(&bundle)?;
        write_whole(&self.answer.output, &key.seal_to_device(&opened, &self.device, &request)?)?;
        // The private key is gone before anything is said.
        drop(key);
        self.answer(&opened, bundle.entries.len(), bundle.grants.len(), &mut run.output)
    }

    fn answer(
        &self,
        opened: &OpenedEscrow,
        entries: usize,
        grants: usize,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let (poisoned, once) = (opened.compare(), opened.sealed_once());
        let object = json!({
            "schema": "alcove.certs.recovered.v1",
            "device": self.device.to_string(),
            "file": self.answer.output,
            "entries": entries,
            "epochs": opened.epochs(),
            "poisoned": poisoned.iter().map(|poisoned| {
                let mut object = place_object(&poisoned.place);
                object["entries"] = json!(poisoned.entries);
                object
            }).collect::<Vec<_>>(),
            "sealed_once": once.iter().map(place_object).collect::<Vec<_>>(),
            "unopened": opened.unopened(),
            "grants": grants,
            "opened_grants": opened.grants(),
            "unopened_grants": opened.unopened_grants(),
        });
        let lines = opened_lines(output.language, opened, entries, grants);
        let done = Done::EscrowOpened { file: &self.answer.output, device: &self.device };
        output.done_and_next(object, lines, &done)
    }
}
