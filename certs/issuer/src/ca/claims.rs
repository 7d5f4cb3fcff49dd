//! What shows that an agency holds the keys of the CAs it lists: each has signed for the agency's name. PROTOCOL.md
//! section 5, step 7.
//!
//! ECDSA signs differently each time, and an entry that differs in one byte is another entry, which the agency would
//! have to sign a charter for. So a claim is made once and kept where it is handed out, in `agency.pub`.

use crate::{
    ca::{agency::AgencyCa, keys::SigningKey, secrets::OtherKey},
    error::IssuerError,
};
use alcove_charter::{Ca, P256Point, ca_claim_signing_bytes};
use alcove_proto::v1;

impl AgencyCa {
    /// The claims for the CAs of the entry, in their order: those of `held`, an earlier entry, where they hold.
    pub(crate) fn claims_beside(&self, held: Option<&v1::Agency>) -> Result<Vec<Vec<u8>>, IssuerError> {
        let trust_domain = &self.home.owner.profile.trust_domain;
        let mut keys = vec![&self.home.keys.signing];
        match &self.home.keys.roll.other {
            OtherKey::Absent => {}
            OtherKey::Next(key) => keys.push(key),
            OtherKey::Old(key) => keys.insert(0, key),
        }
        let claim = |key: &SigningKey| {
            let message = ca_claim_signing_bytes(trust_domain, key.public());
            let good = |claim: &&Vec<u8>| key.public().verify(&message, claim).is_ok();
            match held.and_then(|held| claim_of(held, key.public())).filter(good) {
                Some(claim) => Ok(claim.clone()),
                None => key.sign(&message),
            }
        };
        keys.into_iter().map(claim).collect()
    }
}

/// The claim that stands beside the CA with that key.
fn claim_of<'a>(entry: &'a v1::Agency, key: &P256Point) -> Option<&'a Vec<u8>> {
    let of_key = |der: &[u8]| Ca::parse(der).is_ok_and(|ca| ca.public_key() == key);
    let mut beside = entry.ca_certificates.iter().zip(&entry.ca_claims);
    beside.find(|(der, _)| of_key(der)).map(|(_, claim)| claim)
}
