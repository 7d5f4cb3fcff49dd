//! `ca`: made, renamed, shown, rolled over.

use super::run::Run;
use alcove_issuer::{
    AgencyCa, AgencyProfile, IssuerError, ServerCa,
    telling::{Done, made, side_code},
};
use alcove_proto::{names::TrustDomain, v1::Side};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make a CA: an agency's, or with --server the operator's.
    Init(Init),
    /// Roll a CA over to a new key.
    #[command(subcommand)]
    Roll(super::roll::RollCommand),
    /// Give the agency another name or side, for the next charter.
    Rename(Rename),
    /// Show the words of the CA's own keys. To read them out to the admins who sign a charter.
    Show(super::ca_show::ShowKeys),
}

impl CaCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        match self {
            Self::Init(init) => init.run(run),
            Self::Roll(command) => command.run(run),
            Self::Rename(rename) => rename.run(run),
            Self::Show(show) => show.run(run),
        }
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
    /// The agency's side, which people see beside every name.
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

impl Init {
    fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let folder = self.output;
        match (self.agency, self.name, self.side, self.collaborative) {
            (Some(trust_domain), Some(display_name), Some(side), None) => {
                let profile = AgencyProfile { trust_domain, display_name, side: side.into() };
                let agency = AgencyCa::init(&folder, profile, &run.passphrase.of_new()?, run.now_ms)?;
                let profile = agency.profile();
                run.output.done_and_next(
                    json!({
                        "schema": "alcove.certs.ca.v1",
                        "kind": "agency",
                        "folder": folder,
                        "agency": profile.trust_domain.as_str(),
                        "name": profile.display_name,
                        "side": side_code(profile.side),
                        "agency_file": folder.join("agency.pub"),
                        "ca_certificate": folder.join("ca.cert"),
                        "crl": folder.join("agency.crl"),
                    }),
                    made::agency_ca(run.output.language, &profile.display_name, &folder),
                    &Done::AgencyMade { folder: &folder },
                )
            }
            (None, None, None, Some(collaborative)) => {
                let server = ServerCa::init(&folder, &collaborative, &run.passphrase.of_new()?, run.now_ms)?;
                run.output.done_and_next(
                    json!({
                        "schema": "alcove.certs.ca.v1",
                        "kind": "server",
                        "folder": folder,
                        "collaborative": server.collaborative(),
                        "ca_certificate": folder.join("ca.cert"),
                    }),
                    vec![made::server_ca(run.output.language, server.collaborative(), &folder)],
                    &Done::ServerMade { folder: &folder },
                )
            }
            // Cannot fail: the argument parser demands exactly one of the two sets.
            _ => unreachable!("either an agency's three arguments or the collaborative"),
        }
    }
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
    fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let (mut ca, passphrase) = run.open_agency(&self.ca)?;
        ca.rename(self.name, self.side.map(Side::from), &passphrase)?;
        let agency_file = self.ca.join("agency.pub");
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.rename.v1",
                "name": ca.profile().display_name,
                "side": side_code(ca.profile().side),
                "agency_file": agency_file,
            }),
            vec![made::renamed(run.output.language, &ca.profile().display_name, ca.profile().side)],
            &Done::Renamed { folder: &self.ca },
        )
    }
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
