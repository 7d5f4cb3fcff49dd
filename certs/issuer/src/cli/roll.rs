//! The commands that roll a CA over.

use super::{output::Output, run::Run};
use alcove_issuer::{
    AnyCa, IssuerError, RollState,
    drafting::read_charter,
    telling::{Done, rolled},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum RollCommand {
    /// Make the CA that will take over. The old one still signs.
    Begin(Folder),
    /// Sign with the new CA from now on.
    Switch(WithCharter),
    /// End the old CA and wipe its key.
    Finish(Finish),
    /// Say which step was taken last, and which comes next.
    Status(Folder),
}

#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The CA's folder, an agency's or the operator's.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct WithCharter {
    #[command(flatten)]
    folder: Folder,
    /// The charter in force.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Finish {
    #[command(flatten)]
    with: WithCharter,
    /// Even while certificates from the old CA are valid: their holders are cut off until they have renewed.
    #[arg(long)]
    force: bool,
}

impl RollCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let folder = match &self {
            Self::Begin(folder) | Self::Status(folder) => folder.ca.clone(),
            Self::Switch(with) => with.folder.ca.clone(),
            Self::Finish(finish) => finish.with.folder.ca.clone(),
        };
        let (mut ca, passphrase) = run.open_any(&folder)?;
        match (self, &mut ca) {
            (Self::Begin(_), AnyCa::Agency(ca)) => ca.roll_begin(&passphrase, run.now_ms)?,
            (Self::Begin(_), AnyCa::Server(ca)) => ca.roll_begin(&passphrase, run.now_ms)?,
            (Self::Switch(with), AnyCa::Agency(ca)) => {
                ca.roll_switch(&read_charter(&with.charter)?, &passphrase, run.now_ms)?;
            }
            (Self::Switch(with), AnyCa::Server(ca)) => {
                ca.roll_switch(&read_charter(&with.charter)?, &passphrase, run.now_ms)?;
            }
            (Self::Finish(finish), AnyCa::Agency(ca)) => {
                ca.roll_finish(&read_charter(&finish.with.charter)?, finish.force, &passphrase, run.now_ms)?;
            }
            (Self::Finish(finish), AnyCa::Server(ca)) => {
                ca.roll_finish(&read_charter(&finish.with.charter)?, finish.force, &passphrase, run.now_ms)?;
            }
            (Self::Status(_), AnyCa::Agency(_) | AnyCa::Server(_)) => {
                return answer(&ca, &folder, run.now_ms, &mut run.output);
            }
        }
        run.output.acted();
        answer(&ca, &folder, run.now_ms, &mut run.output)
    }
}

fn answer(ca: &AnyCa, folder: &Path, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
    let (state, living) = match ca {
        AnyCa::Agency(ca) => (ca.roll_state(), ca.living_by_old_ca(now_ms).len()),
        AnyCa::Server(ca) => (ca.roll_state(), ca.living_by_old_ca(now_ms).len()),
    };
    let is_server = matches!(ca, AnyCa::Server(_));
    let word = match state {
        RollState::Steady => "steady",
        RollState::Begun => "begun",
        RollState::Switched => "switched",
    };
    let object = json!({
        "schema": "alcove.certs.roll.v1",
        "kind": ca.kind(),
        "folder": folder,
        "state": word,
        "living_by_old_ca": living,
    });
    let line = rolled(output.language, state, living);
    output.answer_and_next(object, vec![line], &Done::Rolled { folder, is_server, state })
}
