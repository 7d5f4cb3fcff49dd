//! `issue`: a device certified by files, `D.req` in and `D.cert` out.

use super::{
    input::{REQUEST_BYTES_MAX, read_charter, refuse_existing},
    order::OrderArgs,
    run::Run,
};
use alcove_charter::{request_words, same_words};
use alcove_issuer::{
    IssuerError, RequestError, read_limited,
    telling::{day, moment},
    write_whole,
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The request that `alcove enrol request` wrote.
    request: PathBuf,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The charter in force.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
    /// The six words the person reads out; another request is refused.
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
    #[command(flatten)]
    order: OrderArgs,
    /// The server's address, host:port, which the device will call.
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    server: String,
    /// The address of the server's desk, host:port, where the device will renew.
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    desk: String,
    /// Where to write the answer; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

impl Issue {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)?;
        let request = read_limited(&self.request, REQUEST_BYTES_MAX)?;
        let words = request_words(&request);
        if self.words.is_some_and(|given| !same_words(&words, &given)) {
            return Err(IssuerError::Request(RequestError::OtherWords { words }));
        }
        let charter = read_charter(&self.charter)?;
        let mut ca = run.passphrase.open_agency(&self.ca)?;
        let order = self.order.order(self.server, self.desk);
        let issued = ca.issue_device(&request, &charter, &order, run.now_ms)?;
        write_whole(&self.output, &issued.file)?;
        run.output.done(
            &json!({
                "schema": "alcove.certs.device.v1",
                "identity": issued.identity.to_string(),
                "person": issued.identity.person.to_string(),
                "handle": issued.identity.person.handle.as_str(),
                "device": issued.identity.device,
                "serials": issued.serials,
                "not_after": moment(issued.not_after_ms),
                "words": words,
                "file": self.output,
            }),
            &[
                format!("The request's words are: {words}. The person must see the same."),
                format!("Certified {} ({}) until {}.", order.name, order.role, day(issued.not_after_ms)),
                format!("They are {}.", issued.identity),
                format!(
                    "Give them {}; they finish with: alcove enrol finish {}",
                    self.output.display(),
                    self.output.display()
                ),
                "Then publish the ledger: `alcove-certs ledger publish`. Else their colleagues' devices take it for forged."
                    .to_owned(),
            ],
        )
    }
}
