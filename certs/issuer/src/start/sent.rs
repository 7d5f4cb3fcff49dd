//! What a public file is that somebody has sent, by what is in it: people mix up files that are called alike.

use crate::{
    ca::{
        agency::{AgencyOwner, parse_agency_file},
        home::OwnsCa,
        server::ServerOwner,
    },
    certify::certificates::ca_names,
};
use alcove_charter::Ca;
use alcove_proto::names::TrustDomain;

/// What a file is. Nobody has believed it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// The `agency.pub` of an agency.
    Agency(TrustDomain),
    /// The `ca.cert` of an agency, by the name of its trust domain.
    AgencyCa(String),
    /// The `ca.cert` of a server, by the name of its collaborative.
    ServerCa(String),
    /// Something else.
    Other,
}

impl Sent {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if let Ok(ca) = Ca::parse(bytes) {
            return match ca_names(ca.subject()) {
                Some((owner, what)) if what.starts_with(ServerOwner::CA_NAME) => Self::ServerCa(owner),
                Some((owner, what)) if what.starts_with(AgencyOwner::CA_NAME) => Self::AgencyCa(owner),
                Some(_) | None => Self::Other,
            };
        }
        let domain = parse_agency_file(bytes).ok().and_then(|agency| agency.trust_domain.parse().ok());
        domain.map_or(Self::Other, Self::Agency)
    }
}
