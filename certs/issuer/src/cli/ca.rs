//! The commands about a CA and what it hands out.

use super::{
    output::{Output, day, moment},
    passphrase::Source,
    revoke::refuse_existing,
};
use alcove_charter::{CHARTER_FILE_BYTES_MAX, CharterFile, request_words, same_words};
use alcove_issuer::{
    AgencyCa, AgencyProfile, DEVICE_DAYS, DeviceOrder, IssuerError, Kind, Listed, SERVER_DAYS, ServerCa,
    list, read_limited, write_whole,
};
use alcove_proto::{
    names::{Handle, TrustDomain},
    v1::Side,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

/// Most bytes of a request file.
pub(super) const REQUEST_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make a CA: an agency's, or with --server the operator's.
    Init(Init),
    /// Roll a CA over to a new key.
    #[command(subcommand)]
    Roll(super::roll::RollCommand),
    /// Give the agency another name or side, for the next charter.
    Rename(Rename),
    /// Show the words of the CA's own keys, to be read out to whoever signs a charter.
    Show(super::own_words::ShowKeys),
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The agency's name as people will read it.
    #[arg(long, required_unless_present = "side")]
    name: Option<String>,
    /// The agency's side.
    #[arg(long, value_enum)]
    side: Option<SideArgument>,
}

impl Rename {
    fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let passphrase = passphrase.of_existing()?;
        let mut ca = AgencyCa::open(&self.ca, &passphrase)?;
        ca.rename(self.name, self.side.map(Side::from), &passphrase)?;
        let agency_file = self.ca.join("agency.pub");
        output.answer(
            &json!({
                "schema": "alcove.certs.rename.v1",
                "name": ca.profile().display_name,
                "side": side_text(ca.profile().side),
                "agency_file": agency_file,
            }),
            &[
                format!(
                    "The agency will be {} ({}).",
                    ca.profile().display_name,
                    side_text(ca.profile().side)
                ),
                format!(
                    "It counts from the next charter on: alcove-certs charter next ... --agency {}",
                    agency_file.display()
                ),
            ],
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The agency's trust domain, for example harborlight.northmark.example.
    #[arg(long, value_name = "DOMAIN", required_unless_present = "server", conflicts_with = "server")]
    agency: Option<TrustDomain>,
    /// The agency's name as people read it.
    #[arg(long, required_unless_present = "server", conflicts_with = "server")]
    name: Option<String>,
    /// The agency's side, which people read beside every name.
    #[arg(long, value_enum, required_unless_present = "server", conflicts_with = "server")]
    side: Option<SideArgument>,
    /// Make the CA of the server instead.
    #[arg(long, requires = "collaborative")]
    server: bool,
    /// The collaborative the server is for, for example northmark.example.
    #[arg(long, value_name = "DOMAIN", requires = "server")]
    collaborative: Option<TrustDomain>,
    /// The folder to make.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// An agency's side, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SideArgument {
    /// Serves clients.
    Provider,
    /// The state's child protection.
    ChildProtection,
    /// Attorneys and their victim-witness staff.
    Prosecution,
    /// Police.
    LawEnforcement,
    /// Reads training material and bulletins only.
    TrainingOnly,
}

impl From<SideArgument> for Side {
    fn from(side: SideArgument) -> Self {
        match side {
            SideArgument::Provider => Self::Provider,
            SideArgument::ChildProtection => Self::ChildProtection,
            SideArgument::Prosecution => Self::Prosecution,
            SideArgument::LawEnforcement => Self::LawEnforcement,
            SideArgument::TrainingOnly => Self::TrainingOnly,
        }
    }
}

/// A side as people and scripts read it.
pub(crate) fn side_text(side: Side) -> &'static str {
    match side {
        Side::Unspecified => "unspecified",
        Side::Provider => "provider",
        Side::ChildProtection => "child-protection",
        Side::Prosecution => "prosecution",
        Side::LawEnforcement => "law-enforcement",
        Side::TrainingOnly => "training-only",
    }
}

