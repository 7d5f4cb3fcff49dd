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
    telling::Done,
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
        let mut lines =
            vec![format!("Opened the keys of {} epochs out of {entries} entries.", opened.epochs())];
        if grants > 0 {
            lines.push(format!(
                "Opened {} of {grants} grants that their devices had received.",
                opened.grants()
            ));
        }
        for poisoned in &poisoned {
            lines.push(format!(
                "Epoch {} of group {} is poisoned: its entries {} hold different keys. Both were kept.",
                poisoned.place.epoch,
                poisoned.place.group,
                poisoned.entries.iter().map(|entries| numbers(entries)).collect::<Vec<_>>().join(" and ")
            ));
        }
        if !once.is_empty() {
            lines.push(format!("{} epochs were sealed by one device alone.", once.len()));
        }
        if !opened.unopened().is_empty() {
            lines.push(format!("Entries that did not open: {}.", numbers(opened.unopened())));
        }
        if !opened.unopened_grants().is_empty() {
            lines.push(format!("Grants that did not open: {}.", numbers(opened.unopened_grants())));
        }
        let done = Done::EscrowOpened { file: &self.answer.output, device: &self.device };
        output.done_and_next(object, lines, &done)
    }
}

/// Entries as people count them, from 1.
fn numbers(entries: &[usize]) -> String {
    entries.iter().map(|entry| (entry + 1).to_string()).collect::<Vec<_>>().join(", ")
}
