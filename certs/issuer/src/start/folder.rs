//! The folder of a walk, and where everything lies in it.

use crate::{
    ca::{
        files::{io, read_limited},
        folder::CA_CERTIFICATE,
    },
    error::IssuerError,
    start::{
        error::StartError,
        plan::{PLAN, Plan},
        sent::Sent,
    },
};
use alcove_programs::files::create_private_folder;
use alcove_proto::{limits::CERTIFICATE_BYTES_MAX, names::TrustDomain};
use std::{
    fs,
    path::{Path, PathBuf, absolute},
};

/// Most entries of a folder that are looked at for walks.
const ENTRIES_MAX: usize = 4096;

/// The folder of a person's walk.
#[derive(Debug, Clone)]
pub struct Walk {
    folder: PathBuf,
}

impl Walk {
    /// A walk in `folder`, which is made with the first thing that is kept in it.
    ///
    /// Errors: [`FolderError::Io`](crate::FolderError::Io) when a relative one leads nowhere.
    pub fn new(folder: &Path) -> Result<Self, IssuerError> {
        Ok(Self { folder: absolute(folder).map_err(io("find", folder))? })
    }

    /// Where it is, whatever folder a person is in tomorrow.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Other walks that were begun: in these places, right below them, and above this one. Whoever does not find theirs again
    /// would make a second CA.
    pub fn others(&self, places: &[PathBuf]) -> Vec<PathBuf> {
        let below = |place: &PathBuf| {
            let entries = fs::read_dir(place).into_iter().flatten().take(ENTRIES_MAX);
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
        };
        let above = self.folder.ancestors().map(Path::to_owned);
        let near = places.iter().cloned().chain(places.iter().flat_map(below));
        let mut others: Vec<_> = above.chain(near).filter(|folder| *folder != self.folder).collect();
        others.retain(|folder| folder.join(PLAN).is_file());
        others.sort();
        others.dedup();
        others
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

    /// Where the server has the list of an agency, and puts one that is handed in at its desk.
    pub(super) fn list(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.server().join("crls").join(format!("{trust_domain}.crl"))
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
    /// Errors: [`FolderError::Io`](crate::FolderError::Io); [`StartError::OtherCa`].
    pub fn keep(&self, plan: &Plan) -> Result<(), IssuerError> {
        self.check_ca(plan)?;
        create_private_folder(&self.folder)?;
        plan.write(&self.folder)
    }

    /// What they have said.
    ///
    /// Errors: [`StartError::PlanDamaged`]; [`StartError::NoPlan`] before they have.
    pub fn plan(&self) -> Result<Plan, IssuerError> {
        Ok(Plan::read(&self.folder)?.ok_or(StartError::NoPlan)?)
    }

    /// Whether the CA that is here, if there is one, is the one that a plan speaks of.
    ///
    /// Errors: [`StartError::OtherCa`]; those of reading it.
    pub(super) fn check_ca(&self, plan: &Plan) -> Result<(), IssuerError> {
        let path = self.ca().join(CA_CERTIFICATE);
        if !path.is_file() {
            return Ok(());
        }
        let planned = match plan.part.agency() {
            Some(agency) => Sent::AgencyCa(agency.trust_domain.to_string()),
            None => Sent::ServerCa(plan.collaborative.to_string()),
        };
        let of = match Sent::of(&read_limited(&path, CERTIFICATE_BYTES_MAX)?) {
            there if there == planned => return Ok(()),
            Sent::AgencyCa(domain) => Some(domain),
            Sent::ServerCa(collaborative) => Some(format!("the server of {collaborative}")),
            Sent::Agency(_) | Sent::Other => None,
        };
        Err(StartError::OtherCa { folder: self.ca(), of }.into())
    }
}
