//! The commands that roll a CA over.

use super::{input::read_charter, output::Output, run::Run};
use alcove_issuer::{AgencyCa, FolderError, IssuerError, Passphrase, RollState, ServerCa};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum RollCommand {
    /// Make the CA that takes over; the old one goes on signing.
    Begin(Folder),
    /// Sign with the new CA from now on.
    Switch(WithCharter),
    /// End the old CA and wipe its key.
    Finish(Finish),
    /// Say which step was taken last and which one comes next.
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
    /// Also while certificates by the old CA are alive: their holders are cut off until they have renewed.
    #[arg(long)]
    force: bool,
}

/// A CA of either kind, open.
enum Either {
    Agency(Box<AgencyCa>),
    Server(Box<ServerCa>),
}

impl Either {
    fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, IssuerError> {
        match AgencyCa::open(folder, passphrase) {
            Ok(agency) => Ok(Self::Agency(Box::new(agency))),
            Err(IssuerError::Folder(FolderError::NoCa { .. })) => {
                Ok(Self::Server(Box::new(ServerCa::open(folder, passphrase)?)))
            }
            Err(error) => Err(error),
        }
    }
}

impl RollCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let folder = match &self {
            Self::Begin(folder) | Self::Status(folder) => folder.ca.clone(),
            Self::Switch(with) => with.folder.ca.clone(),
            Self::Finish(finish) => finish.with.folder.ca.clone(),
        };
        let (mut ca, passphrase) = run.passphrase.open(|passphrase| Either::open(&folder, passphrase))?;
        match (self, &mut ca) {
            (Self::Begin(_), Either::Agency(ca)) => ca.roll_begin(&passphrase, run.now_ms)?,
            (Self::Begin(_), Either::Server(ca)) => ca.roll_begin(&passphrase, run.now_ms)?,
            (Self::Switch(with), Either::Agency(ca)) => {
                ca.roll_switch(&read_charter(&with.charter)?, &passphrase, run.now_ms)?;
            }
            (Self::Switch(with), Either::Server(ca)) => {
                ca.roll_switch(&read_charter(&with.charter)?, &passphrase, run.now_ms)?;
            }
            (Self::Finish(finish), Either::Agency(ca)) => {
                ca.roll_finish(&read_charter(&finish.with.charter)?, finish.force, &passphrase, run.now_ms)?;
            }
            (Self::Finish(finish), Either::Server(ca)) => {
                ca.roll_finish(&read_charter(&finish.with.charter)?, finish.force, &passphrase, run.now_ms)?;
            }
            (Self::Status(_), Either::Agency(_) | Either::Server(_)) => {
                return answer(&ca, &folder, run.now_ms, &mut run.output);
            }
        }
        run.output.acted();
        answer(&ca, &folder, run.now_ms, &mut run.output)
    }
}

fn answer(ca: &Either, folder: &Path, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
    let (kind, state, living) = match ca {
        Either::Agency(ca) => ("agency", ca.roll_state(), ca.living_by_old_ca(now_ms).len()),
        Either::Server(ca) => ("server", ca.roll_state(), ca.living_by_old_ca(now_ms).len()),
    };
    let shown = folder.display();
    let (word, lines) = match (state, ca) {
        (RollState::Steady, Either::Agency(_)) => (
            "steady",
            vec![
                "No roll-over is under way: one CA signs, and agency.pub has it alone.".to_owned(),
                format!(
                    "If the charter lists another one too, draft the next with --agency {shown}/agency.pub."
                ),
            ],
        ),
        (RollState::Steady, Either::Server(_)) => (
            "steady",
            vec![
                "No roll-over is under way: one CA signs.".to_owned(),
                format!(
                    "If the charter lists another one too, draft the next with --server-ca {shown}/ca.cert."
                ),
            ],
        ),
        (RollState::Begun, Either::Agency(_)) => (
            "begun",
            vec![
                "There is a next CA. The old one still signs.".to_owned(),
                format!(
                    "Draft the next charter with --agency {shown}/agency.pub, have it signed and published."
                ),
                "Then: alcove-certs ca roll switch.".to_owned(),
            ],
        ),
        (RollState::Begun, Either::Server(_)) => (
            "begun",
            vec![
                "There is a next CA. The old one still signs.".to_owned(),
                format!(
                    "Draft the next charter with --server-ca {shown}/ca.cert --server-ca {shown}/ca.next.cert, have it \
                     signed and published."
                ),
                "Then: alcove-certs ca roll switch.".to_owned(),
            ],
        ),
        (RollState::Switched, Either::Agency(_)) => (
            "switched",
            vec![
                "The new CA signs.".to_owned(),
                format!("Give {shown}/agency.crl, which it has signed, to the server now."),
                format!("{living} living certificates are by the old CA: devices renew by themselves."),
                "When there are none left: alcove-certs ca roll finish.".to_owned(),
            ],
        ),
        (RollState::Switched, Either::Server(_)) => (
            "switched",
            vec![
                "The new CA signs.".to_owned(),
                "Certify the server anew: alcove-certs server issue.".to_owned(),
                format!("{living} living certificates are by the old CA. Then: alcove-certs ca roll finish."),
            ],
        ),
    };
    let object = json!({
        "schema": "alcove.certs.roll.v1",
        "kind": kind,
        "folder": folder,
        "state": word,
        "living_by_old_ca": living,
    });
    output.answer(&object, &lines)
}
