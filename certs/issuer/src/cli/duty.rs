//! The duty officer's commands.

use super::{
    output::{Output, moment},
    passphrase::Source,
};
use alcove_issuer::{AgencyCa, DutyOfficer, IssuerError, write_whole};
use alcove_proto::names::Identity;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DutyCommand {
    /// Make a duty officer's key in a folder of its own, certified by the agency's CA.
    Init(Init),
    /// Deny a device of the agency.
    Deny(Deny),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// The folder to make.
    #[arg(short, long, value_name = "DUTY")]
    output: PathBuf,
    /// Read the duty officer's new passphrase from this file instead of asking; --passphrase-file is the CA's.
    #[arg(long, value_name = "FILE")]
    duty_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// The device, …/staff/HANDLE/device/N.
    identity: Identity,
    /// The duty officer's folder.
    #[arg(long, value_name = "DUTY")]
    duty: PathBuf,
    /// Where to write the denial; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl DutyCommand {
    pub(crate) fn run(self, source: &Source, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        match self {
            Self::Init(init) => {
                let mut ca = AgencyCa::open(&init.ca, &source.of_existing()?)?;
                let passphrase = Source::new(init.duty_passphrase_file).of_new()?;
                let duty = DutyOfficer::init(&init.output, &mut ca, &passphrase, now_ms)?;
                output.answer(
                    &json!({
                        "schema": "alcove.certs.duty.v1",
                        "agency": duty.agency().as_str(),
                        "folder": init.output,
                    }),
                    &[
                        format!("Made the duty officer's key of {} in {}.", duty.agency(), init.output.display()),
                        "Give folder and passphrase to whoever is on duty: they can shut devices out, and let nobody in."
                            .to_owned(),
                    ],
                )
            }
            Self::Deny(deny) => {
                if deny.output.exists() {
                    return Err(IssuerError::Exists { path: deny.output });
                }
                let duty = DutyOfficer::open(&deny.duty, &source.of_existing()?)?;
                write_whole(&deny.output, &duty.deny(&deny.identity, now_ms)?)?;
                output.answer(
                    &json!({
                        "schema": "alcove.certs.denial.v1",
                        "identity": deny.identity.to_string(),
                        "at": moment(now_ms),
                        "file": deny.output,
                    }),
                    &[
                        format!("Denied {}.", deny.identity),
                        format!("It counts once the server has {}.", deny.output.display()),
                    ],
                )
            }
        }
    }
}
