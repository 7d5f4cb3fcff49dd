//! The duty officer's commands.

use super::{clock::clock_ms, desk::AtDesk, passphrase::Source, run::Run};
use alcove_issuer::{
    DutyOfficer, FolderError, IssuerError, at_desk,
    telling::{Done, made, moment, published},
    write_whole,
};
use alcove_proto::names::Identity;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DutyCommand {
    /// Make a duty officer's key, certified by the agency's CA, in its own folder. Beforehand, for a year.
    Init(Init),
    /// Shut out a device of the agency. When it is lost and the CA is not at hand.
    Deny(Deny),
    /// Let a denied device in again. For the agency's admin.
    Lift(Lift),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
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
    /// Where to write the denial; an existing file is not overwritten. Not needed with --desk.
    #[arg(short, long, value_name = "FILE", required_unless_present = "desk")]
    output: Option<PathBuf>,
    /// Put it in force at the server's desk at once.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK", requires = "charter")]
    desk: Option<String>,
    /// The charter in force, which says who the server is.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The device, …/staff/HANDLE/device/N.
    identity: Identity,
    #[command(flatten)]
    at: AtDesk,
}

impl DutyCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        match self {
            Self::Init(init) => {
                let (mut ca, _) = run.open_agency(&init.ca)?;
                let passphrase = Source::new(init.duty_passphrase_file).of_new()?;
                let duty = DutyOfficer::init(&init.output, &mut ca, &passphrase, run.now_ms)?;
                run.output.done_and_next(
                    json!({
                        "schema": "alcove.certs.duty.v1",
                        "agency": duty.agency().as_str(),
                        "folder": init.output,
                    }),
                    made::duty_key(run.output.language, duty.agency(), &init.output),
                    &Done::DutyMade { folder: &init.output },
                )
            }
            Self::Deny(deny) => deny.run(run),
            Self::Lift(lift) => {
                let visit = run.visit(&lift.at)?;
                visit.wait(visit.orders(clock_ms()).lift_denial(&lift.identity))?;
                run.output.done(
                    &json!({ "schema": "alcove.certs.lift.v1", "identity": lift.identity.to_string() }),
                    &[made::let_in_again(run.output.language, &lift.identity)],
                )
            }
        }
    }
}

impl Deny {
    fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        if let Some(path) = self.output.as_ref().filter(|path| path.exists()) {
            return Err(FolderError::Exists(path.clone()).into());
        }
        let duty = run.passphrase.open(|passphrase| DutyOfficer::open(&self.duty, passphrase))?.0;
        let denial = duty.deny(&self.identity, run.now_ms)?;
        if let Some(path) = &self.output {
            write_whole(path, &denial)?;
        }
        let cut = match (&self.desk, &self.charter) {
            (Some(desk), Some(charter)) => {
                Some(at_desk(desk, charter, async |desk| desk.submit_denial(denial).await)?)
            }
            _ => None,
        };
        let mut lines = vec![made::denied(run.output.language, &self.identity)];
        let object = json!({
            "schema": "alcove.certs.denial.v1",
            "identity": self.identity.to_string(),
            "at": moment(run.now_ms),
            "file": self.output,
            "cut": cut,
        });
        match (cut, &self.output) {
            (None, Some(file)) => run.output.done_and_next(object, lines, &Done::Denied { file }),
            (cut, _) => {
                lines.extend(cut.map(|cut| published::in_force(run.output.language, cut)));
                run.output.done(&object, &lines)
            }
        }
    }
}
