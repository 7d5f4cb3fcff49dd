//! `crl`: the next revocation list, one that was made before, and one that this folder did not make.

use super::{
    adopt::Adopt,
    input::refuse_existing,
    publishing::{Publishing, answer_crl, publish_crl},
    run::Run,
};
use alcove_issuer::{IssuerError, read_limited, telling::published::list_in_force};
use alcove_proto::limits::CRL_BYTES_MAX;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Crl {
    #[command(subcommand)]
    command: Option<CrlCommand>,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", required = true, env = "ALCOVE_CERTS_CA")]
    ca: Option<PathBuf>,
    /// Where to write the list; only this agency's last list may be overwritten.
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Option<PathBuf>,
    /// Overwrite an existing file.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publishing: Publishing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Put an earlier list in force.
    Publish(PublishCrl),
    /// Take over the list in force, which this folder did not make. When the server refuses your lists because of it.
    Adopt(Adopt),
}

impl Crl {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let (folder, file) = match (self.command, self.ca, self.output) {
            (Some(CrlCommand::Publish(publish)), _, _) => return publish.run(run),
            (Some(CrlCommand::Adopt(adopt)), _, _) => return adopt.run(run),
            (None, Some(folder), Some(file)) => (folder, file),
            // Cannot fail: the argument parser demands both.
            (None, _, _) => unreachable!("a folder and a file"),
        };
        refuse_existing(&file, self.force, Some(&folder))?;
        let (mut ca, _) = run.open_agency(&folder)?;
        let crl = ca.renew_crl(run.now_ms)?;
        drop(ca);
        answer_crl(&crl, &file, "Made a new revocation list.".to_owned(), &self.publishing, &mut run.output)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PublishCrl {
    /// The list.
    file: PathBuf,
    /// The server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK")]
    desk: String,
    /// The charter in force, which says who the server is.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
}

impl PublishCrl {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let crl = read_limited(&self.file, CRL_BYTES_MAX)?;
        let published = publish_crl(&self.desk, &self.charter, &crl, &self.file, &mut run.output)?;
        run.output.done(
            &json!({
                "schema": "alcove.certs.published.v1",
                "what": "crl",
                "number": published.number,
                "cut": published.cut,
            }),
            &[list_in_force(run.output.language, published.number, published.cut)],
        )
    }
}
