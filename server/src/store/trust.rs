//! What has been in force of charter and CRLs, in domain types: the store remembers how far it got, so that no
//! start takes it back.

use super::error::Answer;
use alcove_proto::{ids::Digest, names::TrustDomain};

/// The newest charter and CRLs that have been in force here. Never the files themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustInForce {
    /// The charter; nothing on a new store.
    pub charter: Option<CharterInForce>,
    /// One for each agency that has had a list, sorted by trust domain.
    pub crls: Vec<CrlInForce>,
}

/// A charter that has been in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharterInForce {
    /// Its version.
    pub version: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A CRL that has been in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlInForce {
    /// Whose.
    pub trust_domain: TrustDomain,
    /// Its number.
    pub number: u64,
    /// SHA-256 of the list, DER.
    pub hash: Digest,
    /// SHA-256 of the public key of the CA that signed it.
    pub signer: Digest,
}

/// How far trust has got here.
pub trait Trust: Send + Sync + 'static {
    /// The newest charter and CRLs that have been in force.
    fn trust_in_force(&self) -> impl Answer<TrustInForce>;

    /// Remembers what is in force now, so that no later start goes back behind it. An agency that is not named
    /// keeps what is remembered of it; the charter never falls.
    fn put_trust_in_force(&self, now: TrustInForce) -> impl Answer<()>;
}
