//! Each CA key and each charter key has one owner, for ever. PROTOCOL.md section 5, step 7.
//!
//! What a key signed lies with everybody and is judged by who has it: a key that could change hands would take the
//! lists and certificates of its earlier owner along. A CA certificate is public, so whoever lists one must also show
//! that they hold its key. Sealing and recovery keys sign nothing: listing somebody else's gains nobody anything.

use crate::{agency::Agency, charter::Charter, error::CharterError, key::P256Point, key_owner::KeyOwner};
use alcove_proto::names::TrustDomain;
use std::collections::HashMap;

/// What a CA's key signs when its agency lists it: the name of the agency, and the key itself.
pub fn ca_claim_signing_bytes(trust_domain: &TrustDomain, key: &P256Point) -> Vec<u8> {
    [b"alcove ca claim v1\0", trust_domain.as_str().as_bytes(), b"\0", key.as_bytes()].concat()
}

/// The first owner of every key that any version has listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners(HashMap<P256Point, KeyOwner>);

impl Owners {
    /// Remembers the keys of a version; whoever had one before keeps it.
    pub(crate) fn record(&mut self, charter: &Charter) {
        for (key, owner) in owned_keys(charter) {
            self.0.entry(key).or_insert(owner);
        }
    }

    /// Checks that the next version lists no key of another owner, of any time, and that each agency holds its CA keys.
    ///
    /// `previous` is the version before: an entry that stands there word for word has shown it already. Versions that
    /// state no rules were made before claims were, and are not asked.
    /// Errors: [`CharterError::KeyOfAnother`], [`CharterError::CaClaimMissing`], [`CharterError::BadCaClaim`].
    pub(crate) fn check(&self, charter: &Charter, previous: Option<&Charter>) -> Result<(), CharterError> {
        if charter.rules == 0 {
            return Ok(());
        }
        for (key, listed) in owned_keys(charter) {
            match self.0.get(&key) {
                Some(owner) if *owner != listed => {
                    return Err(CharterError::KeyOfAnother { listed, owner: owner.clone() });
                }
                Some(_) | None => {}
            }
        }
        let shown = |agency: &Agency| {
            let previous = previous.filter(|previous| previous.rules > 0);
            let before = previous.and_then(|previous| previous.agency(&agency.trust_domain));
            before.is_some_and(|before| before.entry() == agency.entry())
        };
        charter.agencies.iter().filter(|agency| !shown(agency)).try_for_each(check_claims)
    }
}

/// Checks that the key of each CA has signed for this agency.
fn check_claims(agency: &Agency) -> Result<(), CharterError> {
    let trust_domain = &agency.trust_domain;
    let claims = &agency.entry().ca_claims;
    if claims.len() != agency.cas.len() {
        return Err(CharterError::CaClaimMissing(trust_domain.clone()));
    }
    for (ca, claim) in agency.cas.iter().zip(claims) {
        let message = ca_claim_signing_bytes(trust_domain, ca.public_key());
        ca.public_key()
            .verify(&message, claim)
            .map_err(|_| CharterError::BadCaClaim(trust_domain.clone()))?;
    }
    Ok(())
}

/// The keys of a version that sign for somebody.
fn owned_keys(charter: &Charter) -> impl Iterator<Item = (P256Point, KeyOwner)> {
    let of_server = charter.server_cas.iter().map(|ca| (*ca.public_key(), KeyOwner::ServerCa));
    let of_agencies = charter.agencies.iter().flat_map(|agency| {
        let trust_domain = &agency.trust_domain;
        let cas = agency.cas.iter().map(|ca| (*ca.public_key(), KeyOwner::Ca(trust_domain.clone())));
        cas.chain([(agency.charter_key, KeyOwner::CharterKey(trust_domain.clone()))])
    });
    of_server.chain(of_agencies)
}
