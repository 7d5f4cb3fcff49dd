//! What lies in the folder of a walk. No key is opened for it.

use crate::{
    ca::files::read_limited,
    charters::drafting::read_charter,
    error::IssuerError,
    start::{
        acts::FILE_BYTES_MAX,
        folder::Walk,
        plan::{Part, Plan},
        sent::Sent,
        steps::{Found, FoundCharter},
    },
};
use alcove_charter::{CharterFile, CharterHistory, Crl};
use alcove_proto::{limits::CRL_BYTES_MAX, names::TrustDomain};
use std::path::Path;

impl Walk {
    /// What is done, as far as it can be seen.
    ///
    /// A file that is not what it has to be counts as one that has not come.
    /// Errors: [`StartError::PlanDamaged`](crate::start::StartError::PlanDamaged),
    /// [`StartError::OtherCa`](crate::start::StartError::OtherCa); those of the charter in the folder.
    pub fn look(&self) -> Result<Found, IssuerError> {
        let plan = Plan::read(self.folder())?;
        if let Some(plan) = &plan {
            self.check_ca(plan)?;
        }
        let holds = |path: &Path, wanted: Sent| {
            path.is_file() && read_limited(path, FILE_BYTES_MAX).is_ok_and(|bytes| Sent::of(&bytes) == wanted)
        };
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
        let file = if charter.is_file() { Some(read_charter(&charter)?) } else { None };
        let charter = match &file {
            Some(file) => {
                let standing = file.offered.standing(file.history.as_ref())?;
                Some(FoundCharter { signed: standing.signed, must_sign: standing.must_sign })
            }
            None => None,
        };
        let lists_missing = match (&file, plan.as_ref().map(|plan| &plan.part)) {
            (Some(file), Some(Part::Operates { .. })) => self.lists_missing(file)?,
            _ => Vec::new(),
        };
        Ok(Found {
            has_ca: is_there(&self.ca(), last),
            agencies: others
                .into_iter()
                .filter(|other| holds(&self.agency(other), Sent::Agency(other.clone())))
                .collect(),
            has_server_ca: plan
                .as_ref()
                .is_some_and(|plan| holds(&self.server_ca(), Sent::ServerCa(plan.collaborative.to_string()))),
            charter,
            has_server_request: is_there(&self.server(), "server.req"),
            has_server_certificate: is_there(&self.server(), "server.cert"),
            lists_missing,
            plan,
        })
    }

    /// Whose list is not where the server looks for it, or is not theirs.
    fn lists_missing(&self, file: &CharterFile) -> Result<Vec<TrustDomain>, IssuerError> {
        let history = file.complete()?;
        let agencies = history.newest().agencies.iter().map(|agency| agency.trust_domain.clone());
        Ok(agencies.filter(|agency| self.list_of(agency, &history).is_none()).collect())
    }

    /// The list of an agency that the server has.
    pub(super) fn list_of(&self, agency: &TrustDomain, history: &CharterHistory) -> Option<Crl> {
        let der = read_limited(&self.list(agency), CRL_BYTES_MAX).ok()?;
        Crl::verify_of(&der, agency, history).ok()
    }
}
