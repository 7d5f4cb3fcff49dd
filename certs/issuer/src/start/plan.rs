//! What a person has said at the beginning of the walk: their part in it, and names. No secret, and nothing that can be seen
//! from what lies in the folder.

use crate::{
    ca::{
        agency::AgencyProfile,
        files::{read_limited, write_private},
    },
    error::IssuerError,
    start::error::StartError,
};
use alcove_proto::{names::TrustDomain, v1::Side};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file of the walk.
pub(super) const PLAN: &str = "start.json";
/// What its form is called.
const SCHEMA: &str = "alcove.certs.start-plan.v1";
/// Most bytes of it.
const PLAN_BYTES_MAX: usize = 64 * 1024;

/// Whose walk it is, and what they have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// For example `northmark.example`.
    pub collaborative: TrustDomain,
    /// What they do in it.
    pub part: Part,
}

/// A person's part in founding a collaborative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An agency's admin, who drafts the charter.
    Drafts {
        /// Their agency.
        agency: AgencyProfile,
        /// The other agencies.
        others: Vec<TrustDomain>,
        /// The DNS name that the server will have.
        server_name: String,
    },
    /// Another agency's admin.
    Signs {
        /// Their agency.
        agency: AgencyProfile,
    },
    /// The server's operator.
    Operates {
        /// The DNS name that the server will have.
        server_name: String,
    },
}

/// The plan as it lies in the folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    schema: String,
    collaborative: String,
    part: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agency: Option<KeptAgency>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptAgency {
    domain: String,
    name: String,
    side: i32,
}

impl Part {
    /// In one word, for scripts and for the file.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Drafts { .. } => "drafts",
            Self::Signs { .. } => "signs",
            Self::Operates { .. } => "operates",
        }
    }

    /// The agency of whoever walks; the operator has none.
    pub fn agency(&self) -> Option<&AgencyProfile> {
        match self {
            Self::Drafts { agency, .. } | Self::Signs { agency } => Some(agency),
            Self::Operates { .. } => None,
        }
    }
}

impl Plan {
    /// The plan in a folder; nothing before it was made.
    ///
    /// Errors: [`StartError::PlanDamaged`], [`FolderError`](crate::FolderError).
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, IssuerError> {
        let path = folder.join(PLAN);
        if !path.exists() {
            return Ok(None);
        }
        let kept = serde_json::from_slice(&read_limited(&path, PLAN_BYTES_MAX)?).ok();
        let plan = kept.and_then(|kept: Kept| of_kept(&kept)).ok_or(StartError::PlanDamaged(path))?;
        Ok(Some(plan))
    }

    /// Keeps it, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), IssuerError> {
        let (others, server_name) = match &self.part {
            Part::Drafts { others, server_name, .. } => {
                (others.iter().map(ToString::to_string).collect(), Some(server_name.clone()))
            }
            Part::Signs { .. } => (Vec::new(), None),
            Part::Operates { server_name } => (Vec::new(), Some(server_name.clone())),
        };
        let agency = self.part.agency().map(|agency| KeptAgency {
            domain: agency.trust_domain.to_string(),
            name: agency.display_name.clone(),
            side: agency.side.into(),
        });
        let kept = Kept {
            schema: SCHEMA.to_owned(),
            collaborative: self.collaborative.to_string(),
            part: self.part.code().to_owned(),
            agency,
            others,
            server_name,
        };
        let text = serde_json::to_vec(&kept).map_err(|_| IssuerError::Crypto { act: "write the plan" })?;
        write_private(&folder.join(PLAN), &text)
    }
}

/// Nothing for what this program does not write.
fn of_kept(kept: &Kept) -> Option<Plan> {
    let agency = || {
        let KeptAgency { domain, name, side } = kept.agency.as_ref()?;
        let side = Side::try_from(*side).ok()?;
        Some(AgencyProfile { trust_domain: domain.parse().ok()?, display_name: name.clone(), side })
    };
    let part = match kept.part.as_str() {
        "drafts" => Part::Drafts {
            agency: agency()?,
            others: kept.others.iter().map(|domain| domain.parse().ok()).collect::<Option<_>>()?,
            server_name: kept.server_name.clone()?,
        },
        "signs" => Part::Signs { agency: agency()? },
        "operates" => Part::Operates { server_name: kept.server_name.clone()? },
        _ => return None,
    };
    (kept.schema == SCHEMA).then_some(Plan { collaborative: kept.collaborative.parse().ok()?, part })
}
