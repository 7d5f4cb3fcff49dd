//! Why a step of the walk is not taken.

use alcove_proto::names::TrustDomain;
use std::path::PathBuf;

/// Why a step of the walk was not taken. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum StartError {
    /// The walk asks, and there is no terminal.
    NoTerminal,
    /// Nobody has said yet whose walk it is.
    NoPlan,
    /// The file of the walk was altered, or a newer program wrote it.
    PlanDamaged(PathBuf),
    /// What was brought is no file that this step waits for.
    NotWanted,
    /// An agency file of an agency that the plan does not name.
    OtherAgency(TrustDomain),
    /// Another charter than the one in the folder.
    OtherCharter(PathBuf),
    /// A charter that does not name the CA in the folder.
    NotOurs,
}
