//! `charter new`, `charter next`: a draft that is to be signed.

use crate::cli::{charter::show::answer, run::Run};
use alcove_issuer::{
    FolderError, IssuerError,
    drafting::{CHARTER_DAYS, Changes, FirstCharter, draft_first, draft_next, read_charter},
    parse_agency_file, read_limited,
    telling::Described,
    write_whole,
};
use alcove_proto::{limits::CERTIFICATE_BYTES_MAX, names::TrustDomain, v1};
use clap::Args;
use std::path::{Path, PathBuf};

/// Most bytes of an agency file.
const AGENCY_FILE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct New {
    /// For example northmark.example.
    #[arg(long, value_name = "DOMAIN")]
    collaborative: TrustDomain,
    /// The DNS name in the server's certificate.
    #[arg(long, value_name = "NAME")]
    server_name: String,
    /// The server CA's certificate.
    #[arg(long, value_name = "FILE", required = true)]
    server_ca: Vec<PathBuf>,
    /// An agency's file; once for each.
    #[arg(long, value_name = "FILE", required = true)]
    agency: Vec<PathBuf>,
    /// How many agencies must sign a later version; a majority by default.
    #[arg(long)]
    quorum: Option<u32>,
    /// How many days the charter lives.
    #[arg(long, default_value_t = CHARTER_DAYS)]
    days: u32,
    /// Where to write the draft; an existing file is never overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    /// The charter in force.
    file: PathBuf,
    /// The folder of an agency's CA, whose key opens the directory key.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The file of an agency that joins, or whose entry changes; once for each.
    #[arg(long, value_name = "FILE")]
    agency: Vec<PathBuf>,
    /// An agency to remove; once for each.
    #[arg(long, value_name = "DOMAIN")]
    remove: Vec<TrustDomain>,
    /// The server CA's certificates, which replace the old ones.
    #[arg(long, value_name = "FILE")]
    server_ca: Vec<PathBuf>,
    /// Another DNS name of the server.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Another quorum.
    #[arg(long)]
    quorum: Option<u32>,
    /// Later rules. Programs that are too old cannot follow the charter.
    #[arg(long, value_name = "NUMBER")]
    rules: Option<u32>,
    /// How many days the charter lives, from now.
    #[arg(long, default_value_t = CHARTER_DAYS)]
    days: u32,
    /// Where to write the draft; an existing file is never overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl New {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        refuse_existing(&self.output)?;
        let first = FirstCharter {
            collaborative: self.collaborative,
            server_name: self.server_name,
            server_cas: read_certificates(&self.server_ca)?,
            agencies: read_agencies(&self.agency)?,
            quorum: self.quorum,
            days: self.days,
        };
        let file = draft_first(first, run.now_ms)?;
        write_whole(&self.output, &file.encode())?;
        run.output.acted();
        let described = Described::new(&file, run.now_ms, run.output.language)?;
        answer(&described, &self.output, Some("Drafted the charter."), run)
    }
}

impl Next {
    pub(super) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        refuse_existing(&self.output)?;
        let file = read_charter(&self.file)?;
        let server_cas = read_certificates(&self.server_ca)?;
        let changes = Changes {
            entries: read_agencies(&self.agency)?,
            remove: self.remove,
            quorum: self.quorum,
            server_cas: (!server_cas.is_empty()).then_some(server_cas),
            server_name: self.server_name,
            rules: self.rules,
            days: self.days,
        };
        let (ca, _) = run.open_agency(&self.ca)?;
        let file = draft_next(&file, changes, &ca, run.now_ms)?;
        write_whole(&self.output, &file.encode())?;
        run.output.acted();
        let described = Described::new(&file, run.now_ms, run.output.language)?;
        answer(&described, &self.output, Some("Drafted the next version."), run)
    }
}

fn read_agencies(paths: &[PathBuf]) -> Result<Vec<v1::Agency>, IssuerError> {
    paths.iter().map(|path| parse_agency_file(&read_limited(path, AGENCY_FILE_BYTES_MAX)?)).collect()
}

fn read_certificates(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, IssuerError> {
    paths.iter().map(|path| read_limited(path, CERTIFICATE_BYTES_MAX)).collect()
}

/// A draft may hold signatures that took days to gather.
fn refuse_existing(path: &Path) -> Result<(), IssuerError> {
    if path.exists() { Err(FolderError::Exists(path.to_owned()).into()) } else { Ok(()) }
}
