//! Revoking, and the lists that say so.

use super::{
    input::refuse_existing,
    publishing::{Publishing, answer_crl},
    run::Run,
};
use alcove_issuer::{IssuerError, Reason, Which, telling::published::revoked};
use alcove_proto::names::{Identity, Person};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// One certificate, by its serial number in hexadecimal.
    #[arg(long, required_unless_present = "identity", conflicts_with = "identity")]
    serial: Option<String>,
    /// A device (…/staff/HANDLE/device/N) or all devices of a person (…/staff/HANDLE); several in one list, each with
    /// --identity.
    #[arg(long, value_name = "NAME", value_parser = parse_whose)]
    identity: Vec<Which>,
    /// Why.
    #[arg(long, value_enum, default_value_t = ReasonArgument::Unspecified)]
    reason: ReasonArgument,
    /// Write the new revocation list here too; only this agency's last list may be overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing file.
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
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        // Never empty: the argument parser demands one of the two.
        let which = match self.serial {
            Some(serial) => vec![Which::Serial(serial)],
            None => self.identity,
        };
        if let Some(file) = &self.output {
            refuse_existing(file, self.force, Some(&self.ca))?;
        }
        let (mut ca, _) = run.open_agency(&self.ca)?;
        let crl = ca.revoke_all(&which, self.reason.into(), run.now_ms)?;
        let file = self.output.unwrap_or_else(|| self.ca.join("agency.crl"));
        let first = revoked(run.output.language, crl.newly_revoked.len());
        answer_crl(&crl, &file, first, &self.publishing, &mut run.output)?;
        // After the list: that shuts the device out.
        self.publishing.publish_ledger(&ca)
    }
}
