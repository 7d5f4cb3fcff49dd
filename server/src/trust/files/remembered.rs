//! What the store remembers of earlier runs: no start goes back behind it.

use super::{error::TrustFileError, paths::TrustFiles};
use crate::store::trust::{CharterInForce, CrlInForce, TrustInForce};
use alcove_charter::{Crl, TrustView, sha256};
use alcove_proto::ids::Digest;
use std::sync::Arc;

/// What the store is to remember of `trust`.
pub fn in_force(trust: &TrustView) -> TrustInForce {
    let charter = CharterInForce { version: trust.charter().version, hash: trust.charter().hash() };
    let crl = |crl: &Arc<Crl>| CrlInForce {
        trust_domain: crl.trust_domain.clone(),
        number: crl.number,
        hash: Digest(sha256(&[crl.der()])),
        signer: Digest(sha256(&[crl.signer().as_bytes()])),
    };
    TrustInForce { charter: Some(charter), crls: trust.crls().map(crl).collect() }
}

/// Refuses to start with files that are behind what has been in force when the server ran last.
///
/// The lists of agencies that have left are not asked for: nobody is let in by them. A list that a CA of today
/// signed is never behind one of a retired CA, whatever their numbers ([`TrustView::with_crl`]).
/// Errors: [`TrustFileError::CharterWentBack`], [`TrustFileError::CharterForked`],
/// [`TrustFileError::CrlWentBack`], [`TrustFileError::CrlGone`], [`TrustFileError::CrlForked`].
pub fn refuse_going_back(
    files: &TrustFiles,
    trust: &TrustView,
    remembered: &TrustInForce,
) -> Result<(), TrustFileError> {
    if let Some(CharterInForce { version, hash }) = remembered.charter {
        let path = files.charter.clone();
        match trust.charters().get(version) {
            None => {
                let offered = trust.charter().version;
                return Err(TrustFileError::CharterWentBack { path, held: version, offered });
            }
            Some(charter) if charter.hash() != hash => {
                return Err(TrustFileError::CharterForked { path, version });
            }
            Some(_) => {}
        }
    }
    let now = in_force(trust);
    for held in &remembered.crls {
        let Some(agency) = trust.charter().agency(&held.trust_domain) else { continue };
        let folder = files.crl_dir.clone();
        let (trust_domain, number) = (held.trust_domain.clone(), held.number);
        let Some(offered) = now.crls.iter().find(|crl| crl.trust_domain == trust_domain) else {
            return Err(TrustFileError::CrlGone { folder, trust_domain, held: number });
        };
        let is_of_today = |crl: &CrlInForce| {
            agency.cas.iter().any(|ca| sha256(&[ca.public_key().as_bytes()]) == crl.signer.0)
        };
        let rank = |crl: &CrlInForce| (is_of_today(crl), crl.number);
        if rank(offered) < rank(held) {
            let offered = offered.number;
            return Err(TrustFileError::CrlWentBack { folder, trust_domain, held: number, offered });
        }
        if rank(offered) == rank(held) && offered.hash != held.hash {
            return Err(TrustFileError::CrlForked { folder, trust_domain, number });
        }
    }
    Ok(())
}