impl CaCommand {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let init = match self {
            Self::Init(init) => init,
            Self::Roll(command) => return command.run(passphrase, now_ms, output),
            Self::Rename(rename) => return rename.run(passphrase, output),
            Self::Show(show) => return show.run(passphrase, output),
        };
        let folder = init.output;
        match (init.agency, init.name, init.side, init.collaborative) {
            (Some(trust_domain), Some(display_name), Some(side), None) => {
                let profile = AgencyProfile { trust_domain, display_name, side: side.into() };
                let agency = AgencyCa::init(&folder, profile, &passphrase.of_new()?, now_ms)?;
                let profile = agency.profile();
                output.answer(
                    &json!({
                        "schema": "alcove.certs.ca.v1",
                        "kind": "agency",
                        "folder": folder,
                        "agency": profile.trust_domain.as_str(),
                        "name": profile.display_name,
                        "side": side_text(profile.side),
                        "agency_file": folder.join("agency.pub"),
                        "ca_certificate": folder.join("ca.cert"),
                        "crl": folder.join("agency.crl"),
                    }),
                    &[
                        format!("Made the CA of {} in {}.", profile.display_name, folder.display()),
                        format!(
                            "Give {} to whoever drafts the charter, and {} to the server's operator.",
                            folder.join("agency.pub").display(),
                            folder.join("agency.crl").display()
                        ),
                        "Keep a copy of the folder and its passphrase offline: nobody can replace them."
                            .to_owned(),
                    ],
                )
            }
            (None, None, None, Some(collaborative)) => {
                let server = ServerCa::init(&folder, &collaborative, &passphrase.of_new()?, now_ms)?;
                output.answer(
                    &json!({
                        "schema": "alcove.certs.ca.v1",
                        "kind": "server",
                        "folder": folder,
                        "collaborative": server.collaborative(),
                        "ca_certificate": folder.join("ca.cert"),
                    }),
                    &[
                        format!("Made the server CA of {} in {}.", server.collaborative(), folder.display()),
                        format!("Give {} to whoever drafts the charter.", folder.join("ca.cert").display()),
                    ],
                )
            }
            // Cannot fail: the argument parser demands exactly one of the two sets.
            _ => unreachable!("either an agency's three arguments or the collaborative"),
        }
    }
}

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
    /// The DNS name staff call the server by; the charter names the same.
    #[arg(long)]
    name: String,
    /// How many days the certificates live.
    #[arg(long, default_value_t = SERVER_DAYS)]
    days: u32,
    /// Where to write the answer; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

impl ServerCommand {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let Self::Issue(issue) = self;
        refuse_existing(&issue.output, issue.force, None)?;
        let request = read_limited(&issue.request, REQUEST_BYTES_MAX)?;
        let mut ca = ServerCa::open(&issue.ca, &passphrase.of_existing()?)?;
        let issued = ca.issue(&request, &issue.name, issue.days, now_ms)?;
        write_whole(&issue.output, &issued.file)?;
        output.answer(
            &json!({
                "schema": "alcove.certs.server.v1",
                "name": issue.name,
                "not_after": moment(issued.not_after_ms),
                "file": issue.output,
            }),
            &[
                format!("Certified the server {} until {}.", issue.name, day(issued.not_after_ms)),
                format!("Put {} where the server's configuration names it.", issue.output.display()),
            ],
        )
    }
}

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
    /// The person's name, as the other agencies will read it.
    #[arg(long)]
    name: String,
    /// The person's role, as the other agencies will read it.
    #[arg(long)]
    role: String,
    /// The handle of a person who has a device already.
    #[arg(long)]
    handle: Option<Handle>,
    /// Which of the person's devices this is.
    #[arg(long, default_value_t = 1)]
    device: u16,
    /// The server's address, host:port, which the device will call.
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    server: String,
    /// The address of the server's desk, host:port, where the device will renew.
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    desk: String,
    /// How many days the certificates live.
    #[arg(long, default_value_t = DEVICE_DAYS)]
    days: u32,
    /// Where to write the answer; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

impl Issue {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)?;
        let request = read_limited(&self.request, REQUEST_BYTES_MAX)?;
        let words = request_words(&request);
        if self.words.is_some_and(|given| !same_words(&words, &given)) {
            return Err(IssuerError::OtherRequest { words });
        }
        let charter = CharterFile::parse(&read_limited(&self.charter, CHARTER_FILE_BYTES_MAX)?)?;
        let mut ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        let order = DeviceOrder {
            name: self.name,
            role: self.role,
            handle: self.handle,
            device: self.device,
            days: self.days,
            server_address: self.server,
            desk_address: self.desk,
        };
        let issued = ca.issue_device(&request, &charter, &order, now_ms)?;
        write_whole(&self.output, &issued.file)?;
        output.answer(
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

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
}

impl List {
    pub(crate) fn run(self, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        for Listed { issued, revoked } in list(&self.ca)? {
            let kind = match issued.kind {
                Kind::Tls => "tls",
                Kind::Mls => "mls",
                Kind::Server => "server",
                Kind::Receipts => "receipts",
                Kind::Duty => "duty",
            };
            let state = match &revoked {
                Some(revocation) => format!("revoked {}", day(revocation.at_ms)),
                None if issued.not_after_ms < now_ms => format!("ended {}", day(issued.not_after_ms)),
                None => format!("until {}", day(issued.not_after_ms)),
            };
            output.answer(
                &json!({
                    "schema": "alcove.certs.certificate.v1",
                    "serial": issued.serial,
                    "kind": kind,
                    "name": issued.name,
                    "issued_at": moment(issued.at_ms),
                    "not_after": moment(issued.not_after_ms),
                    "revoked_at": revoked.map(|revocation| moment(revocation.at_ms)),
                }),
                &[format!("{}  {kind:<8}  {state:<18}  {}", issued.serial, issued.name)],
            )?;
        }
        Ok(())
    }
}
