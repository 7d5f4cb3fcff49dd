//! What lies in the folder of a walk. No key is opened for it.

use crate::{
    charters::drafting::read_charter,
    error::IssuerError,
    start::{
        folder::Walk,
        plan::{Part, Plan},
        steps::{Found, FoundCharter},
    },
};
use std::path::Path;

impl Walk {
    /// What is done, as far as it can be seen.
    ///
    /// Errors: [`StartError::PlanDamaged`](crate::start::StartError::PlanDamaged); those of the charter in the folder.
    pub fn look(&self) -> Result<Found, IssuerError> {
        let plan = Plan::read(self.folder())?;
        let is_there = |folder: &Path, name: &str| folder.join(name).is_file();
        let others = match plan.as_ref().map(|plan| &plan.part) {
            Some(Part::Drafts { others, .. }) => others.clone(),
            Some(Part::Signs { .. } | Part::Operates { .. }) | None => Vec::new(),
        };
        // The file that `ca init` writes last says that it came to its end.
        let last = match plan.as_ref().map(|plan| &plan.part) {
            Some(Part::Operates { .. }) => "ca.cert",
            Some(Part::Drafts { .. } | Part::Signs { .. }) | None => "agency.pub",
        };
        let charter = self.charter();
        let charter = if charter.is_file() {
            let file = read_charter(&charter)?;
            let standing = file.offered.standing(file.history.as_ref())?;
            Some(FoundCharter { signed: standing.signed, must_sign: standing.must_sign })
        } else {
            None
        };
        Ok(Found {
            has_ca: is_there(&self.ca(), last),
            agencies: others.into_iter().filter(|other| self.agency(other).is_file()).collect(),
            has_server_ca: self.server_ca().is_file(),
            charter,
            has_server_request: is_there(&self.server(), "server.req"),
            has_server_certificate: is_there(&self.server(), "server.cert"),
            plan,
        })
    }
}
