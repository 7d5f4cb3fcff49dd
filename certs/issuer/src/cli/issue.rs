//! `issue`: a device certified by files, `D.req` in and `D.cert` out.

use super::{
    input::{AnswerFile, REQUEST_BYTES_MAX},
    order::{OrderArgs, device_object},
    run::Run,
};
use alcove_issuer::{
    IssuerError,
    drafting::read_charter,
    read_limited,
    telling::{Done, cut_short, made},
    words_of_request, write_whole,
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
    #[command(flatten)]
    answer: AnswerFile,
}

impl Issue {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        self.answer.check()?;
        let request = read_limited(&self.request, REQUEST_BYTES_MAX)?;
        let words = words_of_request(&request, self.words.as_deref())?;
        let charter = read_charter(&self.charter)?;
        let (mut ca, _) = run.open_agency(&self.ca)?;
        let order = self.order.order(self.server, self.desk);
        let issued = ca.issue_device(&request, &charter, &order, run.now_ms)?;
        write_whole(&self.answer.output, &issued.file)?;
        let life = ca.life()?;
        let mut object = device_object(&issued, &words, &life);
        object["file"] = json!(self.answer.output);
        let mut lines = vec![
            made::words_of_request(run.output.language, &words),
            made::certified(
                run.output.language,
                &format!("{} ({})", order.name, order.role),
                issued.not_after_ms,
                run.now_ms,
            ),
        ];
        lines.extend(cut_short(run.output.language, &life, issued.not_after_ms).map(str::to_owned));
        lines.push(made::they_are(run.output.language, &issued.identity));
        let desk = Some(order.desk_address.as_str()).filter(|desk| !desk.is_empty());
        let done = Done::Issued { folder: &self.ca, charter: &self.charter, file: &self.answer.output, desk };
        run.output.done_and_next(object, lines, &done)
    }
}
