//! The rehearsal's command.

use super::run::Run;
use alcove_issuer::{
    DraftError, Finding, FindingKind, FolderError, IssuerError, RehearseInput,
    drafting::read_charter,
    io, read_limited, rehearse,
    telling::{day, moment, remedy},
};
use alcove_programs::dates;
use alcove_proto::{limits::CRL_BYTES_MAX, v1};
use clap::Args;
use prost::Message;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Most bytes of the server's answer file.
const SERVER_FILE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The CA folder; no passphrase is needed.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The charter in force.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
    /// How many days to look ahead.
    #[arg(long)]
    days: u32,
    /// A folder with the agencies' revocation lists and nothing else.
    #[arg(long, value_name = "DIR")]
    crl_dir: Option<PathBuf>,
    /// The server's certificates, as `server issue` wrote them.
    #[arg(long, value_name = "FILE")]
    server_cert: Option<PathBuf>,
    /// The next charter, signed or not.
    #[arg(long, value_name = "FILE")]
    next: Option<PathBuf>,
    /// Rehearse as of this day or time: 2026-11-30, tomorrow, or "2026-11-30 14:00"
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
}

impl Rehearse {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let now_ms = match &self.at {
            Some(text) => dates::any(text, run.now_ms)
                .map_err(|error| IssuerError::Date { text: text.clone(), error })?,
            None => run.now_ms,
        };
        let server = self.server_cert.as_deref().map(|path| {
            let bytes = read_limited(path, SERVER_FILE_BYTES_MAX)?;
            v1::ServerCertificate::decode(bytes.as_slice())
                .map_err(|_| IssuerError::Folder(FolderError::Mismatch(path.to_owned())))
        });
        let next = self.next.as_deref().map(read_charter).transpose()?;
        let input = RehearseInput {
            ca: &self.ca,
            charter: &read_charter(&self.charter)?,
            crls: self.crl_dir.as_deref().map(read_crls).transpose()?.unwrap_or_default(),
            server: server.transpose()?,
            next: next.as_ref(),
            days: self.days,
        };
        let rehearsal = rehearse(&input, now_ms)?;
        for Finding { at_ms, kind, name } in &rehearsal.findings {
            let (word, todo) = (word(*kind), remedy(run.output.language, *kind));
            run.output.answer(
                &json!({
                    "schema": "alcove.certs.rehearsal.v1",
                    "at": moment(*at_ms),
                    "ends": word,
                    "name": name,
                    "do": todo,
                }),
                &[format!("{}  {word}  {name}: {todo}", day(*at_ms))],
            )?;
        }
        for refused in &rehearsal.refused {
            let also = if refused.replaced { "; its holder has another valid one" } else { "" };
            run.output.answer(
                &json!({
                    "schema": "alcove.certs.rehearsal.v1",
                    "refused": refused.issued.serial,
                    "name": refused.issued.name,
                    "why": refused.why,
                    "replaced": refused.replaced,
                }),
                &[format!(
                    "refused  {}  {}: {}{also}",
                    refused.issued.serial, refused.issued.name, refused.why
                )],
            )?;
        }
        match rehearsal.count() {
            0 => Ok(()),
            count => Err(DraftError::RehearsalBreaks { count }.into()),
        }
    }
}

fn word(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Charter => "charter",
        FindingKind::NextCharter => "next-charter",
        FindingKind::Ca => "ca",
        FindingKind::Server => "server",
        FindingKind::ServerRefused => "server-refused",
        FindingKind::Crl => "crl",
        FindingKind::Device => "device",
        FindingKind::Duty => "duty",
    }
}

fn read_crls(folder: &Path) -> Result<Vec<Vec<u8>>, IssuerError> {
    let failed = || io("read", folder);
    let entries = std::fs::read_dir(folder).map_err(failed())?;
    entries.map(|entry| read_limited(&entry.map_err(failed())?.path(), CRL_BYTES_MAX)).collect()
}
