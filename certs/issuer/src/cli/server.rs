//! `server`: the certificates of the server.

use super::{
    input::{AnswerFile, REQUEST_BYTES_MAX},
    run::Run,
};
use alcove_issuer::{
    IssuerError, SERVER_DAYS, read_limited,
    telling::{Done, cut_short, made, moment},
    write_whole,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Certify the server's two keys.
    Issue(ServerIssue),
}

#[derive(Debug, Args)]
pub(crate) struct ServerIssue {
    /// The request that `alcove-server init` wrote.
    request: PathBuf,
    /// The server CA's folder.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// The DNS name of the server, as in the charter.
    #[arg(long)]
    name: String,
    /// How many days the certificates live.
    #[arg(long, default_value_t = SERVER_DAYS)]
    days: u32,
    #[command(flatten)]
    answer: AnswerFile,
}

impl ServerCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let Self::Issue(issue) = self;
        issue.answer.check()?;
        let request = read_limited(&issue.request, REQUEST_BYTES_MAX)?;
        let mut ca = run.open_server(&issue.ca)?;
        let issued = ca.issue(&request, &issue.name, issue.days, run.now_ms)?;
        write_whole(&issue.answer.output, &issued.file)?;
        let life = ca.life()?;
        let whom = format!("the server {}", issue.name);
        let mut lines = vec![made::certified(run.output.language, &whom, issued.not_after_ms, run.now_ms)];
        lines.extend(cut_short(run.output.language, &life, issued.not_after_ms).map(str::to_owned));
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.server.v1",
                "name": issue.name,
                "not_after": moment(issued.not_after_ms),
                "ends_with_ca": life.cuts_short(issued.not_after_ms),
                "file": issue.answer.output,
            }),
            lines,
            &Done::ServerCertified { file: &issue.answer.output },
        )
    }
}
