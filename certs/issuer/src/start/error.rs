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
    NotWanted(PathBuf),
    /// The certificate of an agency's CA, by its name, where its agency file belongs, or the server's CA.
    AgencyCa(String),
    /// The CA of a server for another collaborative, by its name.
    OtherCollaborative(String),
    /// The agency file of whoever walks.
    OwnFile,
    /// The step is not one of this person's part.
    NotTheirs,
    /// An agency file of an agency that the plan does not name.
    OtherAgency(TrustDomain),
    /// Another charter than the one in the folder.
    OtherCharter(PathBuf),
    /// A charter that does not name the CA in the folder.
    NotOurs,
    /// A charter that calls the server otherwise than it was certified.
    OtherServerName {
        /// In the charter.
        charter: String,
        /// In the server's certificate.
        certified: String,
    },
    /// The CA in the folder is another one than was said.
    OtherCa {
        /// Where it is.
        folder: PathBuf,
        /// Whose, if it says so.
        of: Option<String>,
    },
    /// The server has a newer list of that agency.
    OlderList(TrustDomain),
    /// A step was taken, and the folder does not show it.
    NoProgress,
}
