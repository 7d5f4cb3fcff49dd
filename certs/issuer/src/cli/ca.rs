//! The commands about a CA and what it hands out.

use super::{
    output::{Output, day, moment},
    passphrase::Source,
    publish::{PublishCrl, Publishing, cut_text},
};
use alcove_charter::{CHARTER_FILE_BYTES_MAX, CharterFile, request_words, same_words};
use alcove_issuer::{
    AgencyCa, AgencyProfile, DEVICE_DAYS, DeviceOrder, IssuedCrl, IssuerError, Kind, Listed, Reason,
    SERVER_DAYS, ServerCa, Which, list, read_limited, write_whole,
};
use alcove_proto::{
    limits::CRL_BYTES_MAX,
    names::{Handle, Identity, Person, TrustDomain},
    v1::Side,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

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
            ],
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// One certificate, by its serial number in hexadecimal.
    #[arg(long, required_unless_present = "identity", conflicts_with = "identity")]
    serial: Option<String>,
    /// A device (…/staff/HANDLE/device/N) or all devices of a person (…/staff/HANDLE).
    #[arg(long, value_name = "NAME", value_parser = parse_whose)]
    identity: Option<Which>,
    /// Why.
    #[arg(long, value_enum, default_value_t = ReasonArgument::Unspecified)]
    reason: ReasonArgument,
    /// Write the new revocation list here too; over this agency's last list, and over nothing else.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publishing: Publishing,
}

/// Why a certificate is revoked, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasonArgument {
    /// Not said.
    Unspecified,
    /// The device was lost, stolen or broken into.
    KeyCompromise,
    /// The person changed agency or role.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// Device or person is no longer in service.
    CessationOfOperation,
}

impl From<ReasonArgument> for Reason {
    fn from(reason: ReasonArgument) -> Self {
        match reason {
            ReasonArgument::Unspecified => Self::Unspecified,
            ReasonArgument::KeyCompromise => Self::KeyCompromise,
            ReasonArgument::AffiliationChanged => Self::AffiliationChanged,
            ReasonArgument::Superseded => Self::Superseded,
            ReasonArgument::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

fn parse_whose(text: &str) -> Result<Which, alcove_proto::names::NameError> {
    if text.contains("/device/") {
        text.parse::<Identity>().map(Which::Device)
    } else {
        text.parse::<Person>().map(Which::Person)
    }
}

impl Revoke {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let which = match (self.serial, self.identity) {
            (Some(serial), _) => Which::Serial(serial),
            (None, Some(which)) => which,
            // Cannot fail: the argument parser demands one of the two.
            (None, None) => unreachable!("either a serial or an identity"),
        };
        if let Some(file) = &self.output {
            refuse_existing(file, self.force, Some(&self.ca))?;
        }
        let mut ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        let crl = ca.revoke(&which, self.reason.into(), now_ms)?;
        let file = self.output.unwrap_or_else(|| self.ca.join("agency.crl"));
        let first = match crl.newly_revoked.len() {
            0 => "Everything of that name had been revoked before.".to_owned(),
            1 => "Revoked 1 certificate.".to_owned(),
            count => format!("Revoked {count} certificates."),
        };
        drop(ca);
        answer_crl(&crl, &file, first, &self.publishing, output)
    }
}

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Crl {
    #[command(subcommand)]
    command: Option<CrlCommand>,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", required = true, env = "ALCOVE_CERTS_CA")]
    ca: Option<PathBuf>,
    /// Where to write the list; over this agency's last list, and over nothing else.
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publishing: Publishing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Put a list that was made before in force.
    Publish(PublishCrl),
}

impl Crl {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let (folder, file) = match (self.command, self.ca, self.output) {
            (Some(CrlCommand::Publish(publish)), _, _) => return publish.run(output),
            (None, Some(folder), Some(file)) => (folder, file),
            // Cannot fail: the argument parser demands both.
            (None, _, _) => unreachable!("a folder and a file"),
        };
        refuse_existing(&file, self.force, Some(&folder))?;
        let mut ca = AgencyCa::open(&folder, &passphrase.of_existing()?)?;
        let crl = ca.renew_crl(now_ms)?;
        drop(ca);
        answer_crl(&crl, &file, "Made a new revocation list.".to_owned(), &self.publishing, output)
    }
}

/// Before anything is signed: a file that is there is not written over, except the last list of `ca` by the next.
pub(crate) fn refuse_existing(file: &Path, force: bool, ca: Option<&Path>) -> Result<(), IssuerError> {
    if force || !file.exists() {
        return Ok(());
    }
    let last = ca.map(|folder| read_limited(&folder.join("agency.crl"), CRL_BYTES_MAX)).transpose()?;
    if last.is_some() && read_limited(file, CRL_BYTES_MAX).ok() == last {
        return Ok(());
    }
    Err(IssuerError::WouldOverwrite { path: file.to_owned() })
}

/// The list is on disk before anybody hears of it; then it is published, if a desk was named.
fn answer_crl(
    crl: &IssuedCrl,
    file: &Path,
    first: String,
    publishing: &Publishing,
    output: &mut Output,
) -> Result<(), IssuerError> {
    write_whole(file, &crl.der)?;
    let published = publishing.publish(&crl.der, file)?;
    let last = match &published {
        Some(published) => format!("It is in force. {}", cut_text(published.cut)),
        None => format!("It counts once the server has it: give {} to its operator now.", file.display()),
    };
    output.answer(
        &json!({
            "schema": "alcove.certs.crl.v1",
            "number": crl.number,
            "entries": crl.entries,
            "newly_revoked": crl.newly_revoked,
            "file": file,
            "published": published.is_some(),
            "cut": published.map(|published| published.cut),
        }),
        &[first, format!("List {} names {} certificates.", crl.number, crl.entries), last],
    )
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
