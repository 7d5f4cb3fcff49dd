//! A list that is handed in at the desk: whose it is and where it stands, told before anybody parses it.
//!
//! Anybody hands in megabytes, and every list that was ever in force can be had and handed in again. So what is no CA's,
//! and what is old, costs a signature at most. PROTOCOL.md section 8, "Lists", 6.

use super::TrustView;
use crate::{
    crl::{Crl, OfferedCrl},
    error::{CrlError, ListFault},
    key::P256Point,
};
use alcove_proto::names::TrustDomain;
use std::cmp::Ordering;

impl TrustView {
    /// Looks at a list from outside: it is signed by a CA that its agency has still, and newer than the one in force.
    ///
    /// Whether it may come into force is another question ([`Self::with_next_crl`]).
    /// Errors: [`CrlError`].
    pub fn offered_crl(&self, der: &[u8]) -> Result<OfferedCrl, CrlError> {
        let offered = Crl::offered(der, &self.charters)?;
        self.check_not_retired(&offered.trust_domain, &offered.signer, offered.number)?;
        let Some(held) = self.crl(&offered.trust_domain) else { return Ok(offered) };
        let OfferedCrl { trust_domain, number, .. } = offered;
        let fault = match number.cmp(&held.number) {
            Ordering::Greater => return Ok(OfferedCrl { trust_domain, ..offered }),
            Ordering::Equal => ListFault::Fork,
            Ordering::Less => ListFault::Behind { held: held.number },
        };
        Err(CrlError::Of { trust_domain, number, fault })
    }

    /// Refuses what was signed by a CA that its agency does not have any more. An agency that has left has them all still.
    pub(super) fn check_not_retired(
        &self,
        trust_domain: &TrustDomain,
        signer: &P256Point,
        number: u64,
    ) -> Result<(), CrlError> {
        let agency = self.charter().agency(trust_domain);
        if agency.is_some_and(|agency| agency.cas.iter().all(|ca| ca.public_key() != signer)) {
            return Err(CrlError::Of {
                trust_domain: trust_domain.clone(),
                number,
                fault: ListFault::Retired,
            });
        }
        Ok(())
    }
}
