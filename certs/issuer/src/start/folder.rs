//! The folder of a walk, and where everything lies in it.

use crate::{
    error::IssuerError,
    start::{error::StartError, plan::Plan},
};
use alcove_programs::files::create_private_folder;
use alcove_proto::names::TrustDomain;
use std::path::{Path, PathBuf};

/// The folder of a person's walk.
#[derive(Debug, Clone)]
pub struct Walk {
    folder: PathBuf,
}

impl Walk {
    /// A walk in `folder`, which is made with the first thing that is kept in it.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The CA: an agency's, or the operator's.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca")
    }

    /// The charter, from its draft until all have signed it.
    pub fn charter(&self) -> PathBuf {
        self.folder.join("charter")
    }

    /// The folder of the server, as `alcove-server init` makes it.
    pub fn server(&self) -> PathBuf {
        self.folder.join("server")
    }

    pub(super) fn agencies(&self) -> PathBuf {
        self.folder.join("agencies")
    }

    pub(super) fn agency(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.agencies().join(format!("{trust_domain}.pub"))
    }

    pub(super) fn server_ca(&self) -> PathBuf {
        self.folder.join("server-ca.cert")
    }

    /// Keeps what the person has said.
    ///
    /// Errors: [`FolderError::Io`](crate::FolderError::Io).
    pub fn keep(&self, plan: &Plan) -> Result<(), IssuerError> {
        create_private_folder(&self.folder)?;
        plan.write(&self.folder)
    }

    /// What they have said.
    ///
    /// Errors: [`StartError::PlanDamaged`]; [`StartError::NoPlan`] before they have.
    pub fn plan(&self) -> Result<Plan, IssuerError> {
        Ok(Plan::read(&self.folder)?.ok_or(StartError::NoPlan)?)
    }
}
